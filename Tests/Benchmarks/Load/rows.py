"""The rows of the table: what is measured on which server, and the goals. Run as a program, it lists their names."""
import dataclasses
from typing import Callable

import streams
from pubsub import VolaryPubSub, VolaryPubSubGroup, VolaryPubSubReliable, VolaryPubSubReliableGroup
from servers import Nchan, Socketify, Volary, VolaryWithGroups, VolaryWithStalledReader, VolaryWithTLS
from signalr import VolaryReference, VolarySignalR, VolarySignalRGroup, VolarySignalRPacked, VolarySignalRPackedGroup, connects


@dataclasses.dataclass
class Side:
    """One server of a row. `run(machine, scale)` returns its result; `scale` is the share of the work to do, 1 for all."""

    name: str
    run: Callable


@dataclasses.dataclass
class Row:
    name: str
    what: str
    unit: str
    ours: Side
    peer: Side | None
    at_least: float
    aim: float
    #: Whether higher values are better: the ratio must then be above the goal, not below.
    more_is_better: bool = False
    digits: int = 2


def loaded(server, mode, *options, figure="server_cpu_us_per_delivery", messages=None, http=False, **settings):
    """A server under the load of wsload.

    :param figure: the name of a member of wsload's report, or a function of the report.
    :param messages: the number of messages at scale 1.
    :param http: whether the messages are published over HTTP.
    """
    def run(machine, scale):
        with server(machine, **settings) as running:
            arguments = [mode, *options, *(running.echo_urls if mode == "echo" else running.urls)]
            if messages:
                arguments += ["--messages", str(max(20, int(messages * scale)))]
            if http:
                arguments += running.publishing()
            report = machine.wsload(arguments, running.pids)
        return report[figure] if isinstance(figure, str) else figure(report)

    return Side(server.name, run)


def fan_out(connections, size, inflight):
    messages = {1: 300, 8: 600, 64: 1000}[inflight] * 1000 // connections
    options = ["-c", str(connections), "--size", str(size), "--inflight", str(inflight), "--warmup", str(max(5, inflight))]
    return {"options": options, "messages": messages}


def against_socketify(connections, size, inflight, at_least, aim):
    work = fan_out(connections, size, inflight)
    return Row(
        f"fan-out-{connections}-{size}-k{inflight}",
        f"fan-out to {connections:,}, {size} B, K={inflight}: CPU per delivery / socketify's", "us",
        loaded(Volary, "fanout", *work["options"], messages=work["messages"]),
        loaded(Socketify, "fanout", *work["options"], messages=work["messages"]),
        at_least, aim,
    )


def cluster(inflight, at_least, aim):
    work = fan_out(1000, 64, inflight)
    return Row(
        f"cluster-k{inflight}",
        f"two nodes over Redis, 500 subscribers each, REST to one, K={inflight}: CPU per delivery / nchan's", "us",
        loaded(Volary, "fanout", *work["options"], messages=work["messages"], http=True, nodes=2),
        loaded(Nchan, "fanout", *work["options"], messages=work["messages"], http=True, nodes=2),
        at_least, aim,
    )


def above_floor(connections):
    work = fan_out(connections, 64, 1)

    def floor(machine, scale):
        rounds = max(20, int(work["messages"] * scale))
        return machine.sendloop(connections, rounds)

    return Row(
        f"floor-{connections}", f"fan-out to {connections:,}, 64 B, K=1: CPU per delivery / a bare send's", "us",
        loaded(Volary, "fanout", *work["options"], messages=work["messages"]), Side("send()", floor), 0, 0,
    )


def storm(name, what, at_least, aim, **settings):
    options = ["-c", "8000", "--connect-window", "64"]
    return Row(
        name, what, "us",
        loaded(Volary, "storm", *options, **settings), loaded(Nchan, "storm", *options, **settings), at_least, aim, digits=0,
    )


def p99(report):
    return report["latency_us"]["p99"]


def stalled_row():
    sides = [
        loaded(server, "fanout", *STEADY, messages=400, figure=p99) for server in (VolaryWithStalledReader, Volary)
    ]
    sides[0].name, sides[1].name = "with it", "without"
    return Row(
        "stalled", "broadcast to 1,000 at 50 a second, and to one that does not read: p99 latency / without that one", "us",
        *sides, 1.2, 1, digits=0,
    )


def per_cpu_second(report):
    return report["messages"] / report["server_cpu_s"]


def node_growth(report):
    """Redis is the first process, the node the last one."""
    node = report["processes"][-1]
    return (node["rss_end_kb"] - node["rss_before_kb"]) * 1024 / report["connections"]


def groups_row():
    work = fan_out(1000, 64, 1)
    sides = [
        loaded(VolaryWithGroups, "fanout", *work["options"], messages=work["messages"], http=True, groups=groups)
        for groups in (10_000, 1)
    ]
    sides[0].name, sides[1].name = "10,000 groups", "1 group"
    return Row(
        "groups", "to a group of 1,000, K=1, 10,000 groups on the node: CPU per delivery / with 1 group", "us", *sides, 1.2, 1
    )


