"""Signals of an answer that hint whether the answer is right, and its final answer. Standard library only."""

from zeta_eval.router.signals.answer import SIGNALS, AnswerView, agree, read_answer

__all__ = ["SIGNALS", "AnswerView", "agree", "read_answer"]
