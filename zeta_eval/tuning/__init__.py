"""Tuning of policies on stored outcomes; the only room that imports optuna."""

from zeta_eval.tuning.report import TuningReport
from zeta_eval.tuning.settings import TuningSettings
from zeta_eval.tuning.study import tune

__all__ = ["TuningReport", "TuningSettings", "tune"]
