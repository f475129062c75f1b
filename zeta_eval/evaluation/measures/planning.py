"""How many queries a certificate needs, and how likely a number of queries is to give it.

Both by the normal approximation of the test in `guarantee`, per query z = score_policy - share * score_largest. Where
losses are rare the normal approximation is too hopeful; a term that is linear, as in Bernstein's inequality, mends
that.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from scipy.special import ndtr

from zeta_eval.arrays import Floats

POWER = 0.8
"""Chance to certify that is planned for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Margin:
    """What some queries show of z at K cost weights."""

    n: int
    """Queries."""
    mean: Floats
    """Mean of z, shape (K,)."""
    spread: Floats
    """Standard deviation of z, shape (K,)."""

    @classmethod
    def of(cls, parts: Iterable[tuple[Floats, Floats]], share: float) -> Self:
        """Pool groups of queries, each with the policy's scores (Q, K) and the largest size's (Q,)."""
        n, total, squares = 0, np.zeros(()), np.zeros(())
        for policy, largest in parts:
            z = policy - share * largest[:, None]
            n, total, squares = n + len(z), total + z.sum(axis=0), squares + (z * z).sum(axis=0)
        mean = total / n
        return cls(n=n, mean=mean, spread=np.sqrt(np.maximum(squares / n - mean**2, 0.0)))


def queries_needed(mean: float, spread: float, share: float, alpha: float) -> int | None:
    """Return the queries that certify a share with a chance of `POWER`, by the mean and spread of z.

    None where the mean leaves no margin, so that no number would do.
    """
    if mean <= 1e-12:
        return None
    normal = NormalDist()
    needed = ((normal.inv_cdf(1 - alpha) + normal.inv_cdf(POWER)) * spread / mean) ** 2
    return math.ceil(needed + _rare(share, alpha) / mean)


def chance_to_certify(margin: Margin, n: int, share: float, alpha: float) -> Floats:
    """Return the chance that n new queries certify a share at each cost weight, shape (K,).

    The new queries' mean differs from the mean seen by the errors of both: a prediction, not an estimate.
    """
    positive = np.where(margin.mean > 1e-12, margin.mean, np.nan)
    left = n - _rare(share, alpha) / positive
    signal = np.sqrt(np.maximum(left, 0.0)) * positive
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (signal / margin.spread - NormalDist().inv_cdf(1 - alpha)) / math.sqrt(1 + n / margin.n)
    return np.where(left > 0, ndtr(np.nan_to_num(z, nan=-np.inf)), 0.0)


def _rare(share: float, alpha: float) -> float:
    """Return the queries that rare losses cost, times the mean of z."""
    return 2 * math.log(1 / alpha) * share
