"""Cohen's kappa between two ratings of the same answers, with an interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure, measure

_APART = np.array([0.5, 0.5, 0.5, 0.5, 0.0])
"""What `_sums` gives on average for the ratings (0, 1) and (1, 0)."""
_ALIKE = np.array([0.5, 0.5, 0.5, 0.5, 0.5])
"""What it gives for (0, 0) and (1, 1)."""


class Agreement(NamedTuple):
    """How far two ratings agree."""

    n: int
    """Rated answers."""
    kappa: Measure
    """Cohen's kappa: 1 for the same ratings, 0 for no more agreement than by chance; NaN where neither varies."""
    equal: Measure
    """Share of the answers with the same rating."""


def kappa(a: Floats, b: Floats) -> float:
    """Cohen's kappa with quadratic weights of two ratings, each (N,); NaN where all ratings of both are the same.

    1 - E[(a - b)^2] / E'[(a - b)^2], where E' pairs every rating of one with every rating of the other. With two
    values it is the unweighted kappa. Source: Cohen 1968, Psychological Bulletin 70 (4).

    >>> round(kappa(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0])), 3)
    0.5
    """
    return float(_kappas(_sums(a, b).mean(axis=0)[None])[0])


def agreement(a: Floats, b: Floats, queries: Sizes, *, families: Sizes | None = None, seed: int = 0) -> Agreement:
    """Measure the agreement of two ratings of N answers with 95 % intervals (bootstrap over queries, 1,000 resamples).

    Few labels may hold no disagreement at all, and resamples of them none either. So half a query, on average, of the
    largest disagreement joins every resample for the lower end of kappa's interval, and as much agreement on both ends
    of the scale for the upper end.

    Args:
        a: One rating of each answer, in [0, 1], shape (N,).
        b: The other, likewise.
        queries: Query of each answer, from 0 on, shape (N,): answers to one query are drawn together.
        families: Family of each query, shape (Q,): like queries are drawn together; None where each is its own.
        seed: Seed of the resamples.
    """
    sums = np.column_stack([_sums(a, b), (np.abs(a - b) < 1e-9).astype(np.float64), np.ones(len(a))])
    by_query = np.zeros((int(queries.max()) + 1, sums.shape[1]))
    np.add.at(by_query, queries, sums)
    bootstrap = Bootstrap(len(by_query), seed=seed, families=families)
    drawn = bootstrap.means(by_query) * bootstrap.drawn[:, None]  # sums over the answers of each resample
    weight = np.random.default_rng([seed, 1]).gamma(0.5, 1.0, len(drawn)) * bootstrap.unit * len(a) / len(by_query)
    low, high = (_kappas(_joined(drawn, weight, extra)) for extra in (_APART, _ALIKE))
    value = kappa(a, b)
    return Agreement(
        n=len(a),
        kappa=Measure(value, *(math.nan,) * 2)
        if math.isnan(value)
        else Measure(value, measure(value, low).low, measure(value, high).high),
        equal=measure(float(sums[:, -2].mean()), drawn[:, -2] / drawn[:, -1]),
    )


def _joined(drawn: Floats, weight: Floats, extra: Floats) -> Floats:
    """Means (B, 5) over resamples that an extra answer has joined with a weight (B,)."""
    return np.asarray((drawn[:, :5] + weight[:, None] * extra) / (drawn[:, -1] + weight)[:, None])


def _sums(a: Floats, b: Floats) -> Floats:
    """What kappa is a function of the means of: a, b and their squares and product, shape (N, 5)."""
    return np.column_stack([a, b, a * a, b * b, a * b])


def _kappas(means: Floats) -> Floats:
    """Kappa of means as `_sums` has them, shape (B, 5 or more) -> (B,)."""
    a, b, aa, bb, ab = means[:, :5].T
    observed, expected = aa + bb - 2 * ab, aa + bb - 2 * a * b
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(expected > 1e-12, 1 - observed / expected, math.nan))
