"""A line on a stream that is written again while work goes on; that it can't be written costs the work nothing."""

from __future__ import annotations

from collections.abc import Sequence
from shutil import get_terminal_size
from typing import Final, TextIO

ECHO: Final = 3
"""Columns that stay free: `^C` is echoed behind the line, and behind the last column a terminal begins a new one."""


class Line:
    """The last line of a stream. Where there is no stream, or one that can't be written, nothing is shown."""

    def __init__(self, stream: TextIO | None) -> None:
        """Take a stream, which is None where a process was started without one."""
        self._stream, self._width = stream, 0
        self.live = stream is not None and not stream.closed and stream.isatty()
        """Whether the stream is a terminal."""

    def update(self, parts: Sequence[str], *, between: str) -> None:
        """Write parts in the place of what stands there; those that a terminal has no room for are left out."""
        line = fitting(parts, between, get_terminal_size().columns - ECHO)
        self._write(f"\r{line.ljust(self._width)}")
        self._width = len(line)

    def clear(self) -> None:
        """Take away what stands there."""
        self._write(f"\r{' ' * self._width}\r")
        self._width = 0

    def end(self, text: str) -> None:
        """Write whole lines, in the place of what stands there."""
        head, *more = text.split("\n")
        first = f"\r{head.ljust(self._width)}" if self.live else head
        self._write("\n".join([first, *more, ""]))
        self._width = 0

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a full disk, a reader that has gone, a stream that was closed
            self._stream = None


def fitting(parts: Sequence[str], between: str, columns: int) -> str:
    """The first parts, joined, as many as fit into so many columns; the first one alone is cut.

    >>> fitting(["searching (0:02)", "trial 9 of 40", "0:10 left"], ", ", 40)
    'searching (0:02), trial 9 of 40'
    """
    n = len(parts)
    while n > 1 and len(between.join(parts[:n])) > columns:
        n -= 1
    return between.join(parts[:n])[: max(0, columns)]
