"""Signals of an answer's text: numbers, such as its length or its hedging words, that hint whether the answer is right.

A signal claims nothing by itself: its weight and its sign are fitted on outcomes. Counts enter as
log(1 + n), so that the tenth occurrence weighs less than the first.
"""

import re
from collections import Counter
from dataclasses import dataclass
from math import log1p

from zeta_eval.router.signals.final import find_final
from zeta_eval.router.signals.sums import check_sums
from zeta_eval.router.signals.template import answer_text

LIMIT = 4000
"""Longer texts are read at their first and last LIMIT characters only."""

SIGNALS = (
    "characters",  # log of the whole text's length
    "words",
    "lines",
    "numbers",
    "decimals",  # numbers with three places or more
    "equations",
    "sums",  # sums written out, and those among them that are wrong
    "wrong_sums",
    "hedging",
    "approximation",
    "correction",
    "refusal",
    "repetition",  # share of the words' 4-grams that occurred before
    "cut",  # the text breaks off
    "final_missing",  # no final answer in any form
    "final_inferred",  # a final answer read off the last sentence
    "final_changed",  # a final answer that differs from an earlier one
    "final_letter",  # the final answer is one letter
    "final_number",  # it is a number
    "final_length",
    "final_places",  # its digits after the decimal point
    "final_magnitude",  # its digits before the decimal point
    "final_seen",  # how often it occurs in the text
)
"""Names of the signals, in the order of an AnswerView's values."""

_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_CUES = {
    "hedging": "maybe perhaps possibly probably likely unlikely seems seem appears appear might guess unsure uncertain "
    "unclear ambiguous confusing assume assuming assumed suppose presumably depends believe think",
    "approximation": "approximately approximate about around roughly estimate estimated closest nearest close closer "
    "almost nearly round rounded rounding typical typically approx",
    "correction": "wait actually however mistake error incorrect incorrectly wrong recheck reconsider reevaluate "
    "correct corrected correction instead apologize apologies oops contradiction contradicts impossible inconsistent",
    "refusal": "cannot unable sorry decline insufficient unfortunately none undefined nonexistent harmful "
    "inappropriate",
}
_PHRASES = {
    "hedging": "not sure|it is possible|it's possible|difficult to",
    "approximation": "\u2248|\\approx",
    "correction": "let's try|let me re|should be|not possible|re-eval|re-exam|does not match|not match",
    "refusal": "not enough|not given|not provided|not listed|not among|not one of|no answer|can't",
}
_CUE_OF = {word: cue for cue, words in _CUES.items() for word in words.split()}
_ENDS = frozenset(".!?)]}\"'`$>:;*|\u3002\u201d\u2019")


@dataclass(frozen=True, slots=True)
class AnswerView:
    """Signals and final answer of one answer text."""

    values: tuple[float, ...]
    """The signals, in the order of SIGNALS."""
    final: str
    """The final answer, normalised; "" where there is none."""


def read_answer(text: str) -> AnswerView:
    """Return an answer's signals and its final answer."""
    characters = len(text)
    answer = _shorten(answer_text(text))
    text = _shorten(text)
    lower = text.lower()
    words, numbers = _WORD.findall(lower), _NUMBER.findall(lower)
    cues = _cues(lower, words)
    sums, wrong = check_sums(text)
    cut = _is_cut(text)
    final = find_final(answer, cut=cut)
    values = (
        log1p(characters),
        log1p(len(words)),
        log1p(text.count("\n")),
        log1p(len(numbers)),
        log1p(sum(len(number.partition(".")[2]) > 2 for number in numbers)),
        log1p(text.count("=")),
        log1p(sums),
        log1p(wrong),
        *(log1p(cues[cue]) for cue in _CUES),
        _repetition(words),
        float(cut),
        float(not final.value),
        float(bool(final.value) and not final.stated),
        float(final.changed),
        *_shape(final.value),
        log1p(lower.count(final.value)) if final.value else 0.0,
    )
    return AnswerView(values, final.value)


def agree(a: AnswerView, b: AnswerView) -> float:
    """1.0 if two answers have the same final answer, 0.0 if not, 0.5 where either has none."""
    return float(a.final == b.final) if a.final and b.final else 0.5


def _shorten(text: str) -> str:
    """The first and the last LIMIT characters of a long text."""
    return text if len(text) <= 2 * LIMIT else text[:LIMIT] + "\n" + text[-LIMIT:]


def _cues(lower: str, words: list[str]) -> Counter[str]:
    """How often each cue's words and phrases occur."""
    cues = Counter(_CUE_OF[word] for word in words if word in _CUE_OF)
    for cue, phrases in _PHRASES.items():
        cues[cue] += sum(map(lower.count, phrases.split("|")))
    return cues


def _repetition(words: list[str]) -> float:
    """Share of the 4-grams of words that occurred before."""
    count = len(words) - 3
    return 1.0 - len(set(zip(words, words[1:], words[2:], words[3:], strict=False))) / count if count > 0 else 0.0


def _is_cut(text: str) -> bool:
    """Whether a text breaks off: an open fence or brace, or a long last line without an end."""
    text = text.rstrip()
    if text.count("```") % 2 or text.count("{") > text.count("}"):
        return True
    last = text[text.rfind("\n") + 1 :]
    return len(last) > 60 and last[-1] not in _ENDS and not last[-1].isnumeric()


def _shape(final: str) -> tuple[float, float, float, float, float]:
    """Of a final answer: is a letter, is a number, length, places, digits before the point."""
    whole, _, places = final.removeprefix("-").partition(".")
    number = whole.isdecimal() and (not places or places.isdecimal())
    return (
        float(len(final) == 1 and final.isalpha()),
        float(number),
        log1p(len(final)),
        float(min(len(places), 8)) if number else 0.0,
        float(min(len(whole), 8)) if number else 0.0,
    )
