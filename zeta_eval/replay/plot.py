"""The figure of a replay: cost-quality curves. The room's only door to matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeta_eval.replay.metrics import hull

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zeta_eval.replay.report import ReplayReport

_STYLE = {  # Okabe and Ito's colours, told apart by line style and marker too
    "policy": ("#0072B2", "-"),
    "policy, cascading": ("#D55E00", (0, (5, 1))),
    "length only": ("#E69F00", "--"),
    "kNN": ("#CC79A7", "-."),
    "oracle": ("#009E73", ":"),
}
_UNIT = {"gpu_s": "GPU seconds", "cost_usd": "USD", "latency_s": "seconds"}


def plot_curves(report: ReplayReport) -> Figure:
    """Draw the curves of a report; the caller shows or saves the figure."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    for curve in report.curves:
        colour, line = _STYLE[curve.strategy]
        axes.plot(curve.cost, curve.accuracy, color=colour, linestyle=line, linewidth=2, label=curve.strategy)
    alone = [row for row in report.rows if row.strategy.endswith(" alone")]
    points = np.array([(row.cost, row.accuracy) for row in alone])
    mix = hull(points)
    axes.plot(
        [*mix[:, 0], points[:, 0].max()],
        [*mix[:, 1], mix[-1, 1]],
        color="0.5",
        linewidth=1,
        label="random mix of sizes",
    )
    axes.plot(points[:, 0], points[:, 1], "s", color="black", label="one size alone")
    for row in alone:
        right = row.cost > points[:, 0].mean()  # keeps the label inside the axes
        axes.annotate(
            row.strategy.removesuffix(" alone"),
            (row.cost, row.accuracy),
            xytext=(-6 if right else 6, -14),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize="small",
        )
    own = report.policy_row
    low, high = own.accuracy - own.accuracy_ci[0], own.accuracy_ci[1] - own.accuracy
    axes.errorbar(
        own.cost,
        own.accuracy,
        yerr=[[max(0.0, low)], [max(0.0, high)]],
        fmt="o",
        color=_STYLE["policy"][0],
        markersize=8,
        capsize=4,
        label="policy, 95 % interval",
    )
    axes.set_xlabel(f"Cost per query ({_UNIT.get(report.cost_unit, report.cost_unit)})")
    axes.set_ylabel("Accuracy (mean score, 0 to 1)")
    axes.set_title(f"{report.policy}: {report.n} queries of split '{report.split}'")
    axes.grid(alpha=0.3)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    plt.close(figure)  # shown by whoever holds it, not twice
    return figure
