"""How well probabilities of success match the scores, size by size."""

import numpy as np

from zeta_eval.arrays import Floats


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
    return np.array([_ece(*pair, bins) for pair in zip(p.T, score.T, strict=True)])


def _ece(p: Floats, score: Floats, bins: int) -> float:
    values, which, count = np.unique(p, return_inverse=True, return_counts=True)
    gaps = (values - np.bincount(which, score) / count)[which][np.argsort(which, kind="stable")]
    return float(sum(abs(part.sum()) for part in np.array_split(gaps, min(bins, len(p)))) / len(p))
