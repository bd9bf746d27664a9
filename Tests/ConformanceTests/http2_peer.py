"""A client of HTTP/2 by hand: h2 for the frames of HTTP/2, wsproto for those of WebSockets (RFC 8441)."""

import socket
import ssl
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.extensions import PerMessageDeflate

PATIENCE = 10


class Gone(Exception):
    """The node closed the connection."""


def check(what, is_true):
    if not is_true:
        raise AssertionError(what)


def equal(what, value, expected):
    check(f"{what}: {value!r}, not {expected!r}", value == expected)


class Peer:
    """One connection. Events of each stream are kept until somebody asks for them."""

    def __init__(self, port, certificate=None):
        self.scheme = "https" if certificate else "http"
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if certificate:
            context = ssl.create_default_context(cafile=certificate)
            context.set_alpn_protocols(["h2", "http/1.1"])
            self._socket = context.wrap_socket(self._socket, server_hostname="localhost")
            assert self._socket.selected_alpn_protocol() == "h2", f"ALPN chose {self._socket.selected_alpn_protocol()}"
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False))
        self.http2.initiate_connection()
        # A stream that is not read must not use up the window of the others.
        self.http2.increment_flow_control_window(16 << 20)
        self._events = []
        self.flush()
        self.wait("the node's settings", lambda event: isinstance(event, h2.events.RemoteSettingsChanged))

    def close(self):
        self._socket.close()

    def flush(self):
        self._socket.sendall(self.http2.data_to_send())

    def wait(self, what, test, seconds=PATIENCE):
        """Takes the first event of which `test` is true."""
        deadline = time.monotonic() + seconds
        while True:
            for event in self._events:
                if test(event):
                    self._events.remove(event)
                    return event
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"not within {seconds} s: {what}; instead: {self._events}") from None
            if not data:
                raise Gone(f"instead of {what}")
            self._events += self.http2.receive_data(data)
            self.flush()

    def of_stream(self, stream, *kinds, seconds=PATIENCE):
        return self.wait(f"{[kind.__name__ for kind in kinds]} of stream {stream}",
                         lambda event: isinstance(event, kinds) and event.stream_id == stream, seconds)

    # Requests

    def begin(self, fields, ends=False):
        stream = self.http2.get_next_available_stream_id()
        self.http2.send_headers(stream, fields, end_stream=ends)
        self.flush()
        return stream

    def request(self, method, path, body=None, fields=()):
        """The status, the fields and the body of the answer."""
        stream = self.begin([(":method", method), (":scheme", self.scheme), (":authority", "localhost"), (":path", path), *fields],
                            ends=body is None)
        if body is not None:
            self._send_body(stream, body)
        return self.answer(stream)

    def _send_body(self, stream, body):
        """Stops when the answer comes before the end, as with 413."""
        while body is not None:
            try:
                room = min(self.http2.local_flow_control_window(stream), self.http2.max_outbound_frame_size)
                part, rest = body[:room], body[room:] or None
                if part:
                    self.http2.send_data(stream, part, end_stream=rest is None)
                    self.flush()
                    body = rest
                    continue
            except h2.exceptions.StreamClosedError:
                return
            event = self.of_stream(stream, h2.events.WindowUpdated, h2.events.ResponseReceived)
            if isinstance(event, h2.events.ResponseReceived):
                return self._events.insert(0, event)

    def answer(self, stream):
        fields = dict(self.of_stream(stream, h2.events.ResponseReceived).headers)
        body = b""
        while data := self.data(stream):
            body += data
        return int(fields[":status"]), fields, body

    def data(self, stream, seconds=PATIENCE):
        """The next bytes; None at the end of the node's half. A reset is an AssertionError."""
        event = self.of_stream(stream, h2.events.DataReceived, h2.events.StreamEnded, h2.events.StreamReset, seconds=seconds)
        if isinstance(event, h2.events.StreamEnded):
            return None
        assert not isinstance(event, h2.events.StreamReset), f"stream {stream} was reset: {event.error_code!r}"
        self.http2.acknowledge_received_data(event.flow_controlled_length, stream)
        self.flush()
        return event.data or self.data(stream, seconds)

    # WebSockets

    def handshake(self, path="/echo", fields=(), protocol="websocket", version="13", ends=False, host="localhost"):
        """The stream, and the status and the fields of the answer to an extended CONNECT."""
        stream = self.begin([(":method", "CONNECT"), (":protocol", protocol), (":scheme", self.scheme), (":authority", host),
                             (":path", path), *([("sec-websocket-version", version)] if version else []), *fields], ends)
        answer = dict(self.of_stream(stream, h2.events.ResponseReceived).headers)
        return stream, int(answer[":status"]), answer


class WebSocket:
    """A WebSocket on a stream of a peer."""

    def __init__(self, peer, path="/echo", fields=(), deflate=False, **options):
        offer = PerMessageDeflate()
        if deflate:
            fields = [*fields, ("sec-websocket-extensions", f"permessage-deflate; {offer.offer()}")]
        self.peer = peer
        self.stream, status, self.fields = peer.handshake(path, fields, **options)
        assert status == 200, f"the handshake was answered with {status}: {self.fields}"
        agreed = self.fields.get("sec-websocket-extensions")
        if agreed:
            offer.finalize(agreed)
        self.is_compressed = bool(agreed)
        self.frames = Connection(ConnectionType.CLIENT, extensions=[offer] if agreed else [])
        self._events = self.frames.events()

    def send(self, event, ends=False, cut=None):
        """Sends a WebSocket event, in DATA frames of `cut` bytes."""
        self.send_bytes(self.frames.send(event), ends, cut)

    def send_bytes(self, data, ends=False, cut=None):
        http2, stream = self.peer.http2, self.stream
        while data:
            room = min(http2.local_flow_control_window(stream), cut or http2.max_outbound_frame_size)
            if not room:
                self.peer.of_stream(stream, h2.events.WindowUpdated)
                continue
            part, data = data[:room], data[room:]
            http2.send_data(stream, part, end_stream=ends and not data)
            self.peer.flush()

    def event(self):
        """The next WebSocket event; None at the end of the node's half."""
        while True:
            for event in self._events:
                return event
            if self.frames.state in (ConnectionState.CLOSED,):
                return self.peer.data(self.stream)
            data = self.peer.data(self.stream)
            if data is None:
                return None
            self.frames.receive_data(data)
            self._events = self.frames.events()

    def message(self):
        """The next whole message."""
        parts = []
        while True:
            event = self.event()
            assert hasattr(event, "message_finished"), f"instead of a message: {event}"
            parts.append(event.data)
            if event.message_finished:
                return (b"" if isinstance(event.data, (bytes, bytearray)) else "").join(parts)
