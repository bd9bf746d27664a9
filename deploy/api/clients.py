"""Keeps WebSocket clients connected to a node while its API is tested. A client whose connection is closed reconnects.

    clients.py URL [COUNT]
"""

import asyncio
import sys

import websockets


async def stay(url):
    while True:
        try:
            async with websockets.connect(url) as client:
                async for _ in client:
                    pass
        except (OSError, websockets.WebSocketException):
            await asyncio.sleep(0.1)


async def main(url, count):
    await asyncio.gather(*(stay(url) for _ in range(count)))


try:
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3))
except KeyboardInterrupt:
    pass
