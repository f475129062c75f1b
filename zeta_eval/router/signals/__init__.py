"""Answer -> final answer and signals that tell whether it is likely right. Standard library only."""

from zeta_eval.router.signals.answer import SIGNALS, AnswerView, agree, read_answer

__all__ = ["SIGNALS", "AnswerView", "agree", "read_answer"]
