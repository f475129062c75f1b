"""A query with its target and all answers side by side, and the short rows of many queries, as HTML."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.evaluation.reports.style import COLOURS, FAINT, shorten
from zeta_eval.evaluation.reports.tables import html_table
from zeta_eval.notebook.inspect_rows import RIGHT, Rows
from zeta_eval.notebook.markdown import answer_html
from zeta_eval.outcomes.targets import read_target

QUERY, TARGET = 72, 20
"""Characters of a listed query and of its target."""

LISTED: Final = 12
"""Rows of the table that stands where no widget can run."""

_BOX: Final = "border:1px solid rgba(128,128,128,.4);border-radius:4px;padding:8px 10px;min-width:0"
_TEXT: Final = "overflow-wrap:anywhere;line-height:1.45;max-height:420px;overflow-y:auto"


def listed(rows: Rows, chosen: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Short texts and words for the results of each size, one row per query, to be listed."""
    columns: dict[str, Any] = {"Task": rows.tasks[chosen]}
    columns["Query"] = [shorten(str(text), QUERY) for text in rows.column("query")[chosen]]
    targets = rows.column("target")[chosen]
    if any(isinstance(text, str) for text in targets):
        columns["Target"] = [shorten(_target(text), TARGET) for text in targets]
    return pd.DataFrame(columns | {s: _words(rows.scores[chosen, m]) for m, s in enumerate(rows.sizes)})


def _words(scores: npt.NDArray[np.float64]) -> list[str]:
    """Each score as a word: right and wrong, a number between them, a dash for none."""
    words = {1.0: "right", 0.0: "wrong"}
    return ["-" if s != s else words.get(s) or f"{s:.2f}" for s in scores.tolist()]


def table(rows: Rows, chosen: npt.NDArray[np.intp]) -> str:
    """The first queries as a table that stays."""
    return html_table(listed(rows, chosen[:LISTED]))


def page(rows: Rows, i: int) -> str:
    """A query, its target, and what each size answered, side by side."""
    answers = rows.answers(i)
    target = rows.column("target")[i]
    parts = [_part("Query", said(str(rows.column("query")[i])))]
    parts += [_part("Target", said(_target(target)))] if isinstance(target, str) else []
    columns = "".join(_answer(row) for row in answers)
    grid = "display:grid;gap:8px;grid-template-columns:repeat(auto-fit,minmax(200px,1fr))"
    name = f"{rows.tasks[i]}, query {rows.query_ids[i]}"
    return (
        f"<div style='line-height:1.4'><div style='opacity:.7;margin:6px 0'>{escape(name)}</div>"
        f"<div style='display:grid;gap:8px'>{''.join(parts)}</div>"
        f"<div style='{grid};margin-top:8px'>{columns}</div></div>"
    )


def said(text: str) -> str:
    """A text that a person or a model wrote, rendered so that nothing in it can run, load or link."""
    return f"<div style='{_TEXT}'>{answer_html(text)}</div>"


def _part(name: str, html: str) -> str:
    return f"<div style='{_BOX}'><div style='opacity:.75;font-size:.9em'>{escape(name)}</div>{html}</div>"


def _answer(row: pd.Series) -> str:
    """One size's answer under its result."""
    score = row["score"]
    word = "without a score" if score != score else "right" if score >= RIGHT else "wrong"
    word += f" ({score:.2f})" if 0 < score < 1 else ""
    colour = {"right": COLOURS[2], "wrong": COLOURS[1]}.get(word.split(" ")[0], FAINT)
    attempt = "" if pd.isna(row["attempt"]) else f", attempt {int(row['attempt']) + 1}"
    head = f"<b>{escape(row['model'])}</b>{attempt} <span style='color:{colour};font-weight:600'>{word}</span>"
    facts = f"<div style='opacity:.75;font-size:.9em;margin-bottom:4px'>{escape(', '.join(_facts(row)))}</div>"
    if isinstance(row["error"], str):
        return f"<div style='{_BOX}'>{head}{facts}{said('No answer: ' + row['error'])}</div>"
    text = row["response"] if isinstance(row["response"], str) else "The table holds no text of this answer."
    return f"<div style='{_BOX}'>{head}{facts}{said(text)}</div>"


def _facts(row: pd.Series) -> list[str]:
    """What an answer took, and what is known to be wrong with it."""
    known = {name: row[name] for name in ("cost_usd", "latency_s", "completion_tokens") if not pd.isna(row[name])}
    forms = {"cost_usd": "${:.3g}", "latency_s": "{:.3g} s", "completion_tokens": "{:.0f} tokens"}
    flags = {"truncated": "cut off at the token limit", "unparsed": "no answer was found in the text"}
    found = [words for name, words in flags.items() if not pd.isna(row[name]) and row[name]]
    return [forms[name].format(float(value)) for name, value in known.items()] + found


def _target(text: Any) -> str:
    """A target as a person would write it; "" where there is none."""
    if not isinstance(text, str):
        return ""
    found = read_target(text)
    return found if isinstance(found, str) else " or ".join(found)
