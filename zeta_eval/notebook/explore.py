"""`explore`: move along a policy's cost-quality curve, see what a point is worth, and save it as a policy file."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from zeta_eval.api.versions import load_policy
from zeta_eval.evaluation.reports.plane import draw_curve, draw_plane, draw_point
from zeta_eval.evaluation.reports.style import COLOURS, canvas, image, legend, shorten, title
from zeta_eval.evaluation.reports.tables import html_table
from zeta_eval.exceptions import ZetaError
from zeta_eval.files import loaded
from zeta_eval.notebook.view import View, bar
from zeta_eval.notebook.working_point import WorkingPoint
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningReport

if TYPE_CHECKING:
    from ipywidgets import DOMWidget
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 500, 375
"""Size of the picture in pixels."""

LISTED = 6
"""Queries that are listed; `changes` has all of them."""

WORDS = 34
"""Characters of a listed query and of the sizes it is answered by, together."""


class Explore(WorkingPoint, View):
    """A working point that can be moved, as a widget, a figure, a table and a text."""

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
            f"{len(self.moved())} queries get other sizes than at the policy's own point."
        )

    def _build(self) -> DOMWidget:
        return _widget(self, self.curves())


def explore(
    outcomes: Outcomes | str | Path,
    policy: RoutingPolicy | TuningReport | str | Path,
    *,
    split: str = "validate",
    seed: int = 0,
) -> Explore:
    """Show what a policy gets at every trade-off between accuracy and cost, to choose one and save it.

    Args:
        outcomes: A table, its file, or a benchmark's folder.
        policy: A policy, its file, or a tuning report.
        split: Where to choose; "validate" leaves "test" to measure what was chosen.
        seed: Seed of the intervals.

    Raises:
        ZetaError: a policy or a table that can't be used, or that name different sizes.

    Examples:
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> view = ze.explore(make_outcomes(300), ze.RoutingPolicy.seed())
        >>> view.cost_weight = 0.5
        >>> view.save("policy.json").name
        'policy.json'
    """
    return Explore(loaded(Outcomes, outcomes), load_policy(policy), split=split, seed=seed)


def _widget(view: Explore, figure: Figure) -> DOMWidget:
    """The widget on a figure: slider, numbers, list of changes, and a button that saves.

    The curve is drawn once as a picture, and only a mark on it moves.
    """
    import ipywidgets as widgets

    svg = b64encode(image(figure, "svg")).decode("ascii")
    style = f"width:{WIDTH}px;height:{HEIGHT}px"
    picture = widgets.HTML(f"<img src='data:image/svg+xml;base64,{svg}' alt='cost-quality curve' style='{style}'>")
    mark, numbers, changes, said = (widgets.HTML() for _ in range(4))
    for layer in (picture, mark):
        layer.layout = widgets.Layout(grid_area="1 / 1 / 2 / 2", width=f"{WIDTH}px", height=f"{HEIGHT}px", margin="0")
    points = [(f"{w:.3g}", k) for k, w in enumerate(view.points.weights.tolist())]
    label, wide = {"description_width": "initial"}, widgets.Layout(width=f"{WIDTH}px")
    slider = widgets.SelectionSlider(options=points, value=view.at, description="Cost weight", style=label, layout=wide)
    path = widgets.Text(value="policy.json", description="File", layout=widgets.Layout(width="320px"))
    button = widgets.Button(description="Save policy", tooltip="Measure this point on 'test' and write a policy file")
    pixels = _pixels(figure)

    def move(_: Any = None) -> None:
        view.at = slider.value
        mark.value, numbers.value, changes.value = _mark(view, pixels), _numbers(view), _changes(view)

    def save(_: widgets.Button) -> None:
        said.value = "measuring on 'test' \N{HORIZONTAL ELLIPSIS}"
        try:
            policy = view.chosen()
            said.value = f"<b>{escape(str(policy.save(path.value)))}</b>: {escape(policy.verdict.text)}"
        except (ZetaError, OSError) as e:
            said.value = f"<b>Not saved.</b> {escape(str(e))}"

    slider.observe(move, names="value")
    button.on_click(save)
    move()
    layers = widgets.GridBox([picture, mark], layout=widgets.Layout(width=f"{WIDTH}px", overflow="hidden"))
    beside = widgets.Layout(margin="0 0 0 12px", flex="1 1 380px", overflow="auto")
    wrap = widgets.Layout(flex_flow="row wrap")
    top = widgets.HBox([widgets.VBox([layers, slider]), widgets.VBox([numbers, changes], layout=beside)], layout=wrap)
    return widgets.VBox([top, widgets.HBox([path, button, said], layout=wrap)])


def _pixels(figure: Figure) -> Any:
    """Return the function from cost and accuracy to the picture's pixels, from the upper left corner."""
    axes, box = figure.axes[0], figure.bbox

    def place(cost: float, accuracy: float) -> tuple[float, float]:
        x, y = axes.transData.transform((cost, accuracy))
        return x / box.width * WIDTH, (1 - y / box.height) * HEIGHT

    return place


