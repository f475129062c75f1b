"""A finished policy on the test split, once everything about it is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import expect
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.evaluation.measures.calibration import brier, ece, ece_if_calibrated
from zeta_eval.evaluation.measures.guarantee import Certificate, certify
from zeta_eval.evaluation.measures.statistics import Measure
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.heuristic_share import HeuristicShare, heuristic_share
from zeta_eval.tuning.keeping import Kept, TradeOff


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """How well a size's probabilities of success, before any answer, match its scores."""

    brier: float
    """Brier score."""
    ece: float
    """Expected calibration error, in [0, 1]."""
    ece_if_calibrated: Measure
    """The same if the probabilities were right: its mean over draws, and the range of the middle 95 % of them."""


@dataclass(frozen=True, kw_only=True)
class OnTest:
    """A policy on queries on which nothing was chosen."""

    policy: RoutingPolicy
    """The policy, complete."""
    table: Outcomes
    """The queries, with exactly the policy's sizes."""
    data: Evaluator
    """The same as arrays."""

    @cached_property
    def families(self) -> Sizes | None:
        """Family of each query, None where each is its own."""
        return families(self.table.queries)

    @cached_property
    def _runs(self) -> PolicyRuns:
        return PolicyRuns.of(self.policy, self.table, self.data.features)

    def at(self, cost_weight: float) -> tuple[Floats, Floats]:
        """Return each query's score and cost at a cost weight, each (Q,)."""
        runs = self._runs.at(cost_weight)
        return self.data.of(runs.kept)[0], runs.paid(self.data.cost)

    @property
    def _largest(self) -> tuple[Floats, Floats]:
        return self.data.score[:, self.data.largest], self.data.cost[:, self.data.largest]

    def certificate(self, keep: float, confidence: float, seed: int) -> Certificate:
        """Certify the policy at its own cost weight."""
        weight = self.policy.cost_weight
        return certify(
            self.at(weight)[0], self._largest[0], cost_weight=weight, keep=keep, confidence=confidence, seed=seed
        )

    def kept(self, aims: Sequence[TradeOff]) -> tuple[Kept, ...]:
        """Measure what trade-offs keep and cost, all on the same queries."""
        return tuple(Kept.of(aim, self.at(aim.cost_weight), self._largest, self.families) for aim in aims)

    def calibration(self, seed: int) -> dict[str, Calibration]:
        """Compare the policy's probabilities with the scores, by size."""
        p, score = expect(self.policy, self.data.features)[0], self.data.score
        found = zip(
            brier(p, score).tolist(), ece(p, score).tolist(), ece_if_calibrated(p, score, seed=seed), strict=True
        )
        values = [Calibration(brier=b, ece=e, ece_if_calibrated=right) for b, e, right in found]
        return dict(zip(self.table.sizes, values, strict=True))

    def heuristic(self) -> dict[str, HeuristicShare]:
        """Measure what the heuristic decides, with and without the task's name."""
        read = {"with the task's name": self.data.features, "without": self.data.features_without_task}
        return {way: heuristic_share(self.policy, features) for way, features in read.items()}
