"""How much each parameter of a search mattered, by the trials of its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zeta_eval.evaluation.reports.style import COLOURS, canvas, title
from zeta_eval.tuning.report import TuningReport
from zeta_eval.tuning.study_plots import importances

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 15
"""Parameters that the figure of importance shows."""


def parameter_importance(report: TuningReport) -> dict[str, float]:
    """Return the share of the variance of the gain explained that each parameter explains, the greatest first.

    Raises:
        InvalidInputError: a search of fewer than 10 whole trials.
    """
    return importances(report.trials, report.settings.seed)


def importance(report: TuningReport) -> Figure:
    """Draw which parameters of a search mattered for the gain explained.

    Raises:
        InvalidInputError: a search of fewer than 10 trials.
    """
    found = list(parameter_importance(report).items())
    shown = found[:SHOWN]
    figure, [[axes]] = canvas(size=(7.0, 1.6 + 0.27 * len(shown)))
    axes.barh([name for name, _ in shown], [share for _, share in shown], color=COLOURS[0])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Share of the variance between trials (0 to 1, functional ANOVA)")
    part = f", the first {SHOWN} of {len(found)}" if len(found) > SHOWN else ""
    title(axes, f"Parameters of {len(report.trials)} trials{part}")
    return figure
