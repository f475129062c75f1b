"""How a router has queries answered: `generate`, and `agenerate` and `astream` for event loops. Standard library only.

All three make the calls that `zeta_eval.router.calls` names, so they decide alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import GenerationError
from zeta_eval.router.calls import Calls, EmbeddingCall, OnStep, SizeCalls, Terms
from zeta_eval.router.cascade import Looks
from zeta_eval.router.complexity import as_query
from zeta_eval.router.decision import Answer, Decision, Routed, Step, UnansweredError
from zeta_eval.router.sessions import Sessions

if TYPE_CHECKING:
    from zeta_eval.router.adjuster import Adjuster
    from zeta_eval.router.policy import RoutingPolicy

Query = str | Sequence[Mapping[str, Any]]
"""A text, or chat messages as {"role": ..., "content": ...}."""

Piece = str | bytes
"""A part of an answer as it is written."""

Note = Callable[[Answer], None]
"""Takes the answer to a call."""


def _forget(outputs: Mapping[str, object]) -> None:
    """Take what came of a part, and keep nothing of it."""


_UNTRACED = nullcontext(_forget)


class Generating:
    """The part of a router that has queries answered."""

    policy: RoutingPolicy
    online: Adjuster | None
    _looks: Looks
    _sessions: Sessions

    if TYPE_CHECKING:

        def route(
            self, text: Query, *, task: str | None = None, cost_weight: float | None = None, session: str | None = None
        ) -> Decision:
            """Choose a size for a query."""

        def _unread(self, decision: Decision) -> Decision: ...

    def generate(
        self,
        text: Query,
        answer: Mapping[str, Callable[[str], Answer]],
        *,
        task: str | None = None,
        cost_weight: float | None = None,
        session: str | None = None,
        max_latency_s: float = math.inf,
        on_step: OnStep | None = None,
    ) -> Routed:
        """Answer a query: call a size, look at its answer, and go on to a larger size while that is worth its cost.

        The answer of a size that was drawn by lot (`explore`) is kept unread, so that its rating tells how good it is.

        >>> from zeta_eval.models import Completion
        >>> answers = {size: lambda text: Completion(text="Paris") for size in ("4B", "7B", "14B")}
        >>> routed = ZetaDynamicRouter().generate("What is the capital of France?", answers)
        >>> routed.text, routed.size
        ('Paris', '7B')

        Args:
            text: The query, as in `route`.
            answer: By size, a function that answers a text; of messages it gets a `Conversation`, a text with its turns
                as `messages`. An answer with `error` failed on this query, so a larger size is asked. A function that
                raises GenerationError says that its size can't be asked now: the rule decides as if it were not there.
            task: As in `route`.
            cost_weight: As in `route`.
            session: As in `route`; where the answer of a larger size is kept, the session goes up to it.
            max_latency_s: No further size is called once this much time, in seconds, has passed.
            on_step: Called after each step with the step and the reason for stopping or going on.

        Raises:
            UnknownNameError: the chosen size has no function in `answer`.
            GenerationError: every size that was called failed (`UnansweredError`, with the decision and the steps).
        """
        terms = Terms(task=task, cost_weight=cost_weight, session=session, max_latency_s=max_latency_s, on_step=on_step)
        with self._answering(text, answer, terms) as (calls, done):
            while (size := calls.next) is not None:
                with self._called(calls, size) as note:
                    note(answer[size](calls.text))
            return done()

    async def agenerate(
        self,
        text: Query,
        answer: Mapping[str, Callable[[str], Awaitable[Answer]]],
        *,
        task: str | None = None,
        cost_weight: float | None = None,
        session: str | None = None,
        max_latency_s: float = math.inf,
        on_step: OnStep | None = None,
    ) -> Routed:
        """Answer a query as `generate` does, by functions that are awaited.

        >>> import asyncio
        >>> from zeta_eval.models import Completion
        >>> async def paris(text):
        ...     return Completion(text="Paris")
        >>> answers = {size: paris for size in ("4B", "7B", "14B")}
        >>> asyncio.run(ZetaDynamicRouter().agenerate("What is the capital of France?", answers)).size
        '7B'

        Args and errors as in `generate`.
        """
        terms = Terms(task=task, cost_weight=cost_weight, session=session, max_latency_s=max_latency_s, on_step=on_step)
        with self._answering(text, answer, terms) as (calls, done):
            while (size := calls.next) is not None:
                with self._called(calls, size) as note:
                    note(await answer[size](calls.text))
            return done()

    async def astream(
        self,
        text: Query,
        answer: Mapping[str, Callable[[str], Awaitable[Answer]]],
        stream: Mapping[str, Callable[[str], AsyncIterator[Piece | Answer]]],
        *,
        task: str | None = None,
        cost_weight: float | None = None,
        session: str | None = None,
        max_latency_s: float = math.inf,
        on_step: OnStep | None = None,
    ) -> AsyncIterator[Decision | Piece | Routed]:
        """Answer a query piece by piece: gives the decision, then the pieces of the answer kept, then what came of it.

        A size is chosen for good before its first piece is given. So an answer that a larger size's may follow is
        waited for, and comes as one piece where it is kept.

        >>> import asyncio
        >>> from zeta_eval.models import Completion
        >>> async def paris(text):
        ...     yield "Par"
        ...     yield "is"
        ...     yield Completion(text="Paris")
        >>> async def shown():
        ...     streams = {size: paris for size in ("4B", "7B", "14B")}
        ...     return [each async for each in ZetaDynamicRouter().astream("What is the capital?", streams, streams)]
        >>> asyncio.run(shown())[1:-1]
        ['Par', 'is']

        Args:
            text: The query, as in `route`.
            answer: By size, a function that answers a text whole, for sizes whose answer may be followed by another.
            stream: By size, a function that gives the pieces of its answer, and last the answer as a whole.
            task: As in `route`.
            cost_weight: As in `route`.
            session: As in `generate`.
            max_latency_s: As in `generate`.
            on_step: As in `generate`.

        Raises:
            UnknownNameError: the chosen size has no function in `answer`.
            UnansweredError: every size that was called failed, or one broke off after a piece was given (`begun`).
        """
        terms = Terms(task=task, cost_weight=cost_weight, session=session, max_latency_s=max_latency_s, on_step=on_step)
        with self._answering(text, answer, terms) as (calls, done):
            yield calls.decision
            begun = list[bool]()
            while (size := calls.next) is not None:
                with self._called(calls, size, begun) as note:
                    if not calls.final:
                        note(await answer[size](calls.text))
                        continue
                    async for piece in stream[size](calls.text):
                        if not isinstance(piece, str | bytes):
                            note(piece)
                            continue
                        if not begun:
                            begun.append(True)
                        yield piece
            routed = done()
            if not begun:
                yield routed.text
            yield routed

    @contextmanager
    def _answering(
        self, text: Query, answer: Mapping[str, object], terms: Terms
    ) -> Iterator[tuple[Calls, Callable[[], Routed]]]:
        """The calls for a query, and what to call at their end."""
        query = as_query(text)
        with self._span("zeta", {"query": query, "task": terms.task}) as tell:
            calls = self._calls(query, answer, terms)

            def done() -> Routed:
                routed = calls.routed()
                if terms.session is not None and routed.size in self.policy.sizes:
                    self._sessions.rise(terms.session, self.policy.sizes.index(routed.size))
                tell({"size": routed.size, "answer": routed.text, "reasons": routed.reasons})
                return routed

            yield calls, done

    def _calls(self, query: str, answer: Mapping[str, object], terms: Terms) -> Calls:
        """Route a query, and begin to answer it."""
        with self._span("route", {}) as tell:
            decision = self.route(query, task=terms.task, cost_weight=terms.cost_weight, session=terms.session)
            decision = self._unread(decision) if self._looks else decision
            tell({"size": decision.size, "p": decision.p, "reasons": decision.reasons})
        if decision.size not in self.policy.sizes:
            return EmbeddingCall(query, decision, answer)
        return SizeCalls(query, decision, self._looks, answer, terms)

    @contextmanager
    def _called(self, calls: Calls, size: str, begun: Sequence[bool] = ()) -> Iterator[Note]:
        """One call: gives what takes its answer; a size that raises GenerationError is passed over.

        `begun` holds something once part of the answer went out, after which no other size can take its place.
        """
        started, found = time.perf_counter(), list[Answer]()
        with self._span(f"generate {size}", {}) as tell:
            try:
                yield found.append
            except GenerationError as e:
                if begun:
                    raise _broken(calls, size, str(e), time.perf_counter() - started) from e
                calls.pass_over(str(e), time.perf_counter() - started)
                tell({"error": str(e)})
                return
            (result,), latency_s = found, time.perf_counter() - started
            tell({"answer": result.text, "error": result.error, "mean_logprob": result.mean_logprob})
        if result.error is not None and begun:
            raise _broken(calls, size, result.error, latency_s)
        calls.take(result, latency_s)
        if self.online is not None and result.error is None and size in self.policy.sizes:
            self.online.observe(size, latency_s, decision=calls.decision)

    def _span(
        self, name: str, inputs: Mapping[str, object]
    ) -> AbstractContextManager[Callable[[Mapping[str, object]], None]]:
        """Surround a part of `generate`, and give a function that takes what came of it; a traced router records it.

        What it takes may be lazy (`Reasons`): only a router that records it need read it.
        """
        return _UNTRACED


def _broken(calls: Calls, size: str, why: str, latency_s: float) -> UnansweredError:
    """The error of an answer that ends half-way, when a part of it has gone out."""
    steps = (*getattr(getattr(calls, "steps", None), "steps", ()),)
    step = Step(size=size, text="", latency_s=latency_s, p_right=0.0, error=why)
    return UnansweredError(
        f"{size} broke off in its answer: {why}", decision=calls.decision, steps=(*steps, step), begun=True
    )
