#!/usr/bin/env python3
"""Four clients that share no code, one conversation each with /echo: text, binary, fragments, a ping, compression, a close with code and reason.

    clients.py URL [--compression]

With --compression, the node must agree on it with all of them; without, with none.
"""

import argparse
import asyncio
import sys
import zlib

import aiohttp
import picows
import websocket
import websockets

TEXT = "Grüße, 世界 😀"
BINARY = bytes(range(256))
LONG = TEXT * 500
CODE, REASON = 4001, "done"
OFFER = "permessage-deflate"


def check(what, is_true):
    if not is_true:
        raise AssertionError(what)


async def with_websockets(url, compressed):
    async with websockets.connect(url) as client:
        check("agreement", (OFFER in client.response.headers.get("Sec-WebSocket-Extensions", "")) == compressed)
        for message in (TEXT, BINARY, LONG, "", b""):
            await client.send(message)
            check("echo", await client.recv() == message)
        await client.send(["Grü", "ße, ", "", "世界 😀"])
        check("fragments", await client.recv() == TEXT)
        await asyncio.wait_for(await client.ping(b"are you there"), 5)
        await client.close(CODE, REASON)
        check("close", client.close_code == CODE)


async def with_aiohttp(url, compressed):
    """It cannot send fragments."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=15, autoping=False) as client:
        check("agreement", bool(client.compress) == compressed)
        for message in (TEXT, LONG, ""):
            await client.send_str(message)
            check("text", await client.receive_str() == message)
        await client.send_bytes(BINARY)
        check("binary", await client.receive_bytes() == BINARY)
        await client.ping(b"are you there")
        pong = await client.receive()
        check("pong", pong.type == aiohttp.WSMsgType.PONG and pong.data == b"are you there")
        check("closed", await client.close(code=CODE, message=REASON.encode()))
        check("close", client.close_code == CODE)


async def with_websocket_client(url, compressed):
    """It knows no compression, and blocks."""
    await asyncio.to_thread(converse_blocking, url)


def converse_blocking(url):
    client = websocket.create_connection(url, timeout=10)
    check("agreement", "sec-websocket-extensions" not in client.headers)
    for message in (TEXT, LONG, ""):
        client.send(message)
        check("text", client.recv() == message)
    client.send_binary(BINARY)
    check("binary", client.recv() == BINARY)
    whole = TEXT.encode()
    # In the middle of a character, with a ping between the fragments.
    for opcode, part, is_last in ((websocket.ABNF.OPCODE_TEXT, whole[:3], 0), (websocket.ABNF.OPCODE_CONT, whole[3:], 1)):
        client.send_frame(websocket.ABNF(is_last, 0, 0, 0, opcode, 1, part))
        if not is_last:
            client.ping("are you there")
    check("pong before the message", client.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"are you there"))
    check("fragments", client.recv() == TEXT)
    client.send_close(CODE, REASON.encode())
    opcode, payload = client.recv_data()
    check("close", opcode == websocket.ABNF.OPCODE_CLOSE and payload[:2] == CODE.to_bytes(2, "big"))
    client.shutdown()


class Listener(picows.WSListener):
    def __init__(self):
        self.frames = asyncio.Queue()

    def on_ws_frame(self, transport, frame):
        code = frame.get_close_code() if frame.msg_type == picows.WSMsgType.CLOSE else None
        self.frames.put_nowait((frame.msg_type, frame.rsv1, frame.get_payload_as_bytes(), code))


async def with_picows(url, compressed):
    """Frames only: the compression is Python's own zlib."""
    kind = picows.WSMsgType
    transport, client = await picows.ws_connect(
        Listener, url, extra_headers={"Sec-WebSocket-Extensions": OFFER}, enable_auto_pong=False)

    async def frame():
        return await asyncio.wait_for(client.frames.get(), 10)

    for message_type, payload in ((kind.TEXT, TEXT.encode()), (kind.BINARY, BINARY), (kind.TEXT, b"")):
        transport.send(message_type, payload)
        check("echo", await frame() == (message_type, False, payload, None))
    transport.send(kind.TEXT, TEXT[:2].encode(), fin=False)
    transport.send(kind.PING, b"are you there")
    transport.send(kind.CONTINUATION, TEXT[2:].encode())
    check("pong before the message", await frame() == (kind.PONG, False, b"are you there", None))
    check("fragments", await frame() == (kind.TEXT, False, TEXT.encode(), None))
    if compressed:
        for payload in (LONG.encode(), BINARY * 100):
            deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
            transport.send(kind.BINARY, data[:7], fin=False, rsv1=True)
            transport.send(kind.CONTINUATION, data[7:])
            _, is_compressed, answer, _ = await frame()
            check("compressed answer", is_compressed and len(answer) < len(payload) // 4)
            check("inflated answer", zlib.decompressobj(-15).decompress(answer + b"\0\0\xff\xff") == payload)
    transport.send_close(CODE, REASON.encode())
    message_type, _, _, code = await frame()
    check("close", message_type == kind.CLOSE and int(getattr(code, "value", code)) == CODE)
    await asyncio.wait_for(transport.wait_disconnected(), 10)


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("url")
    options.add_argument("--compression", action="store_true")
    options = options.parse_args()
    failed = False
    for client in (with_websockets, with_aiohttp, with_websocket_client, with_picows):
        name = client.__name__.removeprefix("with_")
        try:
            await asyncio.wait_for(client(options.url, options.compression), 30)
            print(f"  {name}: passed")
        except Exception as error:
            failed = True
            print(f"  {name}: FAILED: {type(error).__name__}: {error}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    asyncio.run(main())
