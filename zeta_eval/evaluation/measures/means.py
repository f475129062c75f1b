"""Ratios and differences of means, with their intervals."""

import math

import numpy as np

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.measures.gap import interval
from zeta_eval.evaluation.measures.statistics import Measure, standard_error

_Z = 1.959964
"""97.5 % quantile of the normal distribution."""


def ratio(part: Floats, whole: Floats, families: Sizes | None = None) -> Measure:
    """Return mean(part) / mean(whole) over the same queries, shapes (Q,), with its 95 % interval.

    The error is that of a ratio of paired means (delta method); NaN where the whole is 0.
    """
    base = float(whole.mean())
    if base == 0:
        return Measure(math.nan, math.nan, math.nan)
    value = float(part.mean()) / base
    return interval(value, np.asarray((part - value * whole) / base), families)


def apart(a: Floats, b: Floats, families_a: Sizes | None = None, families_b: Sizes | None = None) -> Measure:
    """Return mean(a) - mean(b) over different queries, shapes (A,) and (B,), with its 95 % interval (normal)."""
    value = float(a.mean() - b.mean())
    errors = (standard_error(a - a.mean(), families_a), standard_error(b - b.mean(), families_b))
    half = _Z * math.hypot(*errors)
    return Measure(value, value - half, value + half)


def with_unseen(found: Measure, n: int) -> Measure:
    """Widen the interval of a mean difference of scores over n queries for what none of them showed.

    Where two policies seldom differ, the queries seen may all favour one of them, and an interval by their spread is
    far too sure. So half an unseen query counts at each end, on which one policy is right and the other wrong: the same
    that lift's interval has (`zeta_eval.evaluation.measures.lift`).
    """
    value, low, high = found
    return Measure(value, low - (0.5 * (1.0 + value)) / (n + 0.5), high + (0.5 * (1.0 - value)) / (n + 0.5))
