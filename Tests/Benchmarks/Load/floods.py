"""Measures the cost of floods of small frames for the other clients of a node: each kind on a new node; prints a table in Markdown."""
import argparse
import contextlib
import http.client
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

from servers import Absent, Volary
from table import Machine

#: By number of flooding clients: the limit of the other clients' median, the larger of a multiple of the median without a flood and
#: a number of milliseconds.
BOUNDS = {1: (5, 3), 16: (20, 15)}
#: The limit of the median of `/readyz`, in milliseconds, and the interval of the requests, in seconds.
READY_BOUND, READY_INTERVAL = 100, 0.05
#: The other clients: their number, and the total of their round trips in a second.
OTHER_CLIENTS, RATE = 8, 200
#: The least processor time that a flooded node must use, in percent: the flooding clients take about half of its time.
BUSY = 25
#: The same behind HAProxy, which has the load's processor and passes on less.
BUSY_BALANCED = 10
#: The length of each measurement, in seconds.
DURATION = 2
#: More than the 1 MiB that a node keeps of a half-closed client.
BYTES_BEFORE_END = 1_200_000


def frame(opcode, payload=b"", final=True, compressed=False):
    """A client's frame, masked with zeros."""
    if len(payload) < 126:
        length = bytes([128 + len(payload)])
    else:
        length = b"\xfe" + struct.pack(">H", len(payload)) if len(payload) < 65536 else b"\xff" + struct.pack(">Q", len(payload))
    return bytes([(128 if final else 0) + (64 if compressed else 0) + opcode]) + length + b"\0\0\0\0" + payload


def deflated(text):
    """Compresses as RFC 7692 requires: without the end of the empty block."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Kind:
    """One kind of flood: the path of its frames, a block of at most 1 MiB of them, and whether the clients may send to all."""

    def __init__(self, name, path, block, header="", balanced=False, to_all=False):
        self.name, self.path, self.block, self.header, self.balanced = name, path, block, header, balanced
        self.options = ["--compression", "--client-messages", "all" if to_all else "off"]


SMALL, DEFLATE = 8000, "Sec-WebSocket-Extensions: permessage-deflate"
KINDS = [
    Kind("empty pings", "/ws", frame(9) * SMALL),
    Kind("texts of one letter to `/echo`", "/echo", frame(1, b"x") * SMALL),
    Kind("texts of one letter to `/ws`, not permitted", "/ws", frame(1, b"x") * SMALL),
    Kind("empty fragments", "/echo", frame(1, b"", False) + frame(0, b"", False) * SMALL + frame(0)),
    Kind("compressed texts of one letter to `/echo`", "/echo", frame(1, deflated(b"x"), compressed=True) * SMALL, DEFLATE),
    Kind("texts of 100 kB, compressed to 0.1 kB, to `/echo`", "/echo", frame(1, deflated(b"x" * 100_000), compressed=True) * 400, DEFLATE),
    Kind("texts of 1 MB, compressed to 1 kB, to `/echo`", "/echo", frame(1, deflated(b"x" * 1_000_000), compressed=True) * 40, DEFLATE),
    Kind("texts of 900 kB of control characters to all", "/ws", frame(1, b"\1" * 900_000), to_all=True),
    Kind("the same, compressed to 1 kB", "/ws", frame(1, deflated(b"\1" * 900_000), compressed=True) * 40, DEFLATE, to_all=True),
    Kind("texts of one letter to `/echo`, through HAProxy", "/echo", frame(1, b"x") * SMALL, balanced=True),
    Kind("texts of one letter to `/ws`, not permitted, through HAProxy", "/ws", frame(1, b"x") * SMALL, balanced=True),
]
#: The number of flooding clients, and whether each half-closes its connection after some blocks and reconnects.
SITUATIONS = [(1, False), (16, False), (1, True), (16, True)]


class Balancer:
    """HAProxy with `deploy/haproxy.cfg` before a node, on the processor of the load; only the flood goes through it."""

    CONFIGURATION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/haproxy.cfg")

    def __init__(self, machine, node):
        if not shutil.which("haproxy"):
            raise Absent("haproxy is not installed")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.file = tempfile.NamedTemporaryFile("w", suffix=".cfg")
        with open(self.CONFIGURATION) as shipped:
            self.file.write(f"{shipped.read()}    server node 127.0.0.1:{node}\n")
        self.file.flush()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", "taskset", "-c", str(machine.client_cpu), "nice", "haproxy", "-db", "-f", self.file.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "VOLARY_BALANCER": f"127.0.0.1:{self.port}"},
        )

    def __enter__(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                if answer(self.port, "/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            if time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError("HAProxy did not start")
            time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.file.close()


class Readiness(threading.Thread):
    """Polls whether a node is ready."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over = port, threading.Event()
        self.milliseconds, self.wrong = [], []

    def run(self):
        while not self.over.wait(READY_INTERVAL):
            began = time.perf_counter()
            try:
                status = answer(self.port, "/readyz")[0]
            except OSError as problem:
                status = repr(problem)
            self.milliseconds.append((time.perf_counter() - began) * 1000)
            if status != 200:
                self.wrong.append(status)


def answer(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def leases_lost(port):
    lines = answer(port, "/metrics")[1].splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("volary_leases_lost_total"))


def others(machine, node, duration):
    """The median of the other clients' round trips, in milliseconds, and the load of the node and its Redis, in percent of their processor."""
    options = ["-c", str(OTHER_CLIENTS), "--rate", str(RATE), "--warmup", "40", "--messages", str(int(RATE * duration))]
    report = machine.wsload(["echo", *options, *node.echo_urls], node.pids)
    return report["latency_us"]["p50"] / 1000, report["server_cpu_share"] * 100


