#!/usr/bin/env python3
"""An event handler of Web PubSub in Python, and the official Python client of a hub whose events it answers.

    webpubsub_events.py KEY HANDLER_PORT PORT...

The nodes have --event-handler http://127.0.0.1:HANDLER_PORT/{event}, --event-hub Handled, and all system events. Prints a list; the exit status
is 1 after a failure.
"""

import asyncio
import hashlib
import hmac
import sys
import threading
import traceback

from aiohttp import web
from azure.messaging import webpubsubclient as blocking_client
from azure.messaging import webpubsubservice as blocking_service
from azure.messaging.webpubsubclient import aio as waiting_client
from azure.messaging.webpubsubclient.models import SendMessageError, WebPubSubDataType

from webpubsub import Client, check, done

HUB = "Handled"


class Handler:
    """Answers events, in a thread of its own: the blocking client blocks the loop of the others."""

    def __init__(self, key, port):
        self.key, self.port = key.encode(), port
        self.events = []
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True).start()
        check("the handler listens", ready.wait(10))

    async def serve(self, ready):
        app = web.Application()
        app.router.add_route("OPTIONS", "/{event}", self.allow)
        app.router.add_post("/{event}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        ready.set()
        await asyncio.Event().wait()

    async def allow(self, request):
        return web.Response(headers={"WebHook-Allowed-Origin": request.headers["WebHook-Request-Origin"]})

    async def answer(self, request):
        headers, body = request.headers, await request.read()
        signature = "sha256=" + hmac.new(self.key, headers["ce-connectionId"].encode(), hashlib.sha256).hexdigest()
        if signature not in headers["ce-signature"].split(","):
            return web.Response(status=401)
        name = headers["ce-eventName"]
        self.events.append((headers["ce-connectionId"], name, headers["ce-type"], headers["ce-id"], body))
        if name == "connect":
            claims = (await request.json())["claims"]
            if claims.get("sub") == ["mallory"]:
                return web.Response(status=403)
            return web.json_response(
                {"userId": claims["sub"][0] + "!", "groups": ["g"], "roles": ["webpubsub.sendToGroup.g"]}, headers={"ce-connectionState": "0"}
            )
        if name == "count":
            state = str(int(headers["ce-connectionState"]) + 1)
            return web.json_response({"count": int(state), "user": headers["ce-userId"]}, headers={"ce-connectionState": state})
        if name == "echo":
            return web.Response(body=body, headers={"Content-Type": headers["Content-Type"]})
        return web.Response(status=204 if name in ("connected", "disconnected") else 400)

    async def of(self, connection, name):
        for _ in range(1000):
            found = [event for event in self.events if event[0] == connection and event[1] == name]
            if found:
                return found[0]
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {name} came")


async def run(kind, handler, service):
    async def url(user):
        return service.get_client_access_token(user_id=user)["url"]

    ann = await Client(kind, await url("ann")).open()
    check("connected", (await handler.of(ann.id, "connected"))[2:4] == ("azure.webpubsub.sys.connected", "1"))
    for number in range(1, 4):
        await done(ann.client.send_event("count", {}, WebPubSubDataType.JSON))
        check("the state", await ann.server() == {"count": number, "user": "ann!"})
    for content, data_type in (("hällo", WebPubSubDataType.TEXT), ([1, None], WebPubSubDataType.JSON), (memoryview(b"\0\1"), WebPubSubDataType.BINARY)):
        await done(ann.client.send_event("echo", content, data_type))
        check("an echo", await ann.server() == content)
    try:
        await done(ann.client.send_event("nothing", "x", WebPubSubDataType.TEXT))
        check("a failure", False)
    except SendMessageError as error:
        check("InternalServerError", error.error_detail.name == "InternalServerError")
    await done(ann.client.send_to_group("g", "x", WebPubSubDataType.TEXT))
    check("roles and groups", await ann.group() == "x")
    await done(ann.client.close())
    await handler.of(ann.id, "disconnected")
    numbers = [int(event[3]) for event in handler.events if event[0] == ann.id]
    check(f"numbers: {numbers}", sorted(numbers) == list(range(len(numbers))))
    try:
        await Client(kind, await url("mallory")).open()
        check("a refusal", False)
    except AssertionError:
        raise
    except Exception as error:
        check(f"a refusal: {error}", "mallory" not in str(error))


async def main():
    key, handler_port, ports = sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]]
    handler = Handler(key, handler_port)
    # The nodes have asked for permission before there was a handler; the next time is a second later.
    await asyncio.sleep(2)
    failures = 0
    for name, kind in (("blocking", blocking_client), ("asynchronous", waiting_client)):
        for port in ports:
            endpoint = f"Endpoint=http://localhost:{port};AccessKey={key};Version=1.0;"
            try:
                await run(kind, handler, blocking_service.WebPubSubServiceClient.from_connection_string(endpoint, HUB))
                print(f"  events, {name} client: passed")
            except Exception:
                traceback.print_exc()
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
