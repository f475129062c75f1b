"""What a tuning run found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.evaluation.measures.guarantee import Certificate
from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.settings import TuningSettings
from zeta_eval.tuning.unseen_tasks import Unseen

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class TuningReport:
    """What a tuning run found: the policy, how well it does on held-out queries, and how it was chosen.

    >>> import zeta_eval as ze
    >>> from zeta_eval.testing import make_outcomes
    >>> settings = ze.TuningSettings(n_trials=1, estimator="heuristic")
    >>> report = ze.tune(make_outcomes(200), settings=settings)
    >>> report.policy.sizes, report.estimator, len(report.trials)
    (('4B', '7B', '14B'), 'heuristic', 1)
    """

    policy: RoutingPolicy
    """The chosen policy with its verdict."""
    test: ReplayReport
    """The policy and every baseline on the test split."""
    tune_score: float
    """Mean score of the policy on the split it was tuned on."""
    trials: pd.DataFrame
    """One row per trial: number, score, cost, and each parameter."""
    parameters: dict[str, Any]
    """The chosen trial's parameters."""
    settings: TuningSettings
    """The settings of the run."""
    seconds: float
    """Wall time in seconds."""
    estimator: str
    """Name of the policy's estimator."""
    held_out_area: dict[str, float]
    """Area under the cost-quality curve on `validate`, in [0, 1], by estimator."""
    unseen: Unseen | None
    """The policy on `test` where the task of each query was left out of the fit; None with one task only."""
    certificate: Certificate | None
    """The certificate on `test`, where a share to keep was asked for."""
    brier: dict[str, float]
    """Brier score of the success probabilities before any answer, on `test`, by size."""
    ece: dict[str, float]
    """Expected calibration error of the same, in [0, 1], by size."""

    @property
    def test_score(self) -> float:
        """Mean score of the policy on the test split."""
        return self.test.policy_row.accuracy

    @property
    def optimism(self) -> float:
        """Score on the tuning split minus score on the test split."""
        return self.tune_score - self.test_score

    @property
    def best_curve(self) -> list[float]:
        """Best score - cost_weight * cost so far after each trial, at the chosen cost weight."""
        unit = self.policy.unit_cost
        utility = self.trials["score"] - self.policy.cost_weight * self.trials["cost"] / unit
        return [float(v) for v in utility.cummax()]

    def frame(self) -> pd.DataFrame:
        """The trials, one row each."""
        return self.trials

    def plot(self) -> Figure:
        """Cost-quality curve of the policy and its baselines on the test split."""
        return self.test.plot()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.test._repr_html_()

    def text(self) -> str:
        """The test table and the outcome of the search, as plain text."""
        return "\n".join(
            (
                self.test.text(),
                f"Tuned with {len(self.trials)} trials in {self.seconds:.0f} s (seed {self.settings.seed}); score "
                f"{self.tune_score:.3f} on tune, {self.test_score:.3f} on test: optimism {self.optimism:+.3f}.",
                f"Estimator: {self.estimator} (area on validate: "
                + ", ".join(f"{name} {value:.4f}" for name, value in self.held_out_area.items())
                + ").",
                "Calibration on test, Brier score / expected calibration error: "
                + ", ".join(f"{size} {self.brier[size]:.3f} / {self.ece[size]:.3f}" for size in self.brier)
                + ".",
                "The policy escalates: it may ask a small size first, and by the answer decide to ask a larger one."
                if self.policy.looks
                else "Escalation did not pay on held-out queries, or no answers are stored: the policy keeps "
                "every first answer.",
                self._unseen_text(),
                *(() if self.certificate is None else (self.certificate.text,)),
            )
        )

    def _unseen_text(self) -> str:
        """How well the policy does on tasks that it was not tuned on."""
        domain = self.policy.domain
        if domain is None or self.unseen is None:
            return "New tasks: the table has one task only, so estimates for another task count 1 %."
        row, lift = self.unseen.row, self.unseen.mean_lift
        counts = f"estimates count {100 * domain.transfer:.0f} %, for the rest the largest size answers"
        return (
            f"New tasks: {counts}. Leave one task out, on test: accuracy {row.accuracy:.3f} at "
            f"{100 * row.cost_ratio:.0f} % of the largest size's cost; lift over all cost weights {lift.value:+.3f} "
            f"[{lift.low:+.3f}, {lift.high:+.3f}]."
        )
