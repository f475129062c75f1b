"""How good out-of-fold estimates are: the gap that they close, and how well they tell what a choice depends on.

The gap closed is what a policy is for, but it moves by luck: few queries decide it. Where the same kind of estimates is
compared under many settings, the squared error of their differences between sizes tells better which will do well on
new queries (`gain_errors`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zeta_eval.arrays import Floats, Mask, Sizes
from zeta_eval.evaluation.batch.choice import curve_weights
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures import gap
from zeta_eval.evaluation.measures.statistics import standard_error


@dataclass(frozen=True, kw_only=True)
class Closed:
    """The gap that a strategy closes on the queries that it was fitted to, out of fold."""

    value: float
    """Gap closed; 0 is a random mix of sizes, 1 an oracle."""
    influence: Floats
    """How far each query moves it, shape (Q,)."""


def gain_errors(p: Floats, score: Floats) -> Floats:
    """Return each query's squared error, shape (Q,), of estimates (Q, M) less their mean over the sizes.

    A choice of a size depends on these differences alone.
    """
    error = p - score
    return np.asarray(((error - error.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))


class Quality:
    """Judges strategies on one set of queries."""

    def __init__(
        self,
        data: Evaluator,
        allowed: Mask | None,
        families: Sizes | None,
        corners: Sequence[int] | None = None,
    ) -> None:
        """Take the queries with the sizes that may be chosen, (Q, M), None where all may, and families of like ones.

        `corners` are the sizes that the random mix uses, told by other queries; None tells them by these.
        """
        self._data, self._allowed, self._families = data, allowed, families
        self._frame = gap.Frame.of(data.cost, data.score)
        corners = gap.mix_corners(data.singles) if corners is None else corners
        self._mix = gap.mix_area(self._frame, data.cost, data.score, corners)

    @cached_property
    def _oracle(self) -> gap.Area:
        data = self._data
        walk = self._walk(data.score, data.cost, allowed=None)
        return gap.curve_area(self._frame, curve_weights(data.score, data.cost), walk)

    def of_chances(self, p: Floats, cost: Floats) -> Closed:
        """Return the gap closed by choosing by chances and expected costs, each (Q, M)."""
        return self.of_walk(curve_weights(p, cost), self._walk(p, cost, self._allowed))

    def of_walk(self, weights: Floats, walk: Callable[[Floats], tuple[Floats, Floats]]) -> Closed:
        """Return the gap closed by a strategy that is followed along cost weights (K,)."""
        area = gap.curve_area(self._frame, weights, walk)
        value, influence = gap.closed(area, self._mix, self._oracle)
        return Closed(value=value, influence=influence)

    def better(self, richer: Closed, simpler: Closed) -> bool:
        """Whether the richer of two strategies closes more of the gap by more than the difference's standard error."""
        return bool(richer.value - simpler.value > self.error(richer, simpler))

    def error(self, one: Closed, other: Closed) -> float:
        """Return the standard error of the difference between two strategies."""
        return standard_error(one.influence - other.influence, self._families)

    def _walk(self, p: Floats, cost: Floats, allowed: Mask | None) -> Callable[[Floats], tuple[Floats, Floats]]:
        return lambda weights: self._data.curve(p, cost, allowed, weights=weights)[1:]
