#!/usr/bin/env python3
"""The chat in a terminal, with the official Python client: each line that is typed goes to the room.

    chat.py URL USER ROOM

URL is that of the backend. The asynchronous client, since the blocking one misses an acknowledgment that comes before it waits for it.
"""

import asyncio
import json
import sys
import urllib.parse
import urllib.request

from azure.messaging.webpubsubclient.aio import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.models import CallbackType, WebPubSubDataType, WebPubSubProtocolType

backend, user, room = sys.argv[1:]


async def access_url():
    """A new URL for each connection, since its token expires."""
    url = f"{backend}/negotiate?user={urllib.parse.quote(user)}"
    with await asyncio.to_thread(urllib.request.urlopen, url) as answer:
        return json.load(answer)["url"]


async def show(message):
    print(f"{message.from_user_id or 'the backend'}: {message.data}", flush=True)


async def main():
    client = WebPubSubClient(WebPubSubClientCredential(access_url), protocol_type=WebPubSubProtocolType.JSON)
    await client.subscribe(CallbackType.GROUP_MESSAGE, show)
    async with client:
        await client.join_group(f"room.{room}")
        print(f"You are in {room}.", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await client.send_to_group(f"room.{room}", line.rstrip("\n"), WebPubSubDataType.TEXT)


asyncio.run(main())
