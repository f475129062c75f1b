"""A table of outcomes as a notebook shows it: what each size got and took, and its accuracy by task."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape
from typing import Final

import pandas as pd

from zeta_eval.outcomes.size_metrics import size_metrics

TASKS: Final = 20
"""Most tasks that are listed, the largest first."""

_Z: Final = 1.959964
"""97.5 % quantile of the normal distribution."""

_INTERVAL: Final = re.compile(r"\[[^\]<]*\]")
"""An interval, or the word for it."""


def page(head: str, frame: pd.DataFrame, sizes: Sequence[str], attempts: pd.DataFrame) -> str:
    """Return the two tables as HTML, under some lines.

    Args:
        head: What is said first.
        frame: The rows of the table, one per query and size.
        sizes: The sizes, cheapest first.
        attempts: The rows of all attempts.
    """
    head = "".join(f"<p style='margin:4px 0'>{escape(line)}</p>" for line in head.splitlines())
    tasks = by_task(frame, sizes)
    left = len(tasks) - TASKS
    rest = f"<p>and {left} smaller tasks</p>" if left > 0 else ""
    return f"{head}{_html(by_size(frame, sizes, attempts))}{_html(tasks.head(TASKS)) if len(tasks) > 1 else ''}{rest}"


def by_size(frame: pd.DataFrame, sizes: Sequence[str], attempts: pd.DataFrame) -> pd.DataFrame:
    """A row per size: accuracy with its 95 % interval, mean cost, latency, and what was cut off or not understood."""
    found = pd.DataFrame([size_metrics(*(f[f["model"] == size] for f in (frame, attempts))) for size in sizes])
    n = frame["score"].groupby(frame["model"]).count().reindex(list(sizes))
    columns = {"size": list(sizes), "queries": [f"{x:,.0f}" for x in found["n_queries"]]}
    columns["accuracy [95 %]"] = [accuracy(a, m) for a, m in zip(found["accuracy"], n, strict=True)]
    columns["USD per 1,000"] = _shown(1000 * found["cost_usd_mean"], "{:.3g}")
    columns["gpu_s"] = _shown(found["gpu_s_mean"], "{:.3g}")
    columns["latency p50"] = _shown(found["latency_p50_s"], "{:.3g} s")
    columns["latency p95"] = _shown(found["latency_p95_s"], "{:.3g} s")
    columns["cut off"] = _shown(found["share_truncated"], "{:.1%}")
    columns["not understood"] = _shown(found["share_unparsed"], "{:.1%}")
    columns["errors"] = _shown(found["n_errors"].where(found["n_errors"] > 0), "{:.0f}")
    return pd.DataFrame({name: cells for name, cells in columns.items() if any(cell != "-" for cell in cells)})


def by_task(frame: pd.DataFrame, sizes: Sequence[str]) -> pd.DataFrame:
    """A row per task, the largest first: number of queries, and each size's accuracy with its 95 % interval."""
    found = frame.groupby(["task", "model"], sort=False)["score"].agg(["mean", "count"])
    n = frame.groupby("task")["query_id"].nunique().sort_values(ascending=False, kind="stable")
    rows = []
    for task, queries in n.items():
        known = found.xs(task).reindex(list(sizes))
        cells = [accuracy(mean, count) for mean, count in zip(known["mean"], known["count"], strict=True)]
        rows.append([str(task), f"{queries:,}", *cells])
    return pd.DataFrame(rows, columns=["task", "queries", *sizes])


def accuracy(mean: float, n: float) -> str:
    """A mean score over n queries with its 95 % interval (Wilson 1927), which holds for scores between 0 and 1 too.

    >>> accuracy(0.8, 100)
    '0.800 [0.711, 0.867]'
    """
    if not n > 0:
        return "-"
    middle, spread = mean + _Z**2 / (2 * n), _Z * math.sqrt(mean * (1 - mean) / n + (_Z / (2 * n)) ** 2)
    low, high = ((middle + side * spread) / (1 + _Z**2 / n) for side in (-1, 1))
    return f"{mean:.3f} [{max(0.0, low):.3f}, {min(1.0, high):.3f}]"


def _shown(values: pd.Series, form: str) -> list[str]:
    return ["-" if x != x else form.format(x) for x in values]


def _html(frame: pd.DataFrame) -> str:
    """The table, each of whose intervals stays on one line."""
    table = str(frame.to_html(index=False, escape=True, border=0))
    return _INTERVAL.sub(lambda found: found[0].replace(" ", "&nbsp;"), table)
