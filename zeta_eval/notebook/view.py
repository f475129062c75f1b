"""The base of every widget: a figure, a table and a text stand for it where a notebook shows no widgets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64encode
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.evaluation.reports.style import image

if TYPE_CHECKING:
    from ipywidgets import DOMWidget
    from matplotlib.figure import Figure


class View(ABC):
    """A widget that is also a figure, a table and a text; a notebook shows the richest that it can."""

    @abstractmethod
    def figure(self) -> Figure:
        """What the widget shows now, as a figure."""

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

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The widget with its figure and text, which stay readable in a saved notebook."""
        picture = b64encode(image(self.figure())).decode("ascii")
        try:
            drawn = self.widget._repr_mimebundle_()
        except ImportError:  # no ipywidgets, or a version that doesn't fit
            drawn = {}
        return {**drawn, "text/plain": self.text(), "image/png": picture}


def bar(share: float, colour: str, *, width: int = 120) -> str:
    """A horizontal bar of a share in [0, 1], `width` pixels long where it is 1."""
    size = f"width:{width * min(1.0, max(0.0, share)):.1f}px"
    return f"<span style='display:inline-block;height:10px;{size};background:{colour}'></span>"
