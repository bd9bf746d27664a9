#!/usr/bin/env python3
"""Lets a client of HTTP/1.1 speak to a node's WebSockets over HTTP/2. Autobahn|Testsuite knows only HTTP/1.1, and can test these in this way.

    http2_bridge.py LISTEN_PORT NODE_PORT

Each WebSocket handshake becomes an extended CONNECT (RFC 8441), all on one connection to the node on NODE_PORT, which must accept HTTP/2
without TLS. Bytes go through unseen, and so do the ends of both halves and resets.
"""

import asyncio
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions

# Of an HTTP/1.1 connection, or replaced by pseudo-headers.
NOT_FORWARDED = {"host", "connection", "upgrade"}


class Stream:
    def __init__(self, node, fields):
        self._node = node
        self._http2 = node.http2
        self._id = self._http2.get_next_available_stream_id()
        self.answer = asyncio.get_running_loop().create_future()
        self.arrived, self.moved = asyncio.Queue(), asyncio.Event()
        node.streams[self._id] = self
        self._http2.send_headers(self._id, fields)
        node.flush()

    async def send(self, data):
        while data:
            room = min(self._http2.local_flow_control_window(self._id), self._http2.max_outbound_frame_size)
            if not room:
                self.moved.clear()
                await self.moved.wait()
                continue
            self._http2.send_data(self._id, data[:room])
            data = data[room:]
            self._node.flush()
            await self._node.drain()

    def end(self):
        self._http2.end_stream(self._id)
        self._node.flush()

    def reset(self):
        if self._id in self._node.streams:
            self._http2.reset_stream(self._id, 8)
            self._node.flush()

    def took(self, size):
        if size:
            self._http2.acknowledge_received_data(size, self._id)
            self._node.flush()


class Node:
    """The connection to the node."""

    @classmethod
    async def connect(cls, port):
        node = cls()
        node.streams = {}
        node.http2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        node._reader, node._writer = await asyncio.open_connection("127.0.0.1", port)
        node.http2.initiate_connection()
        node.http2.increment_flow_control_window(1 << 30)
        node.flush()
        node.ready = asyncio.get_running_loop().create_future()
        node.reading = asyncio.create_task(node._read())
        await node.ready
        return node

    def flush(self):
        self._writer.write(self.http2.data_to_send())

    async def drain(self):
        await self._writer.drain()

    async def _read(self):
        while data := await self._reader.read(65536):
            for event in self.http2.receive_data(data):
                self._happened(event)
                if isinstance(event, h2.events.ConnectionTerminated):
                    # The idle timeout; no stream is open.
                    return self._writer.close()
            self.flush()

    def _happened(self, event):
        if isinstance(event, h2.events.RemoteSettingsChanged) and not self.ready.done():
            self.ready.set_result(None)
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.WindowUpdated):
            for stream in (self.streams.values() if not number else filter(None, [self.streams.get(number)])):
                stream.moved.set()
        elif stream := self.streams.get(number):
            if isinstance(event, h2.events.ResponseReceived):
                stream.answer.set_result(dict(event.headers))
            elif isinstance(event, h2.events.DataReceived):
                stream.arrived.put_nowait((event.data, event.flow_controlled_length))
            elif isinstance(event, h2.events.StreamEnded):
                stream.arrived.put_nowait((None, False))
            elif isinstance(event, h2.events.StreamReset):
                del self.streams[number]
                # A reset without an error is the end for a client that never ends its half.
                stream.arrived.put_nowait((None, event.error_code != 0))


async def serve(bridge, reader, writer):
    async with bridge.lock:
        if bridge.node is None or bridge.node.reading.done():
            bridge.node = await Node.connect(bridge.port)
    node = bridge.node
    request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
    host = next(value for name, value in fields if name.lower() == "host")
    stream = Stream(node, [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", host),
                           (":path", request.split(" ")[1]),
                           *((name.lower(), value) for name, value in fields if name.lower() not in NOT_FORWARDED)])
    answer = await stream.answer
    if answer.pop(":status") != "200":
        stream.reset()
        writer.write(b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n")
        return writer.close()
    writer.write("".join(["HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n",
                          *(f"{name}: {value}\r\n" for name, value in answer.items()), "\r\n"]).encode("latin-1"))
    up = asyncio.create_task(client_to_node(reader, stream))
    try:
        await node_to_client(stream, writer)
        await asyncio.wait_for(up, 20)
    except (OSError, TimeoutError):
        stream.reset()
    up.cancel()
    writer.close()


async def client_to_node(reader, stream):
    try:
        while data := await reader.read(65536):
            await stream.send(data)
        stream.end()
    except ConnectionError:
        stream.reset()
    except h2.exceptions.ProtocolError:
        pass  # the node has reset the stream


async def node_to_client(stream, writer):
    while True:
        data, size = await stream.arrived.get()
        if data is None:
            if size:
                writer.transport.abort()
            elif writer.can_write_eof():
                writer.write_eof()
            return
        writer.write(data)
        await writer.drain()
        stream.took(size)


class Bridge:
    def __init__(self, port):
        self.port, self.node, self.lock = port, None, asyncio.Lock()


async def main():
    listen, port = map(int, sys.argv[1:])
    bridge = Bridge(port)
    server = await asyncio.start_server(lambda reader, writer: serve(bridge, reader, writer), "127.0.0.1", listen)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
