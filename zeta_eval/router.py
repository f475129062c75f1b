"""`ZetaDynamicRouter`: the only place that makes a choice. Standard library only.

`route` takes the size with the greatest p - cost_weight * cost. `generate` follows the same utility over whole plans:
a size may run first because its answer will tell whether a larger one is worth its cost, and the smallest may read the
query before any size runs (`zeta_eval.cascade`).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from zeta_eval.cascade import Looks, after, answer_signals, indexed, next_size, reading_gain, reading_signals
from zeta_eval.complexity import Complexity
from zeta_eval.domain import price
from zeta_eval.exceptions import GenerationError, InvalidInputError, UnknownNameError
from zeta_eval.policy import Estimate, RoutingPolicy
from zeta_eval.signals import AnswerView, read_answer

DEFAULT = "default"
"""What `dynamic_model_sizing` says where the text gives no signal."""


class Answer(Protocol):
    """What a size's answer must show; `zeta_eval.models.Completion` does."""

    @property
    def text(self) -> str:
        """The answer."""
        ...

    @property
    def mean_logprob(self) -> float | None:
        """Mean token log-probability, or None where the engine gives none."""
        ...

    @property
    def min_logprob(self) -> float | None:
        """Smallest token log-probability, or None where the engine gives none."""
        ...

    @property
    def error(self) -> str | None:
        """Why there is no answer, or None."""
        ...


