"""The server as an ASGI application: paths, keys, limits, and what is told of its state."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from zeta_eval.exceptions import InvalidInputError, ZetaError
from zeta_eval.serving.answering import Named, Turn
from zeta_eval.serving.asked import Kind, asked, deadline, parsed
from zeta_eval.serving.desk import Desk
from zeta_eval.serving.errors import ApiError, PassedOverError, unanswered
from zeta_eval.serving.exchange import Exchange, Receive, Scope, Send
from zeta_eval.serving.fleet import Fleet
from zeta_eval.serving.model_names import choice, listed
from zeta_eval.serving.notes import Notes
from zeta_eval.serving.settings import is_loopback

if TYPE_CHECKING:
    from zeta_eval.feedback import History

_log = logging.getLogger(__name__)

KINDS: Final[dict[str, Kind]] = {"/v1/chat/completions": "chat", "/v1/completions": "completion"}
"""What is asked, by path."""
BODY_S: Final = 60.0
"""Longest time in which a caller sends the body of a request, in seconds."""
SAY_S: Final = 5.0
"""Longest time in which a caller takes an error, in seconds."""
GRACE_S: Final = 0.25
"""Time beyond the deadline to send an earlier answer of a cascade, in seconds."""
TEXT: Final = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
Handler = Callable[[Exchange], Awaitable[None]]


class App:
    """Takes requests; what it needs of the outside is put together in `zeta_eval.serving.starting`."""

    def __init__(self, desk: Desk, fleet: Fleet, notes: Notes, *, keys: tuple[bytes, ...] = ()) -> None:
        """Take the policy, the rungs, and what is noted."""
        self.desk, self.fleet, self.notes = desk, fleet, notes
        self.max_body, self.deadline_s = 10_000_000, 600.0
        self.problem: str | None = None
        """Why the policy on the disk is not the one in use; None where it is."""
        self.started: Callable[[], Awaitable[None]] | None = None
        self.stopped: Callable[[], Awaitable[None]] | None = None
        self._keys = keys
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/embeddings"): self._embeddings,
            ("POST", "/v1/feedback"): self._feedback,
            **{("POST", path): self._answer for path in KINDS},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._respond(Exchange(scope, receive, send))

    async def _respond(self, exchange: Exchange) -> None:
        """Answer one request, or say in OpenAI's form why not."""
        try:
            await self._handle(exchange)
        except ApiError as e:
            await _say(exchange, e)
        except RecursionError:
            await _say(exchange, ApiError(400, "The request is nested too deeply."))
        except asyncio.CancelledError:
            if exchange.gone:
                self.notes.metrics.left.inc()
                exchange.status = 499  # as nginx calls it
            else:
                why = "The server stops before there is a whole answer; ask again."
                await _say(exchange, ApiError(503, why, kind="server_error", code="unavailable", retry_after_s=1.0))
        except Exception:
            _log.exception("%s %s failed", exchange.method, exchange.path)
            await _say(exchange, ApiError(500, "The server failed; its log says why.", kind="server_error"))
        finally:
            exchange.unwatch()
            self.fleet.freed()  # whoever waits behind a request that ended without asking a size
        path = exchange.path if (exchange.method, exchange.path) in self._routes else "other"
        self.notes.metrics.requests.labels(path, exchange.status).inc()

    async def _handle(self, exchange: Exchange) -> None:
        route = self._routes.get((exchange.method, exchange.path))
        if route is None:
            known = {path for _, path in self._routes}
            status = 405 if exchange.path in known else 404
            raise ApiError(status, f"There is no {exchange.method} {exchange.path} here; see /v1/models.")
        if self._keys and exchange.path != "/health":
            self._check_key(exchange)
        if not self._keys and _foreign(exchange):
            raise ApiError(403, "Pages of other sites may not ask this server; start it with --keys-env to let them.")
        await route(exchange)

    async def _body(self, exchange: Exchange) -> bytes:
        """The body of a request."""
        try:
            async with asyncio.timeout(min(BODY_S, self.deadline_s)):
                return await exchange.body(self.max_body)
        except TimeoutError as e:
            raise ApiError(408, "The body of the request did not come in time.", code="timeout") from e

    async def _answer(self, exchange: Exchange) -> None:
        """Chat completions and completions."""
        body = parsed(await self._body(exchange))
        desk = self.desk
        wanted = choice(body.get("model"), self.fleet.rungs, desk.policy.cost_weight)
        request = asked(KINDS[exchange.path], body, exchange)
        request.cost_weight = wanted.cost_weight
        longest_s = deadline(exchange, self.deadline_s)
        turn: Turn | Named
        if wanted.size is None:
            turn = Turn(request, exchange, desk, self.fleet, self.notes, longest_s=longest_s)
        else:
            turn = Named(request, exchange, wanted.size, self.fleet, self.notes)
        exchange.watch()
        try:
            async with asyncio.timeout(longest_s + GRACE_S):
                await turn.answer()
        except TimeoutError as e:
            why = f"No whole answer within {longest_s:g} s."
            raise ApiError(504, why, kind="server_error", code="timeout", retry_after_s=1.0) from e

    async def _embeddings(self, exchange: Exchange) -> None:
        """Embeddings, by the rung that embeds."""
        body = parsed(await self._body(exchange))
        size = choice(body.get("model"), self.fleet.rungs, self.desk.policy.cost_weight).size or self.desk.embedder
        if size is None:
            raise ApiError(404, "No rung of the ladder embeds; add one with role = 'embed'.", code="model_not_found")
        exchange.watch()
        try:
            async with asyncio.timeout(deadline(exchange, self.deadline_s)):
                await self.fleet.room([size])
                await exchange.answer(200, await self.fleet.rungs[size].embeddings(body))
        except PassedOverError as e:
            raise unanswered(f"{size} gives no embedding: {e}", [e]) from e
        except TimeoutError as e:
            raise ApiError(504, "No embedding in time.", kind="server_error", code="timeout", retry_after_s=1.0) from e
        self.notes.metrics.answers.labels(size).inc()

    async def _feedback(self, exchange: Exchange) -> None:
        """A rating of an answer."""
        body = parsed(await self._body(exchange))
        if self.notes.history is None:
            raise ApiError(404, "No history is kept here; start the server with --history FILE.")
        if not isinstance(body.get("id"), str) or not body["id"].isascii():
            raise ApiError(400, "`id` is missing; give the decision id of the answer.", param="id")
        _check_rating(body)
        try:
            await self.notes.feedback(body, trusted=bool(self._keys))
        except InvalidInputError as e:
            raise ApiError(400, str(e)) from e
        except ZetaError as e:
            raise ApiError(503, str(e), kind="server_error", retry_after_s=1.0) from e
        await exchange.json({"id": body["id"], "object": "feedback"})

    async def _models(self, exchange: Exchange) -> None:
        """The models that a request may name."""
        routed = [{"id": name, "object": "model", "created": 0, "owned_by": "zeta"} for name in listed()]
        rungs = [{"id": size, "object": "model", "created": 0, "owned_by": "ladder"} for size in self.fleet.rungs]
        await exchange.json({"object": "list", "data": routed + rungs})

    async def _metrics(self, exchange: Exchange) -> None:
        """The counters."""
        await exchange.answer(200, self.notes.metrics.text(), (TEXT,))

    async def _health(self, exchange: Exchange) -> None:
        """Whether it works; where keys are asked for, only who has one is told more."""
        able = any(self.fleet.rungs[size].ready or self.fleet.rungs[size].full for size in self.desk.sizes)
        told: dict[str, Any] = {"status": "ok" if able else "no size can be asked"}
        try:
            if self._keys:
                self._check_key(exchange)
            told |= self._state()
        except ApiError:
            pass
        await exchange.json(told)

    def _state(self) -> dict[str, Any]:
        policy = self.desk.policy
        return {
            "policy": f"{policy.name}@{policy.checksum[:8]}",
            "verdict": policy.verdict.status,
            "problem": self.problem,
            "sizes": {size: _state(rung.ready, rung.full) for size, rung in self.fleet.rungs.items()},
            "waiting": self.fleet.waiting,
            "history": None if self.notes.history is None else _kept(self.notes.history),
            "drift": [str(event) for event in self.notes.drift.events],
        }

    def _check_key(self, exchange: Exchange) -> None:
        """Refuse a caller without one of the keys; every key is compared, each in constant time."""
        given = exchange.headers.get(b"authorization", b"")
        key = given[7:].strip() if given[:7].lower() == b"bearer " else b""
        if not any([hmac.compare_digest(key, known) for known in self._keys]):
            raise ApiError(401, "The API key is missing or wrong.", code="invalid_api_key")

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start with the event loop, and stop with it."""
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                try:
                    if self.started is not None:
                        await self.started()
                except ZetaError as e:
                    await send({"type": "lifespan.startup.failed", "message": str(e)})
                    return
                await send({"type": "lifespan.startup.complete"})
        if self.stopped is not None:
            await self.stopped()
        await send({"type": "lifespan.shutdown.complete"})


async def _say(exchange: Exchange, error: ApiError) -> None:
    """Tell a caller of an error; one who does not read is left."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SAY_S):
            await exchange.fail(error)


