"""A load generator for WebSockets over TLS: each on a connection of its own (HTTP/1.1), or many on one connection as streams of HTTP/2
(RFC 8441). The same client for both, so that the costs of the server can be compared.

It reads the few frames of HTTP/2 that it needs by itself, and never decodes header fields. Flow control never stops the server: the
client's windows are 2 GiB.
"""
import os
import selectors
import socket
import ssl
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_HEADERS, ACK = 4, 1
LARGEST_WINDOW = 2**31 - 1
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
DEADLINE = 60


def literal(name, value):
    """A header field without indexing (RFC 7541 section 6.2.2)."""
    return b"".join([b"\0", bytes([len(name)]), name.encode(), bytes([len(value)]), value.encode()])


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload) << 8 | kind) + struct.pack(">BI", flags, stream) + payload


def masked_text(size):
    """A text frame with the mask 0."""
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + struct.pack(">H", size)
    return head + bytes(4) + b"x" * size


class Connection:
    """A TLS connection with one WebSocket (HTTP/1.1), or `streams` of them (HTTP/2)."""

    def __init__(self, port, path, streams):
        context = ssl._create_unverified_context()
        context.set_alpn_protocols(["h2" if streams else "http/1.1"])
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port)))
        self.socket.settimeout(DEADLINE)
        self.streams = list(range(1, 2 * streams, 2))
        #: Bytes of WebSocket frames so far.
        self.received = 0
        self.rest = b""
        self.accepted = 0
        self.has_settings = False
        if streams:
            if self.socket.selected_alpn_protocol() != "h2":
                raise RuntimeError("the server does not offer HTTP/2")
            self.open_streams(path)
        else:
            self.upgrade(path)
        self.socket.setblocking(False)

    def upgrade(self, path):
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.socket.recv(1)
        if b" 101 " not in answer:
            raise RuntimeError(answer)

    def open_streams(self, path):
        settings = struct.pack(">HI", 4, LARGEST_WINDOW)
        window = struct.pack(">I", LARGEST_WINDOW - 65_535)
        fields = [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "localhost"), (":path", path),
            ("sec-websocket-version", "13"),
        ]
        block = b"".join(literal(*field) for field in fields)
        start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, window)
        self.socket.sendall(start)
        # Extended CONNECT may be used once the server's settings are acknowledged.
        while not self.has_settings:
            self.take(self.socket.recv(65_536))
        for stream in self.streams:
            self.socket.sendall(frame(HEADERS, END_HEADERS, stream, block))
        while self.accepted < len(self.streams):
            self.take(self.socket.recv(65_536))

    def take(self, data):
        if not data:
            raise RuntimeError("the server closed the connection")
        if not self.streams:
            self.received += len(data)
            return
        data = self.rest + data
        at, end = 0, len(data)
        while end - at >= 9:
            length, kind = int.from_bytes(data[at:at + 3], "big"), data[at + 3]
            if end - at < 9 + length:
                break
            if kind == DATA:
                self.received += length
            elif kind == HEADERS:
                # The first field is `:status: 200`, number 8 of the static table.
                if data[at + 9] != 0x88:
                    raise RuntimeError("the server refused a WebSocket")
                self.accepted += 1
            elif kind in (SETTINGS, PING) and not data[at + 4] & ACK:
                self.write(frame(kind, ACK, 0, data[at + 9:at + 9 + length] if kind == PING else b""))
                self.has_settings = self.has_settings or kind == SETTINGS
            elif kind == RST_STREAM:
                raise RuntimeError("the server resets a stream")
            elif kind == GOAWAY:
                raise RuntimeError("the server ends the connection")
            at += 9 + length
        self.rest = data[at:]

    def write(self, data):
        """Little data, for which a socket buffer always has room."""
        if self.socket.send(data) != len(data):
            raise RuntimeError("the socket is full")

    def send_texts(self, text):
        """One text on each WebSocket."""
        self.write(b"".join(frame(DATA, 0, stream, text) for stream in self.streams) if self.streams else text)


class Crowd:
    """All connections of the load generator."""

    def __init__(self, port, path, connections, streams):
        self.connections = [Connection(port, path, streams) for _ in range(connections)]
        self.size = connections * max(1, streams)
        self.selector = selectors.DefaultSelector()
        for connection in self.connections:
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)

    @property
    def received(self):
        return sum(connection.received for connection in self.connections)

    def await_bytes(self, total):
        """Reads until `total` bytes of WebSocket frames have arrived since the start."""
        missing = total - self.received
        deadline = time.monotonic() + DEADLINE
        while missing > 0:
            for key, _ in self.selector.select(1):
                before = key.data.received
                try:
                    while True:
                        key.data.take(key.data.socket.recv(65_536))
                except (ssl.SSLWantReadError, BlockingIOError):
                    pass
                missing -= key.data.received - before
            if time.monotonic() > deadline:
                raise RuntimeError(f"{missing} bytes did not arrive")

    def close(self):
        for connection in self.connections:
            connection.socket.close()


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    return int(open(f"/proc/{pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fan_out(port, pid, publish, connections, streams, messages, warm_up=20):
    """:return: the server's processor time per delivery, in microseconds. One message is in flight."""
    crowd = Crowd(port, "/ws", connections, streams)
    publish()
    crowd.await_bytes(crowd.size)
    time.sleep(0.3)
    crowd.await_bytes(crowd.received)
    length = crowd.received // crowd.size
    for _ in range(warm_up):
        total = crowd.received + length * crowd.size
        publish()
        crowd.await_bytes(total)
    start = cpu_seconds(pid)
    for _ in range(messages):
        total = crowd.received + length * crowd.size
        publish()
        crowd.await_bytes(total)
    used = cpu_seconds(pid) - start
    crowd.close()
    return used * 1e6 / (messages * crowd.size)


def echo(port, pid, connections, streams, rounds, size=64):
    """Every WebSocket sends a text and waits for the echo. :return: the server's processor time per echo, in microseconds."""
    crowd = Crowd(port, "/echo", connections, streams)
    text = masked_text(size)
    reply = len(text) - 4

    def trip():
        total = crowd.received + reply * crowd.size
        for connection in crowd.connections:
            connection.send_texts(text)
        crowd.await_bytes(total)

    for _ in range(max(5, rounds // 10)):
        trip()
    start = cpu_seconds(pid)
    for _ in range(rounds):
        trip()
    used = cpu_seconds(pid) - start
    crowd.close()
    return used * 1e6 / (rounds * crowd.size)


def memory(port, pid, connections, streams):
    """:return: the growth of the server's memory per idle WebSocket, in bytes."""
    # The first connections make the server allocate what all of them share.
    warm_up = Crowd(port, "/ws", 2, min(streams, 10))
    before = resident_bytes(pid)
    crowd = Crowd(port, "/ws", connections, streams)
    time.sleep(1)
    grown = resident_bytes(pid) - before
    crowd.close()
    warm_up.close()
    return grown / crowd.size
