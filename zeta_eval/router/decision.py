"""What a router decides and what came of it, and what an engine's answer must show. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.complexity import Complexity


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
    def completion_tokens(self) -> int | None:
        """Number of tokens of the answer, or None where the engine does not count them."""
        ...

    @property
    def error(self) -> str | None:
        """Why there is no answer, or None."""
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
    familiarity: float
    """How like the queries the policy was tuned on this query is, in [0, 1]: savings count in this share."""
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

    def __repr__(self) -> str:
        return "\n".join([self.size, *(f"  {reason}" for reason in self.reasons)])


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
    """Why it stopped or went on after each step."""

    def __repr__(self) -> str:
        return "\n".join([*(f"  {reason}" for reason in self.reasons), self.text])

    @property
    def latency_s(self) -> float:
        """Measured response time of all steps together, in seconds."""
        return sum(s.latency_s for s in self.steps)


def checked_cost_weight(weight: float, error: type[InvalidInputError] = InvalidInputError) -> float:
    """Return a cost weight that can be used.

    Raises:
        InvalidInputError: the weight is negative or not finite; it is of the class `error`.
    """
    if not (isinstance(weight, int | float) and 0 <= weight < math.inf):
        raise error(f"cost_weight is {weight!r}; give a finite number of at least 0.")
    return float(weight)


def best(p: Sequence[float], cost: Sequence[float], cost_weight: float) -> int:
    """Index of the greatest p - cost_weight * cost; ties go to the lower index, which is the cheaper size."""
    utility = [a - cost_weight * c for a, c in zip(p, cost, strict=True)]
    return utility.index(max(utility))
