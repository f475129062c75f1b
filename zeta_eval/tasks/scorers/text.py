"""Scorers that compare texts."""

import re
import unicodedata

from zeta_eval.router.signals.template import answer_text
from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.scorers.forms import DOLLAR, answer_of, plain, unify
from zeta_eval.tasks.scorers.quantity import read_quantity
from zeta_eval.tasks.scorers.stated import find_box, find_statement, first_paragraph
from zeta_eval.tasks.scorers.verdict import UNPARSED, golds

LONGEST = 200
"""Characters of the longest line that may be an answer."""

_CURRENCY = f"[{DOLLAR}\u20ac\u00a3\u00a5\u20b9]"
_TAKEN_BACK = re.compile(
    r"\b(?:no|not|wait|actually|however|but|instead|or|rather|correction|sorry|alternatively)\b", re.I
)
_REASON = re.compile(r"[.;!](?=\s)|,?\s+(?:because|since|as)\s")


def exact_match(target: Target, response: str) -> Score:
    """1 if the whole response is the target, spaces at both ends aside; an empty response is unparsed."""
    text = unicodedata.normalize("NFC", answer_text(response)).strip()
    return Score(float(text in {unicodedata.normalize("NFC", gold) for gold in golds(target)})) if text else UNPARSED


def compact_match(target: Target, response: str) -> Score:
    """1 if the response without white space is the target; one that is not all letters and digits is unparsed."""
    text = "".join(answer_text(response).split())
    return Score(float(text in golds(target))) if re.fullmatch("[A-Za-z0-9]+", text) else UNPARSED


def answer_match(target: Target, response: str) -> Score:
    r"""1 if the text answered is the target.

    The text is the content of the last `\boxed{}`, else what follows the last "answer is" or "answer:", in a field, in
    a tag or up to the line's end (with or without the reason that follows it), else the last line. Case, white space,
    commas, quotes, a final full stop, the order within braces and the form of Unicode do not count; "€20" is "20 €",
    "5km" is "5 km". An empty response, or one that ends in a line of more than 200 characters, is unparsed.
    """
    answer = text_answer(answer_of(response))
    return grade_text(golds(target), answer)


def grade_text(wanted: tuple[str, ...], answer: str) -> Score:
    """Score of the text answered."""
    if not answer or len(answer) > LONGEST:
        return UNPARSED
    right = {normal(gold): gold for gold in wanted}
    said = _shortened(answer, {"yes", "no", "true", "false"} & set(right))
    return Score(float(any(normal(text) in right for text in said) or any(_same_amount(g, answer) for g in wanted)))


def text_answer(text: str) -> str:
    """The text that a response answers, by the rule of `answer_match`; its text is `answer_of` it."""
    box = find_box(text)
    if box is not None:
        return plain(box).strip()
    bold = re.match(r"\*\*([^*\n]+?)[.:,]?\*\*([^\n]*)", find_statement(text).text)
    if bold and not _TAKEN_BACK.search(bold[2]) and re.match(r"\s*(?:[.,;(]|$)", bold[2]):
        return plain(bold[1]).strip()
    text = plain(text).strip()
    stated = find_statement(text).text
    return first_paragraph(stated).partition("\n")[0].strip() if stated else text.rpartition("\n")[2].strip()


def normal(text: str) -> str:
    """Text as answers are compared: small letters, words parted by one space, no quotes, no final full stop."""
    text = re.sub("[\u2013\u2014]", "-", plain(unify(text)).casefold()).replace(DOLLAR, "$")
    text = re.sub(r"\^\{(\w+)\}", r"^\1", text)
    text = re.sub(r"(\d[\d.,]*)\s*([$\u20ac\u00a3\u00a5\u20b9])(?!\w)", r"\2\1", text)
    text = re.sub(r"[\s,]+", " ", re.sub(r"[\"']", "", re.sub(r"(?<=[$\u20ac\u00a3\u00a5\u20b9])\s+(?=\d)", "", text)))
    text = re.sub(r"(?<!\w) | (?!\w)", "", re.sub(r"\\([{}])", r"\1", _ordered(text)).strip(" .;:!"))
    return re.sub(r"(?<=\d) (?=[^\W\d_])", "", text)


def _ordered(text: str) -> str:
    """A set in braces with its members in order; any other text as it is."""
    found = re.fullmatch(r"\\?\{([^{}]*?)\\?\}", text.strip(" ."))
    return "{" + " ".join(sorted(found[1].split())) + "}" if found else text


def _shortened(answer: str, words: set[str]) -> list[str]:
    """The answer, and the answer without the reason that follows it; one of the words may be followed by a comma."""
    said = [answer]
    if found := _REASON.search(answer):
        said += [answer[: found.start()]] if not _TAKEN_BACK.search(answer[found.end() :]) else []
    first, comma, rest = answer.partition(",")
    if comma and normal(first) in words and not re.search(r"\b(?:wait|actually|however|but|or)\b", rest):
        said.append(first)
    return said


def _same_amount(gold: str, answer: str) -> bool:
    """Whether two texts are the same number of the same unit, as "1,000 km" and "1000 kilometres"."""
    a, b = read_quantity(unify(gold)), read_quantity(answer)
    return a is not None and b is not None and a.unit != "" and a.unit == b.unit and a.equals(b)