def protocol_fan_out(name, what, server, plain, at_least, aim, **settings):
    """Published over HTTP to 1,000 clients of another protocol, against as many plain clients."""
    work = fan_out(1000, 64, 1)
    sides = [
        loaded(server, "fanout", *work["options"], messages=work["messages"], http=True),
        loaded(plain, "fanout", *work["options"], messages=work["messages"], http=True, **settings),
    ]
    sides[1].name = "plain"
    return Row(name, what, "us", *sides, at_least, aim)


def reliable(name, what, unit, mode, *options, plain=VolaryPubSub, at_least=0, aim=0, digits=2, **settings):
    """Reliable clients against others with the same load, with Redis."""
    return Row(
        name, what, unit,
        loaded(VolaryPubSubReliable, mode, *options, redis=True, **settings), loaded(plain, mode, *options, redis=True, **settings),
        at_least, aim, digits=digits,
    )


def signalr_connects():
    def side(server, negotiates):
        def run(machine, scale):
            with server(machine) as running, machine.as_client():
                return connects(negotiates)(running, int(4000 * scale))

        return Side(server.name, run)

    return Row(
        "signalr-connect", "CPU per connect of a SignalR client, from its negotiation to its end / of a plain client", "us",
        side(VolarySignalR, True), side(VolaryReference, False), 2, 1.5, digits=0,
    )


