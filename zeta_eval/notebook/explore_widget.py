"""The widget of `explore`: a curve with a mark on it, a slider, a target, numbers, and a button that saves."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zeta_eval.evaluation.reports.themed import pictures, themed
from zeta_eval.exceptions import ZetaError
from zeta_eval.notebook.aims import FORMS
from zeta_eval.notebook.explore_numbers import changes_html, mark, numbers_html, tasks_html
from zeta_eval.notebook.working_point import WorkingPoint

if TYPE_CHECKING:
    from ipywidgets import DOMWidget
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 500, 375
"""Size of the picture in pixels."""

_SIZE: Final = f"width:{WIDTH}px;height:{HEIGHT}px"


def widget(view: WorkingPoint, figure: Figure) -> DOMWidget:
    """The widget on a figure of the curve; what moves the view moves it, and the other way round.

    The curve is drawn once as a picture, and only a mark on it moves.
    """
    import ipywidgets as widgets

    picture = widgets.HTML(themed(*pictures(figure), style=_SIZE))
    layer, numbers, tasks, changes, link = (widgets.HTML() for _ in range(5))
    for one in (picture, layer):
        one.layout = widgets.Layout(grid_area="1 / 1 / 2 / 2", width=f"{WIDTH}px", height=f"{HEIGHT}px", margin="0")
    slider = _slider(view)
    pixels = _pixels(figure)

    def follow() -> None:
        if len(slider.options) != len(view.points.weights):
            slider.unobserve(move, names="value")  # new options take the first one
            slider.options = _options(view)
            slider.observe(move, names="value")
        slider.value = view.at
        layer.value = mark(view, pixels, (WIDTH, HEIGHT))
        numbers.value, tasks.value, changes.value = numbers_html(view), tasks_html(view), changes_html(view)
        link.value = f"<code style='user-select:all'>{escape(view.call())}</code>"

    def move(change: Any) -> None:
        view.at = change["new"]

    slider.observe(move, names="value")
    view.watch(follow)
    follow()
    layers = widgets.GridBox([picture, layer], layout=widgets.Layout(width=f"{WIDTH}px", overflow="hidden"))
    beside = widgets.Layout(margin="0 0 0 12px", flex="1 1 380px", overflow="auto")
    tabs = widgets.Tab([numbers, changes, tasks], titles=("This point", "Changes", "By task"), layout=beside)
    wrap = widgets.Layout(flex_flow="row wrap")
    left = widgets.VBox([layers, slider, _target(view)])
    return widgets.VBox([widgets.HBox([left, tabs], layout=wrap), _saving(view), link])


def _options(view: WorkingPoint) -> list[tuple[str, int]]:
    return [(f"{w:.4g}", k) for k, w in enumerate(view.points.weights.tolist())]


def _slider(view: WorkingPoint) -> Any:
    import ipywidgets as widgets

    label, wide = {"description_width": "initial"}, widgets.Layout(width=f"{WIDTH}px")
    name = "Cost weight"
    return widgets.SelectionSlider(options=_options(view), value=view.at, description=name, style=label, layout=wide)


def _target(view: WorkingPoint) -> DOMWidget:
    """A field that takes what is wanted of the point in words."""
    import ipywidgets as widgets

    field = widgets.Text(
        placeholder=FORMS.split(" | ")[0],
        description="Target",
        continuous_update=False,
        layout=widgets.Layout(width="240px"),
    )
    said = widgets.HTML(f"<span style='opacity:.7'>{escape(FORMS.replace(' | ', ', '))}</span>")

    def aim(change: Any) -> None:
        if not change["new"].strip():
            return
        try:
            weight = view.aim(change["new"])
            said.value = f"cost weight {weight:.4g}, chosen on '{view.split}'"
        except ZetaError as e:
            said.value = escape(str(e))

    field.observe(aim, names="value")
    return widgets.VBox([field, said], layout=widgets.Layout(width=f"{WIDTH}px"))


def _saving(view: WorkingPoint) -> DOMWidget:
    """A file's name, a button that saves the point there, and what came of it; a file that is there is asked about."""
    import ipywidgets as widgets

    path = widgets.Text(value="policy.json", description="File", layout=widgets.Layout(width="320px"))
    button = widgets.Button(description="Save policy", tooltip="Measure this point on 'test' and write a policy file")
    said = widgets.HTML()
    asked: list[str] = []

    def ask_first() -> bool:
        """Whether the file is there and nobody has been asked about it."""
        if asked == [path.value] or not Path(path.value).exists():
            return False
        asked[:] = [path.value]
        button.description = "Overwrite it"
        said.value = f"<b>{escape(path.value)}</b> is there already. Press once more to overwrite it."
        return True

    def forget(_: Any = None) -> None:
        asked.clear()
        button.description = "Save policy"

    def save(_: Any) -> None:
        if ask_first():
            return
        forget()
        said.value = "measuring on 'test' \N{HORIZONTAL ELLIPSIS}"
        said.value = _saved(view, path.value)

    path.observe(forget, names="value")
    view.watch(forget)
    button.on_click(save)
    return widgets.HBox([path, button, said], layout=widgets.Layout(flex_flow="row wrap"))


def _saved(view: WorkingPoint, path: str) -> str:
    """Save the point; what came of it, as HTML."""
    try:
        policy = view.chosen()
        told = f"cost weight {policy.cost_weight:.4g}. {policy.verdict.text}"
        return f"<b>{escape(str(policy.save(path)))}</b>: {escape(told)}"
    except (ZetaError, OSError) as e:
        return f"<b>Not saved.</b> {escape(str(e))}"


def _pixels(figure: Figure) -> Callable[[float, float], tuple[float, float]]:
    """Return the function from cost and accuracy to the picture's pixels, from the upper left corner."""
    axes, box = figure.axes[0], figure.bbox

    def place(cost: float, accuracy: float) -> tuple[float, float]:
        x, y = axes.transData.transform((cost, accuracy))
        return x / box.width * WIDTH, (1 - y / box.height) * HEIGHT

    return place
