"""What stays of a widget: a page of its own beside it, which any reader of the saved notebook can show.

A widget lives as long as its kernel. So its picture and its words are an output of their own, which JupyterLab hides
while the widget is there to be seen. Without the widget, in nbviewer, in VS Code, in an HTML export and in a notebook
that is opened again, this page is what is seen, and JupyterLab's line about a missing model is hidden.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from IPython import get_ipython
from IPython.display import display as _display

display: Callable[..., Any] = _display  # has no types of its own

WIDGET: Final = "application/vnd.jupyter.widget-view+json"
"""The type of a widget's output."""

REST_S: Final = 0.5
"""Seconds without a change before a page that is slow to draw is renewed, as after a slider was dragged."""

_CHILD: Final = ".jp-OutputArea-child"
_DRAWN: Final = ".jupyter-widgets div"
"""Any part of a widget that is there; in the place of one in an exported page there is at most a script."""

DEAD: Final = (
    f"<style>{_CHILD}:has(.zeta-lasting, .zeta-cell) ~ {_CHILD}:not(:has(.jp-OutputArea-output *)){{display:none}}"
    "</style>"
)
"""Hides the bare line of text that stands for a lost widget, below an output that is marked as one of ours."""

_STYLE: Final = (
    f"<style>{_CHILD}:has(.zeta-lasting):has(+ {_CHILD} {_DRAWN}){{display:none!important}}"
    ".zeta-lasting th,.zeta-lasting td{text-align:left!important}</style>"
)
"""Hides the page while the output after it is a widget that is there."""


def widget_output(widget: Any) -> dict[str, Any]:
    """The output of a widget; no text stands for it, since other outputs say what it shows."""
    return {**widget._repr_mimebundle_(), "text/plain": ""}


class Lasting:
    """The page of a widget on the screen, which can be renewed."""

    def __init__(self, page: Callable[[], Mapping[str, str]]) -> None:
        """Keep what makes the page, as data by type: HTML, plain text, and what else stands for it."""
        self._page = page
        self._handle: Any = None
        self._stale = False
        self._timer: asyncio.TimerHandle | None = None

    def show(self, widget: Callable[[], Any]) -> None:
        """Show the page, and the widget below it where there is a kernel that can run one."""
        live = hasattr(get_ipython(), "kernel")
        self._handle = display(self.output(), raw=True, display_id=True) if live else display(self.output(), raw=True)
        if not live:
            return
        try:
            display(widget_output(widget()), raw=True)
        except ImportError:  # no ipywidgets, or a version that doesn't fit: the page is all there is
            return

    def renew(self) -> None:
        """Put the page as it is now in the place of the one that was shown."""
        if self._handle is not None:
            self._handle.update(self.output(), raw=True)

    def renew_soon(self) -> None:
        """Renew once what changes often: at the end of the cell that runs, or `REST_S` after the last change."""
        if self._handle is None:
            return
        if not self._stale:
            self._stale = True
            get_ipython().events.register("post_run_cell", self._rested)
        if self._timer is not None:
            self._timer.cancel()
        with suppress(RuntimeError):  # no loop runs here: the next cell renews it
            self._timer = asyncio.get_running_loop().call_later(REST_S, self._rested)

    def _rested(self, _: object = None) -> None:
        if not self._stale:
            return
        self._stale = False
        get_ipython().events.unregister("post_run_cell", self._rested)
        self.renew()

    def output(self) -> dict[str, str]:
        """The page as a cell's output."""
        page = self._page()
        return {**page, "text/html": f"{DEAD}{_STYLE}<div class='zeta-lasting'>{page['text/html']}</div>"}
