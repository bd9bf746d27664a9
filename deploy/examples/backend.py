#!/usr/bin/env python3
"""The backend of the chat: serves the page, gives each user a URL with a token, pushes to rooms, and answers the events of clients.

    CONNECTION_STRING=… backend.py PORT

`volary connection-string` prints the connection string. `/events` is the URL for an event handler.
"""

import hashlib
import hmac
import os
import pathlib
import random
import sys

from aiohttp import web
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

connection_string, port = os.environ["CONNECTION_STRING"], int(sys.argv[1])
key = dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))["AccessKey"]
roles = ["webpubsub.joinLeaveGroups.room.*", "webpubsub.sendToGroups.room.*"]
routes = web.RouteTableDef()


@routes.get("/")
async def page(request):
    return web.FileResponse(pathlib.Path(__file__).with_name("chat.html"))


@routes.get("/negotiate")
async def negotiate(request):
    # This is where an application finds out who the user is, by its own session.
    if not (user := request.query.get("user")):
        raise web.HTTPBadRequest(text="user is missing")
    token = await request.app["service"].get_client_access_token(user_id=user, roles=roles)
    return web.json_response({"url": token["url"]})


@routes.post("/rooms/{room}/announcements")
async def announce(request):
    group = f"room.{request.match_info['room']}"
    await request.app["service"].send_to_group(group, await request.text(), content_type="text/plain")
    return web.Response(status=204)


@routes.options("/events")
async def allow(request):
    return web.Response(headers={"WebHook-Allowed-Origin": "*"})


@routes.post("/events")
async def event(request):
    connection = request.headers.get("ce-connectionId", "")
    signature = "sha256=" + hmac.new(key.encode(), connection.encode(), hashlib.sha256).hexdigest()
    if signature not in request.headers.get("ce-signature", "").split(","):
        raise web.HTTPUnauthorized
    match request.headers["ce-type"].removeprefix("azure.webpubsub."):
        case "sys.connect":
            # Whoever connects is in the lobby, too.
            return web.json_response({"groups": ["room.lobby"]})
        case "user.roll":
            number = str(random.randint(1, 6))
            await request.app["service"].send_to_group("room.lobby", f"somebody rolled {number}", content_type="text/plain")
            return web.Response(text=number)
        case kind if kind.startswith("user."):
            raise web.HTTPNotFound
    return web.Response(status=204)


async def serving(app):
    async with WebPubSubServiceClient.from_connection_string(connection_string, hub="chat") as app["service"]:
        yield


app = web.Application()
app.add_routes(routes)
app.cleanup_ctx.append(serving)
web.run_app(app, host="127.0.0.1", port=port, print=None)
