"""The scorer of lettered options."""

import re

from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.scorers.stated import plain
from zeta_eval.tasks.scorers.verdict import UNPARSED, golds

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


def choice_match(target: Target, response: str) -> Score:
    r"""1 if the letter chosen is the target's ("B" or "(B)").

    The letter is that of the last "answer is (X)", "answer: X" (also "the correct, right or best option is X") or
    `\boxed{X}`. Without any, it is that of the sentences "X is correct", "X is the right answer" and "I choose X", if
    these agree. Without any, it is that of the last line, else of the first, if that line is nothing but a letter, or
    if it is the only line that begins with "(X)", "X." or "X)"; without any, of a line "option X" or "option X: ..." by
    the same rule. Brackets, markdown and `\text{}` don't count; a small letter needs brackets or the end of its clause;
    "answer is A or B" chooses nothing. Anything else ("A is a vowel", "whether B is correct") is unparsed.
    """
    text = plain(response)
    stated = list(_STATED.finditer(text))
    concluded = {_first_group(m) for m in _CONCLUDED.finditer(text)}
    if stated:
        concluded = {_first_group(stated[-1])}
    letter = concluded.pop() if len(concluded) == 1 else _line_letter(text)
    if not letter:
        return UNPARSED
    return Score(float(letter in {gold.strip("()[] .").upper() for gold in golds(target)}))


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