class Run:
    """One kind of flood on a new node with a Redis, both on one processor: the other clients' median before and during the flood."""

    def __init__(self, machine, kind, flooders, ends_half, duration):
        self.least_busy = BUSY_BALANCED if kind.balanced else BUSY
        with contextlib.ExitStack() as servers:
            node = servers.enter_context(Volary(machine, redis=True, options=kind.options))
            port = node.ports[0]
            flooded = servers.enter_context(Balancer(machine, port)).port if kind.balanced else port
            self.unloaded, _ = others(machine, node, duration)
            blocks = 1 + BYTES_BEFORE_END // len(kind.block) if ends_half else 0
            flood = subprocess.Popen(
                # Nice: the load of the other clients has priority.
                ["taskset", "-c", str(machine.client_cpu), "nice", os.path.join(machine.tools, "flood")]
                + [str(flooded), kind.path, str(flooders), str(blocks), kind.header],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            readiness = Readiness(port)
            try:
                flood.stdin.write(kind.block)
                flood.stdin.close()
                time.sleep(0.5)
                readiness.start()
                self.flooded, self.busy = others(machine, node, duration)
            finally:
                readiness.over.set()
                flood.terminate()
                out, problem = flood.stdout.read(), flood.stderr.read()
                flood.wait()
            if flood.returncode:
                raise RuntimeError(problem.decode().strip())
            readiness.join()
            self.bytes, self.ended = map(int, out.split())
            self.ready, self.ready_longest = statistics.median(readiness.milliseconds), max(readiness.milliseconds)
            self.not_ready, self.leases_lost = len(readiness.wrong), leases_lost(port)

    def problems(self, flooders):
        times, milliseconds = BOUNDS[flooders]
        bound = max(times * self.unloaded, milliseconds)
        checks = [
            (self.flooded > bound, f"the others' median is {self.flooded:.2f} ms, the limit is {bound:.2f} ms"),
            (self.ready > READY_BOUND, f"the median of /readyz is {self.ready:.0f} ms, the limit is {READY_BOUND} ms"),
            (self.not_ready, f"/readyz was not 200 {self.not_ready} times"),
            (self.leases_lost, f"the lease was lost {self.leases_lost} times"),
            (self.ended, f"the node closed the connections of {self.ended} flooding clients"),
            (self.busy < self.least_busy, f"the node is busy for only {self.busy:.0f} % of the time, which is no flood"),
        ]
        return [text for is_so, text in checks if is_so]


def middle(runs):
    """The run with the median of the other clients' medians."""
    return sorted(runs, key=lambda run: run.flooded)[len(runs) // 2]


def main():
    parser = argparse.ArgumentParser(prog="floods", description=__doc__)
    parser.add_argument("--tools", required=True, help="directory with wsload and flood")
    parser.add_argument("--volary", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1)
    options = parser.parse_args()
    options.python_peers = ""
    machine = Machine(options)
    began = time.monotonic()
    lines, failed, unloaded = [], False, []
    for kind in KINDS:
        medians, ready, longest = [], 0, 0
        for flooders, ends_half in SITUATIONS:
            what = f"{kind.name}, {flooders}{', half closed' if ends_half else ''}"
            try:
                runs = [Run(machine, kind, flooders, ends_half, DURATION * options.scale) for _ in range(options.rounds)]
            except Absent as problem:
                print(f"  {what}: left out: {problem}", file=sys.stderr, flush=True)
                medians.append("-")
                continue
            except RuntimeError as problem:
                print(f"  {what}: FAILED: {problem}", file=sys.stderr, flush=True)
                medians.append("failed")
                failed = True
                continue
            run = middle(runs)
            medians.append(f"{run.flooded:.2f} ms ({run.flooded / run.unloaded:.1f})")
            unloaded += [each.unloaded for each in runs]
            ready = max(ready, *(each.ready for each in runs))
            longest = max(longest, *(each.ready_longest for each in runs))
            print(f"  {what}: {run.unloaded:.2f} -> {run.flooded:.2f} ms, /readyz {run.ready:.1f} ms, at most {run.ready_longest:.0f} ms, "
                  f"{run.bytes / 1e6:.1f} MB, {run.busy:.0f} % busy", file=sys.stderr, flush=True)
            # The other clients' median counts in the middle run only, as one run may be disturbed; all other checks count in every run.
            for text in dict.fromkeys(text for each in runs for text in each.problems(flooders) if each is run or "others" not in text):
                print(f"    MISSED: {text}", file=sys.stderr, flush=True)
                failed = True
        lines.append([kind.name, *medians, f"{ready:.1f} ms", f"{longest:.0f} ms"])

    print(f"{machine.describe()}; {time.strftime('%Y-%m-%d')}; {options.rounds} runs of each, medians; "
          f"{(time.monotonic() - began) / 60:.0f} minutes; without a flood {statistics.median(unloaded):.2f} ms\n")
    bounds = [f"{times} times or {milliseconds} ms" for times, milliseconds in BOUNDS.values()]
    head = ["flood", "from 1 client", "from 16 clients", "from 1, half closed", "from 16, half closed", "median of `/readyz`", "longest `/readyz`"]
    for line in [head, ["---"] * len(head), *lines, ["limit: the larger of", *bounds, *bounds, f"{READY_BOUND} ms", "-"]]:
        print(f"| {' | '.join(line)} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
