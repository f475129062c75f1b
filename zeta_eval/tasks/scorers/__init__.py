"""Scorers: functions that find the answer in a model's response and compare it with the right one.

A scorer's mistake looks like a worse model, and a router would act on it. So each rule is lenient on form (markdown,
brackets, case, thousands separators) and strict on place. A response in which the rule finds no answer scores 0 and is
counted as unparsed, apart from wrong ones.
"""

from collections.abc import Mapping
from types import MappingProxyType

from zeta_eval.exceptions import UnknownNameError
from zeta_eval.tasks.base import Scorer
from zeta_eval.tasks.scorers.auto import auto_match
from zeta_eval.tasks.scorers.choice import choice_match
from zeta_eval.tasks.scorers.from_file import scorer_from_file
from zeta_eval.tasks.scorers.mathematics import math_match
from zeta_eval.tasks.scorers.number import number_match
from zeta_eval.tasks.scorers.text import answer_match, compact_match, exact_match
from zeta_eval.tasks.scorers.verdict import UNPARSED

__all__ = [
    "SCORERS",
    "UNPARSED",
    "answer_match",
    "auto_match",
    "choice_match",
    "compact_match",
    "exact_match",
    "get_scorer",
    "math_match",
    "number_match",
]

_ALL = (answer_match, auto_match, choice_match, compact_match, exact_match, math_match, number_match)
SCORERS: Mapping[str, Scorer] = MappingProxyType({f.__name__.removesuffix("_match"): f for f in _ALL})
"""Scorers by name."""


def get_scorer(scorer: str | Scorer) -> Scorer:
    """Look a scorer up by name, or read it from `FILE.py:NAME`; a function is its own."""
    if callable(scorer):
        return scorer
    if ".py:" in scorer:
        return scorer_from_file(scorer)
    if scorer not in SCORERS:
        raise UnknownNameError(
            "scorer", scorer, SCORERS, hint="A function of query and response, or FILE.py:NAME, works too."
        )
    return SCORERS[scorer]
