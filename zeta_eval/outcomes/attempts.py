"""Several attempts at a query by one size: each is a row of the table, and together they count as one answer."""

from typing import Final

import numpy as np
import pandas as pd

from zeta_eval.router.signals.vote import final_of

KEY: Final = ["query_id", "model"]
"""Columns that name the answers of one size to one query."""

AVERAGED: Final = ("score", "latency_s", "ttft_s", "gpu_s", "prefill_gpu_s", "cost_usd")
"""Columns whose value is the mean over the attempts: what one attempt scores, takes and costs."""


def numbers(frame: pd.DataFrame) -> pd.Series:
    """Number of each row's attempt, from 0 on."""
    found: pd.Series = frame["attempt"].fillna(0).astype("int64")
    return found


def has_attempts(frame: pd.DataFrame) -> bool:
    """Whether some query has more than one attempt by a size."""
    return bool((numbers(frame) > 0).any())


def mean_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Make one row per query and size from rows of attempts, in order of first appearance.

    Scores, costs and times are means over the attempts that have them. All else is that of the first attempt with a
    score, or of the first one where none has: its text, its tokens and their log-probabilities belong together.
    """
    ordered = frame.assign(_unscored=frame["score"].isna(), _number=numbers(frame), _row=np.arange(len(frame)))
    ordered = ordered.sort_values(["_unscored", "_number"], kind="stable")
    kept = ordered.drop_duplicates(KEY).set_index(KEY)
    means = frame.groupby(KEY, sort=False)[list(AVERAGED)].mean().reindex(kept.index)
    for name in AVERAGED:
        kept[name] = means[name].astype("float64")
    first = frame.assign(_row=np.arange(len(frame))).groupby(KEY, sort=False)["_row"].min().reindex(kept.index)
    kept = kept.assign(_row=first, attempt=pd.array([pd.NA] * len(kept), dtype="Int64"))
    return kept.sort_values("_row").reset_index()[list(frame.columns)]


def finals(frame: pd.DataFrame) -> pd.Series:
    """Final answer of each row as `zeta_eval.router.signals` reads it; "" where there is none."""
    return pd.Series([final_of(text) if isinstance(text, str) else "" for text in frame["response"]], index=frame.index)
