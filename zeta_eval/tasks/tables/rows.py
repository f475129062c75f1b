"""Rows of a table as prompts with right answers; a row that can't be one is counted with the reason."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.complexity import Conversation
from zeta_eval.router.complexity.message_lists import conversation_of
from zeta_eval.tasks.files.table import Row, Table
from zeta_eval.tasks.prompts import choice_prompt, letter
from zeta_eval.tasks.tables.columns import Columns, value_at
from zeta_eval.tasks.tables.messages import PYTHON, asked_by, message_list
from zeta_eval.tasks.tables.options import Options, are_indices, first_index, index_of, letter_of, options_of

FINAL = re.compile(r"\s*####\s*(\S.*?)\s*$", re.DOTALL)
"""The mark before the final answer of a worked solution, and the answer (GSM8K, Cobbe et al. 2021)."""
PLACEHOLDER = re.compile(r"\{([^{}\n]+)\}")
"""A column in a template."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What a row asks."""

    prompt: str
    """The prompt."""
    target: str | tuple[str, ...]
    """The right answer, or several of which any is right."""
    shown: str
    """The answer as an example for other queries shows it."""
    options: int = 0
    """Number of lettered options in the prompt."""
    system: str = ""
    """The system turns of its messages."""
    own_id: str = ""
    """The row's own id, where it has one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """A row's values, before letters stand for options."""

    row: Row
    prompt: str
    system: str
    target: Any
    options: Options | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lettering:
    """How a table's numbers name options."""

    first: int
    """Index of the first option."""
    sure: bool
    """Whether numbers can only be indices."""


def drafts_of(
    table: Table, columns: Columns, template: str = "", *, needs_target: bool = True
) -> tuple[list[Draft], Counter[str]]:
    """What the rows of a table ask, and by reason the number of rows that are left out."""
    read = [_read(row, table, columns, needs_target) for row in table.rows]
    pairs = [(r.target, r.options) for r in read if isinstance(r, _Read) and r.options]
    how = _Lettering(first=first_index(pairs), sure=are_indices(pairs))
    made = [r if isinstance(r, str) else _draft(r, columns, template, how) for r in read]
    return [d for d in made if isinstance(d, Draft)], Counter(r for r in made if isinstance(r, str))


def _read(row: Row, table: Table, columns: Columns, needs_target: bool) -> _Read | str:
    """Prompt, target and options of a row, or the reason why it has none."""
    asked = _asked(row, columns.prompt)
    if isinstance(asked, str):
        return asked
    prompt, system, answer = asked
    target = answer
    if columns.target is not None:
        target = _named_class(value_at(row, columns.target), table.classes.get(columns.target))
        if answer is not None and target != answer:
            return "whose messages end with another answer than the target"
    options = options_of(row, columns.choices) if columns.choices else None
    if isinstance(options, str):
        return options
    if _is_empty(target):
        if needs_target:
            return "with an empty target"
        target, options = "", None
    return _Read(row=row, prompt=prompt, system=system, target=target, options=options)


def _asked(row: Row, columns: Sequence[str]) -> tuple[str, str, str | None] | str:
    """Prompt, system text and closing answer that columns hold, or the reason why not."""
    values = [v for v in (value_at(row, column) for column in columns) if not _is_empty(v)]
    if len(values) == 1 and (messages := message_list(values[0])) is not None:
        asked = asked_by(messages)
        return asked if isinstance(asked, str) else (asked.prompt, asked.system, asked.answer)
    if not values:
        return "with an empty prompt"
    if odd := next((v for v in values if isinstance(v, Mapping | list | tuple | bytes)), None):
        return f"whose prompt is {_kind(odd)}, no text"
    if any(PYTHON.match(str(v)) for v in values):
        return "whose prompt is a message list as Python prints it; write it as JSON"
    return "\n\n".join(map(str, values)), "", None


