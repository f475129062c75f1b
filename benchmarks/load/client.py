"""A lean HTTP client for load: it keeps connections, asks one thing at a time on each, and notes when bytes come."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

import httptools

IDLE_S = 20.0
"""How long an idle connection is kept, in seconds: less than any server keeps it."""
KEY = "sk-bench"
"""Key of a caller, for servers that want one."""


@dataclass(slots=True)
class Reply:
    """What came back, and when; times in seconds of `time.perf_counter`."""

    sent: float
    status: int = 0
    """0 where the connection ended before a status."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    first: float = 0.0
    """When the first bytes of the body came."""
    done: float = 0.0
    whole: bool = False
    """Whether the reply ended as its head said."""
    refused: str = ""
    """Why there was no connection."""

    @property
    def good(self) -> bool:
        """Whether it is a whole answer, with its end mark where it is a stream."""
        if not self.whole or self.status != 200:
            return False
        return not self.headers.get("content-type", "").startswith("text/event-stream") or b"[DONE]" in self.body


class _Wire(asyncio.Protocol):
    """The bytes of one connection."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._end()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError):
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.reply is not None:
            self.reply.headers[name.decode("latin1").lower()] = value.decode("latin1")

    def on_body(self, body: bytes) -> None:
        if self.reply is not None:
            self.reply.first = self.reply.first or time.perf_counter()
            self.reply.body += body

    def on_message_complete(self) -> None:
        if self.reply is not None:
            self.reply.status, self.reply.whole = self.parser.get_status_code(), True
            if not self.parser.should_keep_alive():
                self.closed = True
        self._end()

    def _end(self) -> None:
        if self.reply is not None:
            self.reply.done = time.perf_counter()
            if not self.reply.whole and self.reply.headers:
                self.reply.status = self.parser.get_status_code()
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def ask(self, request: bytes) -> Reply:
        self.reply, self.parser = Reply(sent=time.perf_counter()), httptools.HttpResponseParser(self)
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self.waiter
        return self.reply


class Client:
    """One connection to a server, opened anew where the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port, self.wire, self.used_s = port, None, 0.0

    async def ask(self, request: bytes) -> Reply:
        """Send a request and wait for the whole reply; the reply's times begin when it is sent."""
        old = time.perf_counter() > self.used_s + IDLE_S
        if self.wire is None or self.wire.closed or self.wire.transport.is_closing() or old:
            self.close()
            try:
                _, self.wire = await asyncio.get_running_loop().create_connection(_Wire, "127.0.0.1", self.port)
            except OSError as e:
                now = time.perf_counter()
                return Reply(sent=now, done=now, refused=str(e))
        reply = await self.wire.ask(request)
        self.used_s = reply.done
        return reply

    def close(self) -> None:
        """Close the connection."""
        if self.wire is not None:
            self.wire.transport.close()


def chat(text: str, model: str, *, stream: bool) -> bytes:
    """A chat request as bytes."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
