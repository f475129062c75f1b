"""Text features in words that a stranger understands, for the reasons of a decision. Standard library only."""

from functools import lru_cache
from typing import Final, NamedTuple


class Words(NamedTuple):
    """How a text is said to differ in a feature from the usual text."""

    more: str
    """It has more of the feature."""
    less: str
    """It has less of it."""
    none: str
    """It has nothing of it."""


_NO_WORDS: Final = "no words"
_PLAIN: Final = {
    "characters": Words("more text than usual", "less text than usual", "no text"),
    "word_length": Words("longer words than usual", "shorter words than usual", _NO_WORDS),
    "longest_word": Words("a longer longest word than usual", "a shorter longest word than usual", _NO_WORDS),
    "distinct_words": Words("words repeated less than usual", "words repeated more than usual", _NO_WORDS),
    "foreign": Words("more letters beyond Latin than usual", "fewer letters beyond Latin than usual", "Latin alone"),
    "lines": Words("more lines than usual", "fewer lines than usual", "a single line"),
    "sentences": Words("more sentences than usual", "fewer sentences than usual", "no full stop"),
    "asks": Words("a question mark", "no question mark", "no question mark"),
    "longest_number": Words("longer numbers than usual", "shorter numbers than usual", "no numbers"),
    "second_number": Words(
        "a longer second number than usual", "a shorter second number than usual", "one number at most"
    ),
    "product_work": Words(
        "longer numbers to multiply than usual", "shorter numbers to multiply than usual", "no multiplication asked for"
    ),
}
"""Words for features that are no count of things."""

_THINGS: Final = {"latex": "formulas", "symbols": "signs", "operators": "sums to do", "cue_variables": "variables"}
"""What other features count, where their names do not say it."""

_KINDS: Final = {
    **{name: name for name in ("addition", "subtraction", "multiplication", "division", "comparison")},
    **{name: name for name in ("ordering", "counting", "reversal", "copying")},
    "stepwise": "steps",
}
"""Kinds of work that a text may ask for, in words."""

_SUBJECTS: Final = {
    "condition": "a condition",
    "negation": "a denial",
    "quantity": "an amount",
    "recall": "a fact",
    "proof": "a proof",
    "analysis": "an analysis",
    "society": "law or society",
}
"""What words may be about, where the name of their feature does not say it."""

_WORK: Final = {
    "digits_work": ("longer numbers", "shorter numbers"),
    "numbers_work": ("more numbers", "fewer numbers"),
    "letters_work": ("a longer word", "a shorter word"),
}
"""How there is more of a kind of work, or less."""


@lru_cache(maxsize=4096)
def in_words(feature: str, *, above: bool, absent: bool = False) -> str:
    """Say that a text has more of a feature, or less, than usual; or, where it is `absent`, that it has none.

    >>> in_words("longest_number", above=True), in_words("cue_code", above=False)
    ('longer numbers than usual', 'fewer words that may mean code than usual')
    >>> in_words("reversal_letters_work", above=False, absent=True)
    'no reversal asked for'
    """
    words = _PLAIN.get(feature) or _made(feature)
    return words.more if above else words.none if absent else words.less


def _made(feature: str) -> Words:
    """The words for a feature that counts things, or the work of a kind."""
    kind, _, amount = feature.partition("_")
    if kind in _KINDS and amount in _WORK:
        more, less = (f"{x} for its {_KINDS[kind]} than usual" for x in _WORK[amount])
        return Words(more, less, f"no {_KINDS[kind]} asked for")
    cue = feature.removeprefix("cue_")
    if cue == feature or feature in _THINGS:
        things = _THINGS.get(feature, feature.replace("_", " "))
        return Words(f"more {things} than usual", f"fewer {things} than usual", f"no {things}")
    what = _KINDS.get(cue) or _SUBJECTS.get(cue, cue)
    none = f"no {what} asked for" if cue in _KINDS else f"no words of {what}"
    more, less = (f"{x} words that may mean {what} than usual" for x in ("more", "fewer"))  # a word may mean much else
    return Words(more, less, none)
