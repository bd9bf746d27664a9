"""Header fields that a request must not have, and too many of them: see http2_case.py."""

from http2_case import case, echoes, ends, open_socket
from http2_frames import (
    COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, GET, HEADERS, POST, PROTOCOL_ERROR, WEBSOCKET, frame, headers,
    literals)

# Malformed requests cost their stream only (8.1.1).
MALFORMED = {
    "no path": [field for field in GET if field[0] != ":path"],
    "no method": GET[1:],
    "no scheme": [GET[0], *GET[2:]],
    "an empty path": [*GET[:3], (":path", "")],
    "two paths": [*GET, (":path", "/")],
    "an unknown pseudo-header": [*GET, (":x", "y")],
    "a status": [*GET, (":status", "200")],
    "a late pseudo-header": [*GET[:3], ("a", "b"), GET[3]],
    "capitals": [*GET, ("Accept", "*/*")],
    "connection": [*GET, ("connection", "close")],
    "upgrade": [*GET, ("upgrade", "websocket")],
    "transfer-encoding": [*GET, ("transfer-encoding", "chunked")],
    "te other than trailers": [*GET, ("te", "gzip")],
    "a line feed": [*GET, ("x", "a\nb: c")],
    "a carriage return": [*GET, ("x", "a\rb")],
    "a zero": [*GET, ("x", "a\0b")],
    "a space in a name": [*GET, ("a b", "c")],
    "a colon in a name": [*GET, ("a:b", "c")],
    "protocol without CONNECT": [*GET, (":protocol", "websocket")],
    "CONNECT without a path": [field for field in WEBSOCKET if field[0] != ":path"],
    "CONNECT without a scheme": [field for field in WEBSOCKET if field[0] != ":scheme"],
    "two protocols": [*WEBSOCKET[:5], (":protocol", "websocket"), WEBSOCKET[5]],
}


@case(seconds=8)
def malformed_requests(peer):
    """Each is reset or refused with 4xx, and a WebSocket on the same connection does not notice."""
    open_socket(peer)
    for number, (name, fields) in enumerate(MALFORMED.items()):
        stream = 3 + 2 * number
        peer.send(headers(stream, fields))
        peer.until(name, lambda: peer.resets.get(stream) == PROTOCOL_ERROR or 400 <= peer.statuses.get(stream, 0) < 500, 2)
        assert not peer.ended, f"{name} ended the connection"
    echoes(peer, 1)


@case()
def a_field_without_a_name(peer):
    peer.send(headers(1, [*GET, ("", "x")]))
    peer.until("an error", lambda: peer.ended or peer.resets.get(1) == PROTOCOL_ERROR)


@case()
def content_length_that_is_wrong(peer):
    open_socket(peer)
    for stream, length, body in ((3, "5", b"{}"), (5, "1", b"{}"), (7, "x", b"{}"), (9, "-1", b"{}")):
        peer.send(headers(stream, [*POST, ("content-length", length)], END_HEADERS) + frame(DATA, END_STREAM, stream, body))
        peer.until(f"content-length {length}", lambda: stream in peer.resets or 400 <= peer.statuses.get(stream, 0) < 500, 2)
    echoes(peer, 1)


@case()
def too_many_fields(peer):
    open_socket(peer)
    peer.send(headers(3, [*GET, *((f"x{number}", "y") for number in range(400))]))
    peer.until("431", lambda: peer.statuses.get(3) == 431)
    echoes(peer, 1)


@case()
def too_large_fields(peer):
    """Up to twice the limit, the answer is 431."""
    open_socket(peer)
    block = literals([*GET, ("a", "y" * 15000), ("b", "y" * 5000)])
    peer.send(frame(HEADERS, END_STREAM, 3, block[:16000]) + frame(CONTINUATION, END_HEADERS, 3, block[16000:]))
    peer.until("431", lambda: peer.statuses.get(3) == 431)
    echoes(peer, 1)


@case()
def far_too_large_fields(peer):
    block = literals([*GET, *((f"x{number}", "y" * 10000) for number in range(5))])
    peer.send(frame(HEADERS, END_STREAM, 1, block[:16000]))
    for at in (16000, 32000, 48000):
        peer.send(frame(CONTINUATION, END_HEADERS if at == 48000 else 0, 1, block[at:at + 16000]))
    ends(peer)


@case()
def an_hpack_bomb(peer):
    """One large field in the table, and then thousands of references to it."""
    peer.send(headers(1, GET) + frame(HEADERS, END_STREAM | END_HEADERS, 3, literals(GET) + b"\x40\x01a\x7f\xa1\x1e" + b"x" * 4000))
    for stream in range(5, 2000, 2):
        if not peer.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, literals(GET) + b"\xbe" * 16000)):
            break
    ends(peer)


@case()
def a_reference_to_no_field(peer):
    peer.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff\x80\x80\x80\x80\x08"))
    ends(peer, COMPRESSION_ERROR, PROTOCOL_ERROR)


@case()
def an_integer_without_end(peer):
    peer.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff" * 16000))
    ends(peer, COMPRESSION_ERROR, PROTOCOL_ERROR)


@case()
def a_table_of_4_gib(peer):
    peer.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x3f\xe1\xff\xff\xff\x0f" + literals(GET)))
    ends(peer, COMPRESSION_ERROR, PROTOCOL_ERROR)
