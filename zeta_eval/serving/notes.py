"""What a server notes of every answer: its history, its counters, the shadow policy's choice, and drift."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from zeta_eval.feedback.drift import Drift
from zeta_eval.models import Ladder
from zeta_eval.router import Decision, Step, ZetaDynamicRouter
from zeta_eval.serving.asked import Asked
from zeta_eval.serving.desk import Desk
from zeta_eval.serving.metrics import Metrics

if TYPE_CHECKING:
    from zeta_eval.feedback import History

_log = logging.getLogger(__name__)

REMEMBERED: Final = 10_000
"""Latest answers that are remembered until they are rated, so that a rating can be learned from."""
KINDS: Final = ("prompt_tokens", "completion_tokens")


class Notes:
    """Takes note of answers without delaying them."""

    def __init__(self, ladder: Ladder, history: History | None, shadow: ZetaDynamicRouter | None) -> None:
        """Start with a history, or None."""
        self.history, self.shadow = history, shadow
        self.metrics, self.drift = Metrics(), Drift()
        self.log_prompts = False
        """Whether the log has a line with each query's text."""
        self._prices = {spec.size: spec for spec in ladder.models}
        self._kept: OrderedDict[str, tuple[str, Decision, Desk]] = OrderedDict()
        if history is not None:
            self.metrics.gauge("history_queued", "Decisions that wait to be written", lambda: history.queued)
            self.metrics.gauge("history_lost", "Decisions that could not be written", lambda: history.lost)
            told = "Times that the history's file was deleted or moved, and begun anew"
            self.metrics.gauge("history_begun_anew", told, lambda: history.renewed)

    def answered(
        self, decision_id: str, desk: Desk, decision: Decision, asked: Asked, steps: Sequence[Step], kept: str | None
    ) -> None:
        """Note an answer, or that there is none (`kept` None), with all calls that led to it; never fails."""
        try:
            self._note(decision_id, desk, decision, asked, steps, kept)
        except Exception:  # of a figure that a server made up, or a disk: it must not cost the answer
            _log.exception("Answer %s could not be noted", decision_id)

    def _note(
        self, decision_id: str, desk: Desk, decision: Decision, asked: Asked, steps: Sequence[Step], kept: str | None
    ) -> None:
        self._count(decision, steps, kept)
        self._tokens(asked, decision)
        shadow = self._shadowed(asked, decision)
        if self.history is not None:
            self._record(decision_id, decision, asked, steps, shadow)
            self._remember(decision_id, kept, decision, desk)
        self._seen(decision.complexity.score, kept, steps)
        if self.log_prompts:
            _log.warning("%s %s -> %s: %s", decision_id, decision.size, kept, asked.query)

    def plainly(self, answer_id: str, asked: Asked, size: str, latency_s: float) -> None:
        """Note the answer of a rung that the caller chose: nothing was decided, so nothing is recorded."""
        self.metrics.calls.labels(size).inc()
        self.metrics.answers.labels(size).inc()
        self.metrics.latency.labels(size).observe(latency_s)
        self._tokens(asked, None)
        if self.log_prompts:
            _log.warning("%s %s, as asked: %s", answer_id, size, asked.query)

    async def feedback(self, body: dict[str, Any], *, trusted: bool) -> None:
        """Write a rating on another thread; it is on the disk when this returns.

        Raises:
            ZetaError: it says nothing, or the history can't be written.
        """
        given = {k: body[k] for k in ("right", "score", "answer") if body.get(k) is not None}
        source: str = (body.get("source") or "person") if trusted else "person"
        assert self.history is not None
        await self.history.afeedback(str(body.get("id")), source=source, by=body.get("by"), **given)
        for kind in given:
            self.metrics.feedback.labels(kind).inc()
        score = given.get("score", given.get("right"))
        if score is not None and (found := self._kept.pop(str(body.get("id")), None)) is not None:
            size, decision, desk = found
            self._found(self.drift.success(size, float(score)))
            if desk.learned is not None and size in desk.sizes:
                desk.router.learn(decision, size, float(score), source=source)

    def _count(self, decision: Decision, steps: Sequence[Step], kept: str | None) -> None:
        m = self.metrics
        m.chosen.labels(decision.size).inc()
        for step in steps:
            m.calls.labels(step.size).inc()
            if step.error is not None:
                m.failures.labels(step.size).inc()
        if kept is None:
            return
        m.answers.labels(kept).inc()
        m.latency.labels(kept).observe(sum(s.latency_s for s in steps))
        if len(steps) > 1:
            m.escalations.inc()

    def _tokens(self, asked: Asked, decision: Decision | None) -> None:
        """Count the tokens of all calls, their price, and what the largest size would have cost."""
        m, largest = self.metrics, None if decision is None else [*decision.p][-1]
        for size, answer in asked.answers:
            for kind in KINDS:
                if (n := getattr(answer, kind)) is not None:
                    m.tokens.labels(size, kind).inc(n)
            m.cost.inc(self._prices[size].cost_usd(answer) or 0.0)
            if decision is not None and size in decision.cost:
                m.expected.inc(decision.cost[size])
        if asked.answers and decision is not None and largest in self._prices:
            m.cost_largest.inc(self._prices[largest].cost_usd(asked.answers[-1][1]) or 0.0)
            m.expected_largest.inc(decision.cost[largest])

    def _shadowed(self, asked: Asked, decision: Decision) -> Decision | None:
        """What the shadow policy would have chosen."""
        if self.shadow is None:
            return None
        found = self.shadow.route(asked.query, task=asked.task, cost_weight=asked.cost_weight)
        self.metrics.shadow.labels(decision.size, found.size).inc()
        return found

    def _record(
        self, decision_id: str, decision: Decision, asked: Asked, steps: Sequence[Step], shadow: Decision | None
    ) -> None:
        """Queue a decision for the history, which is written on another thread."""
        assert self.history is not None
        read, written = (_sum([getattr(a, kind) for _, a in asked.answers]) for kind in KINDS)
        self.history.record(
            decision,
            asked.query,
            task=asked.task,
            steps=steps,
            prompt_tokens=read,
            completion_tokens=written,
            cost_usd=_sum([self._prices[size].cost_usd(a) for size, a in asked.answers]),
            decision_id=decision_id,
            shadow=shadow,
        )

    def _remember(self, decision_id: str, kept: str | None, decision: Decision, desk: Desk) -> None:
        if kept is not None:
            self._kept[decision_id] = kept, decision, desk
            if len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)

    def _seen(self, complexity: float, kept: str | None, steps: Sequence[Step]) -> None:
        self._found(self.drift.complexity(complexity))
        if kept is not None and len(steps) == 1:
            self._found(self.drift.latency(kept, steps[0].latency_s))

    def _found(self, event: Any) -> None:
        if event is not None:
            self.metrics.drift.labels(event.what).inc()
            _log.warning("%s", event)


def _sum(values: Sequence[Any]) -> Any:
    """The sum of numbers; None where one is unknown, or there are none."""
    return sum(values) if values and all(v is not None for v in values) else None
