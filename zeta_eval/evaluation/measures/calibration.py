"""How well probabilities of success match the scores, size by size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from zeta_eval.arrays import Floats, Ints
from zeta_eval.evaluation.measures.statistics import Measure


def brier(p: Floats, score: Floats) -> Floats:
    """Mean squared error of probabilities per size, shape (M,), in [0, 1]; lower is better.

    Probabilities and scores are (Q, M). Source: Brier 1950, for two outcomes; a graded score is a share of successes.
    """
    return np.asarray(((p - score) ** 2).mean(axis=0))


def ece(p: Floats, score: Floats, bins: int = 15) -> Floats:
    """Expected calibration error per size, shape (M,), in [0, 1]; lower is better.

    The mean over bins of |mean probability - mean score|, weighted by the bins' queries. Bins are of equal mass:
    neighbours in p, as many in each, and equal probabilities count with their mean score. Source: Nguyen and O'Connor
    2015 (arXiv 1508.05154), section 3. Probabilities and scores are (Q, M); no more than Q bins are used.
    """
    return np.array([_Bins.of(each, bins).error(got) for each, got in zip(p.T, score.T, strict=True)])


def ece_if_calibrated(p: Floats, score: Floats, bins: int = 15, *, draws: int = 200, seed: int = 0) -> list[Measure]:
    """Return by size the error that the same probabilities (Q, M) would show if they were right, by simulation.

    Even true probabilities show some, as a bin's queries are few: its mean over draws, and the range of the middle
    95 % of them. Scores are drawn from each query's own p: right or wrong where all scores (Q, M) of the size are 0 or
    1, else graded, by a beta distribution whose variance is the same part of p (1 - p) as that of the scores.
    """
    rng = np.random.default_rng(seed)
    return [_if_calibrated(each, got, bins, draws, rng) for each, got in zip(p.T, score.T, strict=True)]


def _if_calibrated(p: Floats, score: Floats, bins: int, draws: int, rng: np.random.Generator) -> Measure:
    cut, draw = _Bins.of(p, bins), _drawing(p, score, rng)
    errors = np.array([cut.error(draw()) for _ in range(draws)])
    return Measure(float(errors.mean()), *(float(q) for q in np.quantile(errors, [0.025, 0.975])))


def _drawing(p: Floats, score: Floats, rng: np.random.Generator) -> Callable[[], Floats]:
    """Return a function that draws scores, shape (Q,), with the means p."""
    if np.isin(score, (0.0, 1.0)).all():
        return lambda: (rng.random(len(p)) < p).astype(np.float64)
    p = np.clip(p, 1e-6, 1 - 1e-6)
    part = float(np.clip(((score - p) ** 2).sum() / (p * (1 - p)).sum(), 1e-6, 0.999))
    counts = 1 / part - 1
    return lambda: rng.beta(p * counts, (1 - p) * counts)


@dataclass(frozen=True, slots=True)
class _Bins:
    """Bins of equal mass of probabilities (Q,)."""

    values: Floats
    which: Ints
    count: Ints
    order: Ints
    edges: Ints

    @classmethod
    def of(cls, p: Floats, bins: int) -> Self:
        values, which, count = np.unique(p, return_inverse=True, return_counts=True)
        starts = [part[0] for part in np.array_split(np.arange(len(p)), min(bins, len(p)))]
        return cls(values, which, count, np.argsort(which, kind="stable"), np.array(starts))

    def error(self, score: Floats) -> float:
        gaps = (self.values - np.bincount(self.which, score) / self.count)[self.which][self.order]
        return float(np.abs(np.add.reduceat(gaps, self.edges)).sum() / len(score))
