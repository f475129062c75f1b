"""The line that a long verb shows at once: the libraries that it loads, and that it works."""

import sys
import time
from collections.abc import Callable, Sequence
from html import escape
from importlib import import_module
from typing import Final, TypeVar

from zeta_eval.evaluation.reports.live import Output, clock, in_notebook
from zeta_eval.notebook.waiting import wait_for

T = TypeVar("T")

_MODELS: Final = ("torch", "transformers", "datasets")
_SEARCH: Final = ("sklearn.linear_model", "optuna")
LIBRARIES: Final = {
    "bench": _MODELS,
    "run": _MODELS + _SEARCH,
    "tune": _SEARCH,
    "learn": (*_SEARCH, "sqlalchemy"),
    "promote": (),
    "rollback": (),
}
"""By verb that takes long: the libraries that it needs first."""
FIRST: Final = {
    "bench": "reading the tasks and loading the first model",
    "run": "reading the tasks and loading the first model",
    "tune": "reading the table",
    "learn": "reading the history",
}
"""By verb: what it does before there is more to show."""


class Line:
    """A line on what a verb does."""

    def __init__(self, verb: str) -> None:
        """Begin."""
        self._verb, self._began, self.doing = verb, time.monotonic(), ""

    def end(self, how: str, said: str = "") -> None:
        """Say how it ended, after what time, and what came of it."""
        self.doing = " \u00b7 ".join(filter(None, (f"{how} {clock(time.monotonic() - self._began)}", said)))

    def __repr__(self) -> str:
        return f"{self._verb}: {self.doing}"

    def _repr_html_(self) -> str:
        return f"<div style='opacity:.75;font-size:92%'>{escape(repr(self))}</div>"


def with_a_line(verb: str, *, tracked: bool, work: Callable[[], T], said: Callable[[T], str]) -> T:
    """Load what a verb needs and do its work; a notebook shows a line meanwhile, at once where it may take long.

    In the end the line says what was made, by `said`, also where the cell gives it to a variable.

    Libraries are loaded in a thread: an interrupted cell leaves none of them half loaded.
    """
    if verb not in LIBRARIES:
        return work()
    wanted = (*LIBRARIES[verb], *(("mlflow",) if tracked else ()))
    line, show = Line(verb), Output(silent=not in_notebook())
    missing = [name for name in wanted if name not in sys.modules]
    _load(missing, line, show)
    line.doing = FIRST.get(verb, "asking the store")
    show(line)
    try:
        made = work()
    except BaseException:
        line.end("stopped after")
        raise
    else:
        line.end("done in", said(made))
        return made
    finally:
        show(line)


def _load(names: Sequence[str], line: Line, show: Output) -> None:
    for name in names:
        line.doing = f"loading {name.partition('.')[0]}"
        show(line)

        def load(check: Callable[[], None], name: str = name) -> None:
            import_module(name)

        wait_for(load, lambda: None)
