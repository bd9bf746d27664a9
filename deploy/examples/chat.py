#!/usr/bin/env python3
"""The chat in a terminal, with the official Python client: each line that is typed goes to the room.

    chat.py URL USER ROOM

URL is that of the backend.
"""

import json
import sys
import urllib.parse
import urllib.request

from azure.messaging.webpubsubclient import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.models import CallbackType, WebPubSubDataType, WebPubSubProtocolType

backend, user, room = sys.argv[1:]


def access_url():
    """A new URL for each connection, since its token expires."""
    with urllib.request.urlopen(f"{backend}/negotiate?user={urllib.parse.quote(user)}") as answer:
        return json.load(answer)["url"]


def show(message):
    print(f"{message.from_user_id or 'the backend'}: {message.data}", flush=True)


client = WebPubSubClient(WebPubSubClientCredential(access_url), protocol_type=WebPubSubProtocolType.JSON)
client.subscribe(CallbackType.GROUP_MESSAGE, show)
with client:
    client.join_group(f"room.{room}")
    print(f"You are in {room}.", flush=True)
    for line in sys.stdin:
        client.send_to_group(f"room.{room}", line.rstrip("\n"), WebPubSubDataType.TEXT)
