#!/usr/bin/env python3
"""The official Python client of Web PubSub, with its reliable protocol, behind a balancer that gives each connection to another node: what it
gets while its transport is cut, while it is away, while nodes drain, and when one is killed.

    webpubsub_resume.py KEY PORT:PID PORT:PID PORT:PID

Ends two of the three nodes. Prints a list; the exit status is 1 after a failure.
"""

import os
import signal
import socket
import sys
import threading
import time
import traceback

from azure.messaging.webpubsubclient import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.models import CallbackType, WebPubSubDataType
from azure.messaging.webpubsubservice import WebPubSubServiceClient

HUB = "Resume"
GROUP = "g"
SECONDS = 30


def check(what, is_true):
    if not is_true:
        raise AssertionError(what)


def eventually(what, condition):
    for _ in range(SECONDS * 100):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"not within {SECONDS} s: {what}")


class Node:
    def __init__(self, text):
        self.port, self.pid = map(int, text.split(":"))
        self.is_alive = True


class Balancer:
    """Passes each new connection to the next node that takes it, or refuses it, after a tenth of a second: the library begins to wait for the
    result of a handshake after it has started its thread, and an earlier result is not noticed for 30 s."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.turn = 0
        #: Of each open connection: its two sockets, and its node.
        self.pairs = []
        self.accepted = 0
        self.is_open = True
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            time.sleep(0.1)
            server = self.connect() if self.is_open else None
            if server is None:
                client.close()
                continue
            self.accepted += 1
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, target), daemon=True).start()

    def connect(self):
        for _ in self.nodes:
            self.turn += 1
            node = self.nodes[self.turn % len(self.nodes)]
            try:
                server = socket.create_connection(("127.0.0.1", node.port), 5) if node.is_alive else None
            except OSError:
                continue
            if server:
                server.settimeout(None)
                self.node = node
                return server
        return None

    def copy(self, source, target):
        with self.lock:
            self.pairs += [source]
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        with self.lock:
            self.pairs.remove(source)

    def cut(self):
        """Resets every connection."""
        with self.lock:
            sockets = list(self.pairs)
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Scenario:
    def __init__(self, key, nodes):
        self.nodes, self.key = nodes, key
        self.balancer = Balancer(nodes)
        self.service = WebPubSubServiceClient.from_connection_string(
            f"Endpoint=http://localhost:{self.balancer.port};AccessKey={key};Version=1.0;", HUB
        )
        self.failures = 0
        self.got = []
        self.ids = []
        self.sent = 0

    def caller(self):
        """A service on a node that lives."""
        port = next(node.port for node in reversed(self.nodes) if node.is_alive)
        return WebPubSubServiceClient.from_connection_string(f"Endpoint=http://localhost:{port};AccessKey={self.key};Version=1.0;", HUB)

    def open(self):
        url = self.service.get_client_access_token(
            user_id="ann", groups=[GROUP], roles=["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
        )["url"]
        # What counts as reliable is the library's default.
        self.client = WebPubSubClient(WebPubSubClientCredential(url), message_retry_total=0)
        self.client.subscribe(CallbackType.GROUP_MESSAGE, lambda message: self.got.append(message.data))
        self.client.subscribe(CallbackType.CONNECTED, lambda event: self.ids.append(event.connection_id))
        self.client.open()
        eventually("connected", lambda: self.ids)

    def publish(self, count, caller=None, then=lambda number: None):
        caller = caller or self.caller()
        for number in range(count):
            caller.send_to_group(GROUP, str(self.sent), content_type="text/plain")
            self.sent += 1
            then(number)

    def expect_all(self):
        eventually(f"all {self.sent} messages, not {len(self.got)}", lambda: len(self.got) >= self.sent)
        time.sleep(0.2)
        numbers = [int(text) for text in self.got]
        wrong = next((index for index, number in enumerate(numbers) if number != index), len(numbers))
        check(f"each once and in order: … {numbers[max(0, wrong - 3):wrong + 5]} …", numbers == list(range(self.sent)))
        check("one connection all the time", len(set(self.ids)) == 1)

    def run(self):
        self.open()
        for step in (self.ordered, self.cut, self.away, self.own, self.group, self.drain, self.kill, self.closed):
            try:
                step()
                print(f"  {step.__doc__}: passed")
            except Exception:
                self.failures += 1
                print(f"  {step.__doc__}: FAILED")
                traceback.print_exc(file=sys.stdout)
                break

    def ordered(self):
        """1,000 messages in order"""
        self.publish(1000)
        self.expect_all()

    def cut(self):
        """500 messages, the transport cut at every 100th, each time another node"""
        before = self.balancer.accepted
        self.publish(500, then=lambda number: number % 100 == 50 and self.balancer.cut())
        self.expect_all()
        check("it has connected again", self.balancer.accepted >= before + 2)

    def away(self):
        """50 messages while the client is away"""
        self.balancer.is_open = False
        self.balancer.cut()
        self.publish(50)
        check("it is still in the lists", self.caller().connection_exists(self.ids[0]))
        self.balancer.is_open = True
        self.expect_all()

    def own(self):
        """its own 100 messages, acknowledged, the transport cut meanwhile"""
        for number in range(100):
            if number % 30 == 10:
                threading.Timer(0.002, self.balancer.cut).start()
            self.send(number + 1_000_000)
        self.expect_all()

    def send(self, ack):
        """The library repeats with a new `ackId`, so that a message may come twice: we repeat with the same."""
        for _ in range(SECONDS * 10):
            try:
                self.client.send_to_group(GROUP, str(self.sent), WebPubSubDataType.TEXT, ack_id=ack)
                self.sent += 1
                return
            except Exception:  # SendMessageError, and what a lost connection raises
                time.sleep(0.1)
        raise AssertionError(f"not acknowledged: {ack}")

    def group(self):
        """a group that it is added to while it is away, and one that it leaves"""
        self.balancer.is_open = False
        self.balancer.cut()
        caller = self.caller()
        caller.add_connection_to_group("late", self.ids[0])
        caller.send_to_group("late", str(self.sent), content_type="text/plain")
        self.sent += 1
        caller.remove_connection_from_group("late", self.ids[0])
        caller.send_to_group("late", "nobody", content_type="text/plain")
        self.publish(1, caller)
        self.balancer.is_open = True
        self.expect_all()

    def drain(self):
        """300 messages while its node drains"""
        node = self.balancer.node
        node.is_alive = False
        caller = self.caller()
        self.publish(300, caller, then=lambda number: number == 100 and os.kill(node.pid, signal.SIGTERM))
        self.expect_all()

    def kill(self):
        """300 messages while its node is killed"""
        node = self.balancer.node
        node.is_alive = False
        caller = self.caller()
        self.publish(300, caller, then=lambda number: number == 100 and os.kill(node.pid, signal.SIGKILL))
        self.expect_all()

    def closed(self):
        """closed by the service: it cannot resume, and connects anew"""
        self.caller().close_connection(self.ids[0])
        eventually("another connection", lambda: len(set(self.ids)) == 2)
        check("the first is gone", not self.caller().connection_exists(self.ids[0]))
        self.client.close()
        eventually("the second is gone", lambda: not self.caller().connection_exists(self.ids[-1]))


def main():
    scenario = Scenario(sys.argv[1], [Node(text) for text in sys.argv[2:]])
    scenario.run()
    sys.stdout.flush()
    # Threads of the library may still wait.
    os._exit(1 if scenario.failures else 0)


main()
