"""The beginning of WebSockets over HTTP/2: see http2.py."""

import json

import h2.events
from h2.settings import SettingCodes
from http2_peer import WebSocket, check, equal

# RFC 6455 section 1.3
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def settings(peer, options):
    remote = peer.http2.remote_settings
    equal("ENABLE_CONNECT_PROTOCOL", remote[SettingCodes.ENABLE_CONNECT_PROTOCOL], 1)
    check("MAX_CONCURRENT_STREAMS", remote[SettingCodes.MAX_CONCURRENT_STREAMS] >= 100)


def right_handshakes(peer, options):
    socket = WebSocket(peer)
    for name in ("sec-websocket-accept", "upgrade", "connection", "sec-websocket-protocol", "sec-websocket-extensions"):
        check(f"{name} without its question", name not in socket.fields)
    equal("accept", WebSocket(peer, fields=[("sec-websocket-key", KEY)]).fields.get("sec-websocket-accept"), ACCEPT)
    WebSocket(peer, protocol="WebSocket")
    WebSocket(peer, fields=[("origin", f"{peer.scheme}://localhost")])
    WebSocket(peer, fields=[("cookie", "a=1"), ("cookie", "b=2")])


def wrong_handshakes(peer, options):
    for what, status, arguments in (
            ("path", 404, {"path": "/nothing"}), ("no WebSocket there", 404, {"path": "/livez"}),
            ("protocol", 501, {"protocol": "connect-udp"}), ("no protocol", 501, {"protocol": ""}),
            ("version", 426, {"version": "12"}), ("no version", 426, {"version": None}),
            ("end of the stream", 400, {"ends": True}), ("origin", 403, {"fields": [("origin", "https://elsewhere.example")]}),
            ("host", 400, {"fields": [("host", "elsewhere.example")]}),
            ("key", 400, {"fields": [("sec-websocket-key", "short")]})):
        stream, answer, fields = peer.handshake(**arguments)
        check(f"{what}: {answer}, not {status}", answer == status or status == 404 and answer in (400, 405))
        check(f"{what}: no problem document", "json" in fields.get("content-type", ""))
        if answer == 426:
            equal("the version", fields.get("sec-websocket-version"), "13")
        while data := peer.data(stream):
            check(f"{what}: {data}", json.loads(data)["status"] == answer)
    stream = peer.begin([(":method", "CONNECT"), (":authority", "localhost:80")], ends=False)
    event = peer.of_stream(stream, h2.events.ResponseReceived, h2.events.StreamReset)
    check(f"plain CONNECT: {event}", isinstance(event, h2.events.StreamReset) or dict(event.headers)[":status"] >= "400")
