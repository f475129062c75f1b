"""The scorer of mathematical answers."""

from zeta_eval.tasks.base import Score, Target
from zeta_eval.tasks.math_grader import grader
from zeta_eval.tasks.scorers.number import is_number, number_match
from zeta_eval.tasks.scorers.stated import boxed
from zeta_eval.tasks.scorers.text import answer_match
from zeta_eval.tasks.scorers.verdict import golds


def math_match(target: Target, response: str) -> Score:
    r"""1 if the mathematical answer equals the target, by `math-verify` (symbolic, so that 1/2, 0.5 and \frac12 agree).

    math-verify takes the last `\boxed{}`, else what stands alone under "answer:" or a heading "Final answer", else the
    last "final answer is ...", else the last formula or number; a response with none is unparsed. Where the target is
    a plain number, `number_match` may find it right too: it reads forms that math-verify does not, such as
    `"answer": "12"`. math-verify runs in a helper process; a comparison that hangs is ended, and `number_match` or
    `answer_match` decides. Source: https://github.com/huggingface/Math-Verify
    """
    wanted = golds(target)
    shown = boxed(response)
    verdicts = [v for v in (grader().grade(gold, shown) for gold in wanted) if v is not None]
    if any(right for right, _ in verdicts):
        return Score(1.0)
    if all(map(is_number, wanted)):
        return number_match(target, response)
    if not verdicts:
        return answer_match(target, response)
    return Score(0.0, unparsed=not any(parsed for _, parsed in verdicts))
