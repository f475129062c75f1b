"""The scorer of numbers."""

import re
from typing import Literal

from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.scorers.forms import BEGIN, END, answer_of, plain, unify
from zeta_eval.tasks.scorers.quantity import AFTER, VALUE, Quantity, flat, quantity, read_quantity
from zeta_eval.tasks.scorers.stated import Statement, find_box, find_statement, first_paragraph, is_prose
from zeta_eval.tasks.scorers.units import is_unit
from zeta_eval.tasks.scorers.verdict import UNPARSED, golds

Reading = Quantity | Literal["formula"] | None
"""A number; "formula" where a number is part of more ("4x", "3 or 4"); None where there is none."""

_SENTENCE = re.compile(r"(?<=[\w%)\"\uff04\u20ac])[.;!?](?=\s|$)|\n")
_CLAUSE = re.compile(
    r",\s+(?=[^\W\d_])|\s+(?:because|since|as|which|so|where|if|when|including|of which|of whom|in which)\b"
    r"|\s\(|\s[\u2013\u2014-]\s(?!\d)"
)
_MARKED = re.compile(f"{BEGIN}([^{BEGIN}{END}]*){END}")
_VERB = re.compile(
    r"\b(?:is|are|was|were|equals|gives|makes|leaves|earns|needs|total of|be)\s+"
    r"(?:about |approximately |only |exactly )?$"
)
_BEFORE = re.compile(
    r"(?:[<>\u2260\u2264\u2265\u00b1^_\\!]|[\w)\]}]\s?[-+*/\u00d7^])\s*$|(?<=[\w)])-$|\d\s+(?:to|or)\s+$|between\s+\S+\s+and\s+$"
    r"|\{$|[A-Za-z\u03b1-\u03c9]$|\bnot\s+$|\)\($"
)
_AFTER = re.compile(
    r"\s*(?:[-+*/\u00d7\u2013]\s*[\d(\\\uff04]|[\^_\u00b1<>\u2264\u2265({\[\\]|!(?!\s*$)|,\s*\d|x\s*\d|\u221a|%|\s\d|/\s*[a-z](?![a-z]))"
    r"|\s+(?:or|to|and|through)\s+[-\uff04\u20ac\u00a3]?\d|\s+or\s+(?:more|less|fewer)\b|\s+(?:base|choose|mod|squared|cubed|factorial)\b"
    r"|\s*(?:more|less|fewer)\s+than\s+\w\b(?!\w)"
    r"|\s*(?:feet|foot|ft|hours?|hrs?|h|minutes?|mins?|pounds?|lbs?|weeks?|days?|years?|dollars?)(?:,|,? and)?\s+\d"
)


def number_match(target: Target, response: str) -> Score:
    r"""1 if the number answered equals the target's (to 1e-6 of it; whole numbers exactly).

    The number is that of the last `\boxed{}`, which must hold one number, its unit aside; else the first on the line
    after the last "answer is", "answer:", "####" or below a heading "Final answer" (in all after the last "=", if there
    is one), else the last in the response. A number that is part of more ("4x", "3 or 4", "10^3 + 1") is wrong.
    Thousands separators of any land, currency, units and per cent signs don't count, but "20 €" is not "$20"; "3/4",
    "1 1/2", "3 x 10^6", "1,5" and `\frac{3}{4}` are numbers. A response without digits is unparsed.
    """
    return grade_number(golds(target), read_answer(answer_of(response)))


def grade_number(wanted: tuple[str, ...], found: Reading) -> Score:
    """Score of the number read in a response."""
    if found is None:
        return UNPARSED
    right = [read_quantity(unify(gold)) for gold in wanted]
    return Score(float(isinstance(found, Quantity) and any(g is not None and g.equals(found) for g in right)))


def read_answer(text: str) -> Reading:
    """The number that a response answers, by the rule of `number_match`; its text is `answer_of` it."""
    box = find_box(text)
    if box is not None:
        return read_quantity(box) or ("formula" if re.search(r"[\d\\]", box) else None)
    text = plain(text, mark=True)
    stated = find_statement(text)
    return (_stated(stated) if stated.kind else None) or _last(text)


