"""The base of every widget: a figure, a table and a text stand for it where a notebook shows no widgets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.evaluation.reports.style import image
from zeta_eval.notebook.outputs import text_output, widget_output

if TYPE_CHECKING:
    from ipywidgets import DOMWidget
    from matplotlib.figure import Figure


class View(ABC):
    """A widget that is also a figure, a table and a text."""

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

    def outputs(self) -> list[dict[str, Any]]:
        """What a cell shows, as bundles of data by type: the picture, the text, and the widget where it can be made."""
        picture = {"image/png": b64encode(image(self.figure())).decode("ascii"), "text/plain": "(picture)"}
        shown = [picture, text_output(self.text())]
        try:
            return [*shown, widget_output(self.widget)]
        except ImportError:  # no ipywidgets, or a version that doesn't fit
            return shown

    def _ipython_display_(self) -> None:
        """Show the outputs, each as one of its own, so that a saved notebook keeps the picture and the text."""
        from IPython.display import publish_display_data

        publish: Callable[..., None] = publish_display_data  # has no types of its own
        for data in self.outputs():
            publish(data)


def bar(share: float, colour: str, *, width: int = 120) -> str:
    """A horizontal bar of a share in [0, 1], `width` pixels long where it is 1."""
    size = f"width:{width * min(1.0, max(0.0, share)):.1f}px"
    return f"<span style='display:inline-block;height:10px;{size};background:{colour}'></span>"
