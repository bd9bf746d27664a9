#!/usr/bin/env python3
"""A tour of a running Volary: three clients, what each of them receives, and the REST API.

    python3 deploy/tour.py [BASE] [--spread N]

BASE is the balancer or any node (default http://127.0.0.1:8080). --spread N: fail unless the three clients are on at least
N nodes. If the nodes require credentials, set VOLARY_API_KEY to a key for REST, and VOLARY_TOKEN to a token for clients with
the permission broadcast (volary token --permission broadcast). Every step prints what it does. The first unexpected result
ends the tour with one line and exit status 1. Needs only Python 3.10 or later.
"""

import argparse
import base64
import contextlib
import http.client
import itertools
import json
import os
import socket
import struct
import sys
import time
import urllib.parse

KEY, TOKEN = (f"Bearer {os.environ[name]}" if os.environ.get(name) else "" for name in ("VOLARY_API_KEY", "VOLARY_TOKEN"))
TIMEOUT, QUIET = 5.0, 0.4  # seconds: the timeout of expected messages; how long to wait for unexpected ones
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class TourError(Exception):
    """A result was not as expected."""


class Client:
    """A small WebSocket client: one blocking socket, text and binary messages."""

    def __init__(self, name, base):
        self.name, self.buffer, self.inbox = name, b"", []
        self.socket = socket.create_connection((base.hostname, base.port or 80), TIMEOUT)
        authorization = f"Authorization: {TOKEN}\r\n" if TOKEN else ""
        self.socket.sendall(
            f"GET /ws?welcome=on HTTP/1.1\r\nHost: {base.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"{authorization}\r\n".encode())
        while b"\r\n\r\n" not in self.buffer:
            self._receive(time.monotonic() + TIMEOUT)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.splitlines()[0]:
            raise TourError(f"{name} could not connect: {head.splitlines()[0].decode()}")
        self.id = self.expect("its welcome", lambda message: isinstance(message, dict) and message.get("type") == "welcome")["id"]

    def send(self, opcode, payload):  # up to 125 bytes, which is enough for this tour
        mask = os.urandom(4)
        masked = bytes(byte ^ key for byte, key in zip(payload, itertools.cycle(mask)))
        self.socket.sendall(bytes([128 | opcode, 128 | len(payload)]) + mask + masked)

    def expect(self, what, test):
        """The first message that passes the test; others (such as announcements) stay in the inbox."""
        deadline = time.monotonic() + TIMEOUT
        while not any(test(message) for message in self.inbox):
            try:
                self._read_frame(deadline)
            except TimeoutError:
                raise TourError(f"{self.name} did not get {what} within {TIMEOUT:g} s; it got {self.inbox}") from None
        return self.inbox.pop(next(i for i, message in enumerate(self.inbox) if test(message)))

    def expect_none(self, what, test):
        end = time.monotonic() + QUIET
        with contextlib.suppress(TimeoutError):
            while True:
                self._read_frame(end)
        if any(test(message) for message in self.inbox):
            raise TourError(f"{self.name} got {what}, which was not meant for it (or was a duplicate)")

    def _receive(self, deadline):
        if (left := deadline - time.monotonic()) <= 0:
            raise TimeoutError
        self.socket.settimeout(left)
        received = self.socket.recv(65536)
        if not received:
            raise TourError(f"{self.name} was disconnected")
        self.buffer += received

    def _frame(self, deadline):
        """The next frame from the socket: opcode and payload."""
        def have(count):
            while len(self.buffer) < count:
                self._receive(deadline)
            return self.buffer
        opcode, size, start = have(2)[0] & 15, self.buffer[1] & 127, 2
        if size > 125:
            start, form = (4, "!H") if size == 126 else (10, "!Q")
            size = struct.unpack(form, have(start)[2:start])[0]
        payload = have(start + size)[start:start + size]
        self.buffer = self.buffer[start + size:]
        return opcode, payload

    def _read_frame(self, deadline):
        """Reads one frame from the socket: puts a message into the inbox, answers a ping."""
        opcode, payload = self._frame(deadline)
        if opcode in (TEXT, BINARY):
            self.inbox.append(json.loads(payload) if opcode == TEXT else payload)
        elif opcode == CLOSE:
            raise TourError(f"{self.name} was closed by the server: {payload[:2].hex()} {payload[2:].decode()}")
        elif opcode == PING:
            self.send(PONG, payload)

    def leave(self):
        """Sends a close frame, waits for the server's, and closes the socket (RFC 6455, section 7.1.1)."""
        self.send(CLOSE, struct.pack("!H", 1000))
        deadline = time.monotonic() + TIMEOUT
        try:
            while self._frame(deadline)[0] != CLOSE:
                pass
        except TimeoutError:
            raise TourError(f"{self.name} got no close frame within {TIMEOUT:g} s") from None
        self.socket.close()


def rest(base, method, path, body=None):
    connection = http.client.HTTPConnection(base.netloc, timeout=TIMEOUT)
    connection.request(method, path, body and json.dumps(body),
                       {"Content-Type": "application/json"} | ({"Authorization": KEY or TOKEN} if KEY or TOKEN else {}))
    with connection.getresponse() as answer:
        text = answer.read().decode(errors="replace")
    if answer.status != 200:
        raise TourError(f"{method} {path} answered {answer.status}: {text}")
    return json.loads(text)


def connections(base):
    """All connections of the cluster, page by page."""
    found, path = [], "/api/connections"
    while path:
        page = rest(base, "GET", path)
        found += page["connections"]
        path = page.get("next") and "/api/connections?cursor=" + urllib.parse.quote(page["next"])
    if not page["complete"]:
        raise TourError(f"the list is not complete, these nodes are missing: {page['missing']}")
    return found


def says(text, kind=None, sender=None):
    """A test for a text message, and for its type and sender if they are given."""
    return lambda message: (isinstance(message, dict) and message.get("message") == text
                            and kind in (None, message.get("type")) and sender in (None, message.get("from")))


def tour(base, spread):
    step = lambda text: print(f"\n* {text}")
    def show(client, what, test):
        message = client.expect(what, test)
        print(f"    {client.name:5} received  {message if isinstance(message, bytes) else json.dumps(message)}")
        return message
    def post(path, text):
        print("   ", json.dumps(receipt := rest(base, "POST", path, {"message": text})))
        return receipt

    step("Ann, Bob and Cleo connect to nodes that the balancer chooses. ?welcome=on asks for a message with the connection's id.")
    ann, bob, cleo = everybody = [Client(name, base) for name in ("Ann", "Bob", "Cleo")]

    step("Ann sends hello. She gets an echo. Every client of the cluster, including Ann, gets the message.")
    ann.send(TEXT, b"Hello!")
    hello = says("Hello!", "message", show(ann, "her echo", says("Hello!", "echo"))["from"])
    for client in everybody:
        show(client, "Ann's message", hello)
    for client in everybody:
        client.expect_none("Ann's message", hello)

    step("Bob sends a binary message of four bytes. Every client gets it, unchanged.")
    bob.send(BINARY, bytes([0, 1, 254, 255]))
    for client in everybody:
        show(client, "Bob's bytes", lambda message: message == bytes([0, 1, 254, 255]))

    step("GET /api/connections lists the connections of the whole cluster. Any node can answer.")
    # A connection is listed shortly after its handshake.
    deadline = time.monotonic() + TIMEOUT
    while True:
        listed = {entry["id"]: entry for entry in connections(base)}
        ours = [listed[client.id] for client in everybody if client.id in listed]
        if len(ours) == 3:
            break
        if time.monotonic() > deadline:
            raise TourError(f"of Ann, Bob and Cleo, only {len(ours)} are in the list")
        time.sleep(0.1)
    for client, entry in zip(everybody, ours):
        print(f"    {client.name:5} is {entry['id']} on {entry['node']}")
    if (nodes := len({entry["node"] for entry in ours})) < spread:
        raise TourError(f"the three clients are on {nodes} node(s), but at least {spread} are required")

    step("POST /api/connections/broadcast sends to every client. The answer is a receipt: how many got it, node by node.")
    text = f"Good morning, everyone! ({os.urandom(2).hex()})"
    receipt = post("/api/connections/broadcast", text)
    for client in everybody:
        if show(client, "the broadcast", says(text, "server-broadcast"))["id"] != receipt["id"]:
            raise TourError("the id of the broadcast differs from the id of its receipt")
    if receipt["recipients"] < 3:
        raise TourError(f"the receipt of the broadcast counts {receipt['recipients']} recipients, but at least 3 got it")

    step(f"POST /api/connections/{ours[2]['id']}/send sends to Cleo only, whichever node she is on.")
    secret = f"Only for you. ({os.urandom(2).hex()})"
    post(f"/api/connections/{ours[2]['id']}/send", secret)
    show(cleo, "what was sent to her", says(secret))
    for client in (ann, bob):
        client.expect_none("what was sent to Cleo", says(secret))

    step("All three clients close their connections and disappear from the list.")
    for client in everybody:
        client.leave()
    deadline = time.monotonic() + TIMEOUT
    while {entry["id"] for entry in connections(base)} & {entry["id"] for entry in ours}:
        if time.monotonic() > deadline:
            raise TourError(f"a closed connection was still listed after {TIMEOUT:g} s")
        time.sleep(0.1)
    print(f"\nThe tour passed on {nodes} node(s).")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?", default="http://127.0.0.1:8080", type=urllib.parse.urlsplit, metavar="BASE")
    parser.add_argument("--spread", type=int, default=1, metavar="N")
    options = parser.parse_args()
    try:
        tour(options.base, options.spread)
    except (TourError, OSError, KeyError, ValueError, http.client.HTTPException) as error:
        sys.exit(f"tour: {'' if isinstance(error, TourError) else type(error).__name__ + ': '}{error}")
