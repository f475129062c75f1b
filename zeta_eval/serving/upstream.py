"""A rung whose model runs behind a server: requests go out by its settings, and answers come back as they are."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import aiohttp
from yarl import URL

from zeta_eval.exceptions import one_line
from zeta_eval.inference.server.credentials import Secrets
from zeta_eval.inference.server.failures import reason_of, wait_of
from zeta_eval.inference.server.limits import MOST_BYTES
from zeta_eval.inference.server.reply import Reply
from zeta_eval.models import Completion, ModelSpec
from zeta_eval.models.served import chat_url, demanded
from zeta_eval.router.too_long import is_too_long
from zeta_eval.serving.asked import Asked
from zeta_eval.serving.circuit import MAX_REST_S, Circuit
from zeta_eval.serving.errors import ApiError, PassedOverError, TooLongError
from zeta_eval.serving.rung import Whole
from zeta_eval.serving.sse import BrokenStreamError, Relay, events_of

CONNECT_S: Final = 10.0
"""Longest time to connect, in seconds."""
KEEP_S: Final = 4.0
"""How long an idle connection is kept, in seconds: less than any server keeps it; uvicorn's 5 s is the shortest."""
LARGE: Final = 2**20
"""Bytes of a body from which on it is sent in parts."""
END_S: Final = 1.0
"""Longest time in which a response ends after its stream has, in seconds; its connection is closed after it."""
PATHS: Final = {"chat": "chat/completions", "completion": "completions"}
_STALE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)
"""Errors of a connection that the server closed while it was idle."""
_BROKEN = (
    *(aiohttp.ClientError, TimeoutError, OSError, BrokenStreamError),
    *(ValueError, TypeError, LookupError, AttributeError, RecursionError),
)
"""What goes wrong with a reply: the connection, or a form that no answer has."""
_ABSENT = (404, 405, 501)
"""HTTP statuses of a server that lacks what was asked for, and may answer chats all the same."""
MOST_ERROR: Final = 2**16
"""Most bytes of a reply that is an error."""
_OURS = (400, 409, 413, 415, 422)
"""HTTP statuses that say that the request is wrong; any other but 200 says that the server, or its entry, is."""


