"""A scripted OpenAI-compatible server that is fast enough to measure others: asyncio, uvloop and httptools.

    python benchmarks/load/upstream.py [--faults 0.05] [--seed 0]

It prints its port. A chat reply echoes nothing and never varies; a streamed one has 33 pieces, each written by itself.
GET /counts says how many requests it took, and how many of each fault it made of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable

import httptools
import uvloop

PIECES = 33
"""Pieces of a streamed reply with text."""
SLOW_S = 1.0
"""How much later than others a slow reply comes, in seconds."""

_STEM = {"id": "chatcmpl-scripted", "created": 1, "model": "scripted"}
_USAGE = {"prompt_tokens": 20, "completion_tokens": PIECES, "total_tokens": 20 + PIECES}


def _reply(body: bytes, *, status: str = "200 OK", kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _whole() -> bytes:
    message = {"role": "assistant", "content": " ".join(["word"] * PIECES)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return _reply(json.dumps({**_STEM, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode())


def _chunk(data: str) -> bytes:
    event = f"data: {data}\n\n".encode()
    return f"{len(event):x}\r\n".encode() + event + b"\r\n"


def _piece(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _chunk(json.dumps({**_STEM, "object": "chat.completion.chunk", "choices": [choice]}))


WHOLE = _whole()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
STREAM = [
    *(_piece({"content": "word "} if i else {"role": "assistant", "content": "word "}) for i in range(PIECES)),
    _piece({}, "stop")
    + _chunk(json.dumps({**_STEM, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}))
    + _chunk("[DONE]")
    + b"0\r\n\r\n",
]
ERROR = {"error": {"message": "scripted fault", "type": "server_error", "code": None, "param": None}}
FAULTS = ("error 500", "error 429", "hang-up before", "hang-up during", "slow", "garbage")


class Script:
    """What becomes of each request: an answer, or by lot a fault."""

    def __init__(self, faults: float, seed: int) -> None:
        self.share, self.random = faults, random.Random(seed)
        self.counts: Counter[str] = Counter()

    def draw(self) -> str | None:
        """The fault of the next request, or None."""
        fault = self.random.choice(FAULTS) if self.random.random() < self.share else None
        self.counts["requests"] += 1
        if fault is not None:
            self.counts[fault] += 1
        return fault


class Connection(asyncio.Protocol):
    """One client's connection; requests on it are answered in turn."""

    def __init__(self, script: Script, loop: asyncio.AbstractEventLoop) -> None:
        self.script, self.loop = script, loop
        self.parser = httptools.HttpRequestParser(self)
        self.url, self.body = b"", bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_url(self, url: bytes) -> None:
        self.url = url
        self.body = bytearray()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.parser.get_method() == b"GET":
            counts = self.url.endswith(b"/counts")
            models = {"object": "list", "data": [{"id": "scripted", "object": "model", "created": 1, "owned_by": "s"}]}
            self.transport.write(_reply(json.dumps(dict(self.script.counts) if counts else models).encode()))
            return
        fault = self.script.draw()
        if fault == "slow":
            self.loop.call_later(SLOW_S, self._answer, bool(json.loads(self.body).get("stream")))
        elif fault is not None:
            self._fail(fault, bool(json.loads(self.body).get("stream")))
        else:
            self._answer(bool(json.loads(self.body).get("stream")))

    def _answer(self, stream: bool) -> None:
        if not stream:
            self._write(WHOLE)
            return
        self._write(HEAD + STREAM[0])
        self.loop.call_soon(self._go_on, 1)

    def _go_on(self, at: int) -> None:
        """Write one piece, and leave the loop to other connections before the next."""
        self._write(STREAM[at])
        if at + 1 < len(STREAM) and not self.transport.is_closing():
            self.loop.call_soon(self._go_on, at + 1)

    def _fail(self, fault: str, stream: bool) -> None:
        if fault.startswith("error"):
            status = "500 Internal Server Error" if fault == "error 500" else "429 Too Many Requests"
            self._write(_reply(json.dumps(ERROR).encode(), status=status))
        elif fault == "garbage":
            self._write(_reply(b"<html>this is no JSON", kind="text/html"))
        else:
            if fault == "hang-up during":
                self._write(HEAD + b"".join(STREAM[:9]) if stream else WHOLE[: len(WHOLE) * 2 // 3])
            self.transport.close()

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)


async def _serve(script: Script, port: int, tell: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(script, loop), "127.0.0.1", port, backlog=1024)
    tell(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that meet a fault")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    uvloop.run(_serve(Script(args.faults, args.seed), args.port, lambda port: print(port, flush=True)))


if __name__ == "__main__":
    main()
