"""Named features of a query's text: numbers that a policy weighs to tell how hard the query is.

A feature claims nothing by itself. Which ones matter, and with which sign, is fitted on outcomes: the length of the
text, for one, changes its sign between data sets. Counts enter as log(1 + n), so that the tenth occurrence weighs less
than the first. A new feature is one line here.
"""

from collections.abc import Callable
from math import log1p

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.router.complexity.view import CUES, TextView

Feature = Callable[[TextView], float]
"""Text view -> finite number."""

FEATURES: dict[str, Feature] = {}
"""The registered features by name, in the order in which `extract` gives them."""

GROUPS = ("work", "cues", "numbers", "symbols", "length")
"""Groups of features; the search tries whether trees may ask for those of a group."""

GROUP_OF: dict[str, str] = {}
"""Group of each registered feature."""


_ABSENT: dict[str, float] = {}
"""A text without any feature."""

_FREE: dict[str, Feature] = {}
"""Those that any text may have."""

_OF_CUE: dict[str, dict[str, Feature]] = {cue: {} for cue in CUES}
"""By cue, those that only a text with the cue has."""


def feature(name: str, *, group: str = "length", cue: str | None = None) -> Callable[[Feature], Feature]:
    """Register a feature under a name, in one of `GROUPS`; one with a `cue` is 0 in a text without that cue.

    Raises:
        InvalidInputError: the name is taken.
        UnknownNameError: no such group or cue.
    """

    def register(function: Feature) -> Feature:
        if name in FEATURES:
            raise InvalidInputError(f"Feature '{name}' is registered already; choose another name.")
        if group not in GROUPS:
            raise UnknownNameError("group of features", group, GROUPS)
        if cue is not None and cue not in _OF_CUE:
            raise UnknownNameError("cue", cue, CUES)
        FEATURES[name], GROUP_OF[name], _ABSENT[name] = function, group, 0.0
        (_FREE if cue is None else _OF_CUE[cue])[name] = function
        return function

    return register


def extract(text: str | TextView) -> dict[str, float]:
    """Every registered feature of a text, or of what was read of it, by name."""
    view = TextView.of(text) if isinstance(text, str) else text
    found = _ABSENT.copy()
    for name, function in _FREE.items():
        found[name] = function(view)
    for cue in view.cues:
        for name, function in _OF_CUE[cue].items():
            found[name] = function(view)
    return found


# Length is counted by what it says, so that it means the same in every script.
feature("characters")(lambda v: log1p(v.size))
feature("words")(lambda v: log1p(v.length))
feature("word_length")(lambda v: v.letters / v.length if v.length else 0.0)
_longest_word: Feature = feature("longest_word")(lambda v: log1p(v.longest_word))
feature("distinct_words")(lambda v: len(set(v.words)) / len(v.words) if v.words else 0.0)
feature("lines")(lambda v: log1p(v.text.count("\n")))
feature("commas")(lambda v: log1p(v.symbols.count(",")))
feature("sentences")(lambda v: log1p(v.symbols.count(".") + v.symbols.count("?") + v.symbols.count("!")))
feature("foreign")(lambda v: v.foreign / v.letters if v.foreign else 0.0)
feature("scripts")(lambda v: float(v.scripts))
feature("asks", group="symbols")(lambda v: float("?" in v.symbols))
feature("symbols", group="symbols")(lambda v: log1p(len(v.symbols)))
feature("latex", group="symbols")(lambda v: log1p(v.symbols.count("\\") + v.symbols.count("$") + v.symbols.count("^")))
feature("brackets", group="symbols")(
    lambda v: log1p(v.symbols.count("(") + v.symbols.count("[") + v.symbols.count("{"))
)
feature("equations", group="symbols")(
    lambda v: log1p(v.symbols.count("=") + v.symbols.count("<") + v.symbols.count(">"))
)
_numbers: Feature = feature("numbers", group="numbers")(lambda v: log1p(len(v.numbers)))
_longest_number: Feature = feature("longest_number", group="numbers")(lambda v: float(min(v.digits[0], 12)))
feature("second_number", group="numbers")(lambda v: float(min(v.digits[1], 12)))
feature("operators", group="numbers")(
    lambda v: log1p(sum(v.cues.get(cue, 0) for cue in ("addition", "subtraction", "multiplication", "division")))
)
# Digit products of the two longest numbers, where the text multiplies.
feature("product_work", group="work", cue="multiplication")(lambda v: log1p(min(v.digits[0] * v.digits[1], 144)))


def _cue(name: str) -> Feature:
    return lambda v: log1p(v.cues.get(name, 0))


for _name in CUES:
    feature(f"cue_{_name}", group="cues", cue=_name)(_cue(_name))

# How much there is to do, by the kind of work the text asks for: digits, numbers or letters to work on.
for _name in ("addition", "subtraction", "multiplication", "division", "comparison", "stepwise"):
    feature(f"{_name}_digits_work", group="work", cue=_name)(_longest_number)
    feature(f"{_name}_numbers_work", group="work", cue=_name)(_numbers)
for _name in ("ordering", "counting", "reversal", "copying"):
    feature(f"{_name}_letters_work", group="work", cue=_name)(_longest_word)
