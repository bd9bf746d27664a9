"""SignalR: the reference hub with clients of this protocol, and the connects of its row."""
import base64
import json
import os
import socket

from servers import Absent, Volary
from streams import cpu_seconds

RECORD_END = b"\x1e"
ACCEPTED = b"{}" + RECORD_END
GROUP = "bench"
#: Connections that are opened beside each other.
WINDOW = 64


def escaped(record):
    """A record as wsload takes it."""
    return "".join(f"\\x{byte:02x}" for byte in record)


def json_record(**fields):
    return json.dumps(fields).encode() + RECORD_END


def text(value):
    """A text of at most 31 bytes in MessagePack."""
    return bytes([0xA0 | len(value)]) + value.encode()


def message_pack_record(*parts):
    """An array of at most 15 encoded values, with its length."""
    body = bytes([0x90 | len(parts)]) + b"".join(parts)
    return bytes([len(body)]) + body


class VolarySignalR(Volary):
    """A node with the reference hub, whose clients speak SignalR in JSON, without negotiation."""

    name = "volary, SignalR"
    encoding = "json"
    options_of_frames = ()
    join = json_record(type=1, invocationId="j", target="JoinGroup", arguments=[GROUP])
    joins = False

    def begin(self):
        if not self.machine.reference:
            raise Absent("the reference hub")
        super().begin()

    @property
    def program(self):
        return self.machine.reference

    def client(self):
        hello = json_record(protocol=self.encoding, version=1)
        return [
            "--url", f"ws://127.0.0.1:{self.ports[0]}/hubs/reference", *self.options_of_frames, "--hello", escaped(hello),
            "--wait-for", escaped(ACCEPTED),
        ]

    @property
    def urls(self):
        return self.client() + (["--hello", escaped(self.join), "--wait-for", "j"] if self.joins else [])

    @property
    def echo_urls(self):
        call = '{"type":1,"invocationId":"1","target":"Echo","arguments":["%p"]}' + escaped(RECORD_END)
        return self.client() + ["--template", call]

    def publishing(self, path=None):
        path = path or (f"groups/{GROUP}/send" if self.joins else "connections/broadcast")
        given = super().publishing(path)
        at = given.index("--pub-url") + 1
        return [*given[:at], given[at] + "&hub=reference", *given[at + 1:]]


class VolarySignalRGroup(VolarySignalR):
    """The same in a group, to which is published."""

    joins = True


class VolarySignalRPacked(VolarySignalR):
    """The same in MessagePack."""

    name = "volary, SignalR (MessagePack)"
    encoding = "messagepack"
    options_of_frames = ("--binary",)
    join = message_pack_record(b"\x01", b"\x80", text("j"), text("JoinGroup"), b"\x91" + text(GROUP))


class VolarySignalRPackedGroup(VolarySignalRPacked):
    """The same in a group, to which is published."""

    joins = True


class VolaryReference(VolarySignalR):
    """The same program with plain clients."""

    name = "volary, plain"

    @property
    def urls(self):
        return super(VolarySignalR, self).urls

    @property
    def echo_urls(self):
        return super(VolarySignalR, self).echo_urls

    def publishing(self, path="connections/broadcast"):
        return super(VolarySignalR, self).publishing(path)


def connects(negotiates):
    """A function of a server and the number of connects: the processor time in us of each, from the negotiation, if there is one, to the
    end of the connection."""
    def measure(server, count):
        before = cpu_seconds(server.pids[0])
        for first in range(0, count, WINDOW):
            clients = [Client(server.ports[0], negotiates) for _ in range(min(WINDOW, count - first))]
            for step in Client.steps:
                for client in clients:
                    step(client)
        return (cpu_seconds(server.pids[0]) - before) / count * 1e6

    return measure


class Client:
    """One connect, in steps, each of which sends at once what the server answers."""

    def __init__(self, port, negotiates):
        self.port, self.negotiates = port, negotiates
        self.path = "/hubs/reference" if negotiates else "/ws"
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.kept = b""

    def negotiate(self):
        if self.negotiates:
            self.send(f"POST {self.path}/negotiate?negotiateVersion=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")

    def upgrade(self):
        if self.negotiates:
            answer = self.receive(b'"negotiateVersion":1}')
            self.path += "?id=" + json.loads(answer[answer.index(b"{"):])["connectionToken"]
        self.send(
            f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n"
        )

    def shake_hands(self):
        self.receive(b"\r\n\r\n")
        if self.negotiates:
            hello = json_record(protocol="json", version=1)
            self.socket.sendall(bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello)

    def end(self):
        if self.negotiates:
            self.receive(ACCEPTED)
        # A close frame with the code 1000.
        self.socket.sendall(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))

    def await_end(self):
        while self.socket.recv(4096):
            pass
        self.socket.close()

    steps = (negotiate, upgrade, shake_hands, end, await_end)

    def send(self, head):
        self.socket.sendall(head.encode())

    def receive(self, end):
        """What comes up to these bytes. More that has come is kept."""
        received = self.kept
        while end not in received:
            part = self.socket.recv(65536)
            if not part:
                raise RuntimeError(f"the node ended the connection after {received[-200:]}")
            received += part
        at = received.index(end) + len(end)
        self.kept = received[at:]
        return received[:at]
