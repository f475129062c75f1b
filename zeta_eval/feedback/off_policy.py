"""What another policy would have got, told from what a logging policy chose: IPS, SNIPS and doubly robust.

Of n decisions a log has the size chosen, its score and its propensity, the probability with which it was chosen. A
target policy chooses size m with probability t(m); its importance weight on a decision is w = t(chosen) / propensity.
All estimates are unbiased only where every choice of the target could have been logged: a log without exploration
(propensity 1) tells nothing of other sizes than it chose, see `Estimate.unsupported`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats
from zeta_eval.exceptions import InvalidInputError

Z95 = 1.959963984540054
"""Normal quantile of a 95 % interval."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Logged:
    """What a policy chose and what came of it, for n queries and M sizes."""

    chosen: npt.NDArray[np.intp]
    """Index of the size that was chosen, shape (n,)."""
    score: Floats
    """What it got, shape (n,)."""
    propensity: Floats
    """Probability with which that size was chosen, in (0, 1], shape (n,)."""

    def __post_init__(self) -> None:
        n = len(self.chosen)
        if not n or len(self.score) != n or len(self.propensity) != n:
            raise InvalidInputError(
                f"A log has {n} choices, {len(self.score)} scores and {len(self.propensity)} propensities; give as "
                "many of each, at least one."
            )
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise InvalidInputError("A propensity is not in (0, 1]; give the probability of the logged choice.")

    def __len__(self) -> int:
        """Number of decisions."""
        return len(self.chosen)

    def weights(self, target: Floats) -> Floats:
        """Importance weight of each decision, shape (n,), for a target's probabilities (n, M)."""
        return target[np.arange(len(self)), self.chosen] / self.propensity


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """The mean score of a target policy, or a difference of two, told from a log."""

    value: float
    """The estimate."""
    error: float
    """Its standard error; NaN from a single decision."""
    n: int
    """Decisions in the log."""
    n_effective: float
    """Decisions that as precise a mean would need without weights, (sum w)^2 / sum w^2 (Kish 1965)."""
    unsupported: float
    """Share of the decisions in which the target chooses what the log, at propensity 1, could not have chosen: there
    the estimate is no evidence."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval, by the normal approximation."""
        return self.value - Z95 * self.error, self.value + Z95 * self.error


def ips(logged: Logged, target: Floats) -> Estimate:
    """Inverse propensity score: the mean of w * score.

    Unbiased, and of great variance where propensities are small. Source: Horvitz and Thompson (1952).

    Args:
        logged: The log.
        target: Probability of each size by the target policy, shape (n, M).
    """
    return _estimate(logged, target, logged.weights(target) * logged.score)


def snips(logged: Logged, target: Floats) -> Estimate:
    """Self-normalised IPS: sum of w * score over the sum of w; NaN where no logged choice is the target's.

    A little biased, of less variance, always between the least and the greatest score; its error is by the delta
    method. Source: Swaminathan and Joachims (2015).
    """
    w = logged.weights(target)
    mean = w.mean()
    if mean == 0:
        return _estimate(logged, target, np.full(len(logged), math.nan))
    value = float((w * logged.score).mean() / mean)
    return _estimate(logged, target, value + w * (logged.score - value) / mean)


def doubly_robust(logged: Logged, target: Floats, p: Floats) -> Estimate:
    """What a model expects of the target's choices, corrected by its weighted errors on the logged ones.

    Unbiased if the propensities or the model are right. Source: Dudik, Langford and Li (2011), arXiv 1103.4601.

    Args:
        logged: The log.
        target: Probability of each size by the target policy, shape (n, M).
        p: Expected score of each size by a model that was not fitted on these scores, shape (n, M).
    """
    return _estimate(logged, target, (target * doubly_robust_scores(logged, p)).sum(axis=1))


def doubly_robust_scores(logged: Logged, p: Floats) -> Floats:
    """Unbiased stand-ins for the scores of all sizes, shape (n, M); single ones may lie outside [0, 1].

    The score expected of a size; for the chosen one, plus its error over the propensity. Sums over any policy's
    choices are its doubly robust estimate, so that two policies can be compared query by query.
    """
    scores = p.copy()
    at = np.arange(len(logged)), logged.chosen
    scores[at] += (logged.score - p[at]) / logged.propensity
    return scores


def difference(logged: Logged, first: Floats, other: Floats, p: Floats, cost: Floats) -> Estimate:
    """Doubly robust estimate of the other policy's mean score - cost minus the first's, paired by query.

    Args:
        logged: The log.
        first: Probability of each size by the first policy, shape (n, M).
        other: By the other one.
        p: As in `doubly_robust`.
        cost: Price of each size, in units of score, shape (n, M).
    """
    gap = ((other - first) * (doubly_robust_scores(logged, p) - cost)).sum(axis=1)
    return _estimate(logged, other, gap)


def one_hot(chosen: npt.NDArray[np.intp], n_sizes: int) -> Floats:
    """Probabilities, shape (n, M), of a policy that chooses for certain."""
    return np.eye(n_sizes)[chosen]


def _estimate(logged: Logged, target: Floats, terms: Floats) -> Estimate:
    """The mean of n terms with its standard error."""
    n, w = len(logged), logged.weights(target)
    blind = (logged.propensity == 1) & (target[np.arange(n), logged.chosen] < 1)
    squares = float((w**2).sum())
    return Estimate(
        value=float(terms.mean()),
        error=float(terms.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan,
        n=n,
        n_effective=float(w.sum() ** 2 / squares) if squares else 0.0,
        unsupported=float(blind.mean()),
    )
