"""Intervals and tests on paired outcomes. Every resample is shared by all strategies, so differences are paired."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.exceptions import InvalidInputError

_CHUNK = 16_000_000
"""Resampled counts that are held as float64 at once."""

_BLOCK = 1 << 17
"""Queries that are summed at once."""


class Measure(NamedTuple):
    """A value with its 95 % interval; NaN where it is not known."""

    value: float
    """The estimate."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""

    def named(self, name: str) -> dict[str, float]:
        """Return the value under a name, and the ends of the interval under `<name>_low` and `<name>_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


class Bootstrap:
    """Resamples of n queries with replacement, drawn once and kept as counts.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile intervals); paired and
    clustered evaluation: arXiv 2411.00640.
    """

    def __init__(self, n: int, *, n_bootstrap: int = 1000, seed: int = 0, families: Sizes | None = None) -> None:
        """Draw the resamples.

        Args:
            n: Number of queries Q.
            n_bootstrap: Number of resamples B.
            seed: Seed of the draws, from 0 to 2**32 - 1.
            families: Family of each query, from 0 on, shape (Q,): like queries are drawn together.

        Raises:
            InvalidInputError: fewer than 2 resamples, or a seed out of range.
        """
        if n_bootstrap < 2:
            raise InvalidInputError(f"n_bootstrap is {n_bootstrap}; give at least 2, or 1000 for steady intervals.")
        if not 0 <= seed < 2**32:
            raise InvalidInputError(f"seed is {seed}; give a whole number from 0 to {2**32 - 1}.")
        rng = np.random.default_rng(seed)
        units = n if families is None else int(families.max()) + 1
        # A family is drawn about once (Poisson), so a byte holds its count.
        self._counts = np.empty((n_bootstrap, n), dtype=np.uint8)
        for b in range(n_bootstrap):
            drawn = np.bincount(rng.integers(0, units, units), minlength=units)
            self._counts[b] = drawn if families is None else drawn[families]
        self.families = families
        """Family of each query, shape (Q,); None where each query is its own."""
        self.n_families = units
        """Number of families of like queries."""
        self.drawn = self._counts.sum(axis=1, dtype=np.float64)
        """Number of queries in each resample, shape (B,)."""
        self.unit = n / units if units else 1.0
        """Mean number of queries that are drawn together."""

    def means(self, *columns: Floats) -> Floats:
        """Return the mean of each column in each resample, (Q, C) -> (B, C); of several arrays side by side."""
        b, n = self._counts.shape
        step = max(1, _CHUNK // max(1, n))
        sums = [np.zeros((b, c.shape[1])) for c in columns]
        for start in range(0, b, step):
            rows = slice(start, start + step)
            for first in range(0, n, _BLOCK):
                part = slice(first, first + _BLOCK)
                counts = self._counts[rows, part].astype(np.float64)
                for total, column in zip(sums, columns, strict=True):
                    total[rows] += counts @ column[part]
        if self.n_families == 1 < n:  # every resample would be the sample itself
            return np.full((b, sum(c.shape[1] for c in columns)), math.nan)
        return np.asarray(np.hstack(sums) / self.drawn[:, None])


def measure(value: Floats | float, samples: Floats) -> Measure:
    """Return a value with the 2.5 and 97.5 percentiles of its resamples; NaN if over half of these are."""
    known = samples[np.isfinite(samples)]
    if len(known) * 2 < len(samples) or not known.size:
        return Measure(float(value), math.nan, math.nan)
    low, high = np.quantile(known, [0.025, 0.975])
    return Measure(float(value), float(low), float(high))


def wilson(successes: float, n: int, *, level: float = 0.95) -> Measure:
    """Return a share with its score interval (Wilson 1927), which holds for small n and shares near 0 and 1."""
    if n == 0:
        return Measure(math.nan, math.nan, math.nan)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Measure(share, max(0.0, centre - half), min(1.0, centre + half))


class Difference(NamedTuple):
    """A paired difference of means with its test."""

    value: float
    """Mean of a minus mean of b."""
    standard_error: float
    """Standard error of the difference."""
    p_value: float
    """Two-sided p-value of no difference."""


def standard_error(influence: Floats, families: Sizes | None = None) -> float:
    """Return the standard error of a figure from how far each query moves it, shape (Q,), which sums to 0.

    Where queries come in families of like ones, families are the units, not queries.
    """
    sums = influence if families is None else np.bincount(families, weights=influence)
    units = len(sums)
    return math.sqrt(units / (units - 1) * float(sums @ sums)) / len(influence) if units > 1 else math.nan


def paired_test(a: Floats, b: Floats, families: Sizes | None = None) -> Difference:
    """Test whether two strategies' means differ on the same queries, shapes (Q,): a z-test on paired differences.

    Source: arXiv 2411.00640, sections 2.2 (clusters) and 4.2. Without any spread the p-value is 1 for equal and 0 for
    different means.
    """
    mean = float((a - b).mean())
    error = standard_error(a - b - mean, families)
    if error == 0:
        return Difference(mean, 0.0, 1.0 if mean == 0 else 0.0)
    return Difference(mean, error, 2 * NormalDist().cdf(-abs(mean) / error) if error > 0 else math.nan)
