#!/usr/bin/env python3
"""WebSockets (RFC 8441) and requests over HTTP/2, by a client made by hand of h2 and wsproto.

    http2.py PORT [--certificate FILE] [--compression]

With --certificate, the node has TLS with this certificate; without, it accepts HTTP/2 with prior knowledge. With --compression, the node
must agree on it.
"""

import argparse
import json
import sys
import time

import h2.events
from h2.errors import ErrorCodes
from http2_handshakes import right_handshakes, settings, wrong_handshakes
from http2_peer import Gone, Peer, WebSocket, check, equal
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

TEXT = "Grüße, 世界 😀"


def closes(socket, code):
    """The node sends a Close frame with this code, and then ends its half."""
    event = socket.event()
    check(f"a close with {code}: {event}", isinstance(event, CloseConnection) and event.code == code)
    equal("after the close", socket.event(), None)


def echo(peer, options):
    socket = WebSocket(peer)
    for message in (TextMessage(TEXT), BytesMessage(bytes(range(256))), TextMessage(TEXT * 500), TextMessage(""), BytesMessage(b"")):
        socket.send(message)
        equal("echo", socket.message(), message.data)
    socket.send(Ping(b"are you there"))
    check("pong", socket.event() == Pong(b"are you there"))


def fragments(peer, options):
    socket = WebSocket(peer)
    socket.send(TextMessage(TEXT[:3], message_finished=False))
    socket.send(Ping(b"between"))
    socket.send(TextMessage("", message_finished=False))
    socket.send(TextMessage(TEXT[3:]))
    check("pong before the message", socket.event() == Pong(b"between"))
    equal("message", socket.message(), TEXT)


def cuts(peer, options):
    """The borders of DATA frames mean nothing."""
    socket = WebSocket(peer)
    for cut in (1, 2, 3, 7, 16, 100):
        socket.send(TextMessage(TEXT * 10), cut=cut)
        equal(f"cut after {cut} bytes", socket.message(), TEXT * 10)
    socket.send_bytes(b"".join(socket.frames.send(TextMessage(str(number))) for number in range(200)))
    equal("200 messages in few frames", [socket.message() for _ in range(200)], [str(number) for number in range(200)])


def large_messages(peer, options):
    socket = WebSocket(peer)
    for size in (65535, 65536, 1 << 20):
        message = bytes(range(256)) * (size // 256) + bytes(size % 256)
        socket.send(BytesMessage(message))
        check(f"{size} bytes", socket.message() == message)
    socket.send_bytes(b"\x82\xff" + (1 << 30).to_bytes(8, "big") + bytes(4))
    closes(socket, 1009)


def subprotocols(peer, options):
    equal("of unknown ones", WebSocket(peer, fields=[("sec-websocket-protocol", "a, b")]).fields.get("sec-websocket-protocol"), None)


def compression(peer, options):
    socket = WebSocket(peer, deflate=True)
    equal("agreement", socket.is_compressed, options.compression)
    for message in (TEXT, TEXT * 500, TEXT * 20000):
        socket.send(TextMessage(message), cut=1000)
        check("echo", socket.message() == message)


def close_codes(peer, options):
    for code in (1000, 1001, 1003, 3000, 4999):
        socket = WebSocket(peer)
        socket.send(CloseConnection(code, "done"))
        closes(socket, code)
    for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000):
        socket = WebSocket(peer)
        socket.send_bytes(b"\x88\x82" + bytes(4) + code.to_bytes(2, "big"))
        closes(socket, 1002)
    for what, code, data in (("without mask", 1002, b"\x81\x01a"), ("opcode 3", 1002, b"\x83\x80" + bytes(4)),
                             ("reserved bit", 1002, b"\xa1\x80" + bytes(4)), ("continuation first", 1002, b"\x80\x80" + bytes(4)),
                             ("invalid UTF-8", 1007, b"\x81\x81" + bytes(4) + b"\xff")):
        socket = WebSocket(peer)
        socket.send_bytes(data)
        closes(socket, code)


def close_with_the_end(peer, options):
    """As browsers do: the Close frame ends the client's half. The node must answer it nevertheless."""
    socket = WebSocket(peer)
    socket.send(TextMessage("last words"))
    socket.send(CloseConnection(1000), ends=True)
    equal("the echo", socket.message(), "last words")
    closes(socket, 1000)
    # All of it in one DATA frame.
    socket = WebSocket(peer)
    socket.send_bytes(socket.frames.send(TextMessage("a")) + socket.frames.send(CloseConnection(1000)), ends=True)
    equal("the echo", socket.message(), "a")
    closes(socket, 1000)


