"""Checks balancers in front of nodes: each carries WebSockets and REST, over TLS or without, and loses no new client and no call while a
node drains and ends.

    proxies.py KEY PID URL...      URL: http://127.0.0.1:PORT, or https with any certificate. PID: the node that is stopped with SIGTERM
"""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import sys

import websockets

NAME = "volary.example.org"
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


def context(url):
    return TLS if url.startswith("https") else None


def push(url, key):
    """A push to everyone; the answer says that nodes have it."""
    host, port = url.split("://")[1].split(":")
    connection = http.client.HTTPConnection(NAME)
    connection.sock = socket.create_connection((host, int(port)), 5)
    if context(url):
        connection.sock = TLS.wrap_socket(connection.sock, server_hostname=NAME)
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/api/connections/broadcast", b'{"message":"push"}', headers)
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status == 200, f"{answer.status} {body!r}"
    return json.loads(body)


async def connect(url, path):
    """Over a socket of its own, so that the name of the host is the proxy's."""
    secure, address = url.startswith("https"), url.split("://")[1]
    host, port = address.split(":")
    return await websockets.connect(
        f"{'wss' if secure else 'ws'}://{NAME}{path}",
        host=host,
        port=int(port),
        ssl=context(url),
        server_hostname=NAME if secure else None,
        # The page's origin is the node's own: this fails when a proxy changes Host.
        origin=f"{'https' if secure else 'http'}://{NAME}",
        proxy=None,
    )


async def visit(url, key):
    """A client that connects, gets an echo and a push, and leaves."""
    async with await connect(url, "/echo") as client:
        await client.send("text")
        try:
            assert await asyncio.wait_for(client.recv(), 5) == "text"
        except websockets.ConnectionClosed as closed:
            # nginx may send a client to a node that is about to close its clients.
            assert closed.rcvd and closed.rcvd.code == 1012, closed
    answer = await asyncio.to_thread(push, url, key)
    assert not answer["degraded"], answer


async def stays(url, key):
    """A client on /ws gets a push through another proxy's connection, and nothing ends while it is silent."""
    async with await connect(url, "/ws") as client:
        await asyncio.to_thread(push, url, key)
        while json.loads(await asyncio.wait_for(client.recv(), 5)).get("message") != "push":
            pass


async def main(key, pid, urls):
    for url in urls:
        await stays(url, key)
    ended, visits = False, dict.fromkeys(urls, 0)

    async def visitor(url):
        while not ended:
            try:
                await visit(url, key)
            except Exception as error:
                sys.exit(f"{url}: while a node drains: {type(error).__name__}: {error}")
            visits[url] += 1

    async def stop():
        nonlocal ended
        await asyncio.sleep(0.5)
        os.kill(pid, signal.SIGTERM)
        # The delay of its drain, its end, and a second without it.
        await asyncio.sleep(4)
        ended = True

    await asyncio.gather(stop(), *(visitor(url) for url in urls))
    for url, count in visits.items():
        print(f"  {url}: {count} clients and {count} pushes while a node drained and ended, none lost")


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
