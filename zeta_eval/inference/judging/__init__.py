"""Judges: models that grade the answers of other models, by a rubric or against a reference."""

from zeta_eval.inference.judging.judge import Judge, JudgeUse
from zeta_eval.inference.judging.pairs import PairJudge
from zeta_eval.inference.judging.rubric import Rubric

__all__ = ["Judge", "JudgeUse", "PairJudge", "Rubric"]