def end_without_close(peer, options):
    socket = WebSocket(peer)
    peer.http2.end_stream(socket.stream)
    peer.flush()
    event = socket.event()
    check(f"a close or the end: {event}", event is None or isinstance(event, CloseConnection))
    if event is not None:
        equal("the end", socket.event(), None)


def close_without_the_end(peer, options):
    """h2 and others never end their half; the node resets the stream without an error, soon."""
    socket = WebSocket(peer)
    socket.send(CloseConnection(1000))
    closes(socket, 1000)
    event = peer.of_stream(socket.stream, h2.events.StreamReset, seconds=3)
    equal("the reset", event.error_code, ErrorCodes.NO_ERROR)


def reset(peer, options):
    """RST_STREAM takes the place of a TCP reset, and concerns nobody else."""
    other, socket = WebSocket(peer), WebSocket(peer)
    socket.send_bytes(socket.frames.send(TextMessage("half of a message"))[:9])
    peer.http2.reset_stream(socket.stream, ErrorCodes.CANCEL)
    peer.flush()
    other.send(TextMessage("still here"))
    equal("echo", other.message(), "still here")


def many_streams(peer, options):
    sockets = [WebSocket(peer) for _ in range(150)]
    for number, socket in enumerate(sockets):
        socket.send(TextMessage(str(number)))
    for number, socket in enumerate(sockets):
        equal("echo", socket.message(), str(number))
    equal("a request beside them", peer.request("GET", "/livez")[0], 200)


def slow_stream(peer, options):
    """A stream whose client takes nothing delays no other stream."""
    slow, other = WebSocket(peer), WebSocket(peer)
    sent = [bytes([number]) * 10000 for number in range(12)]
    for message in sent:
        slow.send(BytesMessage(message))
    for _ in range(20):
        began = time.monotonic()
        other.send(TextMessage(TEXT))
        equal("echo", other.message(), TEXT)
        check("an echo took a second", time.monotonic() - began < 1)
    check("what waited", [slow.message() for _ in sent] == sent)


def requests(peer, options):
    equal("livez", peer.request("GET", "/livez")[0], 200)
    status, fields, body = peer.request("HEAD", "/openapi.json")
    equal("HEAD", (status, body), (200, b""))
    status, fields, body = peer.request("GET", "/openapi.json")
    equal("length", len(body), int(fields.get("content-length", len(body))))
    check("document", "paths" in json.loads(body))
    status, fields, body = peer.request("GET", "/")
    check("console", status == 200 and b"<!doctype html>" in body[:100].lower())
    check("metrics", b"volary_connections" in peer.request("GET", "/metrics")[2])
    for path, method, status in (("/nothing", "GET", 404), ("/livez", "DELETE", 405), ("/api/connections/x", "GET", 404)):
        answer, fields, body = peer.request(method, path)
        check(f"{method} {path}: {answer}", answer == status or answer in (400, 404))
        for name in ("connection", "transfer-encoding", "keep-alive"):
            check(f"{name} in an answer", name not in fields)
    socket = WebSocket(peer, "/ws")
    socket.message()
    json_type = [("content-type", "application/json")]
    status, fields, body = peer.request("POST", "/api/connections/broadcast", json.dumps({"message": TEXT}).encode(), json_type)
    equal("broadcast", status, 200)
    while TEXT not in socket.message():
        pass
    status, fields, body = peer.request("POST", "/api/connections/broadcast", b"x" * 1_000_000, json_type)
    equal("a body of 1 MB that is no JSON", status, 400)
    equal("no message", peer.request("POST", "/api/connections/broadcast", b"{}", [("content-length", "2"), *json_type])[0], 400)
    status, fields, body = peer.request("POST", "/api/connections/broadcast", bytes(3 << 20), json_type)
    equal("too large a body", status, 413)


CASES = (settings, right_handshakes, wrong_handshakes, echo, fragments, cuts, large_messages, subprotocols, compression, close_codes,
         close_with_the_end, end_without_close, close_without_the_end, reset, many_streams, slow_stream, requests)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--certificate")
    options.add_argument("--compression", action="store_true")
    options = options.parse_args()
    failed = 0
    for case in CASES:
        peer = Peer(options.port, options.certificate)
        try:
            case(peer, options)
        except (AssertionError, Gone) as error:
            failed += 1
            print(f"  {case.__name__}: FAILED: {type(error).__name__}: {str(error)[:500]}")
        peer.close()
    print(f"  HTTP/2, {'TLS' if options.certificate else 'prior knowledge'}: {len(CASES) - failed} of {len(CASES)} passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
