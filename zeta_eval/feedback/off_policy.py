"""Which of two policies would have done better, by the sizes that a third one chose and the scores they got.

A log holds, for each decision, the size that was chosen, its score, and the propensity: the probability with which that
size was chosen. The other sizes were not asked. The doubly robust estimate (Dudik, Langford and Li 2011, arXiv
1103.4601) fills in what a model expects of each size and corrects the size that was asked by its error divided by its
propensity. The estimate is unbiased if the propensities or the model are right, and only where every choice of both
policies could have been logged: without exploration (propensity 1) a log says nothing of sizes that were not chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats

Z95 = 1.959963984540054
"""Normal quantile of a 95 % interval."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Logged:
    """The sizes that were chosen for n queries, and the scores they got; M sizes."""

    chosen: npt.NDArray[np.intp]
    """Index of the size that was chosen, shape (n,)."""
    score: Floats
    """Score of that size's answer, shape (n,)."""
    propensity: Floats
    """Probability with which that size was chosen, in (0, 1], shape (n,)."""


class Mean(NamedTuple):
    """A mean over the decisions of a log."""

    value: float
    """The mean."""
    error: float
    """Its standard error; NaN from a single decision."""
    n: int
    """Number of decisions."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval, by the normal approximation."""
        return self.value - Z95 * self.error, self.value + Z95 * self.error


def difference(logged: Logged, first: Floats, other: Floats, p: Floats, cost: Floats) -> Mean:
    """Doubly robust estimate of the other policy's mean score - cost minus the first's, paired by query.

    Args:
        logged: The log.
        first: Probability of each size by the first policy, shape (n, M).
        other: Probability of each size by the other policy, shape (n, M).
        p: Expected score of each size by a model that was not fitted on these scores, shape (n, M).
        cost: Cost of each size, in units of score, shape (n, M).
    """
    n = len(logged.chosen)
    at, scores = (np.arange(n), logged.chosen), p.copy()
    scores[at] += (logged.score - p[at]) / logged.propensity
    gap = ((other - first) * (scores - cost)).sum(axis=1)
    return Mean(value=float(gap.mean()), error=float(gap.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan, n=n)


def one_hot(chosen: npt.NDArray[np.intp], n_sizes: int) -> Floats:
    """Probabilities, shape (n, M), of a policy that chooses for certain."""
    return np.eye(n_sizes)[chosen]
