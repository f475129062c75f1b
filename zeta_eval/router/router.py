"""`ZetaDynamicRouter`: the only place that makes a choice. Standard library only.

`route` takes the size with the greatest p - cost_weight * cost. `generate` follows the same utility over whole plans: a
size may run first because its answer will tell whether a larger one is worth its cost (`zeta_eval.router.cascade`).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from zeta_eval.exceptions import GenerationError, InvalidInputError, UnknownNameError
from zeta_eval.router.cascade import indexed
from zeta_eval.router.complexity import Complexity
from zeta_eval.router.decision import Answer, Decision, Routed, Step, best
from zeta_eval.router.domain import counted_cost
from zeta_eval.router.policy import Estimate, RoutingPolicy
from zeta_eval.router.reasons import moved
from zeta_eval.router.reasons import reasons as _reasons
from zeta_eval.router.steps import Steps

__all__ = ["Adjuster", "Answer", "Decision", "Routed", "Step", "ZetaDynamicRouter", "best"]

DEFAULT = "default"
"""What `dynamic_model_sizing` says where the text gives no signal."""


class Adjuster(Protocol):
    """What adjusts a policy's estimates by what came of earlier choices; `zeta_eval.feedback.online.Online` does."""

    @property
    def policy_checksum(self) -> str:
        """The version of the policy that it belongs to."""
        ...

    def adjust(self, estimate: Estimate, task: str | None) -> Estimate:
        """What is expected of every size now."""
        ...

    def learn(self, decision: Decision, size: str, score: float, *, source: str) -> None:
        """Take a label."""
        ...

    def observe(self, size: str, latency_s: float, *, decision: Decision | None) -> None:
        """Take a measured latency."""
        ...


