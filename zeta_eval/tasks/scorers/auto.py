"""The scorer that the target asks for."""

import re

from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.scorers.choice import choice_match
from zeta_eval.tasks.scorers.mathematics import math_match
from zeta_eval.tasks.scorers.number import is_number, number_match
from zeta_eval.tasks.scorers.text import answer_match
from zeta_eval.tasks.scorers.verdict import golds


def auto_match(target: Target, response: str) -> Score:
    r"""The scorer the target asks for.

    One capital letter ("B", "(B)"): `choice_match`; a number: `number_match`; anything with a backslash or in dollar
    signs (LaTeX): `math_match`; any other text: `answer_match`.
    """
    gold = golds(target)[0].strip()
    if re.fullmatch(r"\(?[A-Z]\)?", gold):
        return choice_match(target, response)
    if is_number(gold):
        return number_match(target, response)
    if "\\" in gold or re.fullmatch(r"\$.+\$", gold):
        return math_match(target, response)
    return answer_match(target, response)
