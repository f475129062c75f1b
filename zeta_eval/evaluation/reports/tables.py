"""Tables and whole reports as plain text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SENTENCE = 40
"""Characters above which a cell is a sentence."""

INTERVAL = "[95 %]"
"""Heading of a column of intervals, which are those of the column before it."""

_VALUE = re.compile(r"(\S*\d\S*) (\[[^\]]*\])")
"""A number with its interval."""

_QUIET = "font-size:85%;opacity:.85"
_PADDING = "padding:.5em clamp(.25em,1.2vw - 10px,.7em)"  # narrower in a narrow window


def text_table(frame: pd.DataFrame) -> str:
    """Line up a frame's columns: the first to the left, the others to the right; its index is left out."""
    rows = [[str(value) for value in row] for row in (list(frame.columns), *frame.to_numpy(dtype=object).tolist())]
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )


def html_table(frame: pd.DataFrame) -> str:
    """Write a frame as an HTML table; its index is left out.

    Sentences are wrapped. Intervals share the columns of their values, and where room is scarce they stand below them,
    and the names in the first column are wrapped; a table that is wider still is scrolled.
    """
    names, *rows = _with_intervals([list(map(str, row)) for row in (frame.columns, *frame.to_numpy(dtype=object))])
    head = "".join(f"<th style='{_PADDING}'>{html.escape(name)}</th>" for name in names)
    told = any(_VALUE.fullmatch(text) for row in rows for text in row)
    cells = ("".join(_cell(text, wrapped=told and not i) for i, text in enumerate(row)) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div style='overflow-x:auto'>{table}</div>"


def _with_intervals(rows: list[list[str]]) -> list[list[str]]:
    """The rows, the first of which is the headings, with each column of intervals joined to the one before it."""
    joined = [i > 0 and name == INTERVAL for i, name in enumerate(rows[0])]
    found = []
    for row in rows:
        kept: list[str] = []
        for text, join in zip(row, joined, strict=True):
            if join:
                kept[-1] += f" {text}" if text != "-" else ""
            else:
                kept.append(text)
        found.append(kept)
    return found


def _cell(text: str, *, wrapped: bool) -> str:
    """A cell of an HTML table."""
    if found := _VALUE.fullmatch(text):
        value, interval = found.groups()
        return _td(_whole([value]) + f" <span style='{_QUIET}'>{_whole([interval])}</span>")
    if len(text) > SENTENCE:
        return _td(html.escape(text), "text-align:left;min-width:14em")
    if wrapped and " " in text:
        return _td(_whole(text.split(" ")))
    return _td(html.escape(text), "white-space:nowrap")


def _td(content: str, style: str = "") -> str:
    return f"<td style='{_PADDING};line-height:normal;{style}'>{content}</td>"


def _whole(parts: Sequence[str]) -> str:
    """Parts of a text that are each kept on one line."""
    return " ".join(f"<span style='white-space:nowrap'>{html.escape(part)}</span>" for part in parts)


def cell(value: Any, form: str) -> str:
    """Write a text, a number, the two ends of an interval, or shares by size in percent; "-" for None and NaN.

    `form` is the format of a number, like ".3f"; "p" for a p-value.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "/".join(f"{100 * share:.0f}" for share in value.values())
    if isinstance(value, tuple):
        return "-" if math.isnan(value[0]) else f"[{cell(value[0], form)}, {cell(value[1], form)}]"
    if value is None or math.isnan(value):
        return "-"
    if form == "p":
        return "<0.001" if value < 0.001 else format(value, ".3f")
    text = format(value, form)
    return format(0.0, form) if form and float(text.removesuffix("%")) == 0 else text  # no "-0.000"


def printed(frame: pd.DataFrame, columns: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """Write columns of a frame as cells, each beside its interval where the frame has a `_low` and a `_high` of it.

    Columns are given as name and format by heading.
    """
    found = {}
    for heading, (name, form) in columns.items():
        found[heading] = [cell(value, form) for value in frame[name]]
        if f"{name}_low" in frame:
            ends = zip(frame[f"{name}_low"], frame[f"{name}_high"], strict=True)
            found[heading] = [f"{text} {cell(pair, form)}" for text, pair in zip(found[heading], ends, strict=True)]
    return pd.DataFrame(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A report to be read: the same parts in the same order as text and as HTML."""

    title: str
    """What was measured on what, in a line."""
    tables: tuple[tuple[str, pd.DataFrame], ...]
    """The tables, each with its heading or an empty one."""
    remarks: tuple[str, ...] = ()
    """What a reader should know about the tables."""
    conclusions: tuple[str, ...] = ()
    """What follows, in words."""

    def text(self) -> str:
        """The report for a terminal; its last lines are the conclusions."""
        parts = [self.title]
        for heading, table in self.tables:
            parts += ["", *([heading] if heading else []), text_table(table)]
        parts += ["", *self.remarks] if self.remarks else []
        return "\n".join([*parts, "", *self.conclusions])

    def html(self, figure: Figure | None = None) -> str:
        """The report for a notebook, with a figure where one is given."""
        parts = [f"<p>{html.escape(self.title)}</p>"]
        if figure is not None:
            from zeta_eval.evaluation.reports.themed import pictures, themed  # the other parts need no matplotlib

            parts.append(themed(*pictures(figure)))
        for heading, table in self.tables:
            parts += [f"<p>{html.escape(heading)}</p>"] if heading else []
            parts.append(html_table(table))
        parts += [f"<p>{html.escape(remark)}</p>" for remark in self.remarks]
        return "".join([*parts, *(f"<p><b>{html.escape(text)}</b></p>" for text in self.conclusions)])