def _mark(view: Explore, pixels: Any) -> str:
    """The working point with both its intervals, as a layer over the picture."""
    at, colour = view.point, COLOURS[1] if view.policy.cascades else COLOURS[0]
    x, y = pixels(at["cost"], at["accuracy"])
    left, low = pixels(at["cost_low"], at["accuracy_low"])
    right, high = pixels(at["cost_high"], at["accuracy_high"])
    return (
        f"<svg width='{WIDTH}' height='{HEIGHT}' style='display:block' role='img' aria-label='working point'>"
        f"<g stroke='{colour}' stroke-width='2'>"
        f"<path d='M{x:.1f} {low:.1f}V{high:.1f}M{left:.1f} {y:.1f}H{right:.1f}'/>"
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='6' fill='{colour}' stroke='white'/></g></svg>"
    )


def _numbers(view: Explore) -> str:
    """Accuracy, cost, latency and shares of the working point, beside those of the policy's own."""
    unit, own = view.policy.cost_unit, view.row(view.own)
    names = ["cost weight", "accuracy [95 %]", f"cost ({unit})", "of the largest's cost", "latency p95"]
    there = [cell.partition(" [")[0] for cell in _cells(own)]
    table = html_table(pd.DataFrame({"": names, "this point": _cells(view.point), "policy's own": there}))
    shares = "".join(_share(i, size, view.point[f"share_{size}"]) for i, size in enumerate(view.points.sizes))
    return f"{table}<div style='margin-top:6px;line-height:1.4'>Queries answered by each size{shares}</div>"


def _share(place: int, size: str, share: float) -> str:
    name = "display:inline-block;width:11em;overflow:hidden;white-space:nowrap;vertical-align:bottom"
    shown = f"{bar(share, COLOURS[place % len(COLOURS)])} {share:.1%}"
    return f"<div><span style='{name}'>{escape(shorten(size, 22))}</span>{shown}</div>"


def _cells(row: dict[str, Any]) -> list[str]:
    p95 = row["latency_p95_s"]
    accuracy = f"{row['accuracy']:.3f} [{row['accuracy_low']:.3f}, {row['accuracy_high']:.3f}]"
    cost = [f"{row['cost']:.3g}", f"{row['cost_ratio']:.1%}"]
    return [f"{row['cost_weight']:.3g}", accuracy, *cost, "-" if p95 != p95 else f"{p95:.3g} s"]


def _changes(view: Explore) -> str:
    """How many queries change their sizes against the policy's own point, and those that change most."""
    rows, points = view.moved(), view.points
    if not len(rows):
        return "<p>Every query gets the same sizes as at the policy's own point.</p>"
    gain = points.score[rows, view.at] - points.score[rows, view.own]
    extra = (points.cost[rows, view.at] - points.cost[rows, view.own]) * view.data.unit_cost
    now, before = (points.steps(k, rows[:LISTED]) for k in (view.at, view.own))
    room = min(24, max(8, WORDS - max(map(len, before)) - max(map(len, now))))
    listed = [
        [before[i], now[i], f"{gain[i]:+.2g}", f"{extra[i]:+.2g}", shorten(view.table.queries[rows[i]], room)]
        for i in range(min(LISTED, len(rows)))
    ]
    head = (
        f"<p style='margin:8px 0 2px'><b>{len(rows)}</b> of {len(view.table)} queries change sizes: "
        f"{int((gain > 0).sum())} score higher, {int((gain < 0).sum())} lower.</p>"
    )
    return head + html_table(pd.DataFrame(listed, columns=["own", "this", "score", "cost", "query"]))
