"""The looks of a routed cell: the decision in a line, the answer, its grounds folded. What was written is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from zeta_eval.notebook.explain import Explanation
from zeta_eval.notebook.explained import SHARES, changes, shares
from zeta_eval.notebook.markdown import answer_html
from zeta_eval.notebook.mathematics import IGNORED
from zeta_eval.notebook.outputs import DEAD

if TYPE_CHECKING:
    import pandas as pd

_QUIET: Final = "opacity:.75;font-size:92%"
_WORDS: Final = "overflow-x:auto;overflow-wrap:break-word"
_ANSWER: Final = f"border-left:3px solid #0072B2;padding:0 0 0 10px;margin:8px 0;{_WORDS}"
_COLUMNS: Final = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13em),1fr));gap:4px 18px"
"""Equal columns, as many as fit; words stay whole, and what is wider than its column scrolls within it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """What there is to show of a routed cell."""

    title: str
    """The decision in one line."""
    answers: Sequence[tuple[str, str, bool]]
    """Of each answer its head, its text, and whether it is whole."""
    columns: bool
    """Whether the answers stand side by side, each below its head."""
    question: str
    """What the grounds answer."""
    table: pd.DataFrame
    """The sizes."""
    grounds: Sequence[str]
    """Why it was decided so."""
    explanation: Explanation | None
    """What each feature did, where that was asked for."""
    unfolded: bool
    """Whether the grounds are shown at once."""
    notes: Sequence[str]
    """Remarks."""


def cell_html(looks: Looks) -> str:
    """Return a routed cell as HTML."""
    notes = "".join(f"<div style='{_QUIET};white-space:pre-line'>{escape(note)}</div>" for note in looks.notes)
    parts = f"<div style='{_QUIET}'>{escape(looks.title)}</div>{_answers(looks)}{_grounds(looks)}{notes}"
    width = "none" if looks.columns else "60em"
    return f"{DEAD}<div class='zeta-cell {IGNORED}' style='max-width:{width}'>{parts}</div>"


def _answers(looks: Looks) -> str:
    shown = [(head, answer_html(text, whole=whole)) for head, text, whole in looks.answers]
    if not looks.columns:
        return "".join(f"<div style='{_ANSWER}'>{answer}</div>" for _, answer in shown)
    columns = (
        f"<div style='min-width:0'><b>{escape(head)}</b><div style='{_ANSWER}'>{answer}</div></div>"
        for head, answer in shown
    )
    return f"<div class='zeta-columns' style='{_COLUMNS};margin:6px 0'>{''.join(columns)}</div>"


def _grounds(looks: Looks) -> str:
    """Why this size, to be unfolded."""
    from zeta_eval.evaluation.reports.tables import html_table

    parts = [html_table(looks.table), _list(looks.grounds)]
    if looks.explanation is not None:
        parts += [f"<div>{escape(SHARES)}</div>", html_table(shares(looks.explanation))]
        parts.append(_list(changes(looks.explanation)))
    summary = f"<summary style='cursor:pointer;{_QUIET}'>{escape(looks.question)}</summary>"
    return f"<details{' open' * looks.unfolded} style='margin:4px 0'>{summary}{''.join(parts)}</details>"


def _list(lines: Iterable[str]) -> str:
    return "<ul style='margin:2px 0'>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
