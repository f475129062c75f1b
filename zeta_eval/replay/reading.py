"""What it cost the first size of a table to read each query without answering it."""

from __future__ import annotations

import numpy as np

from zeta_eval.outcomes import Outcomes
from zeta_eval.replay.choice import Floats


def reading_share(outcomes: Outcomes) -> Floats:
    """Return reading's share of the first size's gpu_s, shape (Q,); NaN where one of the two is not stored, or 0."""
    reading, whole = (outcomes.matrix(column)[:, 0] for column in ("prefill_gpu_s", "gpu_s"))
    return np.asarray(np.divide(reading, whole, out=np.full(len(whole), np.nan), where=whole > 0))


def reading_cost(outcomes: Outcomes, column: str) -> Floats:
    """Return what reading cost the first size in a cost column, shape (Q,); NaN where that is not known.

    It is the row's cost times reading's share of gpu_s; in time, where it is stored, the time to the first token.
    """
    cost = outcomes.matrix(column)[:, 0] * reading_share(outcomes)
    if column != "latency_s":
        return np.asarray(cost)
    first = outcomes.matrix("ttft_s")[:, 0]
    return np.where(np.isfinite(first), first, cost)
