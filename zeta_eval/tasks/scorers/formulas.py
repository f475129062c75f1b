r"""Formulas as texts: one form for each, their parts, and what math-verify reads past in them.

math-verify's "no" is good, its "yes" is not always: it rounds to six places (1/2^{99} is 1/2^{98}), takes a number out
of a formula that it cannot read ("1 - 1/\mathrm{e}"), and reads past ellipses, factorials of letters, number bases,
ratios, half-written formulas and words. So these are compared as text, and brackets, names, lists and relations are
taken apart here; math-verify sees their members only.
"""

import re
from collections.abc import Callable

from zeta_eval.tasks.scorers.forms import DOLLAR, plain, unify
from zeta_eval.tasks.scorers.quantity import flat, read_quantity
from zeta_eval.tasks.scorers.text import normal
from zeta_eval.tasks.scorers.units import is_unit

Verify = Callable[[str, str], bool]
"""Function of a right formula and an answered one that tells whether they are equal as mathematics."""

_SIGNS = {
    "\u03c0": r"\pi ", "\u221e": r"\infty ", "\u222a": r"\cup ", "\u2229": r"\cap ", "\u2264": r"\le ",
    "\u2265": r"\ge ",
    "\u2260": r"\ne ", "\u00d7": r"\times ", "\u00b7": r"\cdot ", "\u22c5": r"\cdot ", "\u2208": r"\in ",
    "\u00b1": r"\pm ",
    "\u03b8": r"\theta ", "\u00b0": r"^\circ ", "\u00f7": "/", "\u2026": r"\ldots ", DOLLAR: "",
}  # fmt: skip
_UNIT = re.compile(
    r"(?<=[\w})])\s*(?:\\[,;: ]|~)*\s*\\(?:text|mbox|mathrm|textrm)\s*\{\s*([A-Za-z. ]{2,})\}(?:\s*\^\s*\{?\d\}?)?\s*$"
)
_NAME = re.compile(
    r"\s*([A-Za-z](?:_\{?\w+\}?)?'?|\\[a-z]+|[A-Za-z]\([a-z](?:\s*,\s*[a-z])*\))\s*(?:=|\\in(?![a-z])|:(?=\s*[\[(]))\s*(?=[^\s=])"
)
_BLIND = re.compile(
    r"\\(?:sum|prod|int|lim|ldots|dots|cdots|vdots|forall|exists|mid|nmid|pmod|bmod|mod|overline|underbrace|text|implies)"
    r"(?![a-zA-Z])|\.\.\.|:|(?<=[a-zA-Z)}])\s*!|\d\s*_|\|"
)
_WORDS = re.compile(
    r"(?<![\\A-Za-z])(?!sin|cos|tan|cot|sec|csc|log|exp|arc|min|max|lim|sqrt|det|gcd|lcm|deg)[A-Za-z]{3,}"
)
_RELATION = re.compile(r"[<>]|\\(?:leq?|geq?|neq?|lt|gt|leqslant|geqslant|in|subset|subseteq|equiv)(?![a-zA-Z])")
_UNDONE = re.compile(r"(?:[-+*/^_=,(\[{]|\\(?:frac|sqrt|cdot|times|pm|left|cup)\s*|\\[dt]?frac\s*\{[^{}]*\})\s*$")
_OPEN, _CLOSED = "([{", ")]}"


def same_formula(gold: str, answer: str, verify: Verify) -> bool:
    """Whether a formula answered is the right one, in any form."""
    if _unit(gold) and _unit(answer) and normal(_unit(gold)).rstrip("s") != normal(_unit(answer)).rstrip("s"):
        return False
    return _same(_tex(gold), _tex(answer), verify)


def canonical(formula: str) -> str:
    r"""A formula's text without what does not change it: spaces, \left and \right, braces around one character."""
    text = re.sub(r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|limits|quad|qquad|[,;:! ])(?![a-zA-Z])|~", "", formula)
    text = re.sub(r"\\[dt]frac", r"\\frac", text).replace(r"\lbrace", r"\{").replace(r"\rbrace", r"\}")
    text = re.sub(r"\\(?:cdot|times)(?![a-zA-Z])", "*", text).replace(r"\leq", r"\le").replace(r"\geq", r"\ge")
    text = re.sub(r"\{(\w)\}", r"\1", re.sub(r"(\\[a-zA-Z]+) (?=\w)", r"\1{}", text))
    return re.sub(r"\s+", "", text).rstrip(".")


def _same(gold: str, answer: str, verify: Verify) -> bool:
    if canonical(gold) == canonical(answer):
        return True
    if _names_differ(gold, answer):
        return False
    if (a := read_quantity(gold)) is not None and (b := read_quantity(answer)) is not None:
        return a.equals(b)
    if re.fullmatch(r"[A-Za-z][A-Za-z .'-]+", gold.strip()) and _WORDS.search(gold):
        return normal(gold) == normal(answer)
    if _half_written(answer) or _reads_past(gold) or _reads_past(answer):
        return False
    gold, answer = _unnamed(gold, answer)
    if bool(_RELATION.search(answer)) and not _RELATION.search(gold):
        return False
    for split in (_union, _bracketed, _listed):
        parts, others = split(gold), split(answer)
        if parts is not None or others is not None:
            if split is not _listed and (parts is None or others is None):
                if _RELATION.search(gold):
                    break
                return False
            return _all_same(parts or [gold], others or [answer], verify, ordered=split is _bracketed)
    return "=" not in answer.replace(r"\ne", "") and verify(gold, answer) if "=" not in gold else verify(gold, answer)