class Reading(Protocol):
    """What reading a query must show; `zeta_eval.models.Completion` does."""

    @property
    def prefill_margin(self) -> float | None:
        """Probability of the likeliest first token minus that of the second, or None where it is not known."""
        ...

    @property
    def prefill_entropy(self) -> float | None:
        """Entropy of the first token's distribution in nats, or None where it is not known."""
        ...


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """A choice of size with its grounds."""

    size: str
    """The chosen size."""
    complexity: Complexity
    """Difficulty, label and features of the query."""
    p: Mapping[str, float]
    """Estimated success probability by size; fitted to choose well, so the differences count more than the levels."""
    cost: Mapping[str, float]
    """Expected cost by size, shares of the largest size's mean cost."""
    cost_weight: float
    """The trade-off that was applied."""
    trust: float
    """How far the policy is trusted with this query, in [0, 1]: so far a smaller size counts as a saving."""
    reasons: tuple[str, ...]
    """Why this size, in words."""
    policy: str
    """Name and first checksum digits of the policy that chose."""
    task: str | None = None
    """Name of the task that was given."""
    propensity: float = 1.0
    """Probability with which `route` was to choose this size, in (0, 1]; 1 without exploration."""
    explored: bool = False
    """Whether exploration chose another size than the best."""
    p_tuned: Mapping[str, float] | None = None
    """`p` as the policy was tuned, before online updates; None without any."""
    cost_tuned: Mapping[str, float] | None = None
    """`cost` likewise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One size's answer within `generate`."""

    size: str
    """The size that answered."""
    text: str
    """Its answer; empty after an error."""
    latency_s: float
    """Measured response time in seconds."""
    p_right: float
    """Probability that the answer is right, after seeing its confidence, in [0, 1]."""
    error: str | None
    """Why this size gave no answer, or None."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Routed:
    """An answer with every step that led to it."""

    text: str
    """The answer kept: the last step's."""
    size: str
    """The size that gave it."""
    decision: Decision
    """The choice before the first call."""
    steps: tuple[Step, ...]
    """Every call made, in order."""
    reasons: tuple[str, ...]
    """What reading the query first told, where it was read; why it stopped or went on after each step."""
    read_s: float | None = None
    """Measured time in seconds that the smallest size took to read the query first; None where it did not."""

    @property
    def latency_s(self) -> float:
        """Measured response time of the reading and all steps together, in seconds."""
        return (self.read_s or 0.0) + sum(s.latency_s for s in self.steps)


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
        size = estimate.forced or policy.sizes[best(estimate.p, price(estimate.cost, estimate.trust), weight)]
        reasons = self._reasons(estimate, size, weight, task)
        wanted, propensity = size, 1.0
        if self.explore and estimate.forced is None:
            size, propensity = self._explore(size, estimate.cost)
        if (estimate.p, estimate.cost) != (tuned.p, tuned.cost) and estimate.forced is None:
            reasons = (*reasons, *self._moved(tuned, estimate))
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
            trust=estimate.trust,
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

    def _moved(self, tuned: Estimate, now: Estimate) -> Sequence[str]:
        """What online updates changed, in words; nothing where it is less than a hundredth."""
        chances, costs = (
            ", ".join(f"{s} {a:.2f} to {b:.2f}" for s, a, b in zip(self.policy.sizes, x, y, strict=True) if _far(a, b))
            for x, y in ((tuned.p, now.p), (tuned.cost, now.cost))
        )
        told = f"feedback moved the estimated chance of being right: {chances}" if chances else ""
        return [words for words in (told, f"latency moved the expected cost: {costs}" if costs else "") if words]

    def generate(
        self,
        text: str,
        answer: Mapping[str, Callable[[str], Answer]],
        *,
        peek: Callable[[str], Reading] | None = None,
        task: str | None = None,
        cost_weight: float | None = None,
        max_latency_s: float = math.inf,
        on_step: Callable[[Step, str], None] | None = None,
    ) -> Routed:
        """Answer a query: start with the size whose plan is worth most, go larger while an answer makes that worth it.

        Args:
            text: The query.
            answer: By size, a function that answers a text.
            peek: Reads a text by the smallest size without answering it; None never reads first.
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
        walk = _Walk(self.policy, self._looks, decision, [i for i, size in enumerate(sizes) if size in answer])
        if peek is not None and walk.reading_pays():
            started = time.perf_counter()
            reading = peek(text)
            walk.read(reading, time.perf_counter() - started)
        while walk.next is not None:
            size = sizes[walk.next]
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
            read_s=walk.read_s,
        )

    def _reasons(self, estimate: Estimate, size: str, weight: float, task: str | None) -> tuple[str, ...]:
        policy, d = self.policy, estimate.complexity.score
        far = () if estimate.trust >= 1 else (_unlike(estimate.trust, task),)
        cost = price(estimate.cost, estimate.trust)
        if estimate.complexity.label == "unknown":
            return (f"the text has no letter or digit to judge by, so the default size {size} takes it",)
        if estimate.complexity.label == "embedding":
            if policy.embedding_size is None:
                return (
                    f"the text asks for an embedding; no size of this policy is known to embed, so {size} takes it",
                )
            return (f"the text asks for an embedding, which {size} serves",)
        shares = {n: w * estimate.complexity.features[n] for n, w in policy.weights.items()}
        top = sorted((n for n in shares if abs(shares[n]) > 1e-9), key=lambda n: -abs(shares[n]))[:3]
        i = policy.sizes.index(size)
        why = [
            *far,
            f"difficulty {d:.2f} ({estimate.complexity.label}): " + ", ".join(f"{n} {shares[n]:+.2f}" for n in top),
        ]
        why.append(
            f"{size}: estimated chance of being right {estimate.p[i]:.2f} at {estimate.cost[i]:.2f} of the largest cost"
        )
        if i + 1 < len(policy.rungs) and estimate.complexity.label == "complex":
            why.append("so hard that no larger size is likely to be right either, so the cheaper one takes it")
        if i + 1 < len(policy.rungs):
            gain, extra = estimate.p[i + 1] - estimate.p[i], cost[i + 1] - cost[i]
            why.append(f"{policy.sizes[i + 1]} would add {gain:+.2f}, less than its price of {weight * extra:.2f}")
        elif i:
            gain, extra = estimate.p[i] - estimate.p[i - 1], cost[i] - cost[i - 1]
            why.append(f"it adds {gain:+.2f} to {policy.sizes[i - 1]}, more than its price of {weight * extra:.2f}")
        return tuple(why)


class _Walk:
    """The steps of one query through the sizes."""

    def __init__(self, policy: RoutingPolicy, looks: Looks, decision: Decision, allowed: Sequence[int]) -> None:
        """Start before the first call; `next` is the size to run."""
        self.policy, self.looks, self.decision, self.allowed = policy, looks, decision, allowed
        self.p, self.cost = tuple(decision.p.values()), price(tuple(decision.cost.values()), decision.trust)
        self.ran: tuple[int, ...] = ()
        self.views: dict[str, AnswerView | None] = {}
        self.steps: list[Step] = []
        self.reasons: list[str] = []
        self.read_s: float | None = None
        self.next: int | None = policy.sizes.index(decision.size)
        self.free = decision.complexity.label not in ("embedding", "unknown")
        if self.free and not decision.explored:
            self.next = next_size(self.p, self.cost, decision.cost_weight, (), looks, allowed)

    def reading_pays(self) -> bool:
        """Whether to let the smallest size read the query before the first call."""
        peek, weight = self.policy.peek, self.decision.cost_weight
        if peek is None or not self.free or self.decision.explored or len(self.allowed) < 2:
            return False
        return bool(reading_gain(peek, self.p, self.cost, weight, self.looks, allowed=self.allowed) > 0)

    def read(self, reading: Reading, latency_s: float) -> None:
        """Note what reading showed, and decide again what runs first."""
        peek, sizes, before = self.policy.peek, self.policy.sizes, self.p
        assert peek is not None
        signals = reading_signals(reading.prefill_margin, reading.prefill_entropy)
        self.p, self.read_s = after(peek, sizes, self.p, signals), latency_s
        self.next = next_size(self.p, self.cost, self.decision.cost_weight, (), self.looks, self.allowed)
        moved = ", ".join(f"{s} {a:.2f} to {b:.2f}" for s, a, b in zip(sizes, before, self.p, strict=True))
        told = f"estimated chances of being right went from {moved}" if signals else "it gave no signal"
        paid = self.decision.cost_weight * peek.cost
        self.reasons.append(f"{peek.size} read the query first, at a price of {paid:.3f}: {told}")

    def take(self, result: Answer, latency_s: float, max_latency_s: float) -> None:
        """Note the answer of the size that `next` named, and decide what runs after it."""
        assert self.next is not None
        index, size, before = self.next, self.policy.sizes[self.next], self.p
        failed = result.error is not None
        if not failed:
            self.ran = (*self.ran, index)
            view = read_answer(result.text)
            signals = answer_signals(view, result.mean_logprob, result.min_logprob, self.views)
            self.p = after(self.looks.get(self.ran), self.policy.sizes, self.p, signals)
            self.views[size] = view
        p_right = 0.0 if failed else self.p[index]
        self.steps.append(Step(size=size, text=result.text, latency_s=latency_s, p_right=p_right, error=result.error))
        self.next, reason = self._decide(index, failed, told=self.p != before)
        if self.next is not None and (self.read_s or 0.0) + sum(s.latency_s for s in self.steps) >= max_latency_s:
            self.next, reason = None, f"stopped at {size}: the latency limit of {max_latency_s:g} s is reached"
        self.reasons.append(reason)

    def _decide(self, index: int, failed: bool, *, told: bool) -> tuple[int | None, str]:
        """The size to run after the one at `index`, or None, with the reason."""
        size, step = self.policy.sizes[index], self.steps[-1]
        larger = [i for i in self.allowed if i > index]
        kept = self.policy.sizes[self.ran[-1]] if self.ran else size
        if not larger or self.decision.complexity.label == "embedding":
            return None, f"kept {kept}: no larger size to ask"
        ran = self.ran or (index,)
        weight = self.decision.cost_weight
        candidate = next_size(self.p, self.cost, weight, ran, self.looks, larger, failed=not self.ran)
        if failed and candidate is None:
            return None, f"kept {kept}: {size} failed ({step.error}), and no larger size is worth its price"
        if failed:
            assert candidate is not None
            return candidate, f"went to {self.policy.sizes[candidate]}: {size} failed ({step.error})"
        if candidate is None and not told:
            return None, f"kept {size}: its answer does not change what is expected of any size"
        asked = larger[best([self.p[i] for i in larger], [self.cost[i] for i in larger], weight)]
        asked = asked if candidate is None else candidate
        words = (
            f"{self.policy.sizes[asked]} would add {self.p[asked] - step.p_right:+.2f} to its success probability of "
            f"{step.p_right:.2f}, at a price of {weight * self.cost[asked]:.2f}"
        )
        if candidate is None:
            return None, f"kept {size}: {words}"
        return candidate, f"went from {size} to {self.policy.sizes[candidate]}: {words}"


def _unlike(trust: float, task: str | None) -> str:
    new = "unlike the queries this policy was tuned on" if task is None else f"task '{task}' is new to this policy"
    return f"{new}: its estimates, and the savings of smaller sizes, count {100 * trust:.0f} %"


def best(p: Sequence[float], cost: Sequence[float], cost_weight: float) -> int:
    """Index of the greatest p - cost_weight * cost; ties go to the lower index, which is the cheaper size."""
    utility = [a - cost_weight * c for a, c in zip(p, cost, strict=True)]
    return utility.index(max(utility))


def _far(a: float, b: float) -> bool:
    """Whether two numbers differ by a hundredth."""
    return abs(a - b) >= 0.01


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise InvalidInputError(f"A query must be text, got {type(text).__name__}; pass a string.")
    return text


def _checked_weight(weight: float) -> float:
    if not (isinstance(weight, int | float) and 0 <= weight < math.inf):
        raise InvalidInputError(f"cost_weight is {weight!r}; give a finite number of at least 0.")
    return float(weight)
