"""The figure of a table: cost-quality curves, and the gap that each router closes with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routing.averages import Average, best_baseline
from routing.rows import Row
from zeta_eval.arrays import Floats
from zeta_eval.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's; the product's rows take them in turn."""
LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
"""Line styles, so that colour is never the only difference."""
BEST, OTHER, GREY = "black", "0.75", "0.45"
"""Colours of the best baseline and of the others, as curves and as points."""
REFERENCES = {"random mix": (GREY, "--"), "oracle": ("#009E73", ":")}
"""Colour and line of the references that have a curve."""
UNITS = {"gpu_s": "GPU seconds", "cost_usd": "USD", "latency_s": "seconds"}


def draw(found: Sequence[Average], path: Path, *, title: str, cost: str) -> None:
    """Write the figure of a table as PNG: curves of its first split, and gaps closed on average over the splits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    figure.suptitle(title)
    best = best_baseline(found)
    draw_curves(left, [a.rows[0] for a in found], best)
    left.set_xlabel(f"Cost per query ({UNITS.get(cost, cost)})")
    left.set_ylabel("Accuracy (mean score, 0 to 1)")
    left.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
    left.legend(loc="lower right", fontsize="small")
    draw_gaps(right, found, best)
    with replacing(path) as temp:
        figure.savefig(temp, format="png", dpi=130)


def draw_curves(axes: Axes, rows: list[Row], name: str | None) -> None:
    """Draw the product's curves and the best text baseline's over the others', the mix and the oracle."""
    best = next((r for r in rows if r.router == name), None)
    alone = [r for r in rows if r.router.endswith(" alone")]
    end = max(r.cost.value for r in alone)
    others = [r for r in rows if r.kind.endswith("baseline") and r is not best]
    for i, r in enumerate(others):
        label = f"other baselines ({len(others)})" if i == 0 else None
        axes.plot(*path_of(r.points, end), color=OTHER, linewidth=1, label=label)
    for r in rows:
        if r.kind == "reference" and r not in alone:
            tint, dashes = REFERENCES[r.router]
            axes.plot(*path_of(r.points, end), color=tint, linestyle=dashes, linewidth=2, label=r.router)
    if best is not None:
        axes.plot(*path_of(best.points, end), color=BEST, linewidth=1.5, label=f"best text baseline: {name}")
    for i, r in enumerate(r for r in rows if r.kind == "product"):
        colour, line = COLOURS[i % len(COLOURS)], LINES[i % len(LINES)]
        axes.plot(*path_of(r.points, end), color=colour, linestyle=line, linewidth=2.5, label=r.router)
        axes.plot(r.cost.value, r.accuracy.value, "o", color=colour, markersize=8, label=f"{r.router}, as tuned")
    label_sizes(axes, alone)
    axes.grid(alpha=0.3)


def label_sizes(axes: Axes, alone: list[Row]) -> None:
    """Mark each size alone and write its name beside it."""
    costs = [r.cost.value for r in alone]
    axes.plot(costs, [r.accuracy.value for r in alone], "s", color="black", label="one size alone")
    for r in alone:
        dear = r.cost.value > (min(costs) + max(costs)) / 2  # keeps the label inside the axes
        axes.annotate(
            r.router.removesuffix(" alone").rpartition("/")[2],
            (r.cost.value, r.accuracy.value),
            xytext=(-6, 8) if dear else (6, -13),
            textcoords="offset points",
            ha="right" if dear else "left",
            fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1},
        )


def path_of(points: Floats, end: float) -> Floats:
    """Return x and y of a curve, shape (2, K + 1), drawn on from its dear end to a cost at least."""
    dear = points[points[:, 0].argmax()]
    return np.vstack([points[np.argsort(points[:, 0], kind="stable")], [max(end, dear[0]), dear[1]]]).T


def draw_gaps(axes: Axes, found: Sequence[Average], best: str | None) -> None:
    """Draw each router's gap closed, product and baselines, as a point with its interval."""
    known = [a for a in found if a.kind != "reference" and not math.isnan(a.gap_closed.value)]
    own = iter(COLOURS * len(known))
    colours = {a.router: next(own) if a.kind == "product" else BEST if a.router == best else GREY for a in known}
    for y, a in enumerate(reversed(known)):
        value, low, high = a.gap_closed
        product, colour = a.kind == "product", colours[a.router]
        axes.plot([low, high], [y, y], color=colour, linewidth=2)
        axes.plot(value, y, "o" if product else "s", color=colour, markersize=8 if product else 6)
    axes.set_yticks(range(len(known)), [a.router for a in reversed(known)])
    axes.axvline(0, color=GREY, linewidth=1, linestyle="--")
    axes.set_xlabel("Gap closed, random mix (0) to oracle (1), 95 % interval")
    axes.grid(alpha=0.3, axis="x")
