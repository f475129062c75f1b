"""Figures of outcomes and policies: calibration, accuracy by complexity, latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zeta_eval.evaluation.bins import by_complexity, reliability
from zeta_eval.evaluation.reports.style import COLOURS, FAINT, INK, LINES, MARKERS, canvas, legend, shorten, title
from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def calibration(policy: RoutingPolicy, outcomes: Outcomes, *, split: str = "test", bins: int = 10) -> Figure:
    """Draw how often each size is right over the chance that the policy expected, with 95 % intervals."""
    table = reliability(policy, outcomes, split=split, bins=bins)
    sizes = policy.sizes
    figure, axes = canvas(1, len(sizes), size=(max(4.6, 3.1 * len(sizes)), 4.3), share_y=True)
    for i, (size, one) in enumerate(zip(sizes, axes[0], strict=True)):
        part = table[table["size"] == size]
        one.plot([0, 1], [0, 1], color=FAINT, linewidth=1, label="as expected")
        _line(one, part, i, "observed, 95 % interval")
        title(one, shorten(size, 24))
        one.set_xlabel("Expected chance (0 to 1)")
        one.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes[0, 0].set_ylabel("Accuracy (mean score, 0 to 1)")
    n = table["n"]
    about = f"{policy.name}: {int(n.sum() / len(sizes))} queries of split '{split}', about {int(n.median())} per point"
    figure.suptitle(about, fontsize="medium", color=INK)
    legend(figure, axes[0, 0])
    return figure


def accuracy_by_complexity(policy: RoutingPolicy, outcomes: Outcomes, *, split: str = "test", bins: int = 8) -> Figure:
    """Draw each size's accuracy over the complexity of queries: where the lines lie apart, routing can pay."""
    table = by_complexity(policy, outcomes, split=split, bins=bins)
    figure, [[axes]] = canvas(size=(7.0, 4.4))
    for i, size in enumerate(policy.sizes):
        _line(axes, table[table["size"] == size], i, size)
    axes.set_xlabel("Complexity (chance that the smallest size fails, 0 to 1; bins of as many queries each)")
    axes.set_ylabel("Accuracy (mean score, 0 to 1)")
    n = int(table["n"].sum() / len(policy.sizes))
    title(axes, f"{policy.name}: {n} queries of split '{split}', 95 % intervals")
    legend(figure, axes)
    return figure


def latency(table: Outcomes) -> Figure:
    """Draw what share of queries each size answers within a time, with its median and 95th percentile.

    Raises:
        OutcomesError: no size of the table has latencies.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    frame = table.frame.dropna(subset=["latency_s"])
    frame = frame[frame["latency_s"] > 0]
    sizes = [s for s in table.sizes if (frame["model"] == s).any()]
    if not sizes:
        raise OutcomesError("The table has no latencies (column 'latency_s'); benchmark the sizes to measure them.")
    figure, [[axes]] = canvas(size=(7.0, 4.4))
    for i, size in enumerate(sizes):
        seconds = np.sort(frame.loc[frame["model"] == size, "latency_s"].to_numpy(dtype=float))
        share = np.arange(1, len(seconds) + 1) / len(seconds)
        p50, p95 = np.quantile(seconds, [0.5, 0.95])
        colour, marker, line = (looks[i % len(looks)] for looks in (COLOURS, MARKERS, LINES))
        name = f"{size}: median {p50:.3g} s, p95 {p95:.3g} s"
        axes.plot(seconds, share, color=colour, linestyle=line, linewidth=2, drawstyle="steps-post", label=name)
        axes.plot([p50, p95], [0.5, 0.95], marker, color=colour)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Latency (seconds, logarithmic)")
    axes.set_ylabel("Share of queries answered (0 to 1)")
    sources = ", ".join(sorted(frame["latency_source"].dropna().unique())) or "source not told"
    title(axes, f"Latency of single queries ({sources})")
    legend(figure, axes)
    return figure


def _line(axes: Axes, bins: pd.DataFrame, place: int, name: str) -> None:
    """Draw bins with intervals in the look of a place."""
    x, y = bins["x"], bins["accuracy"]
    spread = [(y - bins["accuracy_low"]).clip(lower=0), (bins["accuracy_high"] - y).clip(lower=0)]
    colour, marker, line = (looks[place % len(looks)] for looks in (COLOURS, MARKERS, LINES))
    axes.errorbar(x, y, yerr=spread, color=colour, marker=marker, linestyle=line, capsize=3, label=name)
