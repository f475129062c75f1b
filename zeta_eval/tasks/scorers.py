"""Scorers: functions that find the answer in a model's response and compare it with the right one.

A scorer's mistake looks like a worse model, and a router would act on it. So each rule is lenient on form (markdown,
brackets, case, thousands separators) and strict on place. A response in which the rule finds no answer scores 0 and is
counted as unparsed, apart from wrong ones.
"""

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

from zeta_eval.exceptions import UnknownNameError
from zeta_eval.tasks.base import Score, Scorer, Target
from zeta_eval.tasks.math_grader import grader

UNPARSED = Score(0.0, unparsed=True)
"""Score of a response in which no answer was found."""

_NUMBER = re.compile(
    r"(?<![\w.)\]])-?(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?"  # 1,234.5
    r"(?:\s*/\s*\d+(?!\d*[.,]\d))?"  # 3/4
    r"|-?(?<!\d)\.\d+"  # .5
)
_LETTER = (
    r"(?:[(\[]\s*([A-Za-z])\s*[)\]]"  # (B), [b]
    r"|([AI])(?![\w'])(?!\s+(?!because|since|as\b)[a-z])"  # no article, no pronoun
    r"|([B-HJ-Z])(?![\w'])"
    r"|([a-z])(?=\s*(?:[.,;:]|$)))"
)
_STATED = re.compile(
    r"(?i:answer(?:\s+(?:choice|option|letter))?|(?:best|correct|right)\s+(?:choice|option|letter|one))"
    r"\s*(?i:is|would be|must be)?\s*[:=]?\s*(?i:(?:the\s+)?(?:choice|option|letter)\s*:?\s*)?(?:\\boxed\{\s*)?"
    rf"{_LETTER}(?!\s*(?i:or|and|/)\s*[(\[]?[A-Za-z]\b)"
    rf"|\\boxed\{{\s*{_LETTER}\s*[^{{}}]*\}}",
    re.MULTILINE,
)
_NAMED = r"(?i:(?:option|choice|letter)\s*:?\s*)"
_CONCLUDED = re.compile(
    r"(?:^|[.;:!?]\s|,\s+and\s|(?i:\b(?:therefore|thus|hence|so|conclude|means)\b(?:\s+that\b|\s*,)?\s))[ \t]*"
    rf"(?:(?:{_NAMED}?(?:[(\[]([A-Z])[)\]]|([A-HJ-Z]))|{_NAMED}(I))"  # B is (the) correct (answer)
    r"\s+(?:is|must\s+be)\s+(?:also\s+)?(?:(?:the\s+)?(?:correct|right)(?:\s+(?:answer|option|choice|one))?"
    r"|the\s+(?:best\s+)?(?:answer|option|choice))"
    r"|I(?:\s+would|\s+will|'d|'ll)?\s+(?:choose|pick|select|go\s+with)\s+"  # I choose (option) B
    rf"{_NAMED}?(?:[(\[]([A-Z])[)\]]|([A-Z])))"
    r"(?=\s*(?:[.,;:!](?!\w)|$)|\s+(?:because|since|as)\b)",
    re.MULTILINE,
)
_LINES = (
    re.compile(r"[(\[]?([A-Za-z])[)\]]?[.:]?$|[(\[]([A-Za-z])[)\]]|([A-Z])[.):](?:\s|$)"),
    re.compile(rf"{_NAMED}(?:[(\[]?([A-Za-z])[)\]]?[.:]?$|[(\[]?([A-Z])[)\]]?[.:]\s)"),
)
_ANSWER = re.compile(  # a heading, or the words; the gap to the answer; the answer
    r"(?im)(?:^[^\w\n]*(?:final[ \t]+)?answer[^\w\n]*$|answer\s*(?:is|:|=)(?:\s*:)?|####)(\s*)(.*)"
)


def exact_match(target: Target, response: str) -> Score:
    """1 if the whole response is the target, spaces at both ends aside; an empty response is unparsed."""
    text = response.strip()
    return Score(float(text in _golds(target))) if text else UNPARSED


def compact_match(target: Target, response: str) -> Score:
    """1 if the response without white space is the target; one that is not all letters and digits is unparsed."""
    text = "".join(response.split())
    return Score(float(text in _golds(target))) if re.fullmatch("[A-Za-z0-9]+", text) else UNPARSED


