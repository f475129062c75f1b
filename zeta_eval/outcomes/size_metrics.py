"""A few numbers of one size: accuracy, errors, latency, cost."""

import math

import pandas as pd

from zeta_eval.outcomes.latency import modelled_latency
from zeta_eval.outcomes.too_long import too_long
from zeta_eval.outcomes.truncation import share


def size_metrics(rows: pd.DataFrame, attempts: pd.DataFrame | None = None) -> dict[str, float]:
    """Return the numbers of one size from its rows of the table; NaN where the table has no values.

    What went wrong is counted among its `attempts`, where there are several at a query: errors, unscored, unparsed and
    truncated answers, and their shares.

    Accuracy is the mean over scored rows with its standard error (arXiv 2411.00640, section 2). `n_too_long` of the
    errors are queries that were too long for the model, which score 0. `tokens_per_s` is completion tokens per second
    of batch-1 latency, `tokens_per_gpu_s` per second of batched work. Where latencies are modelled, p50 and p95 have
    the 95 % interval of the fit as `_low_s` and `_high_s`.
    """
    score, tried = rows["score"].astype("float64"), rows if attempts is None else attempts
    metrics = {
        "n_queries": float(len(rows)),
        "n_unscored": float(tried["score"].isna().sum()),
        "n_errors": float(tried["error"].notna().sum()),
        "n_too_long": float(too_long(tried["error"]).sum()),
        "n_unparsed": float(tried["unparsed"].fillna(False).sum()),
        "n_truncated": float(tried["truncated"].fillna(False).sum()),
        "share_unparsed": share(tried["unparsed"]),
        "share_truncated": share(tried["truncated"]),
        "accuracy": float(score.mean()),
        "accuracy_se": float(score.std()) / math.sqrt(max(score.count(), 1)),
        "latency_p50_s": float(rows["latency_s"].quantile(0.5)),
        "latency_p95_s": float(rows["latency_s"].quantile(0.95)),
        "n_latency_measured": float((rows["latency_source"] == "measured").sum()),
        "ttft_p50_s": float(rows["ttft_s"].quantile(0.5)),
        "tokens_per_s": _rate(rows, "latency_s"),
        "tokens_per_gpu_s": _rate(rows, "gpu_s"),
    }
    for name, (_, low, high) in modelled_latency(rows).items():
        metrics |= {f"latency_{name}_low_s": low, f"latency_{name}_high_s": high}
    for name in ("gpu_s", "cost_usd"):
        metrics[f"{name}_total"] = float(rows[name].sum(min_count=1))
        metrics[f"{name}_mean"] = float(rows[name].mean())
    return metrics


def _rate(rows: pd.DataFrame, seconds: str) -> float:
    """Return completion tokens per second over the rows that have both; NaN where none has."""
    both = rows[["completion_tokens", seconds]].astype("float64").dropna()
    total = both[seconds].sum()
    return float(both["completion_tokens"].sum() / total) if total > 0 else math.nan
