"""A point on a policy's cost-quality curve: what it gains and costs, and the policy file for it."""

from collections.abc import Callable
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
from zeta_eval.notebook.aims import aimed
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.decision import checked_cost_weight
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
        self._resamples = Bootstrap(len(self.table), seed=seed, families=families(self.table.queries))
        self._frame = self.points.frame(self._resamples, self.data.unit_cost)
        self.own = int(np.searchsorted(self.points.weights, policy.cost_weight))
        """Place of the policy's own cost weight among those of the curve."""
        self._at = self.own
        self._watchers: list[Callable[[], None]] = []

    @property
    def at(self) -> int:
        """Place of the working point among the cost weights of the curve; may be set."""
        return self._at

    @at.setter
    def at(self, place: int) -> None:
        if place != self._at:
            self._at = place
            for watcher in self._watchers:
                watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call a function after every move."""
        self._watchers.append(watcher)

    @property
    def cost_weight(self) -> float:
        """Cost weight of the working point; may be set to any, and one that the curve lacks is measured and added."""
        return float(self.points.weights[self.at])

    @cost_weight.setter
    def cost_weight(self, weight: float) -> None:
        weight = checked_cost_weight(weight)
        place = int(np.searchsorted(self.points.weights, weight))
        if place == len(self.points.weights) or self.points.weights[place] != weight:
            self._add(weight, place)
        self.at = place

    def _add(self, weight: float, place: int) -> None:
        """Measure one more cost weight, which comes to a place of the curve."""
        one = PolicyCurve.of(self.policy, self.table, self.data, np.array([weight]))
        self.points = self.points.with_one(one, place)
        row = one.frame(self._resamples, self.data.unit_cost)
        self._frame = pd.concat([self._frame[:place], row, self._frame[place:]], ignore_index=True)
        self.own += self.own >= place
        self._at += self._at >= place

    def aim(self, wish: str) -> float:
        """Move to the point that a wish asks for, as "keep 95 %" or "at most $1 per 1,000"; returns its cost weight.

        Raises:
            InvalidInputError: a wish of another form, or that no point fulfils (`zeta_eval.notebook.aims`).
        """
        largest = float(self.data.singles[:, 1][self.data.singles[:, 0].argmax()])
        self.at = aimed(self._frame, wish, largest=largest, unit=self.policy.cost_unit)
        return self.cost_weight

    def call(self) -> str:
        """The cell that opens this point again."""
        split = "" if self.split == "validate" else f', split="{self.split}"'
        return f"ze.explore(outcomes, policy, cost_weight={self.cost_weight!r}{split})"

    def by_task(self) -> pd.DataFrame:
        """One row per task: queries, accuracy and cost at the working point and at the policy's own."""
        columns = {}
        for name, k in (("", self.at), ("_own", self.own)):
            columns[f"accuracy{name}"] = self.points.score[:, k]
            columns[f"cost{name}"] = self.points.cost[:, k] * self.data.unit_cost
        found = pd.DataFrame({"task": self.table.tasks, **columns}).groupby("task")
        frame: pd.DataFrame = found.mean()
        frame.insert(0, "n", found.size())
        return frame.sort_values("n", ascending=False, kind="stable").reset_index()

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