def client() -> aiohttp.ClientSession:
    """The client of all rungs; to be made in a running event loop."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_S)
    return aiohttp.ClientSession(
        connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    )


class Replica:
    """One server of a rung."""

    __slots__ = ("circuit", "open", "urls")

    def __init__(self, base_url: str) -> None:
        """Take its address."""
        chat = chat_url(base_url)
        self.urls = {
            path: URL(chat.replace("/chat/completions", f"/{path}")) for path in (*PATHS.values(), "embeddings")
        }
        self.circuit, self.open = Circuit(), 0


class Served:
    """A rung behind one or more servers."""

    def __init__(self, spec: ModelSpec, session: aiohttp.ClientSession, freed: Callable[[], None]) -> None:
        """Take a rung with its addresses; `freed` is called when a request has ended.

        Raises:
            InvalidInputError: an environment variable with a key is not set.
        """
        self.spec, self.open = spec, 0
        self.replicas = tuple(Replica(base_url) for base_url in spec.addresses)
        self._session, self._freed = session, freed
        self._secrets = Secrets(spec)
        self._sought = self._secrets.sought()
        self._headers = self._secrets.headers() | {"Accept-Encoding": "identity"}
        self._defaults = {"chat": defaults(spec), "completion": _without_chat(defaults(spec))}
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=min(CONNECT_S, spec.timeout_s), sock_read=spec.timeout_s
        )
        self._ending = set[asyncio.Task[None]]()  # responses whose streams are over
        self._refused = set[str]()  # what the server does not take of the parameters added here

    @property
    def full(self) -> bool:
        """Whether as many requests are open as it takes at the same time."""
        return self.open >= self.spec.concurrency

    @property
    def rest_s(self) -> float:
        """For how long all of its servers rest, in seconds."""
        return min(r.circuit.rest_s for r in self.replicas)

    @property
    def ready(self) -> bool:
        """Whether it can be asked now."""
        return not self.full and any(r.circuit.ready for r in self.replicas)

    async def whole(self, asked: Asked, *, logprobs: bool = False) -> Whole:
        """Answer a request whole; see `Rung`."""
        began_s = perf_counter()
        extras = {"logprobs": True} if logprobs and asked.kind == "chat" and "logprobs" not in asked.body else {}
        plain = {"stream": False} if asked.stream else {}
        replica, response = await self._opened(asked, plain, extras)
        try:
            if response.content_type == "text/event-stream":
                raise BrokenStreamError("it streams where a whole answer was asked for")
            raw = self._unrepeated(await _read(response))
            data = json.loads(raw)
            completion = _completion(data, asked.kind, began_s)
        except _BROKEN as e:
            raise self._failed(replica, e) from e
        except BaseException:
            response.close()
            raise
        finally:
            self._release(replica)
        replica.circuit.worked()
        if extras and _drop_logprobs(data):
            raw = json.dumps(data).encode()
        return Whole(raw=raw, data=data, completion=completion)

    async def pieces(self, asked: Asked, field: Callable[[], bytes]) -> AsyncIterator[bytes | Completion]:
        """Answer a request as the events of a stream; see `Rung`."""
        began_s = perf_counter()
        wants = asked.wants_usage
        extras = {} if wants or "stream_options" in asked.body else {"stream_options": {"include_usage": True}}
        replica, response = await self._opened(asked, {}, extras)
        relay: Relay | None = None
        try:
            if response.content_type == "application/json":  # a server that sends whole what was asked for in pieces
                data = json.loads(self._unrepeated(await _read(response)))
                completion = _completion(data, asked.kind, began_s)
                yield events_of(data, field(), usage=wants, kind=asked.kind)
                replica.circuit.worked()
                yield completion
                return
            relay, content = Relay(field, drops_usage=not wants), response.content
            while not relay.ended and (chunk := await content.readany()):
                if block := relay.feed(chunk):
                    yield self._unrepeated(block)
            if block := relay.end():
                yield self._unrepeated(block)
        except _BROKEN as e:
            raise self._failed(replica, e) from e
        finally:
            if relay is not None and relay.ended:
                self._let_end(response)
            elif not response.content.at_eof():
                response.close()  # whoever writes on learns that nobody listens
            self._release(replica)
        replica.circuit.worked()
        yield _counted(relay, began_s)

    async def embeddings(self, body: dict[str, Any]) -> bytes:
        """Answer a request for embeddings; see `Rung`."""
        content = json.dumps({**self.spec.extra_body, **body, "model": self.spec.model}).encode()
        replica, response = await self._taken("embeddings", content)
        try:
            raw = self._unrepeated(await _read(response))
        except _BROKEN as e:
            raise self._failed(replica, e) from e
        finally:
            self._release(replica)
        replica.circuit.worked()
        return raw

    async def _opened(
        self, asked: Asked, plain: Mapping[str, Any], extras: Mapping[str, Any]
    ) -> tuple[Replica, aiohttp.ClientResponse]:
        """A response with HTTP status 200 to a request, with those of the extra parameters that the server takes."""
        while True:
            added = {name: value for name, value in extras.items() if name not in self._refused}
            body = {**self._defaults[asked.kind], **added, **asked.body, **plain, "model": self.spec.model}
            if plain:
                body.pop("stream_options", None)
            if "max_completion_tokens" in asked.body and "max_tokens" not in asked.body:
                body.pop("max_tokens", None)
            if self.spec.system and asked.kind == "chat":
                body["messages"] = with_system(body["messages"], self.spec.system)
            try:
                return await self._taken(PATHS[asked.kind], json.dumps(body).encode())
            except ApiError as e:
                if not (named := {name for name in added if name in str(e)}):
                    raise
                self._refused |= named

    async def _taken(self, path: str, content: bytes) -> tuple[Replica, aiohttp.ClientResponse]:
        """A response with HTTP status 200, from the replica with the fewest open requests; it must be released.

        Where one fails, another one is asked.
        """
        tried = list[Replica]()
        while True:
            replica = self._replica(tried)
            try:
                return replica, await self._response(replica, path, content)
            except PassedOverError:
                tried.append(replica)
                if not any(r.circuit.ready for r in self.replicas if r not in tried):
                    raise

    async def _response(self, replica: Replica, path: str, content: bytes) -> aiohttp.ClientResponse:
        """A response with HTTP status 200 from a replica."""
        self.open += 1
        replica.open += 1
        replica.circuit.begin()
        try:
            response = await self._posted(replica.urls[path], content)
            if response.status != 200:
                await self._refusal(replica, response, path)
            if (coding := response.headers.get("Content-Encoding", "identity")) != "identity":
                response.close()
                raise BrokenStreamError(f"its reply is compressed ({coding}), which nobody asked for; switch that off")
        except (aiohttp.ClientError, TimeoutError, OSError, BrokenStreamError) as e:
            self._release(replica)
            raise self._failed(replica, e) from e
        except BaseException:
            self._release(replica)
            raise
        return response

    async def _posted(self, url: URL, content: bytes) -> aiohttp.ClientResponse:
        """A response; a connection that the server closed while it was idle is replaced once."""
        for again in (True, False):
            data = content if len(content) < LARGE else io.BytesIO(content)
            try:
                return await self._session.post(
                    url, data=data, headers=self._headers, timeout=self._timeout, allow_redirects=False
                )
            except _STALE as e:
                if not again or isinstance(e, aiohttp.ClientConnectorError):
                    raise
        raise AssertionError  # the loop returns or raises

    def _replica(self, tried: Sequence[Replica]) -> Replica:
        """The replica with the fewest open requests of those that can be asked, and have not been."""
        if self.full:
            raise PassedOverError(f"{self.open} requests are open, and it takes no more", busy=True)
        awake = [r for r in self.replicas if r.circuit.ready and r not in tried]
        if not awake:
            raise PassedOverError("it rests after failures", wait_s=self.rest_s)
        return awake[0] if len(awake) == 1 else min(awake, key=lambda r: r.open)

    def _release(self, replica: Replica) -> None:
        """Note that a request has ended, however it did."""
        self.open -= 1
        replica.open -= 1
        replica.circuit.left()
        self._freed()

    def _let_end(self, response: aiohttp.ClientResponse) -> None:
        """Keep the connection of a stream that says that it is over, if its response ends soon; nobody waits for it."""
        if not response.content.at_eof():
            rest = asyncio.create_task(_ended(response))
            self._ending.add(rest)
            rest.add_done_callback(self._ending.discard)

    def _unrepeated(self, said: bytes) -> bytes:
        """What a server says, without the rung's keys."""
        for key in self._sought:
            if key in said:
                said = said.replace(key, b"***")
        return said

    def _failed(self, replica: Replica, error: Exception) -> PassedOverError:
        """Note a failure of a server, and return it."""
        replica.circuit.failed()
        late = isinstance(error, TimeoutError)
        why = f"no answer within {self.spec.timeout_s:g} s" if late else self._secrets.masked(one_line(error))
        return PassedOverError(why, late=late, wait_s=replica.circuit.rest_s)

    async def _refusal(self, replica: Replica, response: aiohttp.ClientResponse, path: str) -> None:
        """Raise what an HTTP status other than 200 stands for."""
        raw = await _read(response, MOST_ERROR)
        status, said = response.status, self._secrets.masked(raw.decode(errors="replace"))
        reason = f"HTTP {status}: {reason_of(said) or 'no reason given'}"
        wait_s = min(MAX_REST_S, wait_of(response.headers.get("Retry-After")))
        if is_too_long(reason):
            replica.circuit.worked()
            raise TooLongError(reason)
        if status in _OURS:
            replica.circuit.worked()
            raise ApiError(status, reason_of(said), code="upstream", body=_as_error(said))
        if status != 429 and not (status in _ABSENT and path != PATHS["chat"]):
            replica.circuit.failed()
        if wait_s:
            replica.circuit.rest(wait_s)
        raise PassedOverError(reason, busy=status == 429, wait_s=wait_s)