def choice_match(target: Target, response: str) -> Score:
    r"""1 if the letter chosen is the target's ("B" or "(B)").

    The letter is that of the last "answer is (X)", "answer: X" (also "the correct, right or best option is X") or
    `\boxed{X}`. Without any, it is that of the sentences "X is correct", "X is the right answer" and "I choose X", if
    these agree. Without any, it is that of the last line, else of the first, if that line is nothing but a letter, or
    if it is the only line that begins with "(X)", "X." or "X)"; without any, of a line "option X" or "option X: ..." by
    the same rule. Brackets, markdown and `\text{}` don't count; a small letter needs brackets or the end of its clause;
    "answer is A or B" chooses nothing. Anything else ("A is a vowel", "whether B is correct") is unparsed.
    """
    text = _plain(response)
    stated = list(_STATED.finditer(text))
    concluded = {_first_group(m) for m in _CONCLUDED.finditer(text)}
    if stated:
        concluded = {_first_group(stated[-1])}
    letter = concluded.pop() if len(concluded) == 1 else _line_letter(text)
    if not letter:
        return UNPARSED
    return Score(float(letter in {gold.strip("()[] .").upper() for gold in _golds(target)}))


def number_match(target: Target, response: str) -> Score:
    r"""1 if the number answered equals the target's (to 1e-6 of it).

    The number is the first in the last `\boxed{}`, else the first on the line after the last "answer is", "answer:",
    "####" or heading "Final answer" (in both after the last "=", if there is one), else the last in the response. Prose
    after a blank line is no such line. Thousands separators, currency, units and per cent signs don't count; "3/4" and
    `\frac{3}{4}` are numbers. A response without digits is unparsed.
    """
    text = _numeric(_plain(response))
    found = _NUMBER.findall(_stated_answer(text).rpartition("=")[2])[:1]
    found = found or _NUMBER.findall(text)[-1:]
    number = _number(found[0]) if found else None
    if number is None:
        return UNPARSED
    golds = [_number(_numeric(_plain(gold)).strip().rstrip(".%")) for gold in _golds(target)]
    return Score(float(any(g is not None and math.isclose(number, g, rel_tol=1e-6, abs_tol=1e-9) for g in golds)))


def answer_match(target: Target, response: str) -> Score:
    r"""1 if the text answered is the target; case, white space, commas, quotes and a final full stop don't count.

    The text is the content of the last `\boxed{}`, else what follows the last "answer is" or "answer:" up to the line's
    end, else the last line. An empty response, or one that ends in a line of more than 200 characters, is unparsed.
    """
    text = _plain(response).strip()
    answer = _stated_answer(text) or text.rpartition("\n")[2].strip()
    if not answer or len(answer) > 200:
        return UNPARSED
    return Score(float(_normal(answer) in {_normal(_plain(gold)) for gold in _golds(target)}))


def math_match(target: Target, response: str) -> Score:
    r"""1 if the mathematical answer equals the target, by `math-verify` (symbolic, so that 1/2, 0.5 and \frac12 agree).

    math-verify takes the last `\boxed{}`, else what stands alone under "answer:" or a heading "Final answer", else the
    last "final answer is ...", else the last formula or number; a response with none is unparsed. Where the target is
    a plain number, `number_match` may find it right too: it reads forms that math-verify does not, such as
    `"answer": "12"`. math-verify runs in a helper process; a comparison that hangs is ended, and `number_match` or
    `answer_match` decides. Source: https://github.com/huggingface/Math-Verify
    """
    golds = _golds(target)
    shown = _boxed(response)
    verdicts = [v for v in (grader().grade(gold, shown) for gold in golds) if v is not None]
    if any(right for right, _ in verdicts):
        return Score(1.0)
    if all(map(_is_number, golds)):
        return number_match(target, response)
    if not verdicts:
        return answer_match(target, response)
    return Score(0.0, unparsed=not any(parsed for _, parsed in verdicts))


def auto_match(target: Target, response: str) -> Score:
    r"""The scorer the target asks for.

    One capital letter ("B", "(B)"): `choice_match`; a number: `number_match`; anything with a backslash or in dollar
    signs (LaTeX): `math_match`; any other text: `answer_match`.
    """
    gold = _golds(target)[0].strip()
    if re.fullmatch(r"\(?[A-Z]\)?", gold):
        return choice_match(target, response)
    if _is_number(gold):
        return number_match(target, response)
    if "\\" in gold or re.fullmatch(r"\$.+\$", gold):
        return math_match(target, response)
    return answer_match(target, response)


