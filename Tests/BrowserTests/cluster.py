"""A cluster of its own for one test: Redis, two nodes, HAProxy; all on free loopback ports, all ended with it."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile

from browser import Broken, until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    def __init__(self, volary):
        self._volary, self._processes = volary, {}
        self._work = tempfile.TemporaryDirectory(prefix="volary-console.", ignore_cleanup_errors=True)
        self.ports = {name: free_port() for name in ("redis", "node1", "node2", "balancer")}
        self.start("redis")
        for name in ("node1", "node2", "balancer"):
            self._launch(name)

    def settle(self):
        """Waits until all are ready, and each node knows the other."""
        for name in ("node1", "node2", "balancer"):
            self._await(name)
        # A node takes note of a new one with its next heartbeat; until then, receipts have no name for it.
        for name in ("node1", "node2"):
            until(f"{name} knows both nodes", lambda: b"volary_nodes_live 2\n" in self._get(name, "/metrics")[1])

    def start(self, name):
        self._launch(name)
        self._await(name)

    def _launch(self, name):
        port, work = self.ports[name], pathlib.Path(self._work.name)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("VOLARY_")}
        if name == "redis":
            command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no",
                       "--dir", str(work)]
        elif name == "balancer":
            servers = "".join(f"    server {node} 127.0.0.1:{self.ports[node]}\n" for node in ("node1", "node2"))
            (work / "haproxy.cfg").write_text((ROOT / "deploy/haproxy.cfg").read_text() + servers)
            environment["VOLARY_BALANCER"] = f"127.0.0.1:{port}"
            command = ["haproxy", "-db", "-f", str(work / "haproxy.cfg")]
        else:
            command = [self._volary, "serve", "--port", str(port), "--node-name", name, "--drain-timeout", "2s",
                       "--redis", f"redis://127.0.0.1:{self.ports['redis']}"]
        with open(work / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _await(self, name):
        if name == "redis":
            until("Redis answers", lambda: self._listens(name))
        else:
            until(f"{name} is ready", lambda: self._status(name) == 200, 60)

    def start_alone(self, name, *options):
        """A node that belongs to no cluster."""
        port = self.ports[name] = free_port()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("VOLARY_")}
        with open(pathlib.Path(self._work.name) / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", self._volary, "serve", "--port", str(port), "--node-name", name, *options],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(f"{name} is ready", lambda: self._status(name) == 200, 60)

    def token(self, key, *options):
        return subprocess.run([self._volary, "token", "--jwt-key", key, *options], check=True, capture_output=True,
                              text=True).stdout.strip()

    def file(self, name, text):
        path = pathlib.Path(self._work.name) / name
        path.write_text(text)
        return str(path)

    def kill(self, name):
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def close(self):
        for process in reversed(self._processes.values()):
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._work.cleanup()

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[name]}/"

    def connections(self):
        return json.loads(self._get("node2", "/api/connections")[1])["connections"]

    def _get(self, name, path):
        if self._processes[name].poll() is not None:
            raise Broken(f"{name} ended: {(pathlib.Path(self._work.name) / f'{name}.log').read_text()[-800:]}")
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=3)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _status(self, name):
        try:
            return self._get(name, "/readyz")[0]
        except OSError:
            return None

    def _listens(self, name):
        try:
            socket.create_connection(("127.0.0.1", self.ports[name]), 1).close()
            return True
        except OSError:
            return False
