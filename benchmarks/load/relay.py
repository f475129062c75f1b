"""A relay of the parts that `zeta serve` is built on, which does nothing but pass requests on.

    python benchmarks/load/relay.py --port 8001 --upstream http://127.0.0.1:8000/v1/chat/completions

What it costs is the floor under any router made of uvicorn and aiohttp; what `zeta serve` takes beyond it is its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import uvicorn

KEPT = (b"content-type", b"content-length")
"""Headers of the upstream's reply that are passed on."""


class Relay:
    """An ASGI application that sends each request on and its reply back, piece by piece."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.session: aiohttp.ClientSession | None = None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if self.session is None:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        async with self.session.post(self.upstream, data=body, headers={"Content-Type": "application/json"}) as reply:
            headers = [(n.lower(), v) for n, v in reply.raw_headers if n.lower() in KEPT]
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            while chunk := await reply.content.readany():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="address that each request is sent on to")
    args = parser.parse_args()
    uvicorn.run(Relay(args.upstream), port=args.port, loop="uvloop", http="httptools", lifespan="off", access_log=False)


if __name__ == "__main__":
    main()
