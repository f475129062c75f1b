"""The one look of every figure: Okabe and Ito's colours, which differ in line style and marker too, on a white card.

A figure brings its own white background, so that it reads the same on paper, in MLflow and in an e-mail; a notebook
shows it in its own theme (`zeta_eval.evaluation.reports.themed`).
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal

from zeta_eval.exceptions import escaped, escaped_lines

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000")
"""Okabe and Ito's colours without yellow, which is too pale on white (jfly.uni-koeln.de/color, 2008)."""
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
"""Markers in the colours' order."""
LINES: Final[tuple[Any, ...]] = ("-", (0, (5, 1)), ":", "--", "-.", (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
"""Line styles in the colours' order."""
INK: Final = "#222222"
"""Text and axes."""
FAINT: Final = "#767676"
"""What stands behind: grids, references and notes; still 4.5 to 1 against white."""

UNITS: Final = {"gpu_s": "GPU seconds", "cost_usd": "USD", "latency_s": "seconds"}
"""Cost columns in words."""

_RC: Final = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": INK,
    "text.color": INK,
}


def canvas(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (7.0, 5.0), share_y: bool = False
) -> tuple[Figure, npt.NDArray[np.object_]]:
    """Make a figure in the one style, `size` in inches, and its axes, shape (rows, columns), whatever style is set."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    from zeta_eval.evaluation.reports.themed import ThemedAxes, ThemedFigure

    with plt.style.context(["default", _RC]):
        look: dict[str, Any] = {"figsize": size, "layout": "constrained", "subplot_kw": {"axes_class": ThemedAxes}}
        figure, axes = plt.subplots(rows, columns, squeeze=False, sharey=share_y, FigureClass=ThemedFigure, **look)
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)  # a notebook's first figure turns it on, and leaving the context would turn it off
    plt.close(figure)  # shown by whoever holds it, not twice
    for one in axes.flat:
        one.tick_params(colors=INK, labelsize="small")  # ticks are made late, when another style may be set
        one.grid(color=FAINT, alpha=0.25, linewidth=0.8)
        one.set_axisbelow(True)
    return figure, axes


def title(axes: Axes, text: str) -> None:
    """Head axes with a line of text."""
    axes.set_title(text, loc="left", fontsize="medium", color=INK)


def label(axes: Axes, text: str, at: tuple[float, float], shift: tuple[float, float], side: str = "left") -> None:
    """Write a small text with a white rim beside a point of the data, `shift` in points; at its `side`."""
    from matplotlib.patheffects import withStroke

    rim = [withStroke(linewidth=2.5, foreground="white")]
    axes.annotate(
        shorten(text),
        at,
        shift,
        textcoords="offset points",
        ha=side,
        fontsize="small",
        color=INK,
        path_effects=rim,
        zorder=1.5,  # hides no curve
    )


def shorten(text: str, longest: int = 28) -> str:
    """A text on one line that ends in an ellipsis where it is too long."""
    line = escaped(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"


def legend(figure: Figure, *axes: Axes) -> None:
    """Put one legend of these axes below a figure; a label counts once."""
    found = {text: handle for one in axes for handle, text in zip(*one.get_legend_handles_labels(), strict=True)}
    names = [shorten(text, 44) for text in found]
    each = 0.65 + 0.078 * max(map(len, names))  # inches that an entry takes: handle, gap and letters
    figure.legend(
        found.values(),
        names,
        loc="outside lower center",
        ncols=max(1, min(len(names), int(figure.get_figwidth() / each))),
        labelcolor=INK,
        fontsize="small",
        frameon=False,
    )


def image(figure: Figure, format: Literal["png", "svg"] = "png") -> bytes:
    """A figure as the bytes of a picture of exactly its size; the same figure gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if (seen := escaped_lines(text.get_text())) != text.get_text():
            text.set_text(seen)  # no font has the characters of a name that are none
    buffer = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "zeta"}):
        figure.savefig(buffer, format=format, dpi=110, metadata={"Date": None} if format == "svg" else None)
    if format == "svg":  # a name may hold characters that no XML may
        return escaped_lines(buffer.getvalue().decode()).encode()
    return buffer.getvalue()
