"""Clients that send or take nothing more: see http2_case.py."""

import time

from http2_case import case, echoes, ends, on_path, open_socket, still_serves
from http2_frames import (
    ACK, DATA, END_HEADERS, END_STREAM, GET, HEADERS, INITIAL_WINDOW, NO_ERROR, PING, POST, PREFACE, SETTINGS, WEBSOCKET, frame, headers,
    literals, reset, setting, text_message, window)


CLOSED_WINDOW = PREFACE + frame(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 0))
DOCUMENT = [*GET[:3], (":path", "/openapi.json")]


@case(waits=True, first=b"")
def nothing_at_all(peer):
    ends(peer)


@case(waits=True, first=PREFACE[:10])
def half_a_preface(peer):
    ends(peer)


@case(waits=True, first=PREFACE, acknowledges=False)
def a_preface_and_nothing(peer):
    ends(peer)


@case(waits=True)
def settings_and_nothing(peer):
    ends(peer)


@case(waits=True)
def settings_and_pings(peer):
    """Only a request is a sign of a client that wants something."""
    while not peer.ended and time.monotonic() < peer.began + 2.5:
        peer.send(frame(PING, 0, 0, bytes(8)))
        time.sleep(0.1)
    ends(peer, seconds=0.1)


@case(waits=True, seconds=6, acknowledges=False)
def settings_never_acknowledged(peer):
    still_serves(peer, 1)
    ends(peer, NO_ERROR, seconds=6)


@case(waits=True, seconds=7)
def no_streams_for_the_idle_time(peer):
    still_serves(peer, 1)
    ends(peer, NO_ERROR, seconds=6)


@case(waits=True, seconds=7)
def pings_keep_no_connection_without_streams(peer):
    still_serves(peer, 1)
    deadline = time.monotonic() + 6
    while not peer.ended and time.monotonic() < deadline:
        peer.send(frame(PING, 0, 0, bytes(8)))
        time.sleep(0.25)
    assert peer.ended, "open after 6 s of pings"


@case(waits=True, seconds=10)
def bodies_that_never_end(peer):
    """--body-timeout: 408 for each."""
    for stream in range(1, 257, 2):
        peer.send(headers(stream, [*POST, ("content-length", "100000")], END_HEADERS) + frame(DATA, 0, stream, b"x" * 100))
    peer.until("408 for 128", lambda: list(peer.statuses.values()).count(408) == 128, 8)


@case(waits=True, seconds=12, first=CLOSED_WINDOW)
def answers_that_nobody_takes(peer):
    """--max-unsent-age: the streams go; then the connection is idle, and goes too."""
    for stream in range(1, 201, 2):
        peer.send(headers(stream, DOCUMENT))
    ends(peer, seconds=11)


@case(waits=True, seconds=12, first=CLOSED_WINDOW)
def small_answers_that_nobody_takes(peer):
    for stream in range(1, 201, 2):
        peer.send(headers(stream, GET))
    ends(peer, seconds=11)


@case(waits=True, seconds=12, first=CLOSED_WINDOW)
def refusals_that_nobody_takes(peer):
    """The answer to a handshake that is refused."""
    for stream in range(1, 201, 2):
        peer.send(headers(stream, on_path("/nothing"), END_HEADERS))
    ends(peer, seconds=11)


@case(waits=True, seconds=12, first=CLOSED_WINDOW)
def a_websocket_that_takes_nothing(peer):
    """More than 64 KiB of echoes wait; below it --max-unsent-age does not count, only --ping-interval."""
    open_socket(peer)
    for _ in range(130):
        if not peer.send(frame(DATA, 0, 1, text_message(b"x" * 1000))):
            break
    ends(peer, seconds=11)


@case(seconds=10, first=CLOSED_WINDOW)
def an_answer_byte_by_byte(peer):
    peer.send(headers(1, GET))
    peer.until("the head", lambda: 1 in peer.statuses)
    for number in range(500):
        if 1 in peer.finished or peer.ended:
            break
        peer.send(window(1, 1))
        peer.until("a byte", lambda: len(peer.data.get(1, b"")) > number or 1 in peer.finished)
    assert 1 in peer.finished and peer.data[1], "not the whole answer"


@case(seconds=12, waits=True, reads=False, receive_buffer=4096)
def answers_on_a_socket_that_is_not_read(peer):
    peer.socket.recv(65536)
    peer.send(frame(SETTINGS, ACK, 0) + window(0, 2 ** 30)
              + b"".join(headers(stream, DOCUMENT) + window(stream, 2 ** 20) for stream in range(1, 257, 2)))
    deadline = time.monotonic() + 10
    while peer.send(window(0, 1)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert time.monotonic() < deadline, "open after 10 s"


@case(seconds=12, waits=True, reads=False, receive_buffer=4096)
def echoes_on_a_socket_that_is_not_read(peer):
    """20 WebSockets, each with 60 messages of 1,000 bytes that never leave."""
    peer.socket.recv(65536)
    peer.send(frame(SETTINGS, ACK, 0) + window(0, 2 ** 30)
              + b"".join(headers(stream, WEBSOCKET, END_HEADERS) + window(stream, 2 ** 20) for stream in range(1, 41, 2)))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not peer.send(b"".join(frame(DATA, 0, stream, text_message(b"x" * 1000)) for stream in range(1, 41, 2))):
            return
        time.sleep(0.05)
    raise AssertionError("open after 10 s")


@case(seconds=12, reads=False, receive_buffer=4096)
def pings_on_a_socket_that_is_not_read(peer):
    peer.flood(frame(PING, 0, 0, bytes(8)) * 100, 1000)


@case(waits=True, seconds=6)
def a_websocket_stream_outlives_the_idle_time(peer):
    open_socket(peer)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        echoes(peer, 1)
        time.sleep(0.2)
    assert not peer.ended
    peer.send(reset(1))
    still_serves(peer)


@case(waits=True)
def headers_that_never_end(peer):
    """--handshake-timeout."""
    peer.send(frame(HEADERS, END_STREAM, 1, literals(GET)))
    ends(peer)


@case(waits=True, seconds=7)
def half_a_frame(peer):
    still_serves(peer, 1)
    peer.send(headers(3, GET)[:20])
    ends(peer, seconds=6)
