"""Figures of outcomes, policies and searches; a replay and a comparison draw theirs by their reports' `plot`.

Examples:
    >>> import zeta_eval as ze
    >>> from zeta_eval.testing import make_outcomes
    >>> ze.figures.latency(make_outcomes(100)).savefig("latency.png")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.api.versions import load_policy
from zeta_eval.evaluation.reports import figures
from zeta_eval.files import loaded
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningReport
from zeta_eval.tuning.importance import importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["accuracy_by_complexity", "calibration", "importance", "latency"]


def calibration(
    policy: RoutingPolicy | TuningReport | str | Path,
    outcomes: Outcomes | str | Path,
    *,
    split: str = "test",
    bins: int = 10,
) -> Figure:
    """Draw how often each size is right over the chance that the policy expected, with 95 % intervals.

    Args:
        policy: A policy, its file, or a tuning report.
        outcomes: A table, its file, or a benchmark's folder.
        split: "tune", "validate", "test" or "all".
        bins: Most bins, of as many queries each.

    Raises:
        ZetaError: a policy or a table that can't be used, or that name different sizes.
    """
    return figures.calibration(load_policy(policy), loaded(Outcomes, outcomes), split=split, bins=bins)


def accuracy_by_complexity(
    policy: RoutingPolicy | TuningReport | str | Path,
    outcomes: Outcomes | str | Path,
    *,
    split: str = "test",
    bins: int = 8,
) -> Figure:
    """Draw each size's accuracy over the complexity of queries: where the lines lie apart, routing can pay.

    Arguments and errors as in `calibration`.
    """
    return figures.accuracy_by_complexity(load_policy(policy), loaded(Outcomes, outcomes), split=split, bins=bins)


def latency(outcomes: Outcomes | str | Path) -> Figure:
    """Draw what share of queries each size answers within a time, with its median and 95th percentile.

    Raises:
        OutcomesError: no size of the table has latencies.
    """
    return figures.latency(loaded(Outcomes, outcomes))


def __dir__() -> list[str]:
    return __all__
