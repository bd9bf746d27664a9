#!/usr/bin/env python3
"""The official Python libraries of Web PubSub against nodes of one cluster: every public method of the service library and of the client
library, of both their blocking and their asynchronous kind, with the plain and the reliable protocol. Left out are events that have handlers
(webpubsub_events.py), and what becomes of reliable clients when something fails (webpubsub_resume.py).

    webpubsub.py KEY HUB ENDPOINT...

Callers take the nodes in turn, clients too. Closes all clients of the hub. Prints a list; the exit status is 1 after a failure.
"""

import asyncio
import inspect
import sys
import threading
import traceback

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest
from azure.messaging import webpubsubclient as blocking_client
from azure.messaging import webpubsubservice as blocking_service
from azure.messaging.webpubsubclient import aio as waiting_client
from azure.messaging.webpubsubclient.models import CallbackType, SendMessageError, WebPubSubDataType, WebPubSubProtocolType
from azure.messaging.webpubsubservice import aio as waiting_service

SECONDS = 10


def check(what, is_true):
    if not is_true:
        raise AssertionError(what)


async def done(value):
    return await value if inspect.isawaitable(value) else value


class Inbox:
    """What one client got, from any thread."""

    def __init__(self):
        self.items = []
        self.lock = threading.Lock()

    def put(self, kind, item):
        with self.lock:
            self.items.append((kind, item))

    async def take(self, kind):
        for _ in range(SECONDS * 100):
            with self.lock:
                for index, (found, item) in enumerate(self.items):
                    if found == kind:
                        del self.items[index]
                        return item
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {kind} came")

    def count(self, kind):
        with self.lock:
            return sum(found == kind for found, _ in self.items)


class Client:
    """A client of the library, with its callbacks."""

    def __init__(self, kind, url, protocol=WebPubSubProtocolType.JSON):
        self.inbox = Inbox()
        self.is_waiting = kind is waiting_client
        credential = kind.WebPubSubClientCredential(url)
        self.client = kind.WebPubSubClient(credential, protocol_type=protocol, reconnect_retry_total=0)
        self.callbacks = {}

    async def open(self):
        for kind in (CallbackType.CONNECTED, CallbackType.DISCONNECTED, CallbackType.STOPPED, CallbackType.GROUP_MESSAGE, CallbackType.SERVER_MESSAGE):
            self.callbacks[kind] = self.callback(kind)
            await done(self.client.subscribe(kind, self.callbacks[kind]))
        await done(self.client.open())
        self.id = (await self.inbox.take(CallbackType.CONNECTED)).connection_id
        check("is connected", self.client.is_connected())
        return self

    def callback(self, kind):
        def blocking(*arguments):
            self.inbox.put(kind, arguments[0] if arguments else None)

        async def waiting(*arguments):
            blocking(*arguments)

        return waiting if self.is_waiting else blocking

    async def group(self):
        return (await self.inbox.take(CallbackType.GROUP_MESSAGE)).data

    async def server(self):
        return (await self.inbox.take(CallbackType.SERVER_MESSAGE)).data


