"""Which of two policies would have done better, by the sizes that a third one chose and the scores they got.

A log holds, for each decision, the size that was chosen, its score, and the propensity: the probability with which that
size was chosen. The other sizes were not asked. The doubly robust estimate (Dudik, Langford and Li 2011, arXiv
1103.4601) fills in what a model expects of each size and corrects the size that was asked by its error divided by its
propensity. The estimate is unbiased if the propensities or the model are right, and only where every choice of both
policies could have been logged: without exploration (propensity 1) a log says nothing of sizes that were not chosen.
"""

import math

import numpy as np

from zeta_eval.arrays import Floats, Ints

Z95 = 1.959963984540054
"""Normal quantile of a 95 % interval."""


def difference(
    chosen: Ints, score: Floats, propensity: Floats, first: Floats, other: Floats, p: Floats, cost: Floats
) -> tuple[float, float, float]:
    """Doubly robust estimate of the other policy's mean score - cost minus the first's, paired by query.

    Returns the estimate and its 95 % interval by the normal approximation, which is NaN from a single query.

    Args:
        chosen: Index of the size that was chosen for each of n queries, shape (n,).
        score: Score of that size's answer, shape (n,).
        propensity: Probability with which that size was chosen, in (0, 1], shape (n,).
        first: Probability of each size by the first policy, shape (n, M).
        other: Probability of each size by the other policy, shape (n, M).
        p: Expected score of each size by a model that was not fitted on these scores, shape (n, M).
        cost: Cost of each size, in units of score, shape (n, M).
    """
    n = len(chosen)
    at, scores = (np.arange(n), chosen), p.copy()
    scores[at] += (score - p[at]) / propensity
    gap = ((other - first) * (scores - cost)).sum(axis=1)
    value, error = float(gap.mean()), float(gap.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return value, value - Z95 * error, value + Z95 * error


def one_hot(chosen: Ints, n_sizes: int) -> Floats:
    """Probabilities, shape (n, M), of a policy that chooses for certain."""
    return np.eye(n_sizes)[chosen]
