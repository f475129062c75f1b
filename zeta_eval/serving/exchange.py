"""One request and its response over ASGI: its body within a limit, JSON, streams, and a caller who leaves."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any, Final

from zeta_eval.serving.errors import ApiError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

LINGER_S: Final = 2.0
"""How long the rest of a refused body is taken and dropped, in seconds, so that its caller gets to read the refusal."""
WATCH_S = 0.05
"""How long a request is answered before it is watched whether its caller leaves, in seconds; most end sooner."""
MOST_DIGITS: Final = 18
"""Most digits of a body's length."""
JSON = (b"content-type", b"application/json")
CLOSE = (b"connection", b"close")
EVENTS = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


class Exchange:
    """A request and its response."""

    __slots__ = ("_came", "_receive", "_send", "_took_body", "_watch", "gone", "headers", "method", "path", "status")

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
        self._took_body = self._came = False
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
        if not told.isdigit() or len(told) > MOST_DIGITS or int(told) > limit:
            raise _too_large(limit)
        parts, size, more = list[bytes](), 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                raise asyncio.CancelledError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            self._came = not more
            if size > limit:  # also of a body that came at once, whose length nobody told
                raise _too_large(limit)
        self._took_body = True
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
        body = error.body
        if self.status:
            await self.end(b"data: " + body + b"\n\n")
            return
        headers = [JSON, (b"content-length", b"%d" % len(body))]
        if error.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
        if self._has_body and not self._took_body:
            await self._cut_off(error.status, body, headers)
        else:
            await self.start(error.status, headers)
            await self.end(body)

    async def _cut_off(self, status: int, body: bytes, headers: Headers) -> None:
        """Answer a request whose body is not wanted, drop the rest of it for a while, and close the connection.

        A caller whose connection is closed while it sends may never see the answer.
        """
        await self.start(status, (*headers, CLOSE))
        await self.chunk(body)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self._came:
                    self._came = not (await self._receive()).get("more_body")
        await self.end()

    @property
    def _has_body(self) -> bool:
        """Whether the request comes with a body."""
        return b"transfer-encoding" in self.headers or self.headers.get(b"content-length", b"0") != b"0"


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"The body of the request is larger than {limit} bytes.", code="request_too_large")
