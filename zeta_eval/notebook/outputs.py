"""Outputs of a cell that stay readable without a kernel, and the widget beside them that does not.

A saved notebook knows a widget by an id that only its kernel understands. So the picture and the text of a widget are
outputs of their own: GitHub, VS Code, an exported page and a notebook that is opened again show these. JupyterLab hides
them while the widget is there, and hides the widget's error message once its kernel is gone.
"""

from html import escape
from typing import Any, Final

_CHILD: Final = ".jp-OutputArea-child"
_ALIVE: Final = f"{_CHILD} .jupyter-widgets > *"

DEAD: Final = (
    f"<style>{_CHILD}:has(.zeta-still, .zeta-cell) ~ {_CHILD} .jp-OutputArea-output.jupyter-widgets:not(:has(*))"
    "{display:none}</style>"
)
"""Hides the message that a widget's kernel is gone, below an output that is marked as one of ours."""

STILL: Final = (
    f"<style>{_CHILD}:has(.zeta-still):has(+ {_ALIVE}),"
    f"{_CHILD}:has(+ {_CHILD} .zeta-still):has(+ {_CHILD} + {_ALIVE}){{display:none}}</style>{DEAD}"
)
"""Hides the text that is marked so, and the picture before it, while the widget after them is there."""

WIDGET: Final = "application/vnd.jupyter.widget-view+json"
"""The type of a widget's output."""


def widget_output(widget: Any) -> dict[str, Any]:
    """The output of a widget; no text stands for it, since other outputs say what it shows."""
    return {**widget._repr_mimebundle_(), "text/plain": ""}


def text_output(text: str) -> dict[str, Any]:
    """The output of the text that stands for a widget."""
    shown = f"<pre class='zeta-still' style='white-space:pre-wrap;word-break:normal'>{escape(text)}</pre>"
    return {"text/html": STILL + shown, "text/plain": text}
