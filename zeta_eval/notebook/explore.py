"""`explore`: move along a policy's cost-quality curve, see what a point is worth, and save it as a policy file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zeta_eval.api.versions import load_policy
from zeta_eval.evaluation.reports.plane import draw_curve, draw_plane, draw_point
from zeta_eval.evaluation.reports.style import canvas, legend, title
from zeta_eval.files import loaded
from zeta_eval.notebook.explore_widget import widget
from zeta_eval.notebook.view import View
from zeta_eval.notebook.working_point import WorkingPoint
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningReport

if TYPE_CHECKING:
    from ipywidgets import DOMWidget
    from matplotlib.figure import Figure


class Explore(WorkingPoint, View):
    """A working point that can be moved, as a widget, a figure, a table and a text."""

    def __init__(self, outcomes: Outcomes, policy: RoutingPolicy, *, split: str, seed: int) -> None:
        super().__init__(outcomes, policy, split=split, seed=seed)
        self.watch(self.changed)

    def curves(self) -> Figure:
        """The cost-quality plane without the working point."""
        figure, [[axes]] = canvas(size=(6.4, 4.8))
        data, unit = self.data, self.data.unit_cost
        draw_plane(axes, data.singles * [unit, 1.0], data.sizes, self.policy.cost_unit)
        _, cost, score = data.curve(data.score, data.cost)
        draw_curve(axes, "oracle", np.column_stack([cost.mean(axis=0) * unit, score.mean(axis=0)]))
        draw_curve(axes, "policy", self._frame[["cost", "accuracy"]].to_numpy())
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
        name = f"cost weight {self.cost_weight:.3g}, 95 % interval"
        draw_point(figure.axes[0], at["cost"], at["accuracy"], interval, name=name)
        figure.legends[0].remove()
        legend(figure, *figure.axes)
        return figure

    def text(self) -> str:
        """The working point in words, beside the policy's own."""
        columns = self._frame.iloc[[self.own, self.at]].T.set_axis(["policy's own", "this point"], axis=1)
        return (
            f"Policy '{self.policy.name}' on split '{self.split}', {len(self.table)} queries; cost in "
            f"{self.policy.cost_unit}\n{columns.to_string(float_format='{:.4g}'.format)}\n"
            f"{len(self.moved())} queries get other sizes than at the policy's own point.\n"
            f"The same point again: {self.call()}"
        )

    def _build(self) -> DOMWidget:
        return widget(self, self.curves())


def explore(
    outcomes: Outcomes | str | Path,
    policy: RoutingPolicy | TuningReport | str | Path,
    *,
    cost_weight: float | None = None,
    split: str = "validate",
    seed: int = 0,
) -> Explore:
    """Show what a policy gets at every trade-off between accuracy and cost, to choose one and save it.

    Args:
        outcomes: A table, its file, or a benchmark's folder.
        policy: A policy, its file, or a tuning report.
        cost_weight: The point to begin with; None takes the policy's own.
        split: Where to choose; "validate" leaves "test" to measure what was chosen.
        seed: Seed of the intervals.

    Raises:
        ZetaError: a policy or a table that can't be used, or that name different sizes.

    Examples:
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> view = ze.explore(make_outcomes(300), ze.RoutingPolicy.seed(), cost_weight=0.5)
        >>> view.cost_weight
        0.5
        >>> view.save("policy.json").name
        'policy.json'
    """
    view = Explore(loaded(Outcomes, outcomes), load_policy(policy), split=split, seed=seed)
    if cost_weight is not None:
        view.cost_weight = cost_weight
    return view