_ALL = (answer_match, auto_match, choice_match, compact_match, exact_match, math_match, number_match)
SCORERS: Mapping[str, Scorer] = MappingProxyType({f.__name__.removesuffix("_match"): f for f in _ALL})
"""Scorers by name."""


def get_scorer(scorer: str | Scorer) -> Scorer:
    """Look a scorer up by name; a function is its own."""
    if callable(scorer):
        return scorer
    if scorer not in SCORERS:
        raise UnknownNameError("scorer", scorer, SCORERS, hint="A function of target and response works too.")
    return SCORERS[scorer]


def _golds(target: Target) -> tuple[str, ...]:
    return (target,) if isinstance(target, str) else tuple(target)


def _plain(text: str) -> str:
    r"""Text without markdown emphasis, dollar signs and LaTeX's \text{...}, \( \) and \[ \]."""
    text = re.sub(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit)\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\*\*|__|[$`]|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)|\\[()\[\]$]", "", text.replace("\r\n", "\n"))


def _line_letter(text: str) -> str:
    """Letter of the last line, else of the first, by the rule of `choice_match`; "" if there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for form in _LINES:
        found = [(line, m) for line in lines if (m := form.match(line))]
        for line in lines[-1:] + lines[:1]:
            for known, m in found:
                if known == line and (m[1] or len(found) == 1):
                    return _first_group(m)
    return ""


def _first_group(match: re.Match[str]) -> str:
    """The group that matched, in upper case."""
    return next(g for g in match.groups() if g).upper()


def _stated_answer(text: str) -> str:
    r"""Content of the last \boxed{}, else the line after the last "answer is" or heading; "" if there is neither."""
    start = text.rfind("\\boxed{")
    if start >= 0:
        depth, begin = 0, start + len("\\boxed")
        for i in range(begin, len(text)):
            depth += {"{": 1, "}": -1}.get(text[i], 0)
            if depth == 0:
                return text[begin + 1 : i].strip()
    gap, answer = (_ANSWER.findall(text) or [("", "")])[-1]
    return "" if gap.count("\n") > 1 and _is_prose(answer) else answer.strip()


def _boxed(response: str) -> str:
    r"""The answer that stands alone under the last "answer:" or heading, in \boxed{}; else the response as it is."""
    text = _plain(response)
    stated = list(_ANSWER.finditer(text))
    if not stated or "\\boxed" in response:
        return response
    gap, answer = stated[-1].groups()
    alone = "\n" in gap and re.match(r"\s*\n[ \t]*\n|\s*\Z", text[stated[-1].end() :])
    return f"\\boxed{{{answer.strip(' .')}}}" if alone and answer.strip(" .") and not _is_prose(answer) else response


def _is_prose(line: str) -> bool:
    """Whether a line has more than three words, LaTeX's commands and single letters aside."""
    return len(re.findall(r"(?<!\\)\b[A-Za-z]{2,}", line)) > 3


def _numeric(text: str) -> str:
    """Text with LaTeX's fractions, thousands separators and minus signs in plain form."""
    text = re.sub(r"\\[dt]?frac\s*\{(-?\d+)\}\s*\{(\d+)\}", r"\1/\2", text)
    text = re.sub(r"(\d)(?:\{,\}|\\,|\\!|,\\!)\s*(?=\d{3})", r"\1", text)
    return text.replace("\u2212", "-")


def _number(text: str) -> Fraction | None:
    """The value of a number's text; None if it is none."""
    try:
        return Fraction(re.sub(r"[,\s]", "", text))
    except (ValueError, ZeroDivisionError):
        return None


def _is_number(gold: str) -> bool:
    return _NUMBER.fullmatch(_numeric(_plain(gold)).strip().rstrip(".%")) is not None


def _normal(text: str) -> str:
    """Text as answers are compared: small letters, words parted by one space, no quotes, no final full stop."""
    text = re.sub(r"[\s,]+", " ", re.sub(r"[\"'\u2018\u2019\u201c\u201d]", "", text.casefold())).strip(" .;:!")
    return re.sub(r"(?<!\w) | (?!\w)", "", text)
