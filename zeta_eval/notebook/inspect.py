"""`inspect`: look at single queries, at what each size answered, and at where a larger size pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.evaluation.reports.tables import text_table
from zeta_eval.files import loaded
from zeta_eval.notebook.inspect_page import LISTED, listed, page, table
from zeta_eval.notebook.inspect_rows import ORDERS, RESULTS, Rows, Wanted
from zeta_eval.notebook.outputs import Lasting
from zeta_eval.outcomes import Outcomes

if TYPE_CHECKING:
    from ipywidgets import DOMWidget, Dropdown

GRID: Final = {
    "maxBytes": 0,
    "showIndex": False,
    "select": "single",
    "pageLength": 10,
    "classes": "display compact",
    "style": "width:100%;margin:0",
    "layout": {"topStart": None, "topEnd": None, "bottomStart": "info", "bottomEnd": "paging"},
}
"""Settings of the table: ten rows are seen at once, and one can be picked."""

MOST: Final = 300
"""Queries that are listed: more would take the browser longer than a user likes to wait."""

_ALL: Final = {"task": "all tasks", "size": "every size", "result": "right or wrong", "first": "the table's order"}
"""What the lists of choices say where nothing is chosen."""


class Inspect:
    """The queries of a table, some of them chosen, one of them open."""

    def __init__(self, outcomes: Outcomes, wanted: Wanted) -> None:
        """Choose among a table's queries.

        Raises:
            UnknownNameError: a task, size or result that there is none of.
        """
        self.rows = Rows(outcomes)
        self._wanted, self._chosen = wanted, self.rows.chosen(wanted)
        self._open: int | None = None
        self._watchers: list[Callable[[], None]] = []
        self._lasting = Lasting(lambda: {"text/html": self.html(), "text/plain": self.text()})

    @property
    def wanted(self) -> Wanted:
        """Which queries are chosen; may be set, and the table follows."""
        return self._wanted

    @wanted.setter
    def wanted(self, wanted: Wanted) -> None:
        if wanted != self._wanted:
            self._chosen = self.rows.chosen(wanted)
            self._wanted, self._open = wanted, None
            self._changed()

    @property
    def chosen(self) -> npt.NDArray[np.intp]:
        """Places of the chosen queries among all."""
        return self._chosen

    def choose(
        self,
        *,
        task: str | None = None,
        size: str | None = None,
        result: str | None = None,
        contains: str = "",
        first: str | None = None,
    ) -> Inspect:
        """Choose queries anew, as `inspect` does."""
        self.wanted = Wanted(task=task, size=size, result=result, contains=contains, first=first)
        return self

    def open(self, place: int) -> Inspect:
        """Open one of the chosen queries, by its row in `frame`.

        Raises:
            IndexError: there are fewer.
        """
        self._open = int(self._chosen[place])
        self._changed()
        return self

    def close(self) -> None:
        """Close the open query."""
        self._open = None
        self._changed()

    @property
    def query(self) -> str:
        """The open query with its target and answers, as HTML; empty where none is open."""
        return "" if self._open is None else page(self.rows, self._open)

    def frame(self) -> pd.DataFrame:
        """One row per chosen query: task, id, query, target, and each size's score."""
        return self.rows.frame(self._chosen)

    @cached_property
    def lines(self) -> pd.DataFrame:
        """Every query of the table in short texts and words."""
        return listed(self.rows, np.arange(len(self.rows)))

    def head(self) -> str:
        """How many queries are chosen, and by what."""
        more = f"; the first {MOST} are listed" if len(self._chosen) > MOST else ""
        return f"{len(self._chosen):,} of {len(self.rows):,} queries: {self._wanted!r}{more}"

    def text(self) -> str:
        """The first chosen queries, as plain text."""
        return f"{self.head()}\n{text_table(listed(self.rows, self._chosen[:LISTED]))}"

    def html(self) -> str:
        """The first chosen queries and the open one, as HTML."""
        return f"<p>{escape(self.head())}</p>{table(self.rows, self._chosen)}{self.query}"

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def _ipython_display_(self) -> None:
        self._lasting.show(lambda: self.widget)

    @cached_property
    def widget(self) -> DOMWidget:
        """The lists of choices, the table, and the open query."""
        return _widget(self)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call a function after every change."""
        self._watchers.append(watcher)

    def _changed(self) -> None:
        for watcher in self._watchers:
            watcher()
        self._lasting.renew()


def inspect(
    outcomes: Outcomes | str | Path,
    *,
    task: str | None = None,
    size: str | None = None,
    result: str | None = None,
    contains: str = "",
    first: str | None = None,
) -> Inspect:
    """Look at the queries of a table: a row opens the prompt, the target and all answers side by side.

    Args:
        outcomes: A table, its file, or a benchmark's folder.
        task: Show this task alone.
        size: The size that `result` is about.
        result: "right", "wrong", "small fails, large right", "small right, large fails", "cut off", "not understood" or
            "without a score"; of every size where none is named. The small size is the one named, or the smallest.
        contains: Show queries in which this text stands, or in whose target or answers.
        first: What comes first: "longest query", "dearest answer", "slowest answer", "lowest score" or "highest score".

    Raises:
        ZetaError: a table that can't be used, or an unknown task, size, result or order.

    Examples:
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> view = ze.inspect(make_outcomes(300), result="small fails, large right")
        >>> view.frame()[["4B", "14B"]].to_numpy().mean(axis=0).tolist()
        [0.0, 1.0]
    """
    return Inspect(
        loaded(Outcomes, outcomes), Wanted(task=task, size=size, result=result, contains=contains, first=first)
    )


def _widget(view: Inspect) -> DOMWidget:
    """The widget; whatever changes the view changes it, and the other way round."""
    import ipywidgets as widgets
    from itables.widget import ITable

    rows = view.rows
    lists = {
        "task": _dropdown("Task", _ALL["task"], sorted(set(rows.tasks)), view.wanted.task),
        "size": _dropdown("Size", _ALL["size"], rows.sizes, view.wanted.size),
        "result": _dropdown("Answers", _ALL["result"], RESULTS, view.wanted.result),
        "first": _dropdown("First", _ALL["first"], ORDERS, view.wanted.first),
    }
    place = widgets.Layout(width="240px")
    field = widgets.Text(value=view.wanted.contains, placeholder="search in queries and answers", layout=place)
    field.continuous_update = False
    head, opened = widgets.HTML(escape(view.head())), widgets.HTMLMath(view.query)  # which sets formulas, too
    grid: Any = ITable(view.lines.iloc[view.chosen[:MOST]], ordering=len(view.chosen) <= MOST, **GRID)
    shown = [view.chosen]

    def follow() -> None:
        for name, one in lists.items():
            one.value = getattr(view.wanted, name) or ""
        field.value = view.wanted.contains
        head.value, opened.value = escape(view.head()), view.query
        if view.chosen is not shown[0]:
            shown[0] = view.chosen
            few = len(view.chosen) <= MOST  # a column sorts the listed queries alone
            grid.update(view.lines.iloc[view.chosen[:MOST]], selected_rows=[], ordering=few, **GRID)

    def choose(change: Any, name: str) -> None:
        chosen: dict[str, Any] = {name: change["new"] or ("" if name == "contains" else None)}
        view.wanted = replace(view.wanted, **chosen)

    def pick(change: Any) -> None:
        if change["new"]:
            view.open(change["new"][0])
        else:
            view.close()

    for name, one in (*lists.items(), ("contains", field)):
        one.observe(lambda change, name=name: choose(change, name), names="value")
    grid.observe(pick, names="selected_rows")
    view.watch(follow)
    wrap = widgets.Layout(flex_flow="row wrap", overflow="visible")
    return widgets.VBox([widgets.HBox([*lists.values(), field], layout=wrap), head, grid, opened])


def _dropdown(name: str, nothing: str, values: Any, value: str | None) -> Dropdown:
    """A list of choices whose first is none."""
    import ipywidgets as widgets

    options = [(nothing, ""), *((text, text) for text in values)]
    style, place = {"description_width": "initial"}, widgets.Layout(width="auto", margin="2px 16px 2px 0")
    return widgets.Dropdown(options=options, value=value or "", description=name, style=style, layout=place)