class ZetaDynamicRouter:
    """Chooses a model size for each query by a policy."""

    def __init__(
        self,
        policy: RoutingPolicy | None = None,
        *,
        online: Adjuster | None = None,
        explore: float = 0.0,
        explore_cost: float = math.inf,
        seed: int | None = None,
    ) -> None:
        """Route by a policy.

        Args:
            policy: The policy; None takes the untuned seed policy for 4B / 7B / 14B.
            online: What earlier traffic taught (`zeta_eval.feedback.online.Online`); None routes as tuned.
            explore: Share of queries, in [0, 1), that any size may get, each with the same probability.
            explore_cost: Greatest expected cost to explore, as a share of the largest size's mean cost.
            seed: Seed of exploration; None takes a random one.

        Raises:
            InvalidInputError: `online` belongs to another version of the policy, or a setting is out of range.
        """
        self.policy = policy if policy is not None else RoutingPolicy.seed()
        if online is not None and online.policy_checksum != self.policy.checksum:
            raise InvalidInputError(
                f"What was learned online belongs to policy version {online.policy_checksum[:8]}, this is "
                f"{self.policy.checksum[:8]}; start anew with Online(policy)."
            )
        if not 0 <= explore < 1:
            raise InvalidInputError(f"explore is {explore!r}; give the share of queries to explore with, in [0, 1).")
        if not explore_cost >= 0:
            raise InvalidInputError(f"explore_cost is {explore_cost!r}; give a share of the largest size's mean cost.")
        self.online, self.explore, self.explore_cost = online, explore, explore_cost
        self._random = random.Random(seed)
        self._name = f"{self.policy.name}@{self.policy.checksum[:8]}"
        self._looks = indexed(self.policy.looks, self.policy.sizes)

    @classmethod
    def load(cls, path: str | Path) -> ZetaDynamicRouter:
        """Load a policy file.

        Raises:
            PolicyError: the file can't be used.
        """
        return cls(RoutingPolicy.load(path))

    def evaluate_complexity(self, task: str) -> Complexity:
        """How hard the active policy takes a query text to be."""
        return self.policy.complexity(_checked(task))

    def dynamic_model_sizing(self, task: str) -> str:
        """The size for a query text, or "default" where the text gives no signal."""
        decision = self.route(task)
        return DEFAULT if decision.complexity.label == "unknown" else decision.size

    def route(self, text: str, *, task: str | None = None, cost_weight: float | None = None) -> Decision:
        """Choose a size for a query text.

        Args:
            text: The query.
            task: Name of the task it belongs to, where that is known: its history then counts.
            cost_weight: Accuracy given up to save one call of the largest size; None takes the policy's own.

        Raises:
            InvalidInputError: the text is no string, or the cost weight is negative or not finite.
        """
        policy = self.policy
        weight = _checked_weight(policy.cost_weight if cost_weight is None else cost_weight)
        estimate = tuned = policy.estimate(_checked(text), task)
        if self.online is not None:
            estimate = self.online.adjust(tuned, task)
        size = (
            estimate.forced or policy.sizes[best(estimate.p, counted_cost(estimate.cost, estimate.familiarity), weight)]
        )
        reasons = _reasons(policy, estimate, size, weight, task)
        wanted, propensity = size, 1.0
        if self.explore and estimate.forced is None:
            size, propensity = self._explore(size, estimate.cost)
        if (estimate.p, estimate.cost) != (tuned.p, tuned.cost) and estimate.forced is None:
            reasons = (*reasons, *moved(policy.sizes, tuned, estimate))
        if size != wanted:
            reasons = (
                *reasons,
                f"{size} takes it, to learn what it would do: {100 * self.explore:g} % explore",
            )
        return Decision(
            size=size,
            complexity=estimate.complexity,
            p=dict(zip(policy.sizes, estimate.p, strict=True)),
            cost=dict(zip(policy.sizes, estimate.cost, strict=True)),
            cost_weight=weight,
            familiarity=estimate.familiarity,
            reasons=reasons,
            policy=self._name,
            task=task,
            propensity=propensity,
            explored=size != wanted,
            p_tuned=None if self.online is None else dict(zip(policy.sizes, tuned.p, strict=True)),
            cost_tuned=None if self.online is None else dict(zip(policy.sizes, tuned.cost, strict=True)),
        )

    def learn(self, decision: Decision, size: str, score: float, *, source: str = "person") -> None:
        """Take a label: how good, in [0, 1], a size's answer to a routed query was, and who says so.

        Raises:
            InvalidInputError: the router does not learn, or a value is out of range.
            UnknownNameError: no such size.
        """
        self._learner().learn(decision, size, score, source=source)

    def observe(self, size: str, latency_s: float, *, decision: Decision | None = None) -> None:
        """Take a size's measured latency in seconds; `generate` does so by itself.

        Raises:
            InvalidInputError: the router does not learn, or the latency is negative or not finite.
            UnknownNameError: no such size.
        """
        self._learner().observe(size, latency_s, decision=decision)

    def _learner(self) -> Adjuster:
        if self.online is None:
            raise InvalidInputError("This router does not learn; make it with online=Online(policy).")
        return self.online

    def _explore(self, size: str, cost: Sequence[float]) -> tuple[str, float]:
        """The size to take where `size` is best, and its probability: epsilon-greedy among those within the cost."""
        allowed = [s for s, c in zip(self.policy.sizes, cost, strict=True) if c <= self.explore_cost]
        if not allowed:
            return size, 1.0
        taken = self._random.choice(allowed) if self._random.random() < self.explore else size
        share = self.explore / len(allowed) if taken in allowed else 0.0
        return taken, share + (1.0 - self.explore if taken == size else 0.0)

    def generate(
        self,
        text: str,
        answer: Mapping[str, Callable[[str], Answer]],
        *,
        task: str | None = None,
        cost_weight: float | None = None,
        max_latency_s: float = math.inf,
        on_step: Callable[[Step, str], None] | None = None,
    ) -> Routed:
        """Answer a query: start with the size whose plan is worth most, go larger while an answer makes that worth it.

        Args:
            text: The query.
            answer: By size, a function that answers a text.
            task: As in `route`.
            cost_weight: As in `route`.
            max_latency_s: No further size is called once this much time, in seconds, has passed.
            on_step: Told of each step as it ends, with the reason for stopping or going on.

        Raises:
            UnknownNameError: the chosen size has no function in `answer`.
            InvalidInputError: the text asks for an embedding, and the policy has a model of its own for those.
            GenerationError: every size that was called failed.
        """
        decision = self.route(text, task=task, cost_weight=cost_weight)
        sizes = self.policy.sizes
        if decision.size not in sizes:
            raise InvalidInputError(
                f"The text asks for an embedding, which {decision.size} gives and no size that writes text; "
                "`route` it and call that model."
            )
        if decision.size not in answer:
            raise UnknownNameError("size", decision.size, answer, hint="Give `answer` a function for every size.")
        walk = Steps(sizes, self._looks, decision, [i for i, size in enumerate(sizes) if size in answer])
        while (size := walk.next) is not None:
            started = time.perf_counter()
            result = answer[size](text)
            latency_s = time.perf_counter() - started
            walk.take(result, latency_s, max_latency_s)
            if self.online is not None and result.error is None:
                self.online.observe(size, latency_s, decision=decision)
            if on_step is not None:
                on_step(walk.steps[-1], walk.reasons[-1])
        kept = next((s for s in reversed(walk.steps) if s.error is None), None)
        if kept is None:
            last = walk.steps[-1]
            raise GenerationError(f"Every size called failed; the last, {last.size}, said: {last.error}")
        return Routed(
            text=kept.text,
            size=kept.size,
            decision=decision,
            steps=tuple(walk.steps),
            reasons=tuple(walk.reasons),
        )


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise InvalidInputError(f"A query must be text, got {type(text).__name__}; pass a string.")
    return text


def _checked_weight(weight: float) -> float:
    if not (isinstance(weight, int | float) and 0 <= weight < math.inf):
        raise InvalidInputError(f"cost_weight is {weight!r}; give a finite number of at least 0.")
    return float(weight)