class Scenario:
    def __init__(self, name, client_kind, service_kind, protocol, key, hub, endpoints):
        self.name, self.client_kind, self.protocol = name, client_kind, protocol
        self.services = [
            service_kind.WebPubSubServiceClient.from_connection_string(f"Endpoint={endpoint};AccessKey={key};Version=1.0;", hub)
            for endpoint in endpoints
        ]
        self.turn = 0
        self.names = []
        self.failures = 0

    @property
    def service(self):
        self.turn += 1
        return self.services[self.turn % len(self.services)]

    async def connect(self, **options):
        self.turn += 1
        answer = await done(self.services[self.turn % len(self.services)].get_client_access_token(**options))
        check("the parts of the answer", set(answer) == {"baseUrl", "token", "url"})
        client = await Client(self.client_kind, answer["url"], self.protocol).open()
        # Other nodes than the client's find it once Redis has it, which may be after it knows that it is connected.
        for service in self.services:
            for _ in range(SECONDS * 100):
                if await done(service.connection_exists(client.id)):
                    break
                await asyncio.sleep(0.01)
        return client

    async def members(self, group, **options):
        found = []
        result = self.service.list_connections(group=group, **options)
        if hasattr(result, "__aiter__"):
            async for member in result:
                found.append(member)
        else:
            found = list(result)
        return found

    async def run(self):
        for step in (
            self.messages, self.filters, self.groups, self.users, self.lists, self.permissions, self.clients, self.events, self.closes, self.errors,
        ):
            try:
                await asyncio.wait_for(step(), 4 * SECONDS)
                print(f"  {self.name}: {step.__doc__}: passed")
            except Exception:
                self.failures += 1
                print(f"  {self.name}: {step.__doc__}: FAILED")
                traceback.print_exc(file=sys.stdout)
        for service in self.services:
            await done(service.close())
        return self.failures

    async def messages(self):
        """send_to_all, send_to_group, send_to_user, send_to_connection; text, JSON, bytes"""
        ann = await self.connect(user_id="ann/é", groups=["lobby one"])
        # Bytes, because the asynchronous library counts the characters of a str for its Content-Length, and cuts the rest off.
        for kind, content, expected in (("text/plain", "hi é".encode(), "hi é"), ("application/json", {"a": [1, None]}, {"a": [1, None]}), ("application/octet-stream", b"\0\xff", b"\0\xff")):
            await done(self.service.send_to_all(content, content_type=kind))
            check("to all", await ann.server() == expected)
            await done(self.service.send_to_user("ann/é", content, content_type=kind))
            check("to a user", await ann.server() == expected)
            await done(self.service.send_to_connection(ann.id, content, content_type=kind))
            check("to a connection", await ann.server() == expected)
            await done(self.service.send_to_group("lobby one", content, content_type=kind))
            check("to a group", await ann.group() == expected)
        await done(ann.client.close())

    async def filters(self):
        """excluded and filter"""
        ann, bob = await self.connect(user_id="ann", groups=["g"]), await self.connect(user_id="bob", groups=["g"])
        await done(self.service.send_to_all("1", content_type="text/plain", excluded=[ann.id]))
        await done(self.service.send_to_group("g", "2", content_type="text/plain", excluded=[ann.id]))
        await done(self.service.send_to_all("3", content_type="text/plain", filter="userId eq 'bob' and 'g' in groups"))
        await done(self.service.send_to_group("g", "4", content_type="text/plain", filter=f"connectionId ne '{ann.id}'"))
        await done(self.service.send_to_all("end", content_type="text/plain"))
        check("what bob gets", [await bob.server() for _ in range(3)] == ["1", "3", "end"])
        check("what bob gets from the group", [await bob.group() for _ in range(2)] == ["2", "4"])
        check("what ann gets", await ann.server() == "end" and ann.inbox.count(CallbackType.GROUP_MESSAGE) == 0)
        for one in (ann, bob):
            await done(one.client.close())

    async def groups(self):
        """add_connection_to_group, remove_connection_from_group, remove_connection_from_all_groups, group_exists"""
        ann = await self.connect()
        check("no group", not await done(self.service.group_exists("x")))
        await done(self.service.add_connection_to_group("x", ann.id))
        check("a group", await done(self.service.group_exists("x")))
        await done(self.service.remove_connection_from_group("x", ann.id))
        check("no group again", not await done(self.service.group_exists("x")))
        for group in ("x", "y"):
            await done(self.service.add_connection_to_group(group, ann.id))
        await done(self.service.remove_connection_from_all_groups(ann.id))
        for group in ("x", "y"):
            check("no groups", not await done(self.service.group_exists(group)))
        await done(ann.client.close())

    async def users(self):
        """add_user_to_group, remove_user_from_group, remove_user_from_all_groups, user_exists, connection_exists"""
        clients = [await self.connect(user_id="u") for _ in range(2)]
        check("a user", await done(self.service.user_exists("u")) and not await done(self.service.user_exists("nobody")))
        check("a connection", await done(self.service.connection_exists(clients[0].id)) and not await done(self.service.connection_exists("x")))
        await done(self.service.add_user_to_group("g", "u"))
        check("both", {member.connection_id for member in await self.members("g")} == {one.id for one in clients})
        await done(self.service.remove_user_from_group("g", "u"))
        check("none", await self.members("g") == [])
        await done(self.service.add_user_to_group("g", "u"))
        await done(self.service.remove_user_from_all_groups("u"))
        check("none again", not await done(self.service.group_exists("g")))
        for one in clients:
            await done(one.client.close())

    async def lists(self):
        """list_connections, in pages"""
        clients = [await self.connect(user_id=f"u{number}", groups=["page"]) for number in range(5)]
        ids = sorted(one.id for one in clients)
        for options in ({}, {"maxpagesize": 2}, {"maxpagesize": 1}):
            members = await self.members("page", **options)
            check(f"all, {options}", [member.connection_id for member in members] == ids and all(member.user_id for member in members))
        check("top", [member.connection_id for member in await self.members("page", top=3, maxpagesize=2)] == ids[:3])
        for one in clients:
            await done(one.client.close())

    async def permissions(self):
        """grant_permission, has_permission, revoke_permission"""
        ann = await self.connect()
        for permission in ("joinLeaveGroup", "sendToGroup"):
            for options in ({"target_name": "g"}, {}):
                check("none", not await done(self.service.has_permission(permission, ann.id, **options)))
                await done(self.service.grant_permission(permission, ann.id, **options))
                check("granted", await done(self.service.has_permission(permission, ann.id, **options)))
                await done(self.service.revoke_permission(permission, ann.id, **options))
                check("revoked", not await done(self.service.has_permission(permission, ann.id, **options)))
        await done(ann.client.close())

    async def clients(self):
        """join_group, leave_group, send_to_group, subscribe, unsubscribe of a client"""
        roles = ["webpubsub.joinLeaveGroup.g", "webpubsub.sendToGroup.g"]
        ann, bob = await self.connect(user_id="ann", roles=roles), await self.connect(user_id="bob", roles=roles)
        for one in (ann, bob):
            await done(one.client.join_group("g"))
        for content, kind in (("hi", WebPubSubDataType.TEXT), ({"a": 1}, WebPubSubDataType.JSON), (memoryview(b"\1\2"), WebPubSubDataType.BINARY)):
            await done(ann.client.send_to_group("g", content, kind))
            check("own", await ann.group() == content)
            check("other", await bob.group() == content)
        await done(ann.client.send_to_group("g", "quiet", WebPubSubDataType.TEXT, no_echo=True, ack=False))
        check("other", await bob.group() == "quiet")
        try:
            await done(ann.client.join_group("secret"))
            check("a refusal", False)
        except SendMessageError as error:
            check("Forbidden", error.error_detail.name == "Forbidden")
        await done(bob.client.leave_group("g"))
        await done(bob.client.unsubscribe(CallbackType.GROUP_MESSAGE, bob.callbacks[CallbackType.GROUP_MESSAGE]))
        await done(ann.client.send_to_group("g", "end", WebPubSubDataType.TEXT))
        check("own", await ann.group() == "end")
        check("nothing after leaving", bob.inbox.count(CallbackType.GROUP_MESSAGE) == 0)
        for one in (ann, bob):
            await done(one.client.close())
            check("not connected", not one.client.is_connected())
            await one.inbox.take(CallbackType.STOPPED)

    async def events(self):
        """send_event, without a handler"""
        ann = await self.connect()
        try:
            await done(ann.client.send_event("order", "x", WebPubSubDataType.TEXT))
            check("a failure", False)
        except SendMessageError as error:
            check("InternalServerError", error.error_detail.name == "InternalServerError")
        await done(ann.client.close())

    async def closes(self):
        """close_all_connections, close_group_connections, close_user_connections, close_connection"""
        for close in (
            lambda one: self.service.close_connection(one.id, reason="x"),
            lambda one: self.service.close_user_connections("u", reason="x"),
            lambda one: self.service.close_group_connections("g", reason="x"),
            lambda one: self.service.close_all_connections(reason="x"),
        ):
            one = await self.connect(user_id="u", groups=["g"])
            await done(self.service.close_all_connections(excluded=[one.id]))
            check("open", await done(self.service.connection_exists(one.id)))
            # The library connects again at once, as another connection.
            await done(close(one))
            text = (await one.inbox.take(CallbackType.DISCONNECTED)).message
            # After any close but 1008 a reliable client tries to resume, and is told that it cannot.
            reason = "Application server closed the connection. Reason: x"
            check(f"the reason: {text}", text == reason if self.protocol == WebPubSubProtocolType.JSON else text)
            check("gone", not await done(self.service.connection_exists(one.id)))
            await done(one.client.close())

    async def errors(self):
        """errors, and send_request"""
        try:
            await done(self.service.add_connection_to_group("g", "x"))
            check("a 404", False)
        except ResourceNotFoundError as error:
            check("its code", error.response.headers["x-ms-error-code"] == "Error.Connection.NotExisted")
        try:
            await done(self.service.send_to_all("x", content_type="text/plain", filter="nonsense"))
            check("a 400", False)
        except HttpResponseError as error:
            check("its status", error.status_code == 400 and "Error.BadRequest" in error.message + str(error.response.text()))
        answer = await done(self.service.send_request(HttpRequest("GET", "/api/health")))
        check("health", answer.status_code == 200 and "2024-12-01" in answer.headers["api-supported-versions"])


async def main():
    key, hub, endpoints = sys.argv[1], sys.argv[2], sys.argv[3:]
    failures = 0
    for name, client, service in (("blocking", blocking_client, blocking_service), ("asynchronous", waiting_client, waiting_service)):
        for protocol in (WebPubSubProtocolType.JSON, WebPubSubProtocolType.JSON_RELIABLE):
            kind = name if protocol == WebPubSubProtocolType.JSON else f"{name}, reliable"
            failures += await Scenario(kind, client, service, protocol, key, hub, endpoints).run()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
