"""What `explore` says of a working point, as HTML: its mark, its numbers, its tasks, and the queries that change."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Final

import pandas as pd

from zeta_eval.evaluation.reports.style import COLOURS, shorten
from zeta_eval.evaluation.reports.tables import html_table
from zeta_eval.notebook.view import bar
from zeta_eval.notebook.working_point import WorkingPoint

LISTED: Final = 6
"""Queries that are listed; `changes` has all of them."""

WORDS: Final = 34
"""Characters of a listed query and of the sizes it is answered by, together."""

TASKS: Final = 12
"""Tasks that are listed, the largest first; `by_task` has all of them."""


def mark(view: WorkingPoint, pixels: Callable[[float, float], tuple[float, float]], size: tuple[int, int]) -> str:
    """The working point with both its intervals, as a layer over the picture in the ink of the page."""
    at = view.point
    x, y = pixels(at["cost"], at["accuracy"])
    left, low = pixels(at["cost_low"], at["accuracy_low"])
    right, high = pixels(at["cost_high"], at["accuracy_high"])
    return (
        f"<svg width='{size[0]}' height='{size[1]}' style='display:block' role='img' aria-label='working point'>"
        f"<g stroke='{COLOURS[1]}' stroke-width='2'>"
        f"<path d='M{x:.1f} {low:.1f}V{high:.1f}M{left:.1f} {y:.1f}H{right:.1f}'/>"
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='6' fill='{COLOURS[1]}' stroke='white'/></g></svg>"
    )


def money(cost: float, unit: str) -> str:
    """A cost per query as people say it: USD per 1,000 queries, or a time.

    >>> money(0.00042, "cost_usd"), money(0.0213, "gpu_s"), money(2.5, "latency_s")
    ('$0.42 per 1,000', '21.3 ms GPU', '2.5 s')
    """
    if unit == "cost_usd":
        return f"${1000 * cost:.3g} per 1,000"
    return f"{seconds(cost)}{' GPU' if unit == 'gpu_s' else ''}"


def seconds(value: float) -> str:
    """A time as milliseconds where it is below a second; "-" where it is unknown."""
    if value != value:
        return "-"
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def numbers_html(view: WorkingPoint) -> str:
    """Accuracy, cost, latency and shares of the working point, beside those of the policy's own."""
    own = view.row(view.own)
    names = ["cost weight", "accuracy [95 %]", "cost per query", "share of largest's", "latency p95"]
    there = [cell.partition(" [")[0] for cell in _cells(own, view.policy.cost_unit)]
    here = _cells(view.point, view.policy.cost_unit)
    table = html_table(pd.DataFrame({"": names, "this point": here, "policy's own": there}))
    shares = "".join(_share(i, size, view.point[f"share_{size}"]) for i, size in enumerate(view.points.sizes))
    return f"{table}<div style='margin-top:6px;line-height:1.4'>Queries answered by each size{shares}</div>"


def _share(place: int, size: str, share: float) -> str:
    name = "display:inline-block;width:11em;overflow:hidden;white-space:nowrap;vertical-align:bottom"
    shown = f"{bar(share, COLOURS[place % len(COLOURS)])} {share:.1%}"
    return f"<div><span style='{name}'>{escape(shorten(size, 22))}</span>{shown}</div>"


def _cells(row: dict[str, Any], unit: str) -> list[str]:
    accuracy = f"{row['accuracy']:.3f} [{row['accuracy_low']:.3f}, {row['accuracy_high']:.3f}]"
    cost = [money(row["cost"], unit), f"{row['cost_ratio']:.1%}"]
    return [f"{row['cost_weight']:.4g}", accuracy, *cost, seconds(row["latency_p95_s"])]


def tasks_html(view: WorkingPoint) -> str:
    """Accuracy and cost of each task, here and at the policy's own point."""
    frame, unit = view.by_task(), view.policy.cost_unit
    rows = [
        [
            *(shorten(str(row["task"]), 24), f"{row['n']:,}"),
            *(f"{row['accuracy']:.3f}", f"{row['accuracy_own']:.3f}", money(row["cost"], unit)),
        ]
        for row in frame.head(TASKS).to_dict("records")
    ]
    left = len(frame) - TASKS
    more = f"<p>and {left} smaller tasks: <code>view.by_task()</code></p>" if left > 0 else ""
    return html_table(pd.DataFrame(rows, columns=["task", "queries", "accuracy", "own", "cost"])) + more


def changes_html(view: WorkingPoint) -> str:
    """How many queries change their sizes against the policy's own point, and those that change most."""
    rows, points = view.moved(), view.points
    if not len(rows):
        return "<p>Every query gets the same sizes as at the policy's own point.</p>"
    gain = points.score[rows, view.at] - points.score[rows, view.own]
    extra = (points.cost[rows, view.at] - points.cost[rows, view.own]) * view.data.unit_cost
    now, before = (points.steps(k, rows[:LISTED]) for k in (view.at, view.own))
    room = min(24, max(8, WORDS - max(map(len, before)) - max(map(len, now))))
    listed = [
        [before[i], now[i], f"{gain[i]:+.2g}", f"{extra[i]:+.2g}", shorten(view.table.queries[rows[i]], room)]
        for i in range(min(LISTED, len(rows)))
    ]
    head = (
        f"<p style='margin:8px 0 2px'><b>{len(rows)}</b> of {len(view.table)} queries change sizes: "
        f"{int((gain > 0).sum())} score higher, {int((gain < 0).sum())} lower.</p>"
    )
    return head + html_table(pd.DataFrame(listed, columns=["own", "this", "score", "cost", "query"]))
