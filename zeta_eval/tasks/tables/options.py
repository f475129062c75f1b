"""The lettered options of a multiple-choice row, and the letter of the right one."""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zeta_eval.files import from_json
from zeta_eval.tasks.tables.columns import value_at

MOST = len(string.ascii_uppercase)
"""Most options that have a letter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The options of one row."""

    texts: tuple[str, ...]
    """Their texts, in the order of their letters."""
    labels: tuple[str, ...] = ()
    """The row's own labels of the options ("1", "2"), or the columns that hold them, where it has some."""


def options_of(row: Mapping[str, Any], columns: Sequence[str]) -> Options | str:
    """The options that one column holds, or one column each; the reason where they are none."""
    values = {column: value_at(row, column) for column in columns}
    given = {column: v for column, v in values.items() if v is not None and str(v).strip()}
    labels: Any = tuple(given) if len(columns) > 1 else ()
    value = values[columns[0]] if len(columns) == 1 else list(given.values())
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Mapping):
        texts = value.get("text", value.get("choices"))
        labels = value.get("label", value.get("labels", ())) if texts is not None else tuple(value)
        value = list(value.values()) if texts is None else texts
    if isinstance(value, list | tuple):
        value = list(value)
        while value and value[-1] is None:  # options that rows with more of them have
            value.pop()
    if not isinstance(value, list) or not all(isinstance(v, str | int | float) for v in value):
        return "whose choices are no list of texts"
    if not 2 <= len(value) <= MOST:
        return f"with fewer than 2 or more than {MOST} choices"
    ok = isinstance(labels, list | tuple) and len(labels) == len(value)
    return Options(texts=tuple(map(str, value)), labels=tuple(map(str, labels)) if ok else ())


def letter_of(target: Any, options: Options, *, first: int) -> str | None:
    """Letter of the option that a target names: by a label, a text, a letter or an index; None where none is.

    Args:
        target: the row's target.
        options: the row's options.
        first: the index of the first option, 0 or 1.
    """
    found = named_option(target, options)
    if found is None and (index := index_of(target)) is not None:
        found = index - first
    return string.ascii_uppercase[found] if found is not None and 0 <= found < len(options.texts) else None


def named_option(target: Any, options: Options) -> int | None:
    """Place of the option that a target names by its label, its text or its letter."""
    if not isinstance(target, str):
        return None
    said = target.strip()
    labels = [_bare(label) for label in options.labels]
    if _bare(said) in labels:
        return labels.index(_bare(said))
    texts = [text.strip().casefold() for text in options.texts]
    if said.casefold() in texts:
        return texts.index(said.casefold())
    letter = said.strip("().: ").upper()
    return string.ascii_uppercase.index(letter) if len(letter) == 1 and letter in string.ascii_uppercase else None


def index_of(target: Any) -> int | None:
    """The whole number that a target is, or None."""
    if isinstance(target, bool):
        return None
    if isinstance(target, float) and target.is_integer():
        return int(target)
    if isinstance(target, str) and target.strip().isdecimal():
        return int(target)
    return target if isinstance(target, int) else None


def first_index(pairs: Sequence[tuple[Any, Options]]) -> int:
    """Index of the first option in a table.

    1 where a target is the number of options, or the options' columns are numbered from 1, and no target is 0; else 0.
    """
    indices = [
        (index, options)
        for target, options in pairs
        if named_option(target, options) is None and (index := index_of(target)) is not None
    ]
    ones = any(index == len(o.texts) or re.search(r"\D0?1$", "".join(o.labels[:1])) for index, o in indices)
    return int(ones and all(index > 0 for index, _ in indices))


def are_indices(pairs: Sequence[tuple[Any, Options]]) -> bool:
    """Whether a table's whole numbers can only be indices: one of them is no option's text."""
    return any(not isinstance(target, str) and str(target) not in options.texts for target, options in pairs)


def _bare(label: str) -> str:
    """A label without case, spaces and "_"."""
    return re.sub(r"[\s_]+", "", label).casefold()


def _parsed(text: str) -> Any:
    """The JSON of a text, or its lines or its parts between "|" where it is none."""
    try:
        return from_json(text)
    except ValueError:
        sign = "\n" if "\n" in text.strip() else "|"
        return [part.strip() for part in text.split(sign) if part.strip()]
