"""Notebook variables in the words of a magic: as values of arguments, and as `{name}` in text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeta_eval.exceptions import InvalidInputError

_NAME = r"[^\W\d]\w*"
_INDEX = rf"\[(?:-?\d+|{_NAME}|'[^'{{}}\n]*'|\"[^\"{{}}\n]*\")\]"
_FIELD = re.compile(rf"(?<!\{{)\{{({_NAME})((?:\.{_NAME}|{_INDEX})*)\}}(?!\}})")
_STEP = re.compile(rf"\.({_NAME})|\[(.*?)\](?=[.\[]|$)")


_CODE = re.compile(
    r"^ {0,3}(?P<fence>```+|~~~+).*?(?:^ {0,3}(?P=fence)|\Z)"
    r"|(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n\n).)+?(?<!`)(?P=ticks)(?!`)"
    r"|(?<!\w)(?:[fF][rR]?|[rR][fF])(?P<quote>[\"'])(?:\\.|(?!\n).)*?(?P=quote)"
    r"|(?:\A|(?<=\n\n))(?:(?: {4}|\t)[^\n]*(?:\n|\Z))+",
    re.DOTALL | re.MULTILINE,
)
"""Fenced, quoted, formatted and indented code."""
_GROUP = r"\{(?:[^{}]|\{[^{}]*\})*\}"
_MATHS = re.compile(rf"(?:\\[A-Za-z]+\*?(?:\[[^\[\]]*\])?(?:{_GROUP})*|\^|_)\Z")
"""What makes the braces after it those of a formula."""
_BEFORE = 200
"""Characters before a field in which a formula is looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """A text with the values of variables in it."""

    text: str
    """The text."""
    values: Mapping[str, str]
    """By field that was filled in, as it stood there: its value."""
    left: tuple[str, ...]
    """Fields of known names that were left, since they stand in code or mathematics."""

    @property
    def told(self) -> list[str]:
        """What was filled in and what was left, in words."""
        done = ", ".join(f"{field}: {shortened(value)}" for field, value in self.values.items())
        left = ", ".join(dict.fromkeys(self.left))
        return [
            *([f"Filled in: {done}."] if done else []),
            *([f"Left as it stands in code or mathematics: {left}."] if left else []),
        ]


def shortened(value: str, room: int = 60) -> str:
    """A value in a line."""
    line = " ".join(value.split())
    return line if len(line) <= room else f"{line[: room - 1]}\u2026"


def filled(text: str, variables: Mapping[str, Any]) -> Filled:
    """Fill in `{name}`, `{name.attr}` and `{name[i]}` where there is such a value; leave all other text as it is.

    An index is a whole number, a quoted key, or the name of a variable that holds one. Doubled braces, as templates
    have them, are left alone, and so is what stands in code, or after a word with a backslash, `^` or `_`.
    """
    code = [found.span() for found in _CODE.finditer(text)]
    values: dict[str, str] = {}
    left: list[str] = []

    def fill(found: re.Match[str]) -> str:
        try:
            value = str(_value(found[1], found[2], variables))
        except Exception:  # the value's own code runs here; what fails is no value
            return found[0]
        start = found.start()
        if any(a <= start < b for a, b in code) or _MATHS.search(text[max(0, start - _BEFORE) : start]):
            left.append(found[0])
            return found[0]
        values[found[0]] = value
        return value

    return Filled(text=_FIELD.sub(fill, text), values=values, left=tuple(left))


def interpolate(text: str, variables: Mapping[str, Any]) -> str:
    """The text of `filled`; in a word that looks like a file's name, the field may stand after an underscore."""
    if re.search(r"[\s\\$^`]", text):
        return filled(text, variables).text
    return "_".join(filled(part, variables).text for part in _outside_braces(text))


def _outside_braces(text: str) -> list[str]:
    """Parts of a text between the underscores that stand in no braces."""
    return re.split(r"_(?![^{]*\})", text)


def _value(name: str, path: str, variables: Mapping[str, Any]) -> Any:
    value = variables[name]
    for step in _STEP.finditer(path):
        value = getattr(value, step[1]) if step[1] else value[_key(step[2], variables)]
    return value


def _key(text: str, variables: Mapping[str, Any]) -> Any:
    if text[0] in "'\"":
        return text[1:-1]
    return int(text) if re.fullmatch(r"-?\d+", text) else variables[text]


KINDS = {
    "table": "Outcomes",
    "tables": "Outcomes",
    "policy": "RoutingPolicy",
    "policies": "RoutingPolicy",
    "ladder": "Ladder",
}
"""By argument: the class that its value stands for."""


def take(argument: str, word: Any, variables: Mapping[str, Any]) -> Any:
    """Value of a word in an argument that names a table, a policy or a ladder: the variable's, or the word itself."""
    if not isinstance(word, str) or word not in variables:
        return word
    value = variables[word]
    if isinstance(value, str | Path):
        return value
    for held in _holds(value):
        if _is(held, KINDS[argument]):
            return held
    if KINDS[argument] == "Outcomes" and _is(value, "DataFrame"):
        from zeta_eval.outcomes import Outcomes

        return Outcomes.from_frame(value)
    if Path(word).exists():
        return word
    raise InvalidInputError(
        f"Variable '{word}' is of type {type(value).__name__}; give one of type {KINDS[argument]}, a report that has "
        "one, or a file's name."
    )


def fits(argument: str, value: Any) -> bool:
    """Whether a variable of that value is one that an argument is meant for."""
    if KINDS[argument] == "Outcomes" and _is(value, "DataFrame"):
        return {"query_id", "model", "score"} <= set(value.columns)
    return any(_is(held, KINDS[argument]) for held in _holds(value))


def _holds(value: Any) -> list[Any]:
    """The value, and what it holds where it is a report of this package: a table, a policy."""
    if not type(value).__module__.startswith("zeta_eval."):
        return []
    tuning = getattr(value, "tuning", None)
    return [value, *(getattr(v, name, None) for v in (value, tuning) for name in ("outcomes", "policy"))]


def _is(value: Any, kind: str) -> bool:
    """Whether a value is of the class of that name, which need not be imported to tell."""
    return type(value).__name__ == kind
