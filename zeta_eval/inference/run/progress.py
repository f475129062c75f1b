"""The progress of a benchmark, size by size: lines in a terminal, a table in a notebook."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

import pandas as pd

from zeta_eval.evaluation.reports.line import Line
from zeta_eval.evaluation.reports.live import Output, clock, in_notebook
from zeta_eval.evaluation.reports.tables import html_table, text_table

INTERVAL_S = 0.5
"""Least time between two updates of what is shown, in seconds."""

HEAD = ("size", "done", "accuracy [95 %]", "tokens/s", "time left")
"""Columns of the table."""


@dataclass(kw_only=True, slots=True)
class SizeState:
    """The progress of one size."""

    size: str
    """Name of the size."""
    total: int
    """Queries it has to answer."""
    began: float
    """Clock time at which it began, in seconds."""
    now: float
    """Clock time of the newest rows, in seconds."""
    done: int = 0
    """Rows so far."""
    new: int = 0
    """Rows since it began."""
    scored: int = 0
    """Rows with a score."""
    points: float = 0.0
    """Sum of the scores."""
    tokens: int = 0
    """Tokens written since it began."""
    ended: bool = False
    """Whether it ended, got through or not."""

    def count(self, rows: Sequence[Mapping[str, Any]], *, new: bool) -> None:
        """Count rows; only new ones tell the speed."""
        scores = [row["score"] for row in rows if row["score"] is not None]
        self.done += len(rows)
        self.scored += len(scores)
        self.points += sum(scores)
        if new:
            self.new += len(rows)
            self.tokens += sum(row["completion_tokens"] or 0 for row in rows)

    def cells(self) -> tuple[str, ...]:
        """The cells of the table under `HEAD`."""
        from zeta_eval.evaluation.measures.statistics import wilson

        accuracy, spent = wilson(self.points, self.scored), self.now - self.began
        left_s = (self.total - self.done) * spent / self.new if self.new else None  # at the speed so far
        return (
            self.size,
            f"{self.done}/{self.total}",
            f"{accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]" if self.scored else "-",
            f"{self.tokens / spent:.0f}" if self.tokens and spent > 0 else "-",
            "done" if self.done >= self.total else clock(left_s),
        )


class Board:
    """The progress of every size that has started; `show` displays it."""

    def __init__(self, show: Callable[[Board], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Call `show` at most every `INTERVAL_S` of the clock, in seconds, and at the end of every size."""
        self.sizes: list[SizeState] = []
        """One per size, in the order of the run."""
        self.notes: list[str] = []
        """Lines on what else happened."""
        self._show, self._clock, self._shown = show, clock, -INTERVAL_S

    @contextmanager
    def running(self, size: str, total: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        """Show a size with so many queries, from the rows it has already to its end, whether it gets through or not."""
        now = self._clock()
        state = SizeState(size=size, total=total, began=now, now=now)
        self.sizes.append(state)
        state.count(rows, new=False)
        self._draw(now)
        try:
            yield
        finally:
            state.ended = True
            self._draw(self._clock())

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Count new rows."""
        state, now = self.sizes[-1], self._clock()
        state.now = now
        state.count(rows, new=True)
        if now - self._shown >= INTERVAL_S:
            self._draw(now)

    def say(self, note: str) -> None:
        """Show a line on what else happened."""
        self.notes.append(note)
        self._draw(self._clock())

    def __repr__(self) -> str:
        return "\n".join([*([text_table(self._table())] if self.sizes else []), *self.notes])

    def _repr_html_(self) -> str:
        table = html_table(self._table()) if self.sizes else ""
        return table + "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)

    def _table(self) -> pd.DataFrame:
        return pd.DataFrame([state.cells() for state in self.sizes], columns=HEAD)

    def _draw(self, now: float) -> None:
        self._shown = now
        self._show(self)


class Lines:
    """Shows a board as one line per size: in a terminal brought up to date, in a log file written at the size's end."""

    def __init__(self, stream: TextIO | None) -> None:
        """Write to a stream."""
        self._line, self._said = Line(stream), 0

    def __call__(self, board: Board) -> None:
        """Write the notes that are new, else the line of the newest size."""
        if notes := board.notes[self._said :]:
            self._said += len(notes)
            self._line.end("\n".join(notes))
            return
        state = board.sizes[-1]
        size, done, accuracy, rate, left = state.cells()
        time_left = left if left == "done" else f"{left} left"
        if state.ended:
            self._line.end(f"{size}: {done}, accuracy {accuracy}, {rate} tokens/s, {time_left}")
        elif self._line.live:
            self._line.update([f"{size}: {done}", time_left, f"accuracy {accuracy}", f"{rate} tokens/s"], between=", ")


def board(*, silent: bool = False) -> Board:
    """A board for where this runs: a table in a notebook, lines on standard error elsewhere, or nothing."""
    return Board((lambda _: None) if silent else Output() if in_notebook() else Lines(sys.stderr))
