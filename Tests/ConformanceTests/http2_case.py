"""The table of hostile cases of HTTP/2, and what they have in common.

Numbers of sections in the cases are of RFC 9113, unless another one is named. A case gets a connection, and fails with an AssertionError.
"""

import dataclasses
from collections.abc import Callable

from http2_frames import DATA, END_HEADERS, GET, WEBSOCKET, frame, headers, text_message

CASES = []


@dataclasses.dataclass
class Case:
    name: str
    attack: Callable
    seconds: float  # within which it must be over
    waits: bool  # whether it only waits for timeouts, so that it can run beside others
    connection: dict  # the arguments of RawPeer


def case(seconds=3, waits=False, **connection):
    def add(attack):
        CASES.append(Case(attack.__name__.replace("_", " "), attack, seconds, waits, connection))
        return attack
    return add


def ends(peer, *codes, seconds=3):
    """The node ends the connection; if it says why, then with one of these codes."""
    peer.until("the connection ends", lambda: peer.ended, seconds)
    assert peer.goaway in (None, *codes) or not codes, f"goaway {peer.goaway}, not {codes}"


def still_serves(peer, stream=2001):
    peer.send(headers(stream, GET))
    peer.until("a request after it", lambda: peer.statuses.get(stream) == 200)


def echoes(peer, stream, text=b"still here"):
    have = len(peer.data.get(stream, b""))
    peer.send(frame(DATA, 0, stream, text_message(text)))
    # A ping may come behind it.
    peer.until("an echo", lambda: text in peer.data.get(stream, b"")[have:])


def open_socket(peer, stream=1, path="/echo"):
    peer.send(headers(stream, [(name, path if name == ":path" else value) for name, value in WEBSOCKET], END_HEADERS))
    peer.until("a WebSocket", lambda: peer.statuses.get(stream) == 200)


def echoes_or_ends(peer):
    try:
        echoes(peer, 1)
    except AssertionError:
        if not peer.ended:
            raise


def on_path(path, fields=WEBSOCKET):
    return [(name, path if name == ":path" else value) for name, value in fields]
