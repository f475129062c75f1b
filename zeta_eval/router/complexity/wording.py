"""Text features in words that a stranger understands, for the reasons of a decision. Standard library only."""

from typing import Final

_PLAIN: Final = {
    "characters": "more text",
    "words": "more words",
    "word_length": "longer words",
    "longest_word": "a longer longest word",
    "distinct_words": "more different words",
    "lines": "more lines",
    "commas": "more commas",
    "sentences": "more sentences",
    "asks": "more of a question",
    "symbols": "more signs",
    "latex": "more formulas",
    "brackets": "more brackets",
    "equations": "more equations",
    "numbers": "more numbers",
    "longest_number": "longer numbers",
    "second_number": "longer second numbers",
    "operators": "more sums to do",
    "product_work": "longer numbers to multiply",
}
"""How a text is said to have more of a feature than usual."""


def in_words(feature: str, *, above: bool) -> str:
    """Say that a text has more of a feature, or less, than usual.

    >>> in_words("longest_number", above=True), in_words("cue_code", above=False)
    ('longer numbers than usual', 'fewer words of code than usual')
    """
    if feature.startswith("cue_"):
        more = f"more words of {feature.removeprefix('cue_')}"
    elif feature.endswith("_work") and feature not in _PLAIN:
        kind, what, _ = feature.rsplit("_", 2)
        more = f"more {what} in its {kind}"
    else:
        more = _PLAIN.get(feature, f"more {feature.replace('_', ' ')}")
    return f"{more if above else _less(more)} than usual"


def _less(more: str) -> str:
    """The opposite of a phrase that begins with "more" or "longer", perhaps after "a"."""
    singular = ("text", "of a question")
    for word, other in (("more ", "fewer "), ("longer ", "shorter "), ("a longer ", "a shorter ")):
        if more.startswith(word):
            rest = more.removeprefix(word)
            return f"{'less ' if word == 'more ' and rest in singular else other}{rest}"
    return more
