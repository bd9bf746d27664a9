#!/usr/bin/env python3
"""Runs the cases of Autobahn|Testsuite against ws://.../echo, with Autobahn's own client, and fails on anything but a perfect score.

    autobahn_cases.py URL [--full] [--seconds N] [PATTERN...]

A PATTERN is the beginning of a case's number, such as 6. or 9.1.; without any, all are run. The cases of compression (12. and 13.) send 1,000
messages each; without --full they send 20. Every case must be OK (or informational, where the standard asks for nothing), and close as it
should; no case at all is a failure.
"""

import argparse
import collections
import sys
import time

import python2
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol, connectWS
from python2 import to_bytes
from twisted.internet import reactor

PASSED = ("OK", "INFORMATIONAL")


class Peer(WebSocketClientProtocol):
    """What a case calls `p`: Autobahn's client, with the names that it had in the suite's time."""

    connectionWasOpen = False
    createWirelog = False

    def begin(self, case, done):
        self.txFrameStats = collections.Counter()
        self.case, self._done = case(self), done
        self._speaks_bytes = hasattr(case, "TESTDATA")

    # What the case does

    def sendFrame(self, opcode, payload="", **options):
        super().sendFrame(opcode, to_bytes(payload), **options)

    def sendMessage(self, payload, isBinary=False, **options):
        super().sendMessage(to_bytes(payload), isBinary, **options)

    def sendMessageFrameData(self, payload, sync=False):
        return super().sendMessageFrameData(to_bytes(payload), sync)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, to_bytes(reasonUtf8), isReply)

    def enableWirelog(self, enable):
        self.createWirelog = enable

    def continueLater(self, delay, function, tag=None):
        self._later(delay, function)

    def killAfter(self, delay):
        self._later(delay, self._fail_connection)

    def closeAfter(self, delay):
        self._later(delay, self.sendClose)

    def _later(self, delay, function):
        reactor.callLater(delay, lambda: self.state == self.STATE_CLOSED or function())

    # What the case hears

    def onOpen(self):
        self.connectionWasOpen = True
        self.case.onOpen()

    def onMessage(self, payload, isBinary):
        self.case.onMessage(payload if self._speaks_bytes else payload.decode("latin-1"), isBinary)

    def onPong(self, payload):
        self.case.onPong(payload.decode("latin-1"))

    def onClose(self, wasClean, code, reason):
        self.case.onClose(wasClean, code, reason)

    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.case.onConnectionLost(self.failedByMe)
        self._done(self)

    def logTxFrame(self, frameHeader, payload, repeatLength, chopsize, sync):
        self.txFrameStats[frameHeader.opcode] += 1

    def logRxFrame(self, frameHeader, payload):
        pass


class Factory(WebSocketClientFactory):
    def __init__(self, url, case, done):
        super().__init__(url)
        self._case, self._done = case, done
        # A peer that breaks the rules is told so, and what the server then does is a part of the case.
        self.setProtocolOptions(failByDrop=False, openHandshakeTimeout=30, closeHandshakeTimeout=10,
                                serverConnectionDropTimeout=10)
        self.logFrames = True

    def buildProtocol(self, address):
        peer = Peer()
        peer.factory = self
        peer.begin(self._case, self._done)
        return peer

    def clientConnectionFailed(self, connector, reason):
        self._done(None)


class Run:
    def __init__(self, url, cases, parallel):
        self._url, self._waiting, self._parallel = url, collections.deque(cases), parallel
        self._running = 0
        self.results = {}

    def start(self):
        while self._waiting and self._running < self._parallel:
            case = self._waiting.popleft()
            self._running += 1
            connectWS(Factory(self._url, case, lambda peer, case=case, began=time.monotonic(): self._ended(case, peer, began)))
        if not self._running and reactor.running:
            reactor.stop()

    def _ended(self, case, peer, began):
        self._running -= 1
        if peer is None:
            self.results[number(case)] = ("FAILED", "FAILED", "no connection", 0)
        else:
            ended = peer.case
            text = "" if ended.behavior in PASSED and ended.behaviorClose in PASSED else f"{ended.result} {ended.resultClose}"
            self.results[number(case)] = (ended.behavior, ended.behaviorClose, text, time.monotonic() - began)
        self.start()


def number(case):
    return case.__name__.removeprefix("Case").replace("_", ".")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("url")
    options.add_argument("patterns", nargs="*")
    options.add_argument("--full", action="store_true")
    options.add_argument("--seconds", type=int, default=180)
    options = options.parse_intermixed_args()

    cases = [case for case in python2.load_cases() if not options.patterns or number(case).startswith(tuple(options.patterns))]
    # Cases of compression end after 60 s or more, by the size of their messages. A case with small ones must not wait in this process
    # for cases with large ones.
    cases.sort(key=lambda case: int(number(case).rpartition(".")[2]) if hasattr(case, "COUNT") else 0)
    for case in cases:
        if hasattr(case, "COUNT") and not options.full:
            case.COUNT = min(case.COUNT, 20)
    run = Run(options.url, cases, parallel=4)
    reactor.callWhenRunning(run.start)
    deadline = reactor.callLater(options.seconds, reactor.stop)
    reactor.run()

    groups = collections.Counter(name.split(".")[0] for name in run.results)
    print(f"{len(run.results)} of {len(cases)} cases:", ", ".join(f"{groups[key]} of {key}" for key in sorted(groups, key=int)))
    outcomes = collections.Counter(outcome for result in run.results.values() for outcome in (result[0],))
    print("Outcomes:", dict(outcomes), " Closing:", dict(collections.Counter(result[1] for result in run.results.values())))
    failed = {name: result for name, result in run.results.items() if not {result[0], result[1]} <= set(PASSED)}
    for name, (behavior, closing, text, seconds) in failed.items():
        print(f"  {name}: {behavior}, closing {closing}: {text}")
    slow = sorted(run.results.items(), key=lambda item: -item[1][3])[:5]
    print("Slowest:", ", ".join(f"{name} {result[3]:.1f} s" for name, result in slow))
    if not deadline.active():
        print(f"Not all were done within {options.seconds} s")
    sys.exit(1 if failed or not cases or len(run.results) < len(cases) else 0)


if __name__ == "__main__":
    main()
