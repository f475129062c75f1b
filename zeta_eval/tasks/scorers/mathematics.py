"""The scorer of mathematical answers."""

import re

from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.math_grader import grader
from zeta_eval.tasks.scorers.choice import choice_match
from zeta_eval.tasks.scorers.forms import FORMULA, answer_of, plain, unify
from zeta_eval.tasks.scorers.formulas import same_formula
from zeta_eval.tasks.scorers.number import grade_number, read_answer
from zeta_eval.tasks.scorers.quantity import Quantity, read_quantity
from zeta_eval.tasks.scorers.stated import find_box, find_statement, first_paragraph
from zeta_eval.tasks.scorers.verdict import UNPARSED, golds


def math_match(target: Target, response: str) -> Score:
    r"""1 if the mathematical answer equals the target, so that 1/2, 0.5 and \frac12 agree.

    The answer is the last `\boxed{}`, else what follows "answer:", "the answer is" or a heading "Final answer", else
    the last formula, else the last line. A target that is one number is compared as by `number_match`; a formula is
    taken apart into names, brackets and members, which `math-verify` compares (see `formulas` for what is compared as
    text). It runs in a helper process; a comparison that hangs is ended and finds the answer wrong. A response with no
    formula and no number is unparsed. Source: https://github.com/huggingface/Math-Verify
    """
    wanted, text = golds(target), answer_of(response)
    if all(re.fullmatch(r"\([A-Z]\)|\\text\s*\{\(?[A-Z]\)?\}", gold.strip()) for gold in wanted):
        return choice_match(tuple(map(plain, wanted)), response)
    if all("=" not in gold and read_quantity(unify(gold)) is not None for gold in wanted):
        found = read_answer(text)
        if found is None or isinstance(found, Quantity):
            return grade_number(wanted, found)
    answer = formula_answer(text)
    if not answer:
        return UNPARSED
    return Score(float(any(same_formula(gold, answer, _verify) for gold in wanted)))


def formula_answer(text: str) -> str:
    """The formula that a response answers, by the rule of `math_match`; its text is `answer_of` it."""
    box = find_box(text)
    if box is not None:
        return box
    stated = find_statement(re.sub(r"\*\*|`", "", text))
    place = first_paragraph(stated.text) if stated.kind else text
    if formulas := FORMULA.findall(place):
        return str(next(group for group in formulas[-1] if group)).strip(" .")
    line = place.strip().rpartition("\n")[2] if not stated.kind else place.partition("\n")[0]
    line = re.split(r"(?<=[\w)}])[.;](?:\s|$)", line, maxsplit=1)[0]
    return line if stated.kind or re.search(r"[\d\\=^]", line) else ""


def _verify(gold: str, answer: str) -> bool:
    verdict = grader().grade(gold, answer)
    return verdict is not None and verdict[0]