def over_tls(name, what, unit, measure, sockets, per_connection, at_least, aim, digits=2):
    """WebSockets as streams of few HTTP/2 connections, against as many TLS connections of HTTP/1.1.

    :param measure: gets the server, the number of connections, that of streams on each (0: HTTP/1.1) and the scale.
    """
    def side(name, connections, streams_each):
        def run(machine, scale):
            with VolaryWithTLS(machine) as running, machine.as_client():
                return measure(running, connections, streams_each, scale)

        return Side(name, run)

    return Row(
        name, what, unit, side("HTTP/2", sockets // per_connection, per_connection), side("HTTP/1.1", sockets, 0), at_least, aim,
        digits=digits,
    )


def streams_fan_out(server, connections, streams_each, scale):
    return streams.fan_out(server.ports[0], server.pids[0], server.publish, connections, streams_each, max(20, int(300 * scale)))


def streams_echo(server, connections, streams_each, scale):
    return streams.echo(server.ports[0], server.pids[0], connections, streams_each, max(50, int(600 * scale)))


def streams_memory(server, connections, streams_each, _):
    return streams.memory(server.ports[0], server.pids[0], connections, streams_each)


ECHO = ["-c", "100", "--size", "64", "--warmup", "5000"]
STEADY = ["-c", "1000", "--size", "64", "--rate", "50", "--warmup", "20"]
REST = ["-c", "5", "--size", "64", "--inflight", "8", "--warmup", "200"]

ROWS = [
    against_socketify(1000, 64, 1, 1.1, 0.8),
    against_socketify(1000, 512, 1, 1.1, 0.8),
    against_socketify(1000, 64, 8, 1.0, 0.7),
    against_socketify(1000, 512, 8, 1.0, 0.7),
    against_socketify(1000, 64, 64, 0.8, 0.5),
    against_socketify(1000, 512, 64, 0.8, 0.5),
    against_socketify(10_000, 64, 1, 1.1, 0.9),
    cluster(1, 1.0, 0.85),
    cluster(8, 0.5, 0.3),
    cluster(64, 0.15, 0.05),
    Row(
        "echo", "echo, 100 connections: CPU per round trip / socketify's", "us",
        loaded(Volary, "echo", *ECHO, messages=60_000), loaded(Socketify, "echo", *ECHO, messages=60_000), 0.7, 0.5,
    ),
    Row(
        "idle", "memory per idle connection, 10,000 on `/ws`, presence in the node", "B",
        loaded(Volary, "idle", "-c", "10000", "--hold", "2", figure="rss_bytes_per_connection"), None, 4096, 2048, digits=0,
    ),
    Row(
        "idle-redis", "the same, presence in Redis (the node's own growth)", "B",
        loaded(Volary, "idle", "-c", "10000", "--hold", "2", redis=True, figure=node_growth), None, 4096, 2048, digits=0,
    ),
    storm("connect", "CPU per connect, handshake to closing handshake, presence in the node / nchan's", 2, 1),
    storm("connect-redis", "the same, presence in Redis, whose CPU counts / nchan's with Redis", 2, 1, redis=True),
    Row(
        "latency", "broadcast to 1,000 at 50 a second: p99 latency / socketify's", "us",
        loaded(Volary, "fanout", *STEADY, messages=400, figure=p99),
        loaded(Socketify, "fanout", *STEADY, messages=400, figure=p99),
        1.2, 1, digits=0,
    ),
    stalled_row(),
    above_floor(100),
    above_floor(1000),
    above_floor(10_000),
    groups_row(),
    Row(
        "rest", "REST broadcast `?wait=none` to 5: requests per CPU second / nchan's publishes", "1/s",
        loaded(Volary, "fanout", *REST, messages=10_000, http=True, figure=per_cpu_second),
        loaded(Nchan, "fanout", *REST, messages=10_000, http=True, figure=per_cpu_second),
        0.5, 1, more_is_better=True, digits=0,
    ),
    over_tls(
        "http2-fan-out", "TLS, 1,000 WebSockets as streams of 10 connections, K=1: CPU per delivery / on 1,000 connections", "us",
        streams_fan_out, 1000, 100, 1.4, 1,
    ),
    over_tls(
        "http2-echo", "TLS, echo, 100 WebSockets as streams of 10 connections: CPU per echo / on 100 connections", "us",
        streams_echo, 100, 10, 2, 1.4,
    ),
    over_tls(
        "http2-idle", "TLS, memory per idle WebSocket, 1,000 as streams of 10 connections / on 1,000 connections", "B",
        streams_memory, 1000, 100, 0.15, 0.15, digits=0,
    ),
    protocol_fan_out(
        "pubsub-all", "to 1,000 Web PubSub clients (JSON), 64 B, K=1: CPU per delivery / to plain clients", VolaryPubSub, Volary, 1.05, 1,
    ),
    protocol_fan_out(
        "pubsub-group", "to a group of 1,000 Web PubSub clients (JSON): CPU per delivery / of plain clients", VolaryPubSubGroup,
        VolaryWithGroups, 1.05, 1, groups=1,
    ),
    Row(
        "pubsub-send", "a client's `sendToGroup` to itself, 100 connections: round trips per CPU second / REST broadcasts of the row `rest`", "1/s",
        loaded(VolaryPubSub, "echo", *ECHO, messages=20_000, figure=per_cpu_second),
        loaded(Volary, "fanout", *REST, messages=10_000, http=True, figure=per_cpu_second), 1, 2, more_is_better=True, digits=0,
    ),
    protocol_fan_out(
        "reliable-all", "to 1,000 reliable clients, 64 B, K=1: CPU per delivery / to plain clients", VolaryPubSubReliable, Volary, 1.1, 1.03,
    ),
    protocol_fan_out(
        "reliable-group", "to a group of 1,000 reliable clients: CPU per delivery / of plain clients", VolaryPubSubReliableGroup,
        VolaryWithGroups, 1.1, 1.03, groups=1,
    ),
    reliable(
        "reliable-sparse", "1,000 reliable clients that each get 1 of 1,000 publications of their hub, and its acknowledgment, with Redis: "
        "CPU per round trip / of JSON clients", "us", "echo", "-c", "1000", "--size", "64", "--warmup", "2000", messages=20_000,
    ),
    reliable(
        "reliable-idle", "memory per idle reliable connection, 10,000, with Redis (the node's own growth) / of a plain one; at most 2,048 B more",
        "B", "idle", "-c", "10000", "--hold", "2", plain=Volary, figure=node_growth, digits=0,
    ),
    reliable(
        "reliable-connect", "CPU per connect of a reliable client, Redis' CPU counts / of a plain one", "us", "storm", "-c", "8000",
        "--connect-window", "64", plain=Volary, at_least=1.3, aim=1, digits=0,
    ),
    Row(
        "reliable-send", "a reliable client's `sendToGroup` to itself, 100 connections: round trips per CPU second / REST broadcasts of the row `rest`",
        "1/s", loaded(VolaryPubSubReliable, "echo", *ECHO, messages=20_000, figure=per_cpu_second),
        loaded(Volary, "fanout", *REST, messages=10_000, http=True, figure=per_cpu_second), 1, 2, more_is_better=True, digits=0,
    ),
    protocol_fan_out(
        "signalr-all", "to 1,000 SignalR clients (JSON), 64 B, K=1: CPU per delivery / to plain clients", VolarySignalR, VolaryReference,
        1.05, 1,
    ),
    protocol_fan_out(
        "signalr-group", "to a group of 1,000 SignalR clients (JSON): CPU per delivery / of plain clients", VolarySignalRGroup,
        VolaryWithGroups, 1.05, 1, groups=1,
    ),
    protocol_fan_out(
        "signalr-packed-all", "to 1,000 SignalR clients (MessagePack): CPU per delivery / to plain clients", VolarySignalRPacked,
        VolaryReference, 1.05, 1,
    ),
    protocol_fan_out(
        "signalr-packed-group", "to a group of 1,000 SignalR clients (MessagePack): CPU per delivery / of plain clients",
        VolarySignalRPackedGroup, VolaryWithGroups, 1.05, 1, groups=1,
    ),
    Row(
        "signalr-echo", "call of a hub's method that returns its argument, 100 SignalR clients (JSON): CPU per call / per plain echo", "us",
        loaded(VolarySignalR, "echo", *ECHO, messages=20_000), loaded(VolaryReference, "echo", *ECHO, messages=20_000), 1.6, 1.3,
    ),
    signalr_connects(),
]

if __name__ == "__main__":
    for each in ROWS:
        print(f"{each.name:20} {each.what}")
