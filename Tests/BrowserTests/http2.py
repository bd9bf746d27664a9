#!/usr/bin/env python3
"""WebSockets over HTTP/2 in a real Chromium: those of a page run on the connection that loaded the page (RFC 8441).

    .build/browser-tools/bin/python Tests/BrowserTests/http2.py VOLARY

VOLARY is the program to run. The first thing that is not as promised ends it with one line and exit status 1. A part of deploy/test.
"""

import argparse
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import Error as PlaywrightError

from browser import Broken, Browser, until
from cluster import free_port

SOCKETS = 20

OPEN = """(count) => {
  window.sockets = [];
  window.closed = [];
  return Promise.all(Array.from({ length: count }, () => new Promise((done, failed) => {
    const socket = new WebSocket(`wss://${location.host}/echo`);
    window.sockets.push(socket);
    socket.onopen = done;
    socket.onerror = () => failed(new Error("no WebSocket"));
    socket.onclose = ({ code, wasClean }) => window.closed.push([code, wasClean]);
  }))).then((all) => all.length);
}"""

ECHO = """Promise.all(window.sockets.map((socket, index) => new Promise((done) => {
  socket.onmessage = ({ data }) => done(data === `${index} 😀`.repeat(1000));
  socket.send(`${index} 😀`.repeat(1000));
}))).then((all) => all.every(Boolean))"""


class Node:
    """A node with TLS, and the certificate for it."""

    def __init__(self, volary, *options):
        self.port, self._work = free_port(), tempfile.TemporaryDirectory(prefix="volary-http2.")
        work = pathlib.Path(self._work.name)
        certificate, key = work / "certificate.pem", work / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        with open(work / "node.log", "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", volary, "serve", "--port", str(self.port), "--tls-certificate", certificate,
                 "--tls-key", key, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("the node listens", lambda: b"listening" in (work / "node.log").read_bytes(), 60)

    def connections(self):
        """Open TCP connections to the node, on its side."""
        local = f":{self.port:04X}"
        lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(1 for line in lines if line[1].endswith(local) and line[3] == "01")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._work.cleanup()


class Check:
    def __init__(self, browser, node):
        self.browser, self.node = browser, node
        self.created, self.answers, self.protocols = [], [], {}
        browser.listen("Network.webSocketCreated", lambda event: self.created.append(event["url"]))
        browser.listen("Network.webSocketHandshakeResponseReceived", lambda event: self.answers.append(event["response"]["status"]))
        browser.listen("Network.responseReceived", self._received)

    def _received(self, event):
        self.protocols[event["response"]["url"]] = event["response"].get("protocol")

    def expect(self, what, condition):
        if not condition:
            raise Broken(what)

    def loads(self):
        self.browser.open(f"https://localhost:{self.node.port}/")
        self.browser.sees("#health", "1 node")
        until("one connection", lambda: self.node.connections() == 1)
        self.expect(f"not everything came over HTTP/2: {self.protocols}", set(self.protocols.values()) == {"h2"})

    def opens(self):
        self.expect("not all opened", self.browser.page.evaluate(OPEN, SOCKETS) == SOCKETS)
        self.expect(f"{self.node.connections()} connections, not 1", self.node.connections() == 1)
        until("the events", lambda: self.browser.js("1") and len(self.answers) == SOCKETS)
        self.expect(f"created: {self.created}", self.created == [f"wss://localhost:{self.node.port}/echo"] * SOCKETS)
        # Over HTTP/1.1 it would be 101.
        self.expect(f"answers: {self.answers}", set(self.answers) == {200})

    def echoes(self):
        self.expect("an echo was wrong", self.browser.js(ECHO))
        self.expect("a request beside them", self.browser.js("fetch('/livez').then(({ status }) => status)") == 200)
        self.expect(f"{self.node.connections()} connections, not 1", self.node.connections() == 1)

    def closes(self):
        self.browser.js("window.sockets.splice(0, 5).forEach((socket, index) => socket.close(index ? 4000 : 1000, 'done'))")
        until("five are closed", lambda: self.browser.js("window.closed.length") == 5)
        closed = self.browser.js("window.closed.splice(0)")
        self.expect(f"closed: {closed}", sorted(closed) == [[1000, True]] + [[4000, True]] * 4)

    def drains(self):
        self.node.process.terminate()
        until("all are closed", lambda: self.browser.js("window.closed.length") == SOCKETS - 5)
        closed = self.browser.js("window.closed")
        self.expect(f"closed: {closed}", all(each == [1012, True] for each in closed))
        self.expect(f"the node ended with {self.node.process.wait(15)}", self.node.process.returncode == 0)

    def run(self):
        for step in (self.loads, self.opens, self.echoes, self.closes, self.drains):
            step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volary")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    node = browser = None
    try:
        node = Node(arguments.volary)
        browser = Browser("--ignore-certificate-errors")
        Check(browser, node).run()
    except (Broken, PlaywrightError) as broken:
        sys.exit(f"http2: {broken}")
    finally:
        for each in (browser, node):
            if each:
                each.close()
    print(f"{SOCKETS} WebSockets of a page ran over the page's own HTTP/2 connection ({time.monotonic() - began:.0f} s).")


if __name__ == "__main__":
    main()
