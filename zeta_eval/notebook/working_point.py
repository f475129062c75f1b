"""A point on a policy's cost-quality curve: what it gains and costs, and the policy file for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.evaluation.batch.curve import PolicyCurve
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.evaluation.replay import replay
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.policy import RoutingPolicy


class WorkingPoint:
    """A policy's trade-offs, measured once on one split, and the one that is looked at, which can be moved."""

    def __init__(self, outcomes: Outcomes, policy: RoutingPolicy, *, split: str, seed: int) -> None:
        """Measure the whole curve."""
        self.policy, self.split, self.seed = policy, split, seed
        self._outcomes = outcomes.for_sizes(policy.sizes)
        self.table = self._outcomes.split(split)
        """The queries that the curve is measured on."""
        self.data = Evaluator(self.table, policy.cost_unit)
        """The same as arrays."""
        self.points = PolicyCurve.of(policy, self.table, self.data)
        """What each query gets at each cost weight of the curve."""
        resamples = Bootstrap(len(self.table), seed=seed, families=families(self.table.queries))
        self._frame = self.points.frame(resamples, self.data.unit_cost)
        self.own = int(np.searchsorted(self.points.weights, policy.cost_weight))
        """Place of the policy's own cost weight among those of the curve."""
        self.at = self.own
        """Place of the working point."""

    @property
    def cost_weight(self) -> float:
        """Cost weight of the working point; what is set is rounded to the nearest of the curve's."""
        return float(self.points.weights[self.at])

    @cost_weight.setter
    def cost_weight(self, weight: float) -> None:
        if not weight >= 0:
            raise InvalidInputError(f"cost_weight is {weight!r}; give a number of at least 0.")
        self.at = int(np.abs(self.points.weights - weight).argmin())

    @property
    def point(self) -> dict[str, Any]:
        """The working point's row of `frame`."""
        return self.row(self.at)

    def row(self, k: int) -> dict[str, Any]:
        """The row of `frame` at a place of the curve."""
        return cast(dict[str, Any], self._frame.iloc[k].to_dict())

    def frame(self) -> pd.DataFrame:
        """One row per cost weight: accuracy and cost with 95 % intervals, latency, share of queries per size."""
        return self._frame.copy()

    def moved(self) -> npt.NDArray[np.intp]:
        """Indices of the queries that get other sizes than at the policy's own point, the greatest changes first."""
        ran, own = self.points.ran, self.own
        rows = np.flatnonzero((ran[self.at] != ran[own]).any(axis=1))
        gain, extra = (np.abs(x[rows, self.at] - x[rows, own]) for x in (self.points.score, self.points.cost))
        return np.asarray(rows[np.lexsort((-extra, -gain))])

    def changes(self) -> pd.DataFrame:
        """The queries that get other sizes than at the policy's own point, with what it gains and costs."""
        rows, unit = self.moved(), self.data.unit_cost
        return pd.DataFrame(
            {
                "task": self.table.tasks[rows],
                "query_id": self.table.query_ids[rows],
                "query": self.table.queries[rows],
                "sizes_own": self.points.steps(self.own, rows),
                "sizes": self.points.steps(self.at, rows),
                "score_difference": (self.points.score[:, self.at] - self.points.score[:, self.own])[rows],
                "cost_difference": (self.points.cost[:, self.at] - self.points.cost[:, self.own])[rows] * unit,
            }
        )

    def chosen(self) -> RoutingPolicy:
        """The policy at the working point, with its verdict measured again on `test`."""
        weight = self.cost_weight
        origin = {"cost_weight_chosen_on": self.split, "chosen_from": self.policy.checksum}
        provenance = {**self.policy.provenance, **origin}
        policy = replace(self.policy, cost_weight=weight, provenance=provenance)
        report = replay(policy, self._outcomes, split="test", seed=self.seed, baselines=False)
        return replace(policy, verdict=report.verdict)

    def save(self, path: str | Path) -> Path:
        """Write `chosen` as a policy file, whole or not at all; returns the path."""
        return self.chosen().save(path)