def _tex(text: str) -> str:
    """A formula in LaTeX, without its fonts and the unit at its end."""
    text = unify(text).strip().rstrip(".")
    text = plain(_UNIT.sub(lambda m: "" if is_unit(f" {m[1].strip()}") else m[0], text))
    for sign, name in _SIGNS.items():
        text = text.replace(sign, name)
    text = re.sub("\u221a\\s*(\\w+)", r"\\sqrt{\1}", text).replace("\u221a", r"\sqrt")
    text = re.sub(r"(?<![\\A-Za-z])(sqrt|pi|infty|theta)(?![A-Za-z])", r"\\\1", text)
    text = re.sub(r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}", text)
    text = re.sub(r"\\frac\s*\(([^()]*)\)\s*\(([^()]*)\)", r"\\frac{\1}{\2}", text)
    return re.sub(r"(?:,?\s+and\s+|,\s*and\s+|\s+or\s+|\\(?:land|lor)(?![a-z]))", ", ", text).strip(" ;,")


def _unit(text: str) -> str:
    found = _UNIT.search(unify(text).strip().rstrip("."))
    return found[1].strip() if found and is_unit(f" {found[1].strip()}") else ""


def _half_written(text: str) -> bool:
    """Whether a formula breaks off: open brackets, an operator at its end, a fraction without its lower part."""
    bare = re.sub(r"\\[{}]", "", text)
    return (
        bare.count("{") != bare.count("}")
        or sum(map(text.count, _OPEN)) != sum(map(text.count, _CLOSED))
        or bool(_UNDONE.search(text))
    )


def _reads_past(text: str) -> bool:
    """Whether math-verify would take less than all of a formula."""
    return (
        _BLIND.search(text) is not None
        or _WORDS.search(flat(re.sub(r"\\(?:begin|end)\{\w+\*?\}", "", text))) is not None
    )


def _unnamed(gold: str, answer: str) -> tuple[str, str]:
    """Both formulas without the names that they are given ("x = 5"), if these agree; else as they are."""
    a, b = _NAME.match(gold), _NAME.match(answer)
    gold = gold[a.end() :] if a and "=" not in gold[a.end() :] else gold
    if "=" in gold:
        return gold, answer
    answer = answer[b.end() :] if b else answer
    side = not _RELATION.search(answer) and "," not in answer and not re.search(r"\d[a-zA-Z](?![a-zA-Z]).*=", answer)
    return gold, answer.rpartition("=")[2] if side else answer


def _names_differ(gold: str, answer: str) -> bool:
    """Whether both formulas are given a name of one letter, and not the same one."""
    a, b = _NAME.match(gold), _NAME.match(answer)
    return a is not None and b is not None and len(a[1]) == len(b[1]) == 1 and a[1] != b[1]


def _split(text: str, sign: str) -> list[str]:
    """The parts of a text between signs that no bracket encloses."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(rf"[()\[\]{{}}]|{sign}", text):
        if found[0] in _OPEN + _CLOSED:
            depth += 1 if found[0] in _OPEN else -1
        elif depth == 0:
            parts.append(text[start : found.start()])
            start = found.end()
    return [part.strip() for part in [*parts, text[start:]]]


def _union(text: str) -> list[str] | None:
    parts = _split(text, r"\\cup(?![a-z])")
    return parts if len(parts) > 1 else None


def _bracketed(text: str) -> list[str] | None:
    """The brackets and the members of a tuple, an interval or a set; None where a text is none."""
    bare = re.sub(r"\\(?:left|right|[bB]igg?[lr]?)(?![a-z])\s*", "", text).strip()
    found = re.fullmatch(r"(\(|\[|\\\{|\\lbrace)(.*)(\)|\]|\\\}|\\rbrace)", bare, re.DOTALL)
    if found is None or any(part.startswith(tuple(_CLOSED)) for part in _prefixes(found[2])):
        return None
    members = _split(found[2], ",")
    if len(members) == 1 and found[1] in "([":
        return None
    if found[1] not in "([":
        members = sorted(members, key=canonical)
        return ["\\{", ", ".join(members)] if len(members) > 1 else members
    return [found[1] + found[3], *members]


def _prefixes(text: str) -> list[str]:
    """What is left of a text at each bracket that closes one opened before it."""
    depth, left = 0, []
    for i, c in enumerate(text):
        depth += (c in _OPEN) - (c in _CLOSED)
        if depth < 0:
            left.append(text[i:])
    return left


def _listed(text: str) -> list[str] | None:
    r"""The members of a list "1, 2" in any order; "a \pm b" is two."""
    if re.match(r"\s*(?:\\begin|\\left\s*\\?[\[({]|[(\[]|\\\{)", text) and len(_split(text, ",")) == 1:
        return None
    members = _split(re.sub(r"\{,\}|(?<=\d),\\!(?=\d)|(?<=\d),(?=\d{3}(?!\d))", "", text), ",")
    names = [_NAME.match(member) for member in members]
    if len(members) > 1 and len({m and m[1] for m in names[1:]} | {names[0] and names[0][1]} - {None}) <= 1:
        members = [m[n.end() :] if n else m for m, n in zip(members, names, strict=True)]
    members = [made for m in members for made in ([m.replace(r"\pm", s) for s in "+-"] if r"\pm" in m else [m])]
    return members if len(members) > 1 else None


def _all_same(gold: list[str], answer: list[str], verify: Verify, *, ordered: bool) -> bool:
    """Whether two lists have the same members."""
    if len(gold) != len(answer):
        return False
    if ordered:
        return all(
            a == b if a in {"()", "[]", "(]", "[)", "\\{"} else _same(a, b, verify)
            for a, b in zip(gold, answer, strict=True)
        )
    left = list(answer)
    for member in gold:
        at = next((i for i, other in enumerate(left) if _same(member, other, verify)), None)
        if at is None:
            return False
        del left[at]
    return True
