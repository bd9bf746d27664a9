"""Measures the rows of the table, with alternating servers that are started for every run, and prints the table in Markdown."""
import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from rows import ROWS
from servers import Absent

FLATNESS = 1.2


class Machine:
    """This machine: two processors, one for the servers and one for the load generator."""

    def __init__(self, options):
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) < 2:
            sys.exit("bench: two processors are needed, one for the server and one for the generator")
        self.server_cpu, self.client_cpu = processors[:2]
        self.tools = options.tools
        self.volary = options.volary
        self.reference = options.reference
        self.python_peers = options.python_peers

    def wsload(self, arguments, pids):
        command = ["taskset", "-c", str(self.client_cpu), os.path.join(self.tools, "wsload"), *arguments, "--json"]
        for pid in pids:
            command += ["--pid", str(pid)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if run.returncode:
            report = json.loads(run.stdout) if run.stdout.strip() else {}
            raise RuntimeError(f"not all messages were delivered (missing: {report.get('missing')}): {run.stderr.strip()[-500:]}")
        report = json.loads(run.stdout)
        if arguments[0] != "idle" and not all(process["cpu_s"] for process in report["processes"]):
            raise RuntimeError("a measured process has used no processor time: it is the wrong process")
        return report

    @contextlib.contextmanager
    def as_client(self):
        """Runs this process on the processor of the load."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self.client_cpu})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)

    def sendloop(self, connections, rounds):
        command = [os.path.join(self.tools, "sendloop"), *map(str, (connections, rounds, 200, self.server_cpu, self.client_cpu))]
        return float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout)

    def describe(self):
        with open("/proc/cpuinfo") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
        return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}"


class Result:
    """The measurements of one row, in pairs."""

    def __init__(self, row):
        self.row = row
        self.ours, self.peers = [], []
        self.absent = self.failure = None

    def measure(self, machine, rounds, scale):
        sides = [(self.row.ours, self.ours)] + ([(self.row.peer, self.peers)] if self.row.peer else [])
        for number in range(rounds):
            # The order alternates, because the first run may find another state of the machine than the second.
            for side, figures in sides if number % 2 == 0 else reversed(sides):
                if figures is self.peers and self.absent:
                    continue
                try:
                    figures.append(side.run(machine, scale))
                except Absent as missing:
                    self.absent = str(missing)
                except (RuntimeError, OSError, subprocess.SubprocessError) as problem:
                    self.failure = f"{side.name}: {problem}"
                    return

    @property
    def ratio(self):
        if self.row.peer is None or not self.ours or not self.peers:
            return None
        return statistics.median(self.ours) / statistics.median(self.peers)

    def cells(self):
        row = self.row
        ours = statistics.median(self.ours) if self.ours else None
        peer = statistics.median(self.peers) if self.peers else None
        pairs = [a / b for a, b in zip(self.ours, self.peers)]
        ratio = "failed" if self.failure else "-"
        if self.ratio and not self.failure:
            ratio = f"**{self.ratio:.2f}** ({min(pairs):.2f} to {max(pairs):.2f})"
        return [
            row.what, self.figure(ours), f"{self.absent} not installed" if self.absent else self.figure(peer), ratio,
            self.goal(row.at_least), self.goal(row.aim),
        ]

    def figure(self, value):
        return "-" if value is None else f"{value:,.{self.row.digits}f} {self.row.unit}"

    def goal(self, value):
        if not value:
            return "-"
        return self.figure(value) if self.row.peer is None else f"{value:g}"


def flatness(results):
    """The row after the comparisons with a bare send: the ratio of the highest to the lowest."""
    ratios = [result.ratio for result in results if result.row.name.startswith("floor-")]
    if len(ratios) < 2 or not all(ratios):
        return []
    apart = f"**{max(ratios) / min(ratios):.2f}**"
    return [["the highest of these ratios / the lowest", "", "", apart, f"{FLATNESS:g}", "1"]]


def main():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--tools", required=True, help="directory with wsload and sendloop")
    parser.add_argument("--volary", required=True)
    parser.add_argument("--reference", default="", help="the program of the reference hub")
    parser.add_argument("--python-peers", default="", help="a Python that has socketify")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--row", action="append", default=[], choices=[row.name for row in ROWS])
    options = parser.parse_args()
    machine = Machine(options)
    began = time.monotonic()
    results = []
    for row in ROWS:
        if options.row and row.name not in options.row:
            continue
        result = Result(row)
        result.measure(machine, options.rounds, options.scale)
        results.append(result)
        print(f"  {row.name:20} {' | '.join(result.cells()[1:4])}", file=sys.stderr, flush=True)
        if result.failure:
            print(f"  {result.failure}", file=sys.stderr, flush=True)

    lines = [["what", "Volary", "other server", "ratio (lowest to highest)", "required", "aim"], ["---"] * 6]
    lines += [result.cells() for result in results]
    at = max((i for i, line in enumerate(lines) if "a bare send's" in line[0]), default=-2) + 1
    lines[at:at] = flatness(results)
    print(f"{machine.describe()}; {time.strftime('%Y-%m-%d')}; {options.rounds} runs of each, medians; "
          f"{(time.monotonic() - began) / 60:.0f} minutes\n")
    for line in lines:
        print(f"| {' | '.join(line)} |")
    return 1 if any(result.failure for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
