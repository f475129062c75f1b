"""Scorers that compare texts."""

import re

from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.scorers.stated import plain, stated_answer
from zeta_eval.tasks.scorers.verdict import UNPARSED, golds


def exact_match(target: Target, response: str) -> Score:
    """1 if the whole response is the target, spaces at both ends aside; an empty response is unparsed."""
    text = response.strip()
    return Score(float(text in golds(target))) if text else UNPARSED


def compact_match(target: Target, response: str) -> Score:
    """1 if the response without white space is the target; one that is not all letters and digits is unparsed."""
    text = "".join(response.split())
    return Score(float(text in golds(target))) if re.fullmatch("[A-Za-z0-9]+", text) else UNPARSED


def answer_match(target: Target, response: str) -> Score:
    r"""1 if the text answered is the target; case, white space, commas, quotes and a final full stop don't count.

    The text is the content of the last `\boxed{}`, else what follows the last "answer is" or "answer:" up to the line's
    end, else the last line. An empty response, or one that ends in a line of more than 200 characters, is unparsed.
    """
    text = plain(response).strip()
    answer = stated_answer(text) or text.rpartition("\n")[2].strip()
    if not answer or len(answer) > 200:
        return UNPARSED
    return Score(float(_normal(answer) in {_normal(plain(gold)) for gold in golds(target)}))


def _normal(text: str) -> str:
    """Text as answers are compared: small letters, words parted by one space, no quotes, no final full stop."""
    text = re.sub(r"[\s,]+", " ", re.sub(r"[\"'\u2018\u2019\u201c\u201d]", "", text.casefold())).strip(" .;:!")
    return re.sub(r"(?<!\w) | (?!\w)", "", text)
