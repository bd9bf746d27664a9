"""HTTP/2 frame by frame, without a library's opinion of what may be sent (RFC 9113 section 4): what hostile clients need."""

import socket
import struct
import threading
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, WITH_PRIORITY = 4, 8, 32
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, \
    COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(12)
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, HEADER_LIST, CONNECT_PROTOCOL = 1, 2, 3, 4, 5, 6, 8

GET = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/livez")]
POST = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/api/connections/broadcast"),
        ("content-type", "application/json")]
WEBSOCKET = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "localhost"), (":path", "/echo"),
             ("sec-websocket-version", "13")]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def literals(fields):
    """A block of fields that uses no table."""
    def text(value):
        value = value.encode() if isinstance(value, str) else value
        return integer(len(value)) + value

    def integer(number):
        if number < 127:
            return bytes([number])
        out, number = bytearray([127]), number - 127
        while number >= 128:
            out.append(number & 127 | 128)
            number >>= 7
        return bytes(out + bytes([number]))
    return b"".join(b"\x00" + text(name) + text(value) for name, value in fields)


def headers(stream, fields, flags=END_HEADERS | END_STREAM):
    return frame(HEADERS, flags, stream, literals(fields))


BEGINNING = PREFACE + frame(SETTINGS, 0, 0)


def setting(number, value):
    return struct.pack(">HI", number, value)


def window(stream, more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", more))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def text_message(text, is_last=True):
    """A text frame of at most 64 KiB, masked with zeros."""
    size = bytes([128 | len(text)]) if len(text) < 126 else bytes([254]) + struct.pack(">H", len(text))
    return bytes([129 if is_last else 1]) + size + bytes(4) + text


class RawPeer:
    """A connection without TLS. A thread reads it, unless `reads` is false, and notes what the node says."""

    def __init__(self, address, first=None, reads=True, acknowledges=True, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = time.monotonic()
        self.goaway, self.ended, self._acknowledges = None, None, acknowledges
        self.statuses, self.resets, self.data, self.finished, self.counts = {}, {}, {}, set(), {}
        self._decoder, self._writing = hpack.Decoder(), threading.Lock()
        first = BEGINNING if first is None else first
        self.send(first)
        if reads:
            threading.Thread(target=self._read, daemon=True).start()
            if acknowledges and len(first) >= len(BEGINNING):
                # The node accepts extended CONNECT once its settings are acknowledged.
                self.until("the node's settings", lambda: self.ended or self.counts.get(SETTINGS))

    # What the client does

    def send(self, data):
        """False once the node has closed the connection, or takes nothing for 20 s."""
        try:
            with self._writing:
                self.socket.sendall(data)
            return True
        except OSError:
            return False

    def flood(self, data, times):
        """Sends the same bytes again and again, until the node has had enough."""
        for _ in range(times):
            if self.ended or not self.send(data):
                return

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    # What the node says

    def _read(self):
        buffer = bytearray()
        try:
            while True:
                try:
                    more = self.socket.recv(65536)
                except TimeoutError:
                    continue
                if not more:
                    break
                buffer += more
                while len(buffer) >= 9 and len(buffer) >= 9 + (size := int.from_bytes(buffer[:3], "big")):
                    self._note(buffer[3], buffer[4], int.from_bytes(buffer[5:9], "big"), bytes(buffer[9:9 + size]))
                    del buffer[:9 + size]
        except OSError:
            pass
        self.ended = time.monotonic()

    def _note(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK and self._acknowledges:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK and self._acknowledges:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == HEADERS:
            fields = dict(self._decoder.decode(payload))
            # The end of a stream may have no fields.
            if ":status" in fields:
                self.statuses[stream] = int(fields[":status"])
        elif kind == DATA:
            self.data[stream] = self.data.get(stream, b"") + payload
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self.finished.add(stream)
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def until(self, what, test, seconds=5):
        deadline = time.monotonic() + seconds
        while not test():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {what}; {self}")
            time.sleep(0.005)

    def __str__(self):
        return (f"goaway {self.goaway}, ended {self.ended is not None}, statuses {dict(list(self.statuses.items())[:5])}, "
                f"resets {dict(list(self.resets.items())[:5])}, frames {self.counts}")
