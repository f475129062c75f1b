"""How well probabilities of success match the scores, size by size."""

from __future__ import annotations

import numpy as np

from zeta_eval.arrays import Floats


def brier(p: Floats, score: Floats) -> Floats:
    """Mean squared error of probabilities per size, shape (M,), in [0, 1]; lower is better.

    Source: Brier 1950, in the form for two outcomes; a graded score counts as the share of successes.

    Args:
        p: probabilities of success, shape (Q, M).
        score: shape (Q, M), in [0, 1].
    """
    return np.asarray(((p - score) ** 2).mean(axis=0))


def ece(p: Floats, score: Floats, bins: int = 15) -> Floats:
    """Expected calibration error per size, shape (M,), in [0, 1]; lower is better.

    The mean over bins of |mean probability - mean score|, weighted by the bins' queries. Bins are of equal mass:
    neighbours in p, as many in each, and equal probabilities count with their mean score. Source: Nguyen and O'Connor
    2015 (arXiv 1508.05154), section 3.

    Args:
        p: probabilities of success, shape (Q, M).
        score: shape (Q, M), in [0, 1].
        bins: number of bins; no more than Q are used.
    """
    return np.array([_ece(*pair, bins) for pair in zip(p.T, score.T, strict=True)])


def _ece(p: Floats, score: Floats, bins: int) -> float:
    values, which, count = np.unique(p, return_inverse=True, return_counts=True)
    gaps = (values - np.bincount(which, score) / count)[which][np.argsort(which, kind="stable")]
    return float(sum(abs(part.sum()) for part in np.array_split(gaps, min(bins, len(p)))) / len(p))
