"""`explore`: move along a policy's cost-quality curve, see what a point is worth, and save it as a policy file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.points import Points
from zeta_eval.evaluation.batch.predict import difficulty
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.evaluation.replay import replay
from zeta_eval.evaluation.reports.plane import draw_curve, draw_plane, draw_point
from zeta_eval.evaluation.reports.style import FAINT, canvas, legend, title
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.notebook.view import View, policy_of, table_of
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningReport
from zeta_eval.tuning.cuts import best_cut_points

if TYPE_CHECKING:
    from ipywidgets import DOMWidget
    from matplotlib.figure import Figure


class Explore(View):
    """A policy's curve on one split, measured once, and a working point on it that can be moved."""

    def __init__(
        self, outcomes: Outcomes, policy: RoutingPolicy, *, split: str, seed: int, trials: pd.DataFrame | None = None
    ) -> None:
        """Measure the whole curve; `trials` are those of the study that found the policy."""
        self.policy, self.split, self.seed, self.trials = policy, split, seed, trials
        self._outcomes = outcomes.for_sizes(policy.sizes)
        self.table = self._outcomes.split(split)
        """The queries that the curve is measured on."""
        self.data = Evaluator(self.table, policy.cost_unit)
        """The same as arrays."""
        self.points = Points.of(policy, self.table, self.data)
        """What each query gets at each cost weight of the curve."""
        self._frame = self.points.frame(Bootstrap(len(self.table), seed=seed), self.data.unit_cost)
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
        """The policy at the working point, with its verdict measured again on `test`.

        Its cut points are those that divide the sizes best at this cost weight on `tune`.
        """
        weight = self.cost_weight
        provenance = {
            **self.policy.provenance,
            "cost_weight_chosen_on": self.split,
            "chosen_from": self.policy.checksum,
        }
        policy = replace(self.policy, cost_weight=weight, cut_points=self._cuts(weight), provenance=provenance)
        report = replay(policy, self._outcomes, split="test", seed=self.seed, baselines=False)
        return policy.with_verdict(report.verdict)

    def _cuts(self, weight: float) -> tuple[float, ...]:
        if weight == self.policy.cost_weight:
            return self.policy.cut_points
        data = Evaluator(self._outcomes.split("tune"), self.policy.cost_unit)
        return best_cut_points(difficulty(self.policy, data.features), data.score - weight * data.cost)

    def save(self, path: str | Path) -> Path:
        """Write `chosen` as a policy file, whole or not at all; returns the path.

        Raises:
            OutcomesError: the table has no queries of `tune` or `test`.
        """
        return self.chosen().save(path)

    def curves(self) -> Figure:
        """The cost-quality plane without the working point."""
        figure, [[axes]] = canvas(size=(6.4, 4.8))
        data, unit = self.data, self.data.unit_cost
        draw_plane(axes, data.singles * [unit, 1.0], data.sizes, self.policy.cost_unit)
        if self.trials is not None:
            front = study_front(self.trials)
            axes.plot(front["cost"], front["score"], "x", color=FAINT, markersize=5, label="front of the study (tune)")
        _, cost, score = data.curve(data.score, data.cost)
        draw_curve(axes, "oracle", np.column_stack([cost.mean(axis=0) * unit, score.mean(axis=0)]))
        name = "policy, cascading" if self.policy.cascades else "policy"
        draw_curve(axes, name, self._frame[["cost", "accuracy"]].to_numpy())
        own = self._frame.iloc[self.own]
        axes.plot(own["cost"], own["accuracy"], "D", color="white", markeredgecolor="black", label="policy's own point")
        spread = self._frame[["cost_low", "accuracy_low", "cost_high", "accuracy_high"]].to_numpy().reshape(-1, 2)
        axes.update_datalim(spread)  # every interval that the working point may show stays within the axes
        axes.autoscale_view()
        title(axes, f"{self.policy.name}: {len(self.table)} queries of split '{self.split}'")
        legend(figure, axes)
        return figure

    def figure(self) -> Figure:
        """The cost-quality plane with the working point and its interval."""
        figure, at = self.curves(), self.point
        interval = (at["accuracy_low"], at["accuracy_high"])
        name, place = f"cost weight {self.cost_weight:.3g}, 95 % interval", 1 if self.policy.cascades else 0
        draw_point(figure.axes[0], at["cost"], at["accuracy"], interval, place=place, name=name)
        figure.legends[0].remove()
        legend(figure, *figure.axes)
        return figure

    def text(self) -> str:
        """The working point in words, beside the policy's own."""
        columns = self._frame.iloc[[self.own, self.at]].T.set_axis(["policy's own", "this point"], axis=1)
        return (
            f"Policy '{self.policy.name}' on split '{self.split}', {len(self.table)} queries; cost in "
            f"{self.policy.cost_unit}\n{columns.to_string(float_format='{:.4g}'.format)}\n"
            f"{len(self.moved())} queries get other sizes than at the policy's own point."
        )

    def _build(self) -> DOMWidget:
        from zeta_eval.notebook.widget import build

        return build(self)


def explore(
    outcomes: Outcomes | str | Path,
    policy: RoutingPolicy | TuningReport | str | Path,
    *,
    split: str = "validate",
    seed: int = 0,
) -> Explore:
    """Look at a policy's trade-off and choose a point on it.

    Args:
        outcomes: A table, its file, or a benchmark's folder.
        policy: A policy, its file, or a tuning report, which adds the front of its study.
        split: Where to choose; "validate" leaves "test" to measure what was chosen.
        seed: Seed of the intervals.

    Raises:
        ZetaError: a policy or a table that can't be used, or that name different sizes.
    """
    trials = policy.trials if isinstance(policy, TuningReport) else None
    return Explore(table_of(outcomes), policy_of(policy), split=split, seed=seed, trials=trials)


def study_front(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that no other beats in both score and cost, cheapest first."""
    ordered = trials.sort_values(["cost", "score"], ascending=[True, False], kind="stable")
    return ordered[ordered["score"] > ordered["score"].cummax().shift(fill_value=-np.inf)]
