#!/usr/bin/env python3
"""Three clients of SignalR from PyPI over each transport that they have, in JSON and in MessagePack, against nodes of one cluster with the
reference hub.

    signalr.py PORT

PORT is the one of a balancer without stickiness: a client negotiates with one node, connects to another and posts to a third. Prints a list;
the exit status is 1 after a failure.
"""

import asyncio
import logging
import sys
import threading
import traceback

import aiosignalr.client
import pysignalr.client
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol
from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.subject import Subject
from signalrcore.types import HttpTransportType, HubProtocolEncoding

SECONDS = 20
FAILED = "An unexpected error occurred invoking 'Fail' on the server."


def check(what, is_true):
    if not is_true:
        raise AssertionError(what)


async def eventually(what, condition):
    for _ in range(SECONDS * 50):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(what)


class PySignalR:
    """pysignalr: a callback for each result."""

    kinds = [("json", "WebSockets"), ("messagepack", "WebSockets")]

    def __init__(self, url, protocol, transport):
        self.messages = []
        self.errors = []
        self.client = pysignalr.client.SignalRClient(
            url, protocol=JSONProtocol() if protocol == "json" else MessagepackProtocol(), retry_count=1
        )
        self.opened = asyncio.Event()
        self.client.on_open(self.open)
        self.client.on_error(self.failed)
        self.client.on("message", self.message)
        self.client.on("confirm", self.confirm)

    async def open(self):
        self.opened.set()

    async def failed(self, message):
        self.errors.append(message.error)

    async def message(self, arguments):
        self.messages.append(tuple(arguments))

    async def confirm(self, arguments):
        return f"yes to {arguments[0]}"

    async def start(self):
        self.task = asyncio.create_task(self.client.run())
        await asyncio.wait_for(self.opened.wait(), SECONDS)

    async def stop(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def invoke(self, target, *arguments):
        result = asyncio.get_running_loop().create_future()

        async def done(message):
            result.set_result(message)

        await self.client.send(target, list(arguments), done)
        message = await asyncio.wait_for(result, SECONDS)
        if message.error:
            raise RuntimeError(message.error)
        return message.result

    async def stream(self, target, *arguments):
        items, end = [], asyncio.Event()

        async def add(item):
            items.append(item)

        async def complete(_):
            end.set()

        await self.client.stream(target, list(arguments), add, complete)
        await asyncio.wait_for(end.wait(), SECONDS)
        return items

    async def upload(self, target, items):
        # Its uploads have no id, and so no answer.
        async with self.client.client_stream(target) as stream:
            for item in items:
                await stream.send(item)


class AioSignalR:
    """aiosignalr: awaits results."""

    kinds = [
        ("json", "WebSockets"),
        ("messagepack", "WebSockets"),
        ("json", "ServerSentEvents"),
        ("json", "LongPolling"),
        ("messagepack", "LongPolling"),
    ]

    def __init__(self, url, protocol, transport):
        self.url = url
        self.transport = transport
        self.messages = []
        self.client = aiosignalr.client.HubConnection(protocol=protocol)
        self.client.on("message", lambda *arguments: self.messages.append(arguments))
        self.client.on("confirm", lambda question: f"yes to {question}")

    async def start(self):
        await asyncio.wait_for(self.client.start(self.url, transports={self.transport}), SECONDS)

    async def stop(self):
        await self.client.stop()

    async def invoke(self, target, *arguments):
        return await asyncio.wait_for(self.client.invoke(target, *arguments), SECONDS)

    async def stream(self, target, *arguments):
        return [item async for item in await self.client.stream(target, *arguments)]

    async def upload(self, target, items):
        async with self.client.client_stream(target) as stream:
            for item in items:
                await stream.send_item(item)
        return stream.result


class SignalRCore:
    """signalrcore: threads of its own, and callbacks on them.

    Over long polling it reads the first record of each answer, and MessagePack fails in its constructor.
    """

    kinds = [("json", "WebSockets"), ("messagepack", "WebSockets"), ("json", "ServerSentEvents"), ("json", "LongPolling")]
    transports = {
        "WebSockets": HttpTransportType.web_sockets,
        "ServerSentEvents": HttpTransportType.server_sent_events,
        "LongPolling": HttpTransportType.long_polling,
    }

    def __init__(self, url, protocol, transport):
        self.protocol = protocol
        self.messages = []
        self.errors = {}
        self.opened = threading.Event()
        encoding = HubProtocolEncoding.text if protocol == "json" else HubProtocolEncoding.binary
        self.client = (
            HubConnectionBuilder()
            .with_url(url, options={"transport": self.transports[transport]})
            .with_hub_protocol(encoding)
            .build()
        )
        self.client.on_open(self.opened.set)
        self.client.on_error(lambda message: self.errors.update({message.invocation_id: message.error}))
        self.client.on("message", lambda arguments: self.messages.append(tuple(arguments)))

    async def start(self):
        await asyncio.to_thread(self.client.start)
        await eventually("signalrcore does not connect", self.opened.is_set)

    async def stop(self):
        await asyncio.to_thread(self.client.stop)

    async def invoke(self, target, *arguments):
        results = []
        sent = await asyncio.to_thread(self.client.invoke, target, list(arguments), results.append)
        await eventually(f"no result of {target}", lambda: results or sent.invocation_id in self.errors)
        if sent.invocation_id in self.errors:
            raise RuntimeError(self.errors[sent.invocation_id])
        return results[0].result

    async def stream(self, target, *arguments):
        items, end = [], threading.Event()
        handler = await asyncio.to_thread(self.client.stream, target, list(arguments))
        handler.subscribe({"next": items.append, "complete": lambda _: end.set(), "error": lambda _: end.set()})
        await eventually(f"no end of {target}", end.is_set)
        return items

    async def upload(self, target, items):
        # Its upload has no id; in MessagePack it leaves out an element of the record.
        if self.protocol == "json":
            subject = Subject()
            await asyncio.to_thread(self.client.send, target, subject)
            for item in items:
                await asyncio.to_thread(subject.next, item)
            await asyncio.to_thread(subject.complete)


async def fails(client):
    try:
        await client.invoke("Fail")
    except Exception as error:
        return str(error)
    return None


async def calls(client):
    for value in ["text \u00fc \U0001f600 \"quoted\"", 7, -1, 2**40, 1.5, True, None, [1, [2]], {"a": {"b": [None]}}]:
        check(f"Echo of {value!r}", await client.invoke("Echo", value) == value)


async def errors(client):
    check("the error of Fail", FAILED in (await fails(client) or ""))
    check("a call after an error", await client.invoke("Echo", 1) == 1)


async def streams(client):
    items = await client.stream("Count", 20)
    # signalrcore listens after it has asked, and may miss the first items.
    first = items[0] if items and isinstance(client, SignalRCore) else 1
    check(f"the items of Count: {items}", items == list(range(first, 21)))


async def uploads(client):
    check("the result of Sum", await client.upload("Sum", [1, 2, 3]) in (6, None))
    check("a call after an upload", await client.invoke("Echo", 1) == 1)


async def results(client):
    # signalrcore does not answer calls of the hub.
    if not isinstance(client, SignalRCore):
        check("the result of the client", await client.invoke("AskCaller", "confirm", "this") == "yes to this")


async def messages(clients):
    for number, client in enumerate(clients):
        await client.invoke("JoinGroup", "pairs" if number % 2 else "others")
    for number, client in enumerate(clients):
        text = f"from {number}"
        await client.invoke("Broadcast", text)
        await client.invoke("SendToGroup", "pairs", f"pairs {text}")
    for number, client in enumerate(clients):
        expected = []
        for other in range(len(clients)):
            expected += [f"from {other}"] + ([f"pairs from {other}"] if number % 2 else [])
        await eventually(f"client {number} got {client.messages}", lambda: len(client.messages) >= len(expected))
        check(f"client {number} got {client.messages}", sorted(m[1] for m in client.messages) == sorted(expected))


async def ordered(clients):
    for client in clients:
        client.messages.clear()
    for number in range(200):
        await clients[0].invoke("Broadcast", f"{number}")
    for client in clients:
        await eventually(f"{len(client.messages)} of 200 messages came", lambda: len(client.messages) == 200)
        check("the order of messages", [m[1] for m in client.messages] == [f"{number}" for number in range(200)])


async def main(port):
    logging.disable(logging.CRITICAL)
    url = f"http://127.0.0.1:{port}/hubs/reference"
    failures = 0
    clients = []

    async def run(what, test, subject):
        nonlocal failures
        try:
            await test(subject)
            print(f"  {what}: passed")
        except Exception:
            failures += 1
            print(f"  {what}: FAILED")
            traceback.print_exc()

    for kind in PySignalR, SignalRCore, AioSignalR:
        for protocol, transport in kind.kinds:
            client = kind(url, protocol, transport)
            name = f"{kind.__name__}, {protocol}, {transport}"
            await run(f"{name}: connect", lambda client: client.start(), client)
            reads_all = (kind, transport) != (SignalRCore, "LongPolling")
            for test in (calls, errors, streams, uploads, results) if reads_all else (calls, errors):
                await run(f"{name}: {test.__name__}", test, client)
            if reads_all:
                clients.append(client)
            else:
                await client.stop()
    await run(f"{len(clients)} clients: messages to all and to a group", messages, clients)
    await run(f"{len(clients)} clients: 200 messages in their order", ordered, clients)
    # One of the libraries takes ten seconds.
    await asyncio.gather(*(client.stop() for client in clients))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]))))
