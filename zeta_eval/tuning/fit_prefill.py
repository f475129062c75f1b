"""Fits what reading a token costs each size, which tells a session whether changing its size is worth it."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.optimize import nnls

from zeta_eval.arrays import Floats
from zeta_eval.outcomes import Outcomes

FEWEST: Final = 20
"""Fewest answers to fit to."""

READING: Final = {"gpu_s": "prefill_gpu_s", "latency_s": "ttft_s"}
"""By the column of the costs, the one that holds what reading the prompt took."""


def fit_prefill(outcomes: Outcomes, cost_unit: str) -> tuple[float | None, ...]:
    """Return what reading a token of a prompt costs each size, in `cost_unit`; None where nothing tells.

    Seconds are measured: their sum over the sum of the tokens. A price in USD is split between tokens read and written
    by least squares, exact where each has its price.
    """
    prompt = outcomes.matrix("prompt_tokens")
    if (column := READING.get(cost_unit)) is not None:
        return tuple(_measured(*pair) for pair in zip(prompt.T, outcomes.matrix(column).T, strict=True))
    columns = prompt.T, outcomes.matrix("completion_tokens").T, outcomes.matrix(cost_unit).T
    return tuple(_priced(*triple) for triple in zip(*columns, strict=True))


def _measured(prompt: Floats, read: Floats) -> float | None:
    rows = np.isfinite(prompt) & np.isfinite(read) & (prompt > 0)
    return float(read[rows].sum() / prompt[rows].sum()) if rows.sum() >= FEWEST else None


def _priced(prompt: Floats, completion: Floats, cost: Floats) -> float | None:
    rows = np.isfinite(prompt) & np.isfinite(completion) & np.isfinite(cost)
    if rows.sum() < FEWEST or not (prompt[rows] > 0).any():
        return None
    tokens = np.column_stack([prompt[rows], completion[rows]])
    return float(nnls(tokens / tokens.max(), cost[rows])[0][0] / tokens.max())
