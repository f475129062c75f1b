"""The figures of a replay and of a comparison, and the cost-quality plane that other figures draw on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.measures.metrics import hull
from zeta_eval.evaluation.reports.style import (
    COLOURS,
    FAINT,
    INK,
    LINES,
    MARKERS,
    canvas,
    cost_label,
    label,
    legend,
    shorten,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from zeta_eval.evaluation.reports.report import ReplayReport
    from zeta_eval.evaluation.reports.versus_report import Versus

STRATEGIES = ("policy", "policy, cascading", "oracle", "length only", "kNN")
"""Strategies with a curve; their places are those of their colours and lines."""

TASKS = 12
"""Tasks that a comparison shows one by one."""


def plot_curves(report: ReplayReport) -> Figure:
    """Draw the curves of a report; the caller shows or saves the figure."""
    figure, [[axes]] = canvas()
    alone = [row for row in report.rows if row.strategy.endswith(" alone")]
    draw_plane(
        axes,
        np.array([(row.cost, row.accuracy) for row in alone]),
        [row.strategy.removesuffix(" alone") for row in alone],
        report.cost_unit,
    )
    for curve in report.curves:
        draw_curve(axes, curve.strategy, np.column_stack([curve.cost, curve.accuracy]))
    own = report.policy_row
    draw_point(axes, own.cost, own.accuracy, own.accuracy_ci, name="policy, 95 % interval")
    title(axes, f"{report.policy}: {report.n} queries of split '{report.split}'")
    legend(figure, axes)
    return figure


def plot_versus(report: Versus) -> Figure:
    """Draw where the policies stand, and the differences to the first: over all and by task."""
    tasks = report.by_task.groupby("task")["n_differ"].sum().sort_values(ascending=False, kind="stable")
    shown = [str(t) for t in tasks.index[:TASKS]] if len(tasks) > 1 else []
    figure, [[plane, forest]] = canvas(1, 2, size=(10.5, max(4.4, 1.6 + 0.34 * len(shown))))
    draw_plane(plane, report.singles, report.sizes, report.cost_unit)
    rows = report.rows
    for i, row in enumerate(rows.to_dict("records")):
        interval = (row["accuracy_low"], row["accuracy_high"])
        draw_point(plane, row["cost"], row["accuracy"], interval, place=i, name=row["policy"])
    lines = ["all queries", *shown]
    for i, policy in enumerate(report.policies[1:], start=1):
        own = report.by_task[report.by_task["policy"] == policy].set_index("task")
        found = [rows.loc[i, _DIFFERENCE].to_numpy(dtype=float), *(own.loc[t, _DIFFERENCE] for t in shown)]
        value, low, high = np.array(found, dtype=float).T
        y = np.arange(len(lines)) + (i - len(report.policies) / 2) * 0.18
        look = {"fmt": MARKERS[i % len(MARKERS)], "color": COLOURS[i % len(COLOURS)], "capsize": 3}
        forest.errorbar(value, y, xerr=np.maximum(0, [value - low, high - value]), label=policy, **look)
    forest.axvline(0, color=FAINT, linewidth=1)
    forest.set_yticks(range(len(lines)), [shorten(line) for line in lines])
    forest.set_ylim(len(lines) - 0.5, -0.5)
    forest.set_xlabel(f"Accuracy minus that of {shorten(report.policies[0])} (score, 95 % interval)")
    part = f", {len(shown)} of {len(tasks)} tasks" if shown and len(shown) < len(tasks) else ""
    title(forest, f"Paired differences{part}")
    title(plane, f"{report.n} queries of split '{report.split}'")
    legend(figure, plane, forest)
    return figure


_DIFFERENCE = ["accuracy_difference", "accuracy_difference_low", "accuracy_difference_high"]


def draw_plane(axes: Axes, points: Floats, sizes: Sequence[str], unit: str) -> None:
    """Draw single sizes, (M, 2) of cost and accuracy, and the random mixes of them; names the axes."""
    mix = hull(points)
    axes.plot(
        [*mix[:, 0], points[:, 0].max()],
        [*mix[:, 1], mix[-1, 1]],
        color=FAINT,
        linewidth=1,
        label="random mix of sizes",
    )
    axes.plot(points[:, 0], points[:, 1], MARKERS[1], color=INK, label="one size alone")
    for size, (cost, accuracy) in zip(sizes, points, strict=True):
        right = cost > points[:, 0].mean()  # keeps the label inside the axes
        label(axes, size, (cost, accuracy), (6, 7) if right else (6, -14), "right" if right else "left")
    axes.set_xlabel(cost_label(unit))
    axes.set_ylabel("Accuracy (mean score, 0 to 1)")
    axes.margins(0.06, 0.08)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))


def draw_curve(axes: Axes, strategy: str, points: Floats) -> None:
    """Draw the curve (K, 2) of cost and accuracy of one of `STRATEGIES`."""
    i = STRATEGIES.index(strategy)
    axes.plot(points[:, 0], points[:, 1], color=COLOURS[i], linestyle=LINES[i], linewidth=2, label=strategy)


def draw_point(
    axes: Axes, cost: float, accuracy: float, interval: tuple[float, float], *, place: int = 0, name: str
) -> None:
    """Draw a point with the interval of its accuracy, in the colour and marker of a place."""
    axes.errorbar(
        cost,
        accuracy,
        yerr=[[max(0.0, accuracy - interval[0])], [max(0.0, interval[1] - accuracy)]],
        fmt=MARKERS[place % len(MARKERS)],
        color=COLOURS[place % len(COLOURS)],
        markersize=8,
        capsize=4,
        label=name,
    )
