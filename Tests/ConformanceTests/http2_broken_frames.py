"""The beginning of a connection, and frames that RFC 9113 forbids (5.4.1: the connection ends; 5.4.2: the stream does): see http2_case.py."""

import struct

from http2_case import case, echoes, ends, open_socket, still_serves
from http2_frames import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GET, GOAWAY, HEADERS, INITIAL_WINDOW,
    MAX_FRAME, NO_ERROR, PADDED, PING, PREFACE, PROTOCOL_ERROR, PUSH_PROMISE, SETTINGS, STREAM_CLOSED, WEBSOCKET, WITH_PRIORITY, frame,
    headers, literals, reset, setting, window)


@case(first=frame(SETTINGS, 0, 0) + headers(1, GET))
def no_preface(peer):
    ends(peer)


@case(first=PREFACE[:-2] + b"XX")
def a_wrong_preface(peer):
    ends(peer)


@case(first=PREFACE + headers(1, GET))
def no_settings_first(peer):
    ends(peer, PROTOCOL_ERROR)


@case()
def an_even_stream(peer):
    peer.send(headers(2, GET))
    ends(peer, PROTOCOL_ERROR)


@case()
def a_smaller_stream(peer):
    still_serves(peer, 5)
    peer.send(headers(3, GET))
    ends(peer, PROTOCOL_ERROR, STREAM_CLOSED)


@case()
def headers_on_stream_0(peer):
    peer.send(headers(0, GET))
    ends(peer, PROTOCOL_ERROR)


@case()
def data_on_stream_0(peer):
    peer.send(frame(DATA, 0, 0, b"x"))
    ends(peer, PROTOCOL_ERROR)


@case()
def data_on_an_idle_stream(peer):
    peer.send(frame(DATA, 0, 7, b"x"))
    ends(peer, PROTOCOL_ERROR, STREAM_CLOSED)


@case()
def window_of_an_idle_stream(peer):
    peer.send(window(7, 1))
    ends(peer, PROTOCOL_ERROR)


@case()
def reset_of_an_idle_stream(peer):
    peer.send(reset(7))
    ends(peer, PROTOCOL_ERROR)


@case()
def headers_on_a_closed_stream(peer):
    still_serves(peer, 1)
    peer.send(headers(1, GET))
    peer.until("an error", lambda: peer.ended or peer.resets.get(1) == STREAM_CLOSED)


@case()
def data_on_a_closed_stream(peer):
    still_serves(peer, 1)
    peer.send(frame(DATA, 0, 1, b"x"))
    peer.until("an error", lambda: peer.ended or peer.resets.get(1) == STREAM_CLOSED)


@case()
def data_after_its_own_reset(peer):
    open_socket(peer)
    peer.send(reset(1) + frame(DATA, 0, 1, b"x"))
    peer.until("an error", lambda: peer.ended or peer.resets.get(1) == STREAM_CLOSED)


@case()
def data_after_the_end_of_its_half(peer):
    peer.send(headers(1, WEBSOCKET, END_HEADERS) + frame(DATA, END_STREAM, 1) + frame(DATA, 0, 1, b"x"))
    peer.until("an error", lambda: peer.ended or peer.resets.get(1) == STREAM_CLOSED)


@case()
def headers_in_the_middle_of_a_websocket(peer):
    """Trailers must end the stream (8.1)."""
    open_socket(peer)
    peer.send(headers(1, [("x", "y")], END_HEADERS))
    peer.until("an error", lambda: peer.ended or 1 in peer.resets)


@case()
def push_promise(peer):
    peer.send(frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + literals(GET)))
    ends(peer, PROTOCOL_ERROR)


@case()
def too_large_a_frame(peer):
    peer.send(headers(1, WEBSOCKET, END_HEADERS) + frame(DATA, 0, 1, bytes(16385)))
    ends(peer, FRAME_SIZE_ERROR)


@case()
def a_frame_that_says_16_mib(peer):
    peer.send(b"\xff\xff\xff" + bytes([DATA, 0, 0, 0, 0, 1]))
    ends(peer, FRAME_SIZE_ERROR, PROTOCOL_ERROR)


@case()
def ping_of_7_bytes(peer):
    peer.send(frame(PING, 0, 0, bytes(7)))
    ends(peer, FRAME_SIZE_ERROR)


@case()
def ping_on_a_stream(peer):
    peer.send(frame(PING, 0, 1, bytes(8)))
    ends(peer, PROTOCOL_ERROR)


@case()
def settings_of_5_bytes(peer):
    peer.send(frame(SETTINGS, 0, 0, bytes(5)))
    ends(peer, FRAME_SIZE_ERROR)


@case()
def settings_acknowledgment_with_a_payload(peer):
    peer.send(frame(SETTINGS, ACK, 0, setting(3, 1)))
    ends(peer, FRAME_SIZE_ERROR)


@case()
def more_acknowledgments_than_settings(peer):
    for _ in range(50):
        peer.send(frame(SETTINGS, ACK, 0))
    peer.until("an error or an answer", lambda: peer.ended or peer.send(headers(1, GET)))


@case()
def settings_on_a_stream(peer):
    peer.send(frame(SETTINGS, 0, 1))
    ends(peer, PROTOCOL_ERROR)


@case()
def frame_sizes_that_are_not_allowed(peer):
    peer.send(frame(SETTINGS, 0, 0, setting(MAX_FRAME, 1)))
    ends(peer, PROTOCOL_ERROR)


@case()
def a_window_of_2_to_the_31(peer):
    peer.send(frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 2 ** 31)))
    ends(peer, FLOW_CONTROL_ERROR, PROTOCOL_ERROR)


@case()
def more_padding_than_frame(peer):
    peer.send(headers(1, WEBSOCKET, END_HEADERS) + frame(DATA, PADDED, 1, b"\x09abc"))
    ends(peer, PROTOCOL_ERROR)


@case()
def a_stream_that_depends_on_itself(peer):
    """RFC 7540 made it an error, RFC 9113 ignores it."""
    peer.send(frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1, struct.pack(">IB", 1, 1) + literals(GET)))
    peer.until("an error or an answer", lambda: peer.ended or 1 in peer.statuses or 1 in peer.resets)


@case()
def continuation_without_headers(peer):
    peer.send(frame(CONTINUATION, END_HEADERS, 1, literals(GET)))
    ends(peer, PROTOCOL_ERROR)


@case()
def a_frame_between_headers_and_continuation(peer):
    peer.send(frame(HEADERS, END_STREAM, 1, literals(GET)) + frame(PING, 0, 0, bytes(8)))
    ends(peer, PROTOCOL_ERROR)


@case()
def unknown_frames_are_ignored(peer):
    for _ in range(300):
        peer.send(frame(0x77, 0xff, 1, bytes(100)) + frame(0x10, 0, 0, b"\0\0\0\1u=1"))
    still_serves(peer)


@case(waits=True, seconds=6)
def requests_after_the_clients_goaway(peer):
    """The client may go on with its streams; whether it may open more is the node's decision."""
    open_socket(peer)
    peer.send(frame(GOAWAY, 0, 0, struct.pack(">II", 0, NO_ERROR)))
    echoes(peer, 1)
    peer.send(headers(3, GET))
    peer.until("an answer, a reset or the end", lambda: peer.ended or 3 in peer.statuses or 3 in peer.resets)
    peer.send(reset(1))
    ends(peer, seconds=5)
