"""Answers requests: the router chooses among the rungs of the fleet, and what they say goes back to the caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from functools import partial
from time import perf_counter, time
from typing import Final

from zeta_eval.exceptions import GenerationError
from zeta_eval.feedback.history import new_id
from zeta_eval.models import Completion
from zeta_eval.router import Decision, Routed, Step, UnansweredError
from zeta_eval.serving import telling
from zeta_eval.serving.asked import Asked
from zeta_eval.serving.desk import Desk
from zeta_eval.serving.errors import ApiError, PassedOverError, TooLongError, unanswered
from zeta_eval.serving.exchange import EVENTS, JSON, Exchange
from zeta_eval.serving.fleet import Fleet
from zeta_eval.serving.notes import Notes
from zeta_eval.serving.rung import Whole
from zeta_eval.serving.sse import events_of, spliced
from zeta_eval.serving.vectors import vector

_ANY_TIME: Final = nullcontext()


class Turn:
    """One request on its way through the sizes."""

    def __init__(
        self, asked: Asked, exchange: Exchange, desk: Desk, fleet: Fleet, notes: Notes, *, longest_s: float
    ) -> None:
        """Start before the choice; no further size is called after `longest_s`."""
        self.longest_s = longest_s
        self.ends_s = asyncio.get_running_loop().time() + longest_s
        """When a size that is called after another must have answered, by the event loop's clock."""
        self.asked, self.exchange, self.desk, self.fleet, self.notes = asked, exchange, desk, fleet, notes
        self.id = new_id(time())
        """Id of the decision."""
        self.told: list[tuple[Step, str]] = []
        self.began_s = perf_counter()
        self._decision: Decision | None = None
        self._wholes: dict[str, Whole] = {}

    async def answer(self) -> None:
        """Choose, ask, and send what is kept.

        Raises:
            ApiError: there is no answer.
        """
        await self.fleet.room(self.desk.sizes)
        try:
            await (self._streamed() if self.asked.stream else self._whole())
        except UnansweredError as e:
            self.notes.answered(self.id, self.desk, e.decision, self.asked, e.steps, None)
            raise self._error(e) from e
        except GenerationError as e:  # the one model that embeds
            raise unanswered(str(e), self.asked.troubles) from e

    async def _whole(self) -> None:
        """Send a whole answer."""
        routed = await self.desk.router.agenerate(
            self.asked.query,
            {size: partial(self._ask, size) for size in self.desk.answering},
            task=self.asked.task,
            cost_weight=self.asked.cost_weight,
            session=self.asked.session,
            max_latency_s=self.longest_s,
            on_step=self._on_step,
        )
        field = telling.field(self.id, routed.decision, routed.size, self.told)
        body = spliced(self._wholes[routed.size].raw, field)
        try:
            await self.exchange.answer(200, body, (JSON, *telling.headers(self.id, routed.decision, routed.size)))
        finally:
            self._note(routed)

    async def _streamed(self) -> None:
        """Send the answer as events, as soon as it is sure which size's it is."""
        pieces = self.desk.router.astream(
            self.asked.query,
            {size: partial(self._ask, size) for size in self.desk.answering},
            {size: partial(self._stream, size) for size in self.desk.answering},
            task=self.asked.task,
            cost_weight=self.asked.cost_weight,
            session=self.asked.session,
            max_latency_s=self.longest_s,
            on_step=self._on_step,
        )
        async for piece in pieces:
            if isinstance(piece, Decision):
                self._decision = piece
            elif isinstance(piece, bytes):
                await self._begin(self._streaming)
                await self.exchange.chunk(piece)
            elif isinstance(piece, Routed):
                if not self._begun:
                    await self._begin(piece.size)
                    await self.exchange.chunk(self._events(piece))
                try:
                    await self.exchange.end()
                finally:
                    self._note(piece)

    _streaming, _begun = "", False

    async def _begin(self, size: str) -> None:
        """Begin a stream."""
        assert self._decision is not None
        self._begun = True
        self.notes.metrics.first.labels(size).observe(perf_counter() - self.began_s)
        await self.exchange.start(200, (*EVENTS, *telling.headers(self.id, self._decision, size)))

    async def _ask(self, size: str, query: str) -> Completion:
        """A size's whole answer, as the router takes it."""
        try:
            rung = self.fleet.rungs[size]
            async with asyncio.timeout_at(self.ends_s) if self.asked.answers else _ANY_TIME:
                if rung.spec.role == "embed":
                    whole = await vector(rung, query)
                else:
                    whole = await rung.whole(self.asked, logprobs=self.desk.logprobs)
        except TimeoutError as e:  # the answer that is there is the best by then
            raise PassedOverError("no answer by the deadline") from e
        except TooLongError as e:
            return Completion(text="", error=str(e))
        except PassedOverError as e:
            self.asked.troubles.append(e)
            raise
        self._wholes[size] = whole
        self.asked.answers.append((size, whole.completion))
        return whole.completion

    async def _stream(self, size: str, query: str) -> AsyncIterator[bytes | Completion]:
        """The pieces of a size's answer, as the router takes them."""
        self._streaming = size
        try:
            async for piece in self.fleet.rungs[size].pieces(self.asked, partial(self._field, size)):
                if isinstance(piece, Completion):
                    self.asked.answers.append((size, piece))
                elif self._begun:
                    await self.exchange.chunk(piece)  # the router knows that it has begun, and need not see more
                    continue
                yield piece
        except TooLongError as e:
            yield Completion(text="", error=str(e))
        except PassedOverError as e:
            self.asked.troubles.append(e)
            raise

    def _field(self, size: str) -> bytes:
        """The field "zeta" of an answer that is just ending."""
        assert self._decision is not None
        p_right, latency_s = self._decision.p.get(size, 1.0), perf_counter() - self.began_s
        step = Step(size=size, text="", latency_s=latency_s, p_right=p_right, error=None)
        return telling.field(self.id, self._decision, size, [*self.told, (step, f"kept {size}")])

    def _events(self, routed: Routed) -> bytes:
        """An answer that was waited for, as the events of a stream."""
        field = telling.field(self.id, routed.decision, routed.size, self.told)
        data = self._wholes[routed.size].data
        return events_of(data, field, usage=self.asked.wants_usage, kind=self.asked.kind)

    def _on_step(self, step: Step, reason: str) -> None:
        self.told.append((step, reason))

    def _note(self, routed: Routed) -> None:
        self.notes.answered(self.id, self.desk, routed.decision, self.asked, routed.steps, routed.size)

    def _error(self, error: UnansweredError) -> ApiError:
        """What the caller is told where no size answered."""
        last = next((s.error for s in reversed(error.steps) if s.error), "")
        if not self.asked.troubles and not error.begun:
            return ApiError(400, str(last), code="context_length_exceeded", param="messages")
        return unanswered(str(error), self.asked.troubles)