def is_number(gold: str) -> bool:
    """Whether a target is nothing but a number; it may have a currency sign or a per cent sign, and no unit."""
    text = flat(unify(gold)).strip().rstrip(".")
    found = VALUE.fullmatch(text) or VALUE.fullmatch(re.sub(r"\s?([\u20ac\u00a3\u00a5\u20b9\uff04])$", "", text))
    return found is not None and not found["ratio"] and read_quantity(unify(gold)) is not None


def _stated(stated: Statement) -> Reading:
    """The number of a statement; None where another place is the better one."""
    whole = read_quantity(_unmarked(first_paragraph(stated.text) if stated.kind == "heading" else stated.text))
    if whole is not None:
        return whole
    sentences = [s for s in _SENTENCE.split(first_paragraph(stated.text)) if re.search(r"\d", s)]
    if not sentences:
        return None
    if stated.kind == "heading" and is_prose(stated.text):
        return _said(sentences) if len(sentences) == 1 else None
    return _first(sentences[0])


def _first(sentence: str) -> Reading:
    """The first number of a sentence, after its last "="; where that is in a formula, the formula's."""
    formula = next((m for m in _MARKED.finditer(sentence) if re.search(r"\d", m[1])), None)
    if formula and not re.search(r"\d", sentence[: formula.start()]) and "=" not in sentence[formula.end() :]:
        return "formula" if _AFTER.match(_unmarked(sentence[formula.end() :])) else _strictly(formula[1])
    side = flat(_unmarked(sentence)).rpartition("=")[2]
    clause = next((c for c in _CLAUSE.split(side) if re.search(r"\d", c)), side)
    found = VALUE.search(clause)
    return read_quantity(clause) or (_within(found, clause) if found else None)


def _said(sentences: list[str]) -> Reading:
    """The number after the first verb of a sentence ("The total is 42 apples, of which 12 are red"); None without."""
    side = flat(_unmarked(sentences[-1])).rpartition("=")[2]
    found = next((m for m in VALUE.finditer(side) if _VERB.search(f"{side[: m.start()]} ")), None)
    return _within(found, side) if found else None


def _last(text: str) -> Reading:
    """The last number of a text, that of its last sentence with any; where that is in a formula, the formula's."""
    for sentence in reversed(_SENTENCE.split(text)):
        formula = re.search(f"{BEGIN}([^{BEGIN}{END}]*\\d[^{BEGIN}{END}]*){END}[^\\d{BEGIN}]*$", sentence)
        if formula:
            return _strictly(formula[1])
        sentence = flat(_unmarked(sentence))
        side = sentence.rpartition("=")[2] if re.search(r"=\s*\S*\d", sentence) else sentence
        if found := list(VALUE.finditer(side)):
            return _within(found[-1], side)
    return None


def _strictly(formula: str) -> Reading:
    """The number that is all of a formula."""
    return read_quantity(formula) or "formula"


def _unmarked(text: str) -> str:
    return text.replace(BEGIN, "").replace(END, "")


def _within(found: re.Match[str], text: str) -> Reading:
    """The number found in a text; "formula" where what stands beside it makes more of it."""
    before, after = text[: found.end() - len(found[0].lstrip())], text[found.end() :]
    if _BEFORE.search(before) or _AFTER.match(after):
        return "formula"
    after = re.sub(r"^(?:st|nd|rd|th)\b", "", after)
    word = re.match(r"[^\W\d_]+(?:/[^\W\d_]+)?", after)
    if word and not is_unit(word[0]):
        return "formula"
    unit = AFTER.match(after) or re.match(r"\s?[^\W\d_\s]*", after)
    known = unit is not None and (unit.re is AFTER or is_unit(unit[0]))
    return quantity(found, unit[0] if unit and known else "")
