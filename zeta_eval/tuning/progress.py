"""The progress of a search: trials, the best so far, the time left, and in a notebook the curve that it gives."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Sequence
from typing import Self, TextIO

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.reports.line import Line
from zeta_eval.evaluation.reports.live import Output, clock, in_notebook
from zeta_eval.evaluation.reports.style import COLOURS

INTERVAL_S = 0.3
"""Least time between two updates of what is shown, in seconds."""

LINE_S = 10.0
"""Least time between two lines in a log, in seconds."""

BETWEEN = " \u00b7 "
"""What stands between the parts of a line."""

WIDTH, HEIGHT, EDGE = 290, 110, 8
"""Size of each of the two drawings in pixels, and the room around its line."""


class Board:
    """What a search has found so far; `show` displays it."""

    def __init__(
        self, total: int, show: Callable[[Board], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Call `show` at most every `INTERVAL_S` of the clock, in seconds, and at new phases."""
        self.total, self._show, self._clock = total, show, clock
        self._began = self._since = self._now = clock()
        self._shown = -INTERVAL_S
        self.phase = "reading the table"
        """What is being done."""
        self.ended = False
        """Whether the work is done, got through or not."""
        self.values: list[float] = []
        """Value of each trial; NaN where it was given up."""
        self.front: Floats | None = None
        """Costs and accuracies of the best trial's curve so far, shape (W, 2)."""

    @property
    def best(self) -> list[float]:
        """The best value after each trial; NaN before the first."""
        return [] if not self.values else np.fmax.accumulate(self.values).tolist()

    @property
    def left_s(self) -> float | None:
        """Seconds until the last trial, at the speed so far; None where that is not known."""
        if not 0 < len(self.values) < self.total:
            return None
        return (self.total - len(self.values)) * (self._now - self._since) / len(self.values)

    def say(self, phase: str) -> None:
        """Show what is being done now."""
        self.phase, self._since = phase, self._clock()
        self._draw()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """End, got through or not; in a terminal the line goes."""
        self.ended = True
        self._draw()

    def trial(self, value: float) -> bool:
        """Count a trial by its value, NaN where it was given up; returns whether it is the best and its curve shown."""
        new = not np.isnan(value) and not any(value <= other for other in self.values)
        self.values.append(value)
        if self._clock() - self._shown >= INTERVAL_S:
            self._draw()
        return new and not isinstance(self._show, Lines)

    def grow(self, front: Floats) -> None:
        """Take the curve of the best trial so far: costs and accuracies, shape (W, 2)."""
        self.front = front

    def _draw(self) -> None:
        self._now = self._shown = self._clock()
        self._show(self)

    def parts(self) -> list[str]:
        """What a line says, the most useful first."""
        found = [b for b in self.best if not np.isnan(b)]
        parts = [f"{self.phase} ({clock(self._now - self._began)})"]
        parts += [f"trial {len(self.values)} of {self.total}"] if self.values else []
        parts += [f"{clock(self.left_s)} left"] if self.left_s is not None else []
        return parts + ([f"best so far {found[-1]:.3f}"] if found else [])

    def __repr__(self) -> str:
        return BETWEEN.join(self.parts())

    def _repr_html_(self) -> str:
        drawn = _line("best so far, by trial", list(enumerate(self.best)), xs=(0, max(1, self.total - 1)), step=True)
        if self.front is not None:
            drawn += _line("its accuracy over cost", self.front.tolist())
        share = len(self.values) / self.total
        bar = f"<progress value='{share:.3f}' style='width:16em;vertical-align:middle'></progress>"
        head = f"<div class='zeta-progress'>{bar} {html.escape(repr(self))}</div>"
        return f"{head}<div style='display:flex;flex-wrap:wrap;gap:4px 24px'>{drawn}</div>"


class Lines:
    """Shows a board in a terminal as a line that is brought up to date, in a log file as a line now and then."""

    def __init__(self, stream: TextIO | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to a stream; a search of less than `LINE_S` writes nothing to a log file."""
        self._line, self._clock, self._written = Line(stream), clock, clock()

    def __call__(self, board: Board) -> None:
        """Write a line, where it is time for one."""
        if self._line.live:
            self._line.clear() if board.ended else self._line.update(board.parts(), between=BETWEEN)
        elif not board.ended and self._clock() - self._written >= LINE_S:
            self._written = self._clock()
            self._line.end(repr(board))


def board(total: int) -> Board:
    """A board for where this runs: drawn in a notebook, lines on standard error elsewhere."""
    return Board(total, Output() if in_notebook() else Lines(sys.stderr))


def _line(
    name: str, points: Sequence[Sequence[float]], *, xs: tuple[float, float] | None = None, step: bool = False
) -> str:
    """A line with its name and its ends in numbers, as SVG in the page's own ink."""
    kept = np.array([p for p in points if np.isfinite(p).all()], dtype=float).reshape(-1, 2)
    if not len(kept):
        return ""
    low, high = kept.min(axis=0), kept.max(axis=0)
    left, right = xs if xs is not None else (low[0], high[0])
    x = EDGE + (kept[:, 0] - left) / ((right - left) or 1) * (WIDTH - 2 * EDGE)
    y = HEIGHT - EDGE - (kept[:, 1] - low[1]) / ((high[1] - low[1]) or 1) * (HEIGHT - 2 * EDGE)
    path = f"M{x[0]:.1f} {y[0]:.1f}"
    for i in range(1, len(x)):
        path += f"H{x[i]:.1f}V{y[i]:.1f}" if step else f"L{x[i]:.1f} {y[i]:.1f}"
    quiet = f"opacity:.75;font-size:90%;max-width:{WIDTH}px"
    return (
        f"<figure style='margin:4px 0'><figcaption style='{quiet}'>{name}: {low[1]:.3f} to {high[1]:.3f}</figcaption>"
        f"<svg width='{WIDTH}' height='{HEIGHT}' role='img' aria-label='{name}'>"
        f"<path d='M{EDGE / 2} 0V{HEIGHT - EDGE / 2}H{WIDTH}' fill='none' stroke='currentColor' opacity='.4'/>"
        f"<path d='{path}' fill='none' stroke='{COLOURS[5]}' stroke-width='2.5'/>"
        f"<circle cx='{x[-1]:.1f}' cy='{y[-1]:.1f}' r='3.5' fill='{COLOURS[1]}'/></svg></figure>"
    )