class Named:
    """One request to a rung that the caller names."""

    def __init__(self, asked: Asked, exchange: Exchange, size: str, fleet: Fleet, notes: Notes) -> None:
        """Start before the call."""
        self.asked, self.exchange, self.size, self.fleet, self.notes = asked, exchange, size, fleet, notes
        self.id = new_id(time())
        """Id of the answer, for logs."""

    async def answer(self) -> None:
        """Ask the rung, and send what it says.

        Raises:
            ApiError: there is no answer.
        """
        await self.fleet.room([self.size])
        began_s = perf_counter()
        try:
            await (self._streamed() if self.asked.stream else self._whole())
        except TooLongError as e:
            raise ApiError(400, str(e), code="context_length_exceeded", param="messages") from e
        except PassedOverError as e:
            self.notes.metrics.failures.labels(self.size).inc()
            raise unanswered(f"{self.size} gives no answer: {e}", [e]) from e
        self.notes.plainly(self.id, self.asked, self.size, perf_counter() - began_s)

    async def _whole(self) -> None:
        whole = await self.fleet.rungs[self.size].whole(self.asked)
        self.asked.answers.append((self.size, whole.completion))
        body = spliced(whole.raw, telling.rung_field(self.id, self.size))
        await self.exchange.answer(200, body, (JSON, *telling.rung_headers(self.id, self.size)))

    async def _streamed(self) -> None:
        field: Callable[[], bytes] = partial(telling.rung_field, self.id, self.size)
        async for piece in self.fleet.rungs[self.size].pieces(self.asked, field):
            if isinstance(piece, Completion):
                self.asked.answers.append((self.size, piece))
                continue
            if not self.exchange.status:
                await self.exchange.start(200, (*EVENTS, *telling.rung_headers(self.id, self.size)))
            await self.exchange.chunk(piece)
        await self.exchange.end()
