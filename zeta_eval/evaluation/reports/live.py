"""An output of a notebook's cell that is brought up to date while work goes on, and is saved with the notebook."""

import sys
from collections.abc import Callable
from typing import Any


def in_notebook() -> bool:
    """Whether an IPython kernel runs this."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class Output:
    """Shows a value that changes."""

    def __init__(self, *, silent: bool = False) -> None:
        """Show nothing yet; or never anything."""
        self._silent = silent
        self._handle: Any = None

    def __call__(self, value: Any) -> None:
        """Show the value, or bring what is shown of it up to date."""
        if self._silent:
            return
        from IPython.display import display

        show: Callable[..., Any] = display  # has no types of its own
        if self._handle is None:
            self._handle = show(value, display_id=True)
        else:
            self._handle.update(value)


def clock(seconds: float | None) -> str:
    """Seconds as h:mm:ss or m:ss; "-" where they are not known."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
