"""Checking the sums that a text writes out: "3 * $4 + 2 = 14" is right or wrong whatever the question was."""

import re

MAX_SUMS = 64
"""Sums of one text that are checked."""

_AMOUNT = r"\\?\$?(?:\d{1,9}(?:,\d{3}){1,3}+|\d{1,15}+)(?:\.\d{1,15}+)?(?:\\?%)?"
_UNIT = r"(?: (?!x\b)[^\W\d_]{1,15}){0,2}"
_SIGN = r" ?(?:[-+*/x\u00d7\u00f7\u22c5\u2212]|\\(?:times|cdot|div)) ?"
_SUM = re.compile(
    r"(?<![\w.,^)(}\]{*/+\-=\u00d7\u00f7\u2212$\\])(?<![*/+\-x^\u00d7\u00f7\u2212=] )(?<!times )(?<!cdot )"
    rf"({_AMOUNT}{_UNIT}(?:{_SIGN}{_AMOUNT}{_UNIT}){{1,8}}+) ?= ?({_AMOUNT})"
    rf"(?!\d|\.\d|{_UNIT} ?[-+*/x^\u00d7\u00f7\u2212(\\])"
)
_TERM = re.compile(r"([-+*/x\u00d7\u00f7\u22c5\u2212]|\\(?:times|cdot|div))?\s*\\?\$?(\d[\d,]*(?:\.\d+)?)(\\?%)?")


def check_sums(text: str) -> tuple[int, int]:
    """How many sums a text writes out, and how many of these are wrong.

    A sum is a chain of amounts joined by signs, and what it is said to come to: "$6.50 + $5.50 = $12", "8 miles * 5
    days = 40". Its result may be rounded.
    """
    found = _SUM.findall(text)[:MAX_SUMS] if "=" in text else []
    return len(found), sum(not _holds(left, right) for left, right in found)


def _holds(left: str, right: str) -> bool:
    """Whether a sum comes to its result, to half a unit of the result's last digit or 1 %."""
    value = _value(left)
    digits = right.strip("\\$%").replace(",", "")
    if value is None:
        return False
    slack = max(0.5 * 10.0 ** -len(digits.partition(".")[2]), 0.01 * abs(value))
    return any(abs(value * scale - float(digits)) <= slack for scale in (1.0, 100.0))


def _value(chain: str) -> float | None:
    """What a chain of amounts comes to, products before sums; None where it divides by zero."""
    total, product = 0.0, 0.0
    for sign, digits, percent in _TERM.findall(chain):
        amount = float(digits.replace(",", "")) / (100.0 if percent else 1.0)
        if sign in {"", "+", "-", "\u2212"}:
            total, product = total + product, -amount if sign in {"-", "\u2212"} else amount
        elif sign in {"/", "\u00f7", "\\div"}:
            if not amount:
                return None
            product /= amount
        else:
            product *= amount
    return total + product
