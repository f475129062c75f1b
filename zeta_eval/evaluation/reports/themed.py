"""Figures in the theme of the notebook that shows them: a light and a dark picture, of which the page shows one."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave

DPI: Final = 110
"""Pixels per inch."""

_COLOURLESS: Final = 24
"""Greatest difference of a pixel's channels, from 0 to 255, at which it counts as grey."""

STYLE: Final = (
    "<style>[data-jp-theme-light='false'] .zeta-light,.vscode-dark .zeta-light{display:none!important}"
    "[data-jp-theme-light='false'] .zeta-dark,.vscode-dark .zeta-dark{display:inline!important}</style>"
)
"""Shows the picture of the page's theme. The dark one is hidden by itself: the light one is left where a page has no
theme, or takes styles away, as that of a notebook that is not trusted does."""


class ThemedFigure(Figure):
    """A figure that a notebook shows in its theme."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return bundle(self)


class ThemedAxes(Axes):
    """Axes that a notebook shows with all of their figure."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        figure = self.get_figure(root=True)
        return {} if figure is None else bundle(figure)


def bundle(figure: Figure) -> dict[str, str]:
    """What a notebook gets to show of a figure, as data by type."""
    light, dark = pictures(figure)
    return {"text/html": themed(light, dark), "image/png": b64encode(light).decode("ascii"), "text/plain": repr(figure)}


def dressed(figure: Figure) -> Figure:
    """A figure that another library drew, so that a notebook shows it and its axes in its theme, too."""
    figure.__class__ = ThemedFigure  # both classes add only how they are shown
    for axes in figure.axes:
        axes.__class__ = ThemedAxes
    return figure


def pictures(figure: Figure) -> tuple[bytes, bytes]:
    """A figure as two PNG pictures, one on white and one on a transparent ground for dark pages.

    On the dark one greys are turned round, so that ink becomes light and rims dark, and colours are made lighter.
    """
    buffer = BytesIO()
    grounds = [axes.patch for axes in figure.axes]  # that of the figure has a colour of its own while it is saved
    known = [ground.get_alpha() for ground in grounds]
    for ground in grounds:
        ground.set_alpha(0)
    try:
        figure.savefig(buffer, format="raw", dpi=DPI, facecolor=(1, 1, 1, 0))
    finally:
        for ground, alpha in zip(grounds, known, strict=True):
            ground.set_alpha(alpha)
    width, height = (int(x) for x in figure.get_size_inches() * DPI)
    drawn = np.frombuffer(buffer.getvalue(), dtype=np.uint8).reshape(height, width, 4)
    return _png(_on_white(drawn)), _png(_turned(drawn))


def themed(light: bytes, dark: bytes, *, style: str = "max-width:100%") -> str:
    """Both pictures as HTML, of which a page shows the one for its theme."""
    one = "<img class='{}' style='{}' alt='figure' src='data:image/png;base64,{}'>"
    shown = [("zeta-light", style, light), ("zeta-dark", f"display:none;{style}", dark)]
    return STYLE + "".join(one.format(name, css, b64encode(png).decode("ascii")) for name, css, png in shown)


def _on_white(drawn: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The picture with white behind it."""
    alpha = drawn[..., 3:] / 255.0
    found = drawn.copy()
    found[..., :3] = np.rint(drawn[..., :3] * alpha + 255 * (1 - alpha))
    found[..., 3] = 255
    return found


def _turned(drawn: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The picture with its greys turned round and its colours a third lighter."""
    colours = drawn[..., :3].astype(np.int16)
    grey = np.ptp(colours, axis=-1, keepdims=True) <= _COLOURLESS
    found = drawn.copy()
    found[..., :3] = np.where(grey, 255 - colours, colours + (255 - colours) // 3)
    return found


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    buffer = BytesIO()
    imsave(buffer, np.ascontiguousarray(pixels), format="png")
    return buffer.getvalue()
