#!/usr/bin/env python3
"""Hostile clients of HTTP/2, one case after the other, while another client of the node measures its echoes.

    http2_hostile.py PORT --pid PID [--growth MIB] [--echo SECONDS] [--verbose] [PATTERN...]

The node on 127.0.0.1:PORT must run with `--threads 1 --http2 on --handshake-timeout 1s --idle-timeout 2s --body-timeout 2s
--max-unsent-age 2s --close-timeout 1s --ping-interval 5s`. A PATTERN is a part of a case's name. For each case: the connection ends, or the
stream does, as the case says and within its time; the node's memory does not grow by more than --growth (default 64 MiB); and no echo takes
more than five times as long as the slowest without a case, or than --echo if that is longer (default 0.25 s, for a release build on a quiet
machine).
"""

import argparse
import concurrent.futures
import multiprocessing
import pathlib
import re
import sys
import time

# These add their cases to the table.
import http2_broken_fields  # noqa: F401
import http2_broken_frames  # noqa: F401
import http2_floods  # noqa: F401
import http2_stalls  # noqa: F401
from http2_case import CASES
from http2_frames import ACK, DATA, END_HEADERS, SETTINGS, WEBSOCKET, RawPeer, frame, headers, text_message


def neighbour(address, pipe):
    """Echoes on a connection of its own; sends the slowest one, in seconds, whenever it is asked."""
    peer = RawPeer(address, reads=False)
    peer.socket.recv(65536)
    peer.send(frame(SETTINGS, ACK, 0) + headers(1, WEBSOCKET, END_HEADERS))
    message, answer, buffer = frame(DATA, 0, 1, text_message(b"neighbour")), b"\x81\x09neighbour", b""
    worst, sent = 0.0, 0
    while True:
        began = time.monotonic()
        peer.send(message)
        while answer not in buffer:
            more = peer.socket.recv(65536)
            if not more:
                return pipe.send(None)
            buffer += more
        buffer, worst, sent = b"", max(worst, time.monotonic() - began), sent + 1
        if sent % 1000 == 0:
            # The echoes' bytes are given back to the node's windows.
            peer.send(frame(8, 0, 0, (13000).to_bytes(4, "big")) + frame(8, 0, 1, (13000).to_bytes(4, "big")))
        if pipe.poll():
            if pipe.recv() == "end":
                return None
            pipe.send(worst)
            worst = 0.0
        time.sleep(0.002)


class Node:
    def __init__(self, pid):
        self._folder = pathlib.Path(f"/proc/{pid}")

    def _mebibytes(self, name):
        return int(re.search(rf"{name}:\s+(\d+)", (self._folder / "status").read_text())[1]) / 1024

    def memory(self):
        return self._mebibytes("VmRSS")

    def peak(self):
        return self._mebibytes("VmHWM")

    def forget_peak(self):
        (self._folder / "clear_refs").write_text("5")


class Watch:
    """What the cases do to the node and to the other client."""

    def __init__(self, options):
        self._options, self._address = options, ("127.0.0.1", options.port)
        self._node, self.failed, self.passed = Node(options.pid), 0, 0
        self._pipe, theirs = multiprocessing.Pipe()
        multiprocessing.Process(target=neighbour, args=(self._address, theirs), daemon=True).start()
        self._slowest()
        time.sleep(2)
        self.calm = self._slowest()
        self._limit = max(5 * self.calm, options.echo)

    def _slowest(self):
        self._pipe.send("slowest")
        return self._pipe.recv() if self._pipe.poll(60) else 60.0

    def run(self, cases):
        """All at the same time."""
        self._node.forget_peak()
        before = self._node.memory()
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            for case, outcome in zip(cases, pool.map(self._attack, cases)):
                self._report(case.name, *outcome)
        growth, echo = self._node.peak() - before, self._slowest()
        what = cases[0].name if len(cases) == 1 else f"{len(cases)} cases that wait"
        if echo is None:
            self._report(f"beside {what}", 0, "the connection of the other client ended")
            sys.exit(1)
        if growth > self._options.growth:
            self._report(what, 0, f"the node grew by {growth:.0f} MiB")
        if echo > self._limit:
            self._report(f"beside {what}", 0, f"an echo took {1000 * echo:.0f} ms (calm: {1000 * self.calm:.0f} ms)")
        if self._options.verbose:
            print(f"    {what}: {growth:+.1f} MiB, slowest echo {1000 * echo:.0f} ms", flush=True)

    def _attack(self, case):
        began, complaint = time.monotonic(), None
        peer = RawPeer(self._address, **case.connection)
        try:
            case.attack(peer)
        except AssertionError as error:
            complaint = str(error)
        took = time.monotonic() - began
        peer.close()
        return took, complaint or (f"took {took:.1f} s, not {case.seconds} s" if took > case.seconds else None)

    def _report(self, name, took, complaint):
        self.failed += bool(complaint)
        self.passed += not complaint
        if complaint or self._options.verbose:
            print(f"  {name}: {took:.1f} s: " + (f"FAILED: {complaint}" if complaint else "passed"), flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("patterns", nargs="*")
    options.add_argument("--pid", type=int, required=True)
    options.add_argument("--growth", type=float, default=64)
    options.add_argument("--echo", type=float, default=0.25)
    options.add_argument("--verbose", action="store_true")
    options = options.parse_intermixed_args()
    watch = Watch(options)
    chosen = [case for case in CASES if not options.patterns or any(pattern in case.name for pattern in options.patterns)]
    for case in chosen:
        if not case.waits:
            watch.run([case])
    if waiting := [case for case in chosen if case.waits]:
        watch.run(waiting)
    print(f"  Hostile clients of HTTP/2: {watch.passed} of {watch.passed + watch.failed} cases passed "
          f"(slowest echo without them {1000 * watch.calm:.0f} ms)")
    sys.exit(1 if watch.failed or not chosen else 0)


if __name__ == "__main__":
    main()
