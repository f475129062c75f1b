"""The help of `%zeta`: a card with one example per verb, made from the parsers, so that it is never out of date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from zeta_eval.cli.parser import Parser

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Measure": ("run", "bench", "import", "rescore", "merge", "vote", "agree", "replay", "compare", "gpu-check"),
    "Tune": ("tune", "ui", "track"),
    "Use": ("use", "route", "serve", "export", "status", "reset"),
    "Keep learning": ("feedback", "history", "learn", "promote", "rollback"),
}
"""The verbs by what they are for; one that is missing here stands below "More"."""

NOTES: Final = (
    "Tables, policies and ladders are taken from variables by name; {name} stands for a variable's value.",
    "%zeta VERB --help explains a verb, and %config ZetaMagics shows the defaults.",
)
"""What the card says below the verbs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A verb on the card."""

    name: str
    """The verb."""
    summary: str
    """What it does."""
    example: str
    """A line that calls it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What a notebook shows where `%zeta` stands alone."""

    groups: Mapping[str, tuple[Entry, ...]]
    """The verbs by what they are for."""
    cell: Parser
    """The options of a cell."""

    @classmethod
    def of(cls, line: Parser, cell: Parser) -> Card:
        """Make the card from the parser of lines and that of cells."""
        summaries = {action.dest: str(action.help) for action in line.verbs._choices_actions}
        entries = {
            name: Entry(name=name, summary=summaries[name], example=str(verb.epilog).removeprefix("example: "))
            for name, verb in line.verbs.choices.items()
        }
        known = {name for names in GROUPS.values() for name in names}
        wanted = {**GROUPS, "More": tuple(name for name in entries if name not in known)}
        groups = {title: tuple(entries[n] for n in names if n in entries) for title, names in wanted.items()}
        return cls(groups={title: found for title, found in groups.items() if found}, cell=cell)

    def __repr__(self) -> str:
        """Say it as plain text."""
        lines = ["%zeta finds, for every query, the smallest language model that gets it right."]
        for title, entries in self.groups.items():
            wide = max(len(e.name) for e in entries)
            lines += ["", title, *(f"  {e.name.ljust(wide)}  {e.summary}\n      {e.example}" for e in entries)]
        return "\n".join(
            [*lines, "", *NOTES, "", "A cell that begins with %%zeta is answered:", self.cell.format_usage()]
        )

    def _repr_html_(self) -> str:
        parts = "".join(_group(title, entries) for title, entries in self.groups.items())
        notes = "".join(f"<div style='opacity:.75'>{escape(note)}</div>" for note in NOTES)
        usage = escape(" ".join(self.cell.format_usage().removeprefix("usage: ").split()))
        cell = f"<div style='margin:8px 0'><b>A cell</b> that is answered begins with <code>{usage}</code></div>"
        return f"<div style='max-width:70em;line-height:1.45'>{parts}{cell}{notes}</div>"


def everything(line: Parser, cell: Parser) -> str:
    """The card as text, then all options of cells and of every verb."""
    verbs = (verb.format_help() for verb in line.verbs.choices.values())
    return "\n\n".join([repr(Card.of(line, cell)).strip(), cell.format_help().strip(), *(v.strip() for v in verbs)])


def _group(title: str, entries: tuple[Entry, ...]) -> str:
    """A heading with its verbs: each with what it does, and its example."""
    rows = "".join(
        f"<div style='margin:0 0 6px'><b>{escape(e.name)}</b> &ensp;{escape(e.summary)}<br>"
        f"<code style='user-select:all;overflow-wrap:anywhere'>{escape(e.example)}</code></div>"
        for e in entries
    )
    grid = "display:grid;grid-template-columns:repeat(auto-fit,minmax(290px,1fr));gap:2px 24px"
    head = f"<div style='margin:10px 0 4px;font-weight:600;opacity:.75'>{escape(title)}</div>"
    return f"{head}<div style='{grid}'>{rows}</div>"