async def _ended(response: aiohttp.ClientResponse) -> None:
    """Read what comes after the end of a stream, so that its connection can be used again."""
    try:
        async with asyncio.timeout(END_S):
            while await response.content.readany():
                pass
    except (aiohttp.ClientError, TimeoutError, OSError):
        response.close()


async def _read(response: aiohttp.ClientResponse, most: int = MOST_BYTES) -> bytes:
    """A whole reply.

    Raises:
        BrokenStreamError: it is longer than `most` bytes; the rest is not read.
    """
    parts, size = list[bytes](), 0
    while chunk := await response.content.readany():
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            response.close()
            raise BrokenStreamError(f"HTTP {response.status} with more than {most} bytes")
    response.release()
    return b"".join(parts)


def defaults(spec: ModelSpec) -> dict[str, Any]:
    """Parameters of a request by a rung's settings, which count where the caller gives none."""
    named = {"temperature": spec.temperature, "top_p": spec.top_p, "max_tokens": spec.max_new_tokens}
    stop = {"stop": list(spec.stop)} if spec.stop else {}
    return {name: value for name, value in named.items() if value is not None} | stop | demanded(spec)


def with_system(messages: Any, system: str) -> Any:
    """Messages after a rung's own system message, which goes before the caller's."""
    if not isinstance(messages, list):
        return messages
    first = messages[0] if messages else {}
    if first.get("role") == "system" and isinstance(first.get("content"), str):
        return [{**first, "content": f"{system}\n\n{first['content']}"}, *messages[1:]]
    return [{"role": "system", "content": system}, *messages]


def _without_chat(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "chat_template_kwargs"}


def _completion(data: dict[str, Any], kind: str, began_s: float) -> Completion:
    """What the router reads of a whole answer; a server's error in its place raises a ValueError."""
    if not data.get("choices"):
        raise ValueError(reason_of(json.dumps(data)) or "the answer holds no choices")
    reply = Reply(began_s=began_s)
    if kind == "chat":
        reply.add(data)
    else:
        reply.text, reply.usage = str(data["choices"][0].get("text") or ""), data.get("usage") or {}
    return reply.as_it_stands(timed=True)


def _counted(relay: Relay, began_s: float) -> Completion:
    """The counts and times of a streamed answer, whose text went out."""
    reply = Reply(began_s=began_s, usage=relay.usage)
    reply.latency_s = perf_counter() - began_s
    reply.ttft_s = None if relay.first_s is None else relay.first_s - began_s
    return reply.as_it_stands(timed=True)


def _drop_logprobs(data: dict[str, Any]) -> bool:
    """Take log-probabilities out that the caller did not ask for, and tell whether there were any."""
    return any([choice.pop("logprobs", None) is not None for choice in data["choices"]])


def _as_error(said: str) -> bytes | None:
    """A server's words where they are an error in OpenAI's form; None where they are not."""
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        return None
    shaped = isinstance(told, dict) and isinstance(told.get("error"), dict) and "message" in told["error"]
    return said.encode() if shaped else None
