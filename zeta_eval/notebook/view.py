"""The base of every widget: a figure, a table and a text stand for it where a notebook shows no widgets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from zeta_eval.evaluation.reports.themed import bundle
from zeta_eval.notebook.outputs import Lasting

if TYPE_CHECKING:
    from ipywidgets import DOMWidget
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class View(ABC):
    """A widget that is also a figure, a table and a text."""

    @abstractmethod
    def figure(self) -> Figure:
        """What the widget shows now, as a figure."""

    def plot(self) -> Axes:
        """The first axes of `figure`, for a notebook to show and for you to draw on."""
        return self.figure().axes[0]

    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """The data behind the widget."""

    @abstractmethod
    def text(self) -> str:
        """What the widget shows now, as plain text."""

    @abstractmethod
    def _build(self) -> DOMWidget:
        """Make the widget."""

    @cached_property
    def widget(self) -> DOMWidget:
        """The widget, made when first asked for."""
        return self._build()

    def __repr__(self) -> str:
        return self.text()

    def page(self) -> dict[str, str]:
        """What stands for the widget: the picture in the page's theme and the text, as data by type."""
        picture = bundle(self.figure())
        words = f"<pre style='white-space:pre-wrap;word-break:normal'>{escape(self.text())}</pre>"
        return picture | {"text/html": picture["text/html"] + words, "text/plain": self.text()}

    def _ipython_display_(self) -> None:
        self._lasting.show(lambda: self.widget)

    @cached_property
    def _lasting(self) -> Lasting:
        return Lasting(self.page)

    def changed(self) -> None:
        """Renew the page that stands for the widget soon: what it shows has changed."""
        self._lasting.renew_soon()


def bar(share: float, colour: str, *, width: int = 120) -> str:
    """A horizontal bar of a share in [0, 1], `width` pixels long where it is 1."""
    size = f"width:{width * min(1.0, max(0.0, share)):.1f}px"
    return f"<span style='display:inline-block;height:10px;{size};background:{colour}'></span>"
