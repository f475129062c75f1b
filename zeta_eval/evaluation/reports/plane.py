"""The cost-quality plane, on which figures draw curves and points of cost and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.measures.metrics import hull
from zeta_eval.evaluation.reports.style import COLOURS, FAINT, INK, LINES, MARKERS, UNITS, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRATEGIES = ("policy", "policy, route", "oracle", "length only", "kNN")
"""Strategies whose curves are drawn; their places are those of their lines."""

HUES = (COLOURS[6], COLOURS[4], COLOURS[3], COLOURS[5], COLOURS[2])
"""Colours of the strategies: a policy's is black, which no size has."""


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
    name_costs(axes, unit, float(points[:, 0].max()))
    axes.set_ylabel("Accuracy (mean score, 0 to 1)")
    axes.margins(0.06, 0.08)


def name_costs(axes: Axes, unit: str, most: float) -> None:
    """Name the axis of costs per query, of which `most` is the greatest, and write its numbers as people say them.

    The data keep their unit: USD are told per 1,000 queries, and seconds as milliseconds where all are below one.
    """
    name, scale = UNITS.get(unit, unit), 1.0
    if unit == "cost_usd":
        name, scale = "USD per 1,000 queries", 1000.0
    elif most < 1:
        name, scale = f"{name.removesuffix('seconds')}milliseconds per query", 1000.0
    else:
        name = f"{name} per query"
    axes.set_xlabel(f"Cost ({name})")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x * scale:g}")


def draw_curve(axes: Axes, strategy: str, points: Floats) -> None:
    """Draw the curve (K, 2) of cost and accuracy of one of `STRATEGIES`."""
    i = STRATEGIES.index(strategy)
    axes.plot(points[:, 0], points[:, 1], color=HUES[i], linestyle=LINES[i], linewidth=2, label=strategy)


def draw_point(
    axes: Axes, cost: float, accuracy: float, interval: tuple[float, float], *, place: int = 0, name: str
) -> None:
    """Draw a point with the interval of its accuracy, in the colour and marker of a place."""
    axes.errorbar(
        cost,
        accuracy,
        yerr=[[max(0.0, accuracy - interval[0])], [max(0.0, interval[1] - accuracy)]],
        fmt=MARKERS[0 if place is None else place % len(MARKERS)],
        color=HUES[0] if place is None else COLOURS[place % len(COLOURS)],
        markersize=8,
        capsize=4,
        label=name,
    )
