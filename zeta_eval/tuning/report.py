"""What a tuning run found."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.evaluation.measures.guarantee import Certificate
from zeta_eval.evaluation.measures.statistics import Measure
from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.files import plain
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.fit_cascade import FEWEST
from zeta_eval.tuning.heuristic_share import HeuristicShare, share_text
from zeta_eval.tuning.keeping import Kept, keeping_text
from zeta_eval.tuning.on_test import Calibration
from zeta_eval.tuning.search_gain import OBJECTIVE, SearchGain
from zeta_eval.tuning.settings import TuningSettings
from zeta_eval.tuning.study_plots import plot_study
from zeta_eval.tuning.unseen_tasks import Unseen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    """Mean score of the policy on the queries that it was fitted to, out of fold."""
    tune_minus_test: Measure
    """That score minus the score on `test`, with the interval of the difference."""
    trials: pd.DataFrame
    """One row per trial: number, the gain explained out of fold (NaN where it was given up), and each parameter."""
    parameters: list[dict[str, Any]]
    """The parameters among which the trees are shared out: those of the best trials, or of the untuned start alone."""
    search: SearchGain
    """What the search gained over its untuned start, on `test`."""
    answers_stored: bool
    """Whether the table stores anything of the answers by which a policy could escalate."""
    escalation_fitted: bool
    """Whether there were right and wrong answers enough to learn from an answer whether to escalate."""
    heuristic: dict[str, HeuristicShare]
    """What the heuristic decides on `test`, with and without the task's name."""
    settings: TuningSettings
    """The settings of the run."""
    seconds: float
    """Wall time in seconds."""
    estimator: str
    """Name of the policy's estimator."""
    gap_closed: dict[str, float]
    """Gap closed out of fold where nobody names the task, by estimator."""
    unseen: Unseen | None
    """The policy on `test` where the task of each query was left out of the fit; None with one task only."""
    certificate: Certificate | None
    """The certificate on `test`, where a share to keep was asked for."""
    keeping: tuple[Kept, ...]
    """What the share asked for costs on `test`, and what 99 % would; empty where no share decided the trade-off."""
    calibration: dict[str, Calibration]
    """How well the success probabilities before any answer match the scores on `test`, by size."""

    @property
    def test_score(self) -> float:
        """Mean score of the policy on the test split."""
        return self.test.policy_row.accuracy

    @property
    def chosen(self) -> dict[str, float]:
        """Mean of each parameter over those that were exported, and how many configurations share out the trees."""
        names = self.parameters[0]
        means = {name: sum(one[name] for one in self.parameters) / len(self.parameters) for name in names}
        return means | {"configurations": len(self.parameters)}

    @property
    def best_curve(self) -> list[float]:
        """Greatest gain explained so far after each trial."""
        return [float(v) for v in self.trials[OBJECTIVE].cummax().ffill()]

    def frame(self) -> pd.DataFrame:
        """The trials, one row each."""
        return self.trials

    def plot(self) -> Axes:
        """The axes of `figure`, for a notebook to show and for you to draw on."""
        return self.test.plot()

    def figure(self) -> Figure:
        """Cost-quality curve of the policy and its baselines on the test split."""
        return self.test.figure()

    def plot_study(self, plot: str = "history") -> Axes:
        """Draw the search by Optuna's own functions: its "history", "importance" of parameters, or "slice".

        Returns:
            The first axes of the figure.

        Raises:
            InvalidInputError: fewer than 10 whole trials, of which no importance can be told.
            UnknownNameError: no such plot.
        """
        return plot_study(self.trials, plot, self.settings.seed).axes[0]

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self.findings())
        return self.test._repr_html_() + lines

    def metrics(self) -> dict[str, float]:
        """What the tuning is recorded with beside the metrics of the test, by name; only what is known."""
        found = {"tune_accuracy": self.tune_score, "cost_weight": self.policy.cost_weight, "seconds": self.seconds}
        found |= self.tune_minus_test.named("tune_minus_test") | {"trials_run": float(len(self.trials))}
        found |= self.search.gap_closed.named("search_gain")
        for way, share in zip(("with_task", "without_task"), self.heuristic.values(), strict=True):
            found |= {f"heuristic_weight_{way}": share.weight, f"heuristic_changes_{way}": share.changes}
        for row in self.keeping:
            name = f"keep_{row.share:g}"
            found |= row.cost.named(f"{name}_cost_ratio") | row.kept.named(f"{name}_kept")
        for size, c in self.calibration.items():
            found |= {f"brier_{size}": c.brier, f"ece_{size}": c.ece}
            found |= c.ece_if_calibrated.named(f"ece_if_calibrated_{size}")
        return {name: float(x) for name, x in found.items() if math.isfinite(x)}

    def to_dict(self) -> dict[str, Any]:
        """Return the test's JSON values with what the tuning found; an unknown number is None."""
        keys = ("estimator", "gap_closed", "tune_score")
        found = {name: getattr(self, name) for name in keys} | {
            "tune_minus_test": _ends(self.tune_minus_test),
            "search": asdict(self.search) | {"gap_closed": _ends(self.search.gap_closed), "text": self.search.text()},
            "heuristic": {way: asdict(share) for way, share in self.heuristic.items()},
            "calibration": {
                size: asdict(c) | {"ece_if_calibrated": _ends(c.ece_if_calibrated)}
                for size, c in self.calibration.items()
            },
        }
        if self.keeping:
            found["keeping"] = [asdict(r) | {"kept": _ends(r.kept), "cost": _ends(r.cost)} for r in self.keeping]
        if self.certificate is not None:
            found["certificate"] = asdict(self.certificate)
        tuning: dict[str, Any] = plain(found)
        return self.test.to_dict() | tuning

    def text(self) -> str:
        """The test table and the outcome of the search, as plain text."""
        return "\n".join((self.test.text(), *self.findings()))

    def findings(self) -> list[str]:
        """Return what the tuning found beside the test, a sentence each."""
        return [
            f"Tuned with {len(self.trials)} trials in {self.seconds:.0f} s (seed {self.settings.seed}).",
            self.search.text(),
            share_text(self.heuristic, self.estimator),
            self._scores_text(),
            f"Estimator: {self.estimator} (gap closed out of fold: "
            + ", ".join(f"{name} {value:.3f}" for name, value in self.gap_closed.items())
            + ").",
            self._calibration_text(),
            self._escalation_text(),
            self._unseen_text(),
            *([keeping_text(self.keeping)] if self.keeping else []),
            *self._certificate_text(),
        ]

    def _escalation_text(self) -> str:
        """Whether the policy goes on after an answer, and why not."""
        if self.policy.looks:
            return "The policy escalates: it may ask a small size first, and by the answer decide to ask a larger one."
        if self.escalation_fitted:
            return "Escalation did not pay out of fold by over one standard error: the policy keeps every first answer."
        why = (
            f"A size has fewer than {FEWEST} right or {FEWEST} wrong answers, too few to learn from"
            if self.answers_stored
            else "The table stores nothing of the answers"
        )
        return f"{why}, so whether escalation pays can't be told: the policy keeps every first answer."

    def _scores_text(self) -> str:
        """How the policy does on the queries that it was tuned on and on others."""
        d = self.tune_minus_test
        return (
            f"Score {self.tune_score:.3f} on the queries fitted to, by fits that did not see the query, and "
            f"{self.test_score:.3f} on test: difference {d.value:+.3f} "
            f"[{d.low:+.3f}, {d.high:+.3f}]."
        )

    def _calibration_text(self) -> str:
        """How far the success probabilities are from the scores, beside what right ones would show."""
        said = (
            f"{size} {c.brier:.3f} / {c.ece:.3f} ({c.ece_if_calibrated.value:.3f} "
            f"[{c.ece_if_calibrated.low:.3f}, {c.ece_if_calibrated.high:.3f}])"
            for size, c in self.calibration.items()
        )
        return (
            "Calibration on test, Brier score / expected calibration error (in brackets what right probabilities would "
            f"show on so many queries): {', '.join(said)}."
        )

    def _certificate_text(self) -> list[str]:
        """The certificate, and that it counts queries where errors count families."""
        if self.certificate is None:
            return []
        n, families = self.test.n, self.test.n_families
        note = f" It takes each query as a draw of its own, though they come in {families:,} families of like ones."
        return [self.certificate.text + (note if families < n else "")]

    def _unseen_text(self) -> str:
        """How well the policy does on tasks that it was not tuned on."""
        if self.unseen is None:
            return "New tasks: the table has one task only, so nothing tells how the policy does on others."
        row, lift = self.unseen.row, self.unseen.mean_lift
        worse = ", so on tasks that it does not know a random mix is better" if lift.high < 0 else ""
        return (
            f"New tasks: leave one task out, on test: accuracy {row.accuracy:.3f} at "
            f"{100 * row.cost_ratio:.0f} % of the largest size's cost; lift over all cost weights {lift.value:+.3f} "
            f"[{lift.low:+.3f}, {lift.high:+.3f}]{worse}."
        )


def _ends(measure: Measure) -> dict[str, float]:
    return measure._asdict()
