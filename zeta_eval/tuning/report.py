"""What a tuning run is asked for and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.evaluation.measures.guarantee import Certificate
from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.outcomes import COSTS
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.unseen_tasks import Unseen

if TYPE_CHECKING:
    from matplotlib.figure import Figure


ESTIMATORS = ("auto", "embedding", "heuristic", "knn", "learned")
"""What may estimate a policy's success probabilities."""

EMBEDDING = ("knn", "embedding")
"""Those that need an embedder."""


@dataclass(frozen=True, kw_only=True)
class TuningSettings:
    """How a policy is tuned."""

    cost: str | None = None
    """Cost column; None takes gpu_s, else cost_usd, else latency_s."""
    n_trials: int = 300
    """Configurations tried."""
    seed: int = 0
    """Seed of the search and of every interval."""
    max_cost: float | None = None
    """Most that a query may cost on average, in the cost column's unit."""
    min_score: float | None = None
    """Least average score, in [0, 1]."""
    storage: str | None = None
    """Optuna storage URL that makes the study resumable; None keeps it in memory."""
    estimator: str = "auto"
    """One of `ESTIMATORS`; "auto" takes the one that does best on `validate`."""
    embedder: str | None = None
    """Name or local folder of a sentence-transformers model, for the estimators that need one."""
    keep: float | None = None
    """Share of the largest size's accuracy to certify on held-out queries, in (0, 1]."""
    confidence: float = 0.95
    """Confidence of that certificate, in (0, 1)."""
    name: str = "zeta"
    """Name of the policy and of the study."""

    def __post_init__(self) -> None:
        if self.cost not in (None, *COSTS):
            raise InvalidInputError(f"The cost '{self.cost}' is no cost column; use {', '.join(COSTS)}.")
        if not 0 <= self.seed < 2**32:
            raise InvalidInputError(f"The seed is {self.seed}; give a whole number from 0 to 4294967295.")
        if self.estimator not in ESTIMATORS:
            raise UnknownNameError("estimator", self.estimator, ESTIMATORS)
        if self.estimator in EMBEDDING and not self.embedder:
            raise InvalidInputError(
                f"The estimator '{self.estimator}' needs an embedder; give --embedder NAME_OR_PATH, a "
                "sentence-transformers model."
            )
        if self.embedder and self.estimator not in ("auto", *EMBEDDING):
            raise InvalidInputError(
                f"The estimator '{self.estimator}' reads no embedder; leave --embedder out, or use --estimator auto."
            )
        if self.n_trials < 1:
            raise InvalidInputError(f"The number of trials is {self.n_trials}; give at least 1.")
        if self.max_cost is not None and self.min_score is not None:
            raise InvalidInputError("Give --max-cost or --min-score, not both.")
        if self.max_cost is not None and not self.max_cost > 0:
            raise InvalidInputError(f"max_cost is {self.max_cost}; give a cost above zero.")
        if self.keep is not None and not 0 < self.keep <= 1:
            raise InvalidInputError(f"keep is {self.keep}; give a share in (0, 1], like 0.95.")
        if not 0 < self.confidence < 1:
            raise InvalidInputError(f"The confidence is {self.confidence}; give a share between 0 and 1, like 0.95.")
        if self.min_score is not None and not 0 < self.min_score <= 1:
            raise InvalidInputError(f"min_score is {self.min_score}; give a score in (0, 1].")

    @property
    def estimators(self) -> tuple[str, ...]:
        """The estimators to try."""
        if self.estimator != "auto":
            return (self.estimator,)
        return ("heuristic", "learned", *(EMBEDDING if self.embedder else ()))


@dataclass(frozen=True, kw_only=True)
class TuningReport:
    """What a tuning run found."""

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
    """What was asked for."""
    seconds: float
    """Wall time in seconds."""
    estimator: str
    """The estimator of the policy."""
    held_out_area: dict[str, float]
    """Area under the cost-quality curve on `validate`, in [0, 1], by estimator."""
    unseen: Unseen | None
    """The policy on `test` where the task of each query was left out of the fit; None with one task only."""
    certificate: Certificate | None
    """What was certified on `test`, where a share to keep was asked for."""
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
        """The test table, and what the search came to, as plain text."""
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
                "The policy cascades: it may ask a small size first and judge by its answer whether to go on."
                if self.policy.looks
                else "A cascade did not pay on held-out queries, or nothing is stored of the answers: the policy keeps "
                "every first answer.",
                self._unseen_text(),
                *(() if self.certificate is None else (self.certificate.text,)),
            )
        )

    def _unseen_text(self) -> str:
        """What the policy is worth on a task it was not tuned on."""
        domain = self.policy.domain
        if domain is None or self.unseen is None:
            return "New tasks: the table has one task only, so what the policy expects of another counts 1 %."
        row, lift = self.unseen.row, self.unseen.mean_lift
        counts = f"estimates, and the savings of smaller sizes, count {100 * domain.transfer:.0f} %"
        return (
            f"New tasks: {counts}. Leave one task out, on test: accuracy {row.accuracy:.3f} at "
            f"{100 * row.cost_ratio:.0f} % of the largest size's cost; lift over all cost weights {lift.value:+.3f} "
            f"[{lift.low:+.3f}, {lift.high:+.3f}]."
        )
