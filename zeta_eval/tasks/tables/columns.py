"""Which columns of a table are the prompt, the target, the options and the id: named by the user, or recognised."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zeta_eval.exceptions import InvalidInputError, UnknownNameError

USUAL: Mapping[str, tuple[str, ...]] = {
    "prompt": (
        *("prompt", "question", "problem", "instruction", "input", "query", "messages", "conversations"),
        *("conversation", "text", "goal", "sentence", "ctx"),
    ),
    "target": (
        *("target", "answer", "answers", "answer_key", "label", "output", "solution", "reference", "references"),
        *("completion", "expected", "expected_output", "ideal"),
    ),
    "choices": ("choices", "options", "endings"),
    "id": ("id", "query_id"),
}
"""By what a column is, the names by which it is recognised, the likeliest first; case, spaces and "_" don't count."""
OPTION = re.compile(r"(?:option|choice|answer|sol|solution|ending|op)[ _-]?([a-z]|\d{1,2})|([a-z])", re.IGNORECASE)
"""Name of a column that holds one option."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The columns that make queries, as names or dotted paths."""

    prompt: tuple[str, ...]
    """The prompt; several are joined with an empty line between."""
    target: str | None
    """The right answer; None where the last message holds it."""
    choices: tuple[str, ...] = ()
    """The column of all options, or one column an option."""
    id: str | None = None
    """The query's own id."""

    def told(self) -> str:
        """What was recognised, for a line."""
        parts = [f"prompt from {' + '.join(self.prompt)}", f"target from {self.target or 'the last message, if any'}"]
        parts += [f"choices from {', '.join(self.choices)}"] if self.choices else []
        parts += [f"id from {self.id}"] if self.id else []
        return ", ".join(parts)

    @property
    def used(self) -> set[str]:
        """Names of the columns used, dotted paths cut to their columns."""
        named = [*self.prompt, self.target, *self.choices, self.id]
        return {part for name in named if name for part in (name, name.partition(".")[0])}


def parse_columns(text: str) -> dict[str, str]:
    """Read "prompt=question,target=answer" as a mapping; a column's name may hold commas.

    >>> parse_columns("prompt=the question, as asked,target=answer.text")
    {'prompt': 'the question, as asked', 'target': 'answer.text'}
    """
    found: dict[str, str] = {}
    for part in re.split(rf",\s*(?=(?:{'|'.join(USUAL)})\s*=)", text.strip()):
        name, sign, column = (piece.strip() for piece in part.partition("="))
        if not sign or not column:
            raise InvalidInputError(f"Columns '{text}' won't do; write them as prompt=question,target=answer.")
        found[name] = column
    return found


def recognise(place: str, columns: Sequence[str], named: Mapping[str, str], *, needs_target: bool = True) -> Columns:
    """Find the columns of a table.

    Args:
        place: the table's file or id, for messages.
        columns: its columns.
        named: columns that the user names, by what they are ("prompt", "target", "choices", "id"); a prompt may be
            several, between "+".
        needs_target: whether there must be a column for the target, or messages that end with it.

    Raises:
        InvalidInputError: a column that is not there, or no column for the prompt or the target.
    """
    if wrong := sorted(set(named) - set(USUAL)):
        raise UnknownNameError("kind of column", wrong[0], USUAL)
    for name in [part for value in named.values() for part in _parts(value, columns)]:
        if name not in columns and name.partition(".")[0] not in columns:
            raise InvalidInputError(f"{place} has no column '{name}'; it has: {_listed(columns)}.")
    prompt = _parts(named["prompt"], columns) if "prompt" in named else _prompt(columns)
    target = named.get("target") or _usual("target", columns)
    closed = any(_plain(name).startswith(("message", "conv")) for name in prompt)
    if not prompt or (needs_target and target is None and not closed):
        lacking = "target" if prompt else "prompt"
        raise InvalidInputError(
            f"{place} has no column that is known as the {lacking}; it has: {_listed(columns)}. "
            f"Name it: --columns {lacking}=COLUMN."
        )
    choices = tuple(_parts(named["choices"], columns)) if "choices" in named else _choices(columns)
    return Columns(prompt=tuple(prompt), target=target, choices=choices, id=named.get("id") or _usual("id", columns))


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """Value of a column, or of a dotted path into it; None where there is none."""
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list | tuple) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _prompt(columns: Sequence[str]) -> tuple[str, ...]:
    """The prompt's column, or an instruction with its input."""
    found = _usual("prompt", columns)
    plain = {_plain(c): c for c in columns}
    if found and _plain(found) == "instruction" and "input" in plain:
        return found, plain["input"]
    return (found,) if found else ()


def _choices(columns: Sequence[str]) -> tuple[str, ...]:
    """The column of all options, or at least two columns of one option each: A, B, C or option_1, option_2."""
    if (found := _usual("choices", columns)) is not None:
        return (found,)
    marks = {(m[1] or m[2]).lower(): c for c in columns if (m := OPTION.fullmatch(c.strip()))}
    for first in ("a", "1", "0"):
        run: list[str] = []
        while (mark := str(int(first) + len(run)) if first.isdigit() else chr(97 + len(run))) in marks:
            run.append(marks[mark])
        if len(run) > 1:
            return tuple(run)
    return ()


def _usual(kind: str, columns: Sequence[str]) -> str | None:
    """The column that has the likeliest of the usual names, if one has any."""
    plain = {_plain(c): c for c in reversed(columns)}
    return next((plain[_plain(name)] for name in USUAL[kind] if _plain(name) in plain), None)


def _plain(name: str) -> str:
    """A name without case, spaces and signs between words."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _parts(value: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that a user names between "+"; a column whose name holds one stays whole."""
    return (value,) if value in columns else tuple(part.strip() for part in value.split("+"))


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:20])
    return f"{shown}, ..." if len(columns) > 20 else shown or "none"