def _foreign(exchange: Exchange) -> bool:
    """Whether a browser asks for a page of another site, under whatever name that reaches this machine."""
    if exchange.headers.get(b"sec-fetch-site", b"none") in (b"cross-site", b"same-site"):
        return True
    origin = exchange.header(b"origin")
    try:
        return origin is not None and not is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return True


def _check_rating(body: dict[str, Any]) -> None:
    """Refuse a rating that is none."""
    right, score = body.get("right"), body.get("score")
    if all(body.get(name) is None for name in ("right", "score", "answer")):
        raise ApiError(400, "The feedback is empty; give `right` (true or false), `score` in [0, 1], or `answer`.")
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
        raise ApiError(400, "`score` is no number; give a number in [0, 1].", param="score")
    if score is not None and not 0 <= score <= 1:
        raise ApiError(400, "`score` is out of range; give a number in [0, 1].", param="score")
    if not (right is None or isinstance(right, bool)):
        raise ApiError(400, "`right` is no boolean; give true or false.", param="right")
    if right is not None and score is not None:
        raise ApiError(400, "Both `right` and `score` are given; give one of them.", param="score")
    for name in ("answer", "source", "by"):
        if not (body.get(name) is None or isinstance(body[name], str)):
            raise ApiError(400, f"`{name}` is no text; give one, or leave it out.", param=name)


def _kept(history: History) -> dict[str, int]:
    """How a history fares."""
    return {"queued": history.queued, "lost": history.lost, "begun_anew": history.renewed}


def _state(ready: bool, full: bool) -> str:
    return "ready" if ready else "busy" if full else "rests after failures"
