"""What stays of a widget: a page of its own beside it, which any reader of the saved notebook can show.

A widget lives as long as its kernel. So its picture and its words are an output of their own, which JupyterLab hides
while the widget is there to be seen; without it, in nbviewer, in VS Code and in an HTML export, the page is what is
seen, and JupyterLab's line about a missing model is hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from IPython import get_ipython
from IPython.display import display as _display

display: Callable[..., Any] = _display  # has no types of its own

_CHILD: Final = ".jp-OutputArea-child"
_STYLE: Final = (
    f"<style>{_CHILD}:has(.zeta-lasting):has(+ {_CHILD} .jupyter-widgets),"
    f"{_CHILD}:has(.zeta-lasting) + {_CHILD}:not(:has(.jp-OutputArea-output *)){{display:none!important}}"
    ".zeta-lasting th,.zeta-lasting td{text-align:left!important}</style>"
)
"""Hides the page while the output after it is a widget, and that output while it is a line about a missing one."""


class Lasting:
    """The page of a widget on the screen, which can be renewed."""

    def __init__(self, page: Callable[[], str], text: Callable[[], str]) -> None:
        """Keep what makes the page and its words."""
        self._page, self._text = page, text
        self._handle: Any = None

    def show(self, widget: Callable[[], Any]) -> None:
        """Show the page, and the widget below it where there is a kernel that can run one."""
        live = hasattr(get_ipython(), "kernel")
        self._handle = display(self._bundle(), raw=True, display_id=True) if live else display(self._bundle(), raw=True)
        if not live:
            return
        try:
            bundle = widget()._repr_mimebundle_()
        except ImportError:  # no ipywidgets, or a version that doesn't fit: the page is all there is
            return
        display(bundle | {"text/plain": "The widget needs its kernel: run the cell again."}, raw=True)

    def renew(self) -> None:
        """Put the page as it is now in the place of the one that was shown."""
        if self._handle is not None:
            self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        return {"text/html": f"{_STYLE}<div class='zeta-lasting'>{self._page()}</div>", "text/plain": self._text()}