def _draft(read: _Read, columns: Columns, template: str, how: _Lettering) -> Draft | str:
    """A row's draft, or the reason why its target can't be used."""
    own_id = value_at(read.row, columns.id) if columns.id else None
    known = Draft(
        prompt=read.prompt, target="", shown="", system=read.system, own_id="" if own_id is None else str(own_id)
    )
    if read.options is None:
        target = _target(read.target)
        if target is None:
            return f"whose target is {_kind(read.target)}, no text"
        prompt = _reworded(read.prompt, lambda said: fill(template, read.row, said)) if template else read.prompt
        first_text = target if isinstance(target, str) else target[0]
        final = FINAL.search(target) if isinstance(target, str) else None
        return replace(known, prompt=prompt, target=final[1] if final else target, shown=first_text)
    texts = read.options.texts
    target = read.target[0] if isinstance(read.target, list | tuple) and len(read.target) == 1 else read.target
    named = letter_of(target, read.options, first=how.first)
    if named is None:
        return "whose target is none of its choices"
    text = str(target)
    if not isinstance(target, str) and not how.sure and text in texts and texts.index(text) != _place(target, how):
        return "whose target is both an option and the index of another"
    lines = "\n".join(f"{letter(i)}. {text}" for i, text in enumerate(texts))
    put = (lambda said: fill(template, read.row, said, lines)) if template else lambda said: choice_prompt(said, texts)
    prompt = _reworded(read.prompt, put)
    return replace(known, prompt=prompt, target=named, shown=f"The answer is ({named})", options=len(texts))


def fill(template: str, row: Row, prompt: str, choices: str = "") -> str:
    """Fill a template's `{column}` with a row's values; `{prompt}` and `{choices}` are what was recognised.

    >>> fill("{context} Q: {prompt}", {"context": "It rains.", "q": "Wet?"}, "Wet?")
    'It rains. Q: Wet?'
    """

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name not in row and name in ("prompt", "choices"):
            return prompt if name == "prompt" else choices
        if name not in row and name.partition(".")[0] not in row:
            raise InvalidInputError(f"The template names {{{name}}}, and a row has: {', '.join(map(str, row))}.")
        found = value_at(row, name)
        turns = None if isinstance(found, str) else message_list(found)
        return "" if found is None else str(found if turns is None else conversation_of(turns))

    return PLACEHOLDER.sub(value, template)


def _reworded(prompt: str, change: Callable[[str], str]) -> str:
    """The prompt with what is asked last worded anew; the turns before it stay."""
    return prompt.reworded(change) if isinstance(prompt, Conversation) else change(prompt)


def _target(value: Any) -> str | tuple[str, ...] | None:
    """A target as text, or as several texts; None where it is neither."""
    if isinstance(value, list | tuple):
        texts = [_text(v) for v in value if not _is_empty(v)]
        found = tuple(dict.fromkeys(t for t in texts if t is not None))
        return None if None in texts else found[0] if len(found) == 1 else found
    return _text(value)


def _text(value: Any) -> str | None:
    """Text of one value; 18.0 is "18", as tables with gaps write whole numbers as such."""
    if isinstance(value, Mapping | list | tuple | bytes):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _named_class(value: Any, names: Sequence[str] | None) -> Any:
    """The name of a class for its number; None for a number that stands for "no label"."""
    if names is None or isinstance(value, bool) or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None


def _place(target: Any, how: _Lettering) -> int:
    index = index_of(target)
    return -1 if index is None else index - how.first


def _is_empty(value: Any) -> bool:
    """Whether a value is none, blank, no number, or a list of such."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, list | tuple):
            todo.extend(one)
        elif one if isinstance(one, Mapping) else not (one is None or one != one or not str(one).strip()):
            return False
    return True


def _kind(value: Any) -> str:
    """What a value is, for a message; a mapping with its keys."""
    if isinstance(value, list | tuple):
        return f"a list of {_kind(next((v for v in value if not _is_empty(v)), ''))}"
    if isinstance(value, Mapping):
        return f"an object ({', '.join(map(str, value))})"
    return "bytes" if isinstance(value, bytes) else f"a {type(value).__name__}"
