"""The compared servers: how each is started, and its addresses."""
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(os.path.dirname(HERE), "Peers")
NCHAN_MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so"
REDIS_PORT = 6390
SECRET = "everybody-may-know-this-secret-of-the-benchmarks"


class Absent(Exception):
    """A server for a comparison is not installed."""


class Server:
    """New processes in their own directory, pinned to one processor. They are stopped at the end of the block."""

    def __init__(self, machine):
        self.machine = machine
        #: The processes whose processor time is measured.
        self.pids = []
        self.running = []
        self.sockets = []

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="volary-bench-")
        self.log = open(os.path.join(self.directory, "log"), "wb")
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        # Work right after the start (timers, presence) is not measured.
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        for held in self.sockets:
            held.close()
        for process in reversed(self.running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.running):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, port, *command, counts_children=False):
        command = ["setpriv", "--pdeathsig", "TERM", "--", "taskset", "-c", str(self.machine.server_cpu), *command]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.directory
        )
        self.running.append(process)
        deadline = time.monotonic() + 30
        while not is_open(port) or (counts_children and not children(process.pid)):
            if process.poll() is not None or time.monotonic() > deadline:
                with open(self.log.name, errors="replace") as log:
                    raise RuntimeError(f"{' '.join(command[7:])} did not start: {log.read()[-1000:]}")
            time.sleep(0.05)
        self.pids += children(process.pid) if counts_children else [process.pid]

    def start_redis(self):
        self.start(
            REDIS_PORT, "redis-server", "--port", str(REDIS_PORT), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"
        )


class Volary(Server):
    """One node, or two with a Redis. Announcements are off, so that only the messages of the load generator are measured."""

    name = "volary"

    def __init__(self, machine, nodes=1, redis=False, options=()):
        super().__init__(machine)
        self.ports = [8101 + i for i in range(nodes)]
        self.redis = redis or nodes > 1
        self.options = list(options)

    @property
    def program(self):
        return self.machine.volary

    def begin(self):
        if self.redis:
            self.start_redis()
            self.options += ["--redis", f"redis://127.0.0.1:{REDIS_PORT}"]
        for port in self.ports:
            self.start(
                port, self.program, "--host", "127.0.0.1", "--port", str(port), "--threads", "1",
                "--announcements-per-second", "off", "--log-level", "warning", "--drain-timeout", "100ms", *self.options,
            )
        for port in self.ports:
            self.await_ready(port)

    def await_ready(self, port):
        await_ready(port)

    @property
    def urls(self):
        return [part for port in self.ports for part in ("--url", f"ws://127.0.0.1:{port}/ws")]

    @property
    def echo_urls(self):
        return ["--url", f"ws://127.0.0.1:{self.ports[0]}/echo"]

    def publishing(self, path="connections/broadcast"):
        return [
            "--pub", "http", "--pub-url", f"http://127.0.0.1:{self.ports[0]}/api/{path}?wait=none",
            "--pub-header", "Content-Type: application/json", "--template", '{"message":"%p"}',
        ]


class VolaryWithTLS(Volary):
    """One node with a certificate of its own making, and without pings."""

    def begin(self):
        key, certificate = (os.path.join(self.directory, name) for name in ("key.pem", "certificate.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", key, "-out", certificate,
             "-days", "2", "-nodes", "-subj", "/CN=localhost"],
            check=True, stdout=self.log, stderr=self.log,
        )
        self.options += ["--tls-certificate", certificate, "--tls-key", key, "--ping-interval", "1h"]
        self.context = ssl._create_unverified_context()
        super().begin()
        self.caller = http.client.HTTPSConnection("127.0.0.1", self.ports[0], context=self.context, timeout=10)
        self.sockets.append(self.caller)

    def await_ready(self, port):
        await_ready(port, self.context)

    def publish(self):
        body = json.dumps({"message": "x" * 64})
        self.caller.request("POST", "/api/connections/broadcast?wait=none", body, {"Content-Type": "application/json"})
        answer = self.caller.getresponse()
        if answer.status != 202:
            raise RuntimeError(f"a broadcast was answered with {answer.status}")
        answer.read()


