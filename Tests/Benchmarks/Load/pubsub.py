"""Web PubSub: the server with clients of this protocol, and the measurements of the rows about it."""
import base64
import hashlib
import hmac
import json
import time

from servers import SECRET, Volary

KEY = base64.b64encode(SECRET.encode()).decode()
GROUP = "bench"


class VolaryPubSub(Volary):
    """Nodes whose clients are in the hub `bench` and speak Web PubSub's JSON protocol. Each client joins the group `bench`, as do the
    plain clients of `VolaryWithGroups`."""

    name = "volary, Web PubSub"
    protocol = "json.webpubsub.azure.v1"

    def begin(self):
        self.options += ["--access-key", KEY]
        super().begin()

    def client_url(self, port):
        audience = f"http://127.0.0.1:{port}/client/hubs/bench"
        signed = signed_token(audience, sub="client", role=["webpubsub.sendToGroup"], **{"webpubsub.group": [GROUP]})
        return f"ws://127.0.0.1:{port}/client/hubs/bench?access_token={signed}"

    @property
    def urls(self):
        urls = [part for port in self.ports for part in ("--url", self.client_url(port))]
        return urls + ["--protocol", self.protocol, "--wait-for", '"event":"connected"']

    @property
    def echo_urls(self):
        """A client that sends to a group of its own, and gets its message back and the acknowledgment."""
        port = self.ports[0]
        audience = f"http://127.0.0.1:{port}/client/hubs/bench"
        roles = ["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"]
        signed = signed_token(audience, sub="client", role=roles)
        return [
            "--url", f"ws://127.0.0.1:{port}/client/hubs/bench?access_token={signed}", "--protocol", self.protocol,
            "--hello", '{"type":"joinGroup","group":"own-%d","ackId":1}', "--wait-for", '"ackId":1,',
            "--template", '{"type":"sendToGroup","group":"own-%d","dataType":"text","data":"%p"}',
        ]

    def publishing(self, path=":send"):
        url = f"http://127.0.0.1:{self.ports[0]}/api/hubs/bench/{path}"
        return [
            "--pub", "http", "--pub-url", f"{url}?api-version=2024-12-01", "--pub-header", "Content-Type: text/plain",
            "--pub-header", f"Authorization: Bearer {signed_token(url)}", "--template", "%p",
        ]


class VolaryPubSubGroup(VolaryPubSub):
    """The same, published to the group."""

    def publishing(self, path=f"groups/{GROUP}/:send"):
        return super().publishing(path)


class VolaryPubSubReliable(VolaryPubSub):
    """The same with reliable clients, which acknowledge nothing: each gets fewer messages than the 1,000 that may be unacknowledged."""

    name = "volary, reliable"
    protocol = "json.reliable.webpubsub.azure.v1"


class VolaryPubSubReliableGroup(VolaryPubSubReliable, VolaryPubSubGroup):
    """The same, published to the group."""


def signed_token(audience, **claims):
    """A token for an address, valid for an hour, as Web PubSub's libraries make it."""
    def part(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    claims |= {"aud": audience, "exp": int(time.time()) + 3600}
    body = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + part(json.dumps(claims).encode())
    return (body + b"." + part(hmac.digest(KEY.encode(), body, hashlib.sha256))).decode()
