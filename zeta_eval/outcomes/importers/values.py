"""Scores as tools write them: numbers, truth values, words and letters."""

import math
from collections.abc import Sequence
from typing import Any, Final

from zeta_eval.files import LARGEST

_WORDS: Final = {
    **dict.fromkeys(("true", "yes", "correct", "right", "pass", "passed"), 1.0),
    **dict.fromkeys(("false", "no", "incorrect", "wrong", "fail", "failed", "not_attempted", "noanswer"), 0.0),
    **dict.fromkeys(("partial", "partially correct", "partially_correct"), 0.5),
}
_LETTERS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Inspect's letters: correct, partly correct, incorrect, no answer."""
_NONE: Final = ("", "nan", "none", "null", "na", "n/a", "<na>")


def as_score(value: Any) -> float | None:
    """A value as a number: NaN where there is none, None where it is something else.

    >>> as_score("CORRECT"), as_score(True), as_score("0.25"), as_score("fine")
    (1.0, 1.0, 0.25, None)
    """
    if value is None:
        return math.nan
    if isinstance(value, (bool, int, float)):
        return float(value) if abs(value) <= LARGEST or value != value else None
    if not isinstance(value, str):
        return None
    said = value.strip().lower()
    if said in _NONE:
        return math.nan
    if said in _WORDS:
        return _WORDS[said]
    try:
        number = float(said)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST or number != number else None


def as_scores(values: Sequence[Any]) -> list[float | None]:
    """All values of one scorer as numbers, as `as_score`.

    The letters C, P, I and N count only where no other letter is among the values: of the grades A to E, C isn't right.
    """
    letters = {v.strip() for v in values if isinstance(v, str) and len(v.strip()) == 1 and v.strip().isalpha()}
    known = _LETTERS if letters <= set(_LETTERS) else {}
    return [known.get(v.strip()) if isinstance(v, str) and v.strip() in known else as_score(v) for v in values]
