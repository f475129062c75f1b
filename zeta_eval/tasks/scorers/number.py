"""The scorer of numbers."""

import math
import re
from fractions import Fraction

from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.scorers.stated import plain, stated_answer
from zeta_eval.tasks.scorers.verdict import UNPARSED, golds

NUMBER = re.compile(
    r"(?<![\w.)\]])-?(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?"  # 1,234.5
    r"(?:\s*/\s*\d+(?!\d*[.,]\d))?"  # 3/4
    r"|-?(?<!\d)\.\d+"  # .5
)


def number_match(target: Target, response: str) -> Score:
    r"""1 if the number answered equals the target's (to 1e-6 of it).

    The number is the first in the last `\boxed{}`, else the first on the line after the last "answer is", "answer:",
    "####" or heading "Final answer" (in both after the last "=", if there is one), else the last in the response. Prose
    after a blank line is no such line. Thousands separators, currency, units and per cent signs don't count; "3/4" and
    `\frac{3}{4}` are numbers. A response without digits is unparsed.
    """
    text = numeric(plain(response))
    found = NUMBER.findall(stated_answer(text).rpartition("=")[2])[:1]
    found = found or NUMBER.findall(text)[-1:]
    answered = number(found[0]) if found else None
    if answered is None:
        return UNPARSED
    wanted = [number(numeric(plain(gold)).strip().rstrip(".%")) for gold in golds(target)]
    return Score(float(any(g is not None and math.isclose(answered, g, rel_tol=1e-6, abs_tol=1e-9) for g in wanted)))


def numeric(text: str) -> str:
    """Text with LaTeX's fractions, thousands separators and minus signs in plain form."""
    text = re.sub(r"\\[dt]?frac\s*\{(-?\d+)\}\s*\{(\d+)\}", r"\1/\2", text)
    text = re.sub(r"(\d)(?:\{,\}|\\,|\\!|,\\!)\s*(?=\d{3})", r"\1", text)
    return text.replace("\u2212", "-")


def number(text: str) -> Fraction | None:
    """The value of a number's text; None if it is none."""
    try:
        return Fraction(re.sub(r"[,\s]", "", text))
    except (ValueError, ZeroDivisionError):
        return None


def is_number(gold: str) -> bool:
    """Whether a target is nothing but a number."""
    return NUMBER.fullmatch(numeric(plain(gold)).strip().rstrip(".%")) is not None
