"""The calls that answer one query, for whoever makes them, in turn or in an event loop. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from zeta_eval.exceptions import GenerationError, UnknownNameError
from zeta_eval.router.cascade import Looks
from zeta_eval.router.decision import Answer, Decision, Routed, Step
from zeta_eval.router.walk import Steps

OnStep = Callable[[Step, str], None]
"""Takes a step and the reason for stopping or going on after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """On what terms a query is answered."""

    task: str | None = None
    """Name of its task."""
    cost_weight: float | None = None
    """Accuracy given up to save one call of the largest size; None takes the policy's own."""
    session: str | None = None
    """Name of the conversation that it is a turn of."""
    max_latency_s: float = math.inf
    """No further size is called once this much time has passed."""
    on_step: OnStep | None = None
    """Called after each step."""


class Calls(Protocol):
    """The calls that answer one query."""

    text: str
    """The query."""
    decision: Decision
    """The choice before the first call."""

    @property
    def next(self) -> str | None:
        """The size to call now; None once an answer is kept."""

    @property
    def final(self) -> bool:
        """Whether the answer of that size is kept whatever it shows."""

    def take(self, result: Answer, latency_s: float) -> None:
        """Note the answer of the size that `next` named."""

    def pass_over(self, why: str, latency_s: float) -> None:
        """Note that this size can't be asked now."""

    def routed(self) -> Routed:
        """What came of the calls; raises GenerationError where there is no answer."""


class SizeCalls:
    """The calls of sizes that write."""

    def __init__(self, text: str, decision: Decision, looks: Looks, answer: Mapping[str, object], terms: Terms) -> None:
        """Begin with the sizes that have a function to answer."""
        if decision.size not in answer:
            raise UnknownNameError("size", decision.size, answer, hint="Give `answer` a function for every size.")
        sizes = tuple(decision.p)
        allowed = [i for i, size in enumerate(sizes) if size in answer and size in decision.allowed]
        self.text, self.decision, self._terms = text, decision, terms
        self.steps = Steps(sizes, looks, decision, allowed)

    @property
    def next(self) -> str | None:
        """The size to call now."""
        return self.steps.next

    @property
    def final(self) -> bool:
        """Whether its answer is kept whatever it shows."""
        return self.steps.walk.final

    def take(self, result: Answer, latency_s: float) -> None:
        """Note its answer."""
        self.steps.take(result, latency_s, self._terms.max_latency_s)
        self._told()

    def pass_over(self, why: str, latency_s: float) -> None:
        """Note that it can't be asked now."""
        self.steps.pass_over(why, latency_s, self._terms.max_latency_s)
        self._told()

    def routed(self) -> Routed:
        """The answer that is kept, with all steps."""
        return self.steps.result(self.decision)

    def _told(self) -> None:
        if self._terms.on_step is not None:
            self._terms.on_step(self.steps.steps[-1], self.steps.reasons[-1])


class EmbeddingCall:
    """The one call of a policy's embedding model, which is none of its sizes."""

    final = False

    def __init__(self, text: str, decision: Decision, answer: Mapping[str, object]) -> None:
        """Begin where the caller has a function for the model."""
        if decision.size not in answer:
            hint = "The text asks for an embedding; give that model, too."
            raise UnknownNameError("size", decision.size, answer, hint=hint)
        self.text, self.decision, self._found = text, decision, list[tuple[Answer, float]]()

    @property
    def next(self) -> str | None:
        """The embedding model, until it has answered."""
        return None if self._found else self.decision.size

    def take(self, result: Answer, latency_s: float) -> None:
        """Note its answer."""
        if result.error is not None:
            self.pass_over(result.error, latency_s)
        self._found.append((result, latency_s))

    def pass_over(self, why: str, latency_s: float) -> None:
        """Refuse: no other model gives its vectors."""
        raise GenerationError(f"{self.decision.size} gives no embedding: {why}")

    def routed(self) -> Routed:
        """The vector."""
        ((result, latency_s),) = self._found
        size = self.decision.size
        step = Step(size=size, text=result.text, latency_s=latency_s, p_right=1.0, error=None)
        return Routed(
            text=result.text,
            size=size,
            decision=self.decision,
            steps=(step,),
            reasons=(f"kept {size}: the text asks for an embedding, which it gives",),
            embedding=getattr(result, "embedding", None),
        )
