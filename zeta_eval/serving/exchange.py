"""One request and its response over ASGI: its body within a limit, JSON, streams, and a caller who leaves."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from zeta_eval.serving.errors import ApiError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
WATCH_S = 0.05
"""How long a request is answered before it is watched whether its caller leaves, in seconds; most end sooner."""
EVENTS = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


class Exchange:
    """A request and its response."""

    __slots__ = ("_receive", "_send", "_watch", "gone", "headers", "method", "path", "status")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take what the ASGI server gives."""
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.status = 0
        """HTTP status of the response; 0 before it began."""
        self.gone = False
        """Whether the caller left before the end."""
        self._receive, self._send = receive, send
        self._watch: asyncio.TimerHandle | asyncio.Task[Message] | None = None

    def header(self, name: bytes) -> str | None:
        """The text of a header, None where it is missing or empty."""
        value = self.headers.get(name)
        return value.decode("latin-1").strip() or None if value else None

    async def body(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            ApiError: 413, it has more bytes than the limit.
        """
        told = self.headers.get(b"content-length", b"0")
        if not told.isdigit() or int(told) > limit:
            raise _too_large(limit)
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            return body
        parts, size = [body], len(body)
        while message.get("more_body"):
            message = await self._receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise _too_large(limit)
        if message["type"] == "http.disconnect":
            self.gone = True
            raise asyncio.CancelledError
        return b"".join(parts)

    def watch(self) -> None:
        """Cancel this task when the caller leaves; the body has been read."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None

        def left(_: object) -> None:
            if self._watch is not None:
                self.gone = True
                task.cancel()

        def begin() -> None:
            self._watch = loop.create_task(self._receive())  # type: ignore[arg-type]
            self._watch.add_done_callback(left)

        self._watch = loop.call_later(WATCH_S, begin)

    def unwatch(self) -> None:
        """Let the caller leave: all is done."""
        if (watch := self._watch) is not None:
            self._watch = None
            watch.cancel()

    async def start(self, status: int, headers: Headers) -> None:
        """Begin a response that comes in chunks."""
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers]})

    async def chunk(self, data: bytes) -> None:
        """Send a part of the response, once the caller has taken those before."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last part of the response."""
        self.unwatch()
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def answer(self, status: int, body: bytes, headers: Headers = (JSON,)) -> None:
        """Send a whole response."""
        await self.start(status, (*headers, (b"content-length", b"%d" % len(body))))
        await self.end(body)

    async def json(self, data: Any) -> None:
        """Send JSON data."""
        await self.answer(200, json.dumps(data).encode())

    async def fail(self, error: ApiError) -> None:
        """Send an error; a stream that has begun ends with it."""
        if self.status:
            await self.end(b"data: " + error.body + b"\n\n")
            return
        wait = [] if error.retry_after_s is None else [(b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s)))]
        await self.answer(error.status, error.body, (JSON, *wait))


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"The body of the request is larger than {limit} bytes.", code="request_too_large")
