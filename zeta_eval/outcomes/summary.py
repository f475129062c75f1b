"""A few numbers per size (accuracy, errors, latency, cost), which are logged and which `zeta bench` prints."""

import pandas as pd

from zeta_eval.outcomes.size_metrics import size_metrics
from zeta_eval.outcomes.table import Outcomes


def summary(outcomes: Outcomes) -> pd.DataFrame:
    """Return one row per size, cheapest first, with the columns of `size_metrics`; embedding models come last."""
    frame, tried = outcomes.frame, outcomes.attempts
    embed = sorted(set(frame["model"]) - set(outcomes.sizes))
    return pd.DataFrame(
        [
            {"size": s} | size_metrics(frame[frame["model"] == s], tried[tried["model"] == s])
            for s in (*outcomes.sizes, *embed)
        ]
    )