class VolaryWithGroups(Volary):
    """One node whose subscribers are in the group `bench`. Further clients are in the other groups, 50 each."""

    def __init__(self, machine, groups):
        super().__init__(machine)
        self.groups = groups

    def begin(self):
        secret = os.path.join(self.directory, "secret")
        with open(secret, "w") as file:
            file.write(SECRET)
        self.options += ["--jwt-key", secret]
        super().begin()
        others = [f"other-{i}" for i in range(self.groups - 1)]
        for first in range(0, len(others), 50):
            self.sockets.append(upgraded(self.ports[0], token("holder", others[first:first + 50])))

    @property
    def urls(self):
        return super().urls + ["--header", f"Authorization: Bearer {token('subscriber', ['bench'])}"]

    def publishing(self):
        caller = token("caller", [], permissions=["send"])
        return super().publishing("groups/bench/send") + ["--pub-header", f"Authorization: Bearer {caller}"]


class VolaryWithStalledReader(Volary):
    """One node with a client that does not read, and for which more data waits than the kernel buffers."""

    def begin(self):
        self.options += ["--max-unsent", "64MiB"]
        super().begin()
        self.sockets.append(upgraded(self.ports[0]))
        body = json.dumps({"message": "x" * 1_000_000}).encode()
        for _ in range(12):
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.ports[0]}/api/connections/broadcast", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()


class Socketify(Server):
    """uWebSockets with a small Python program."""

    name = "socketify"

    def begin(self):
        if not self.machine.python_peers or subprocess.run(
            [self.machine.python_peers, "-c", "import socketify"], stdout=self.log, stderr=self.log
        ).returncode:
            raise Absent("socketify")
        self.start(8091, self.machine.python_peers, os.path.join(PEERS, "socketify_app.py"), "8091")

    urls = ["--url", "ws://127.0.0.1:8091/ws"]
    echo_urls = ["--url", "ws://127.0.0.1:8091/echo"]


class Nchan(Server):
    """One nginx worker, or two nginx with a Redis (`distributed`)."""

    name = "nchan"

    def __init__(self, machine, nodes=1, redis=False):
        super().__init__(machine)
        self.ports = [8111 + i for i in range(nodes)]
        self.redis = redis or nodes > 1

    def begin(self):
        if not shutil.which("nginx") or not os.path.exists(NCHAN_MODULE):
            raise Absent("nchan")
        if self.redis:
            self.start_redis()
        with open(os.path.join(PEERS, "nchan.conf")) as file:
            template = file.read()
        for port in self.ports:
            path = os.path.join(self.directory, f"nginx-{port}.conf")
            with open(path, "w") as file:
                redis = "nchan_redis_pass cluster;" if self.redis else ""
                file.write(template.replace("@PORT@", str(port)).replace("@REDIS@", redis))
            self.start(port, "nginx", "-p", self.directory, "-e", "start.log", "-c", path, counts_children=True)

    @property
    def urls(self):
        return [part for port in self.ports for part in ("--url", f"ws://127.0.0.1:{port}/sub")]

    def publishing(self):
        return ["--pub", "http", "--pub-url", f"http://127.0.0.1:{self.ports[0]}/pub"]


def is_open(port):
    with socket.socket() as one:
        one.settimeout(0.5)
        return one.connect_ex(("127.0.0.1", port)) == 0


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def await_ready(port, tls=None):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as plain:
            one = tls.wrap_socket(plain) if tls else plain
            one.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if one.recv(64).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.1)
    raise RuntimeError(f"the node on port {port} was not ready in time")


def upgraded(port, bearer=None):
    """Opens a WebSocket, which sends nothing."""
    authorization = f"Authorization: Bearer {bearer}\r\n" if bearer else ""
    one = socket.create_connection(("127.0.0.1", port), 10)
    one.sendall(
        f"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{authorization}\r\n".encode()
    )
    answer = one.recv(1024)
    if not answer.startswith(b"HTTP/1.1 101"):
        raise RuntimeError(f"no upgrade: {answer[:200]}")
    return one


def token(subject, groups, permissions=()):
    def part(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    claims = {"sub": subject, "exp": int(time.time()) + 3600, "groups": groups, "permissions": list(permissions)}
    body = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + part(json.dumps(claims).encode())
    return (body + b"." + part(hmac.digest(SECRET.encode(), body, hashlib.sha256))).decode()
