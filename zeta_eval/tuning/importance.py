"""How much each parameter of a search mattered, by the trials of its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tuning.report import TuningReport
from zeta_eval.tuning.search_gain import OBJECTIVE

if TYPE_CHECKING:
    import optuna

FEWEST = 10
"""Fewest trials for an importance."""


def parameter_importance(report: TuningReport) -> dict[str, float]:
    """Return the share of the variance of the gain explained that each parameter explains, the greatest first.

    The method is functional ANOVA over a random forest (Hutter, Hoos and Leyton-Brown 2014) as Optuna has it, seeded by
    the tuning's seed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = report.trials.dropna(subset=[OBJECTIVE])
    if len(trials) < FEWEST:
        raise InvalidInputError(
            f"The study has {len(trials)} whole trials; importance needs at least {FEWEST}, tune longer."
        )
    names = [n for n in trials.columns if n not in ("number", OBJECTIVE) and trials[n].nunique() > 1]
    kinds = {name: _distribution(trials[name]) for name in names}
    records = trials[names].to_dict("records")
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(params=params, distributions=kinds, value=float(value))
            for params, value in zip(cast(list[dict[str, Any]], records), trials[OBJECTIVE], strict=True)
        ]
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=report.settings.seed)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _distribution(column: pd.Series[Any]) -> optuna.distributions.BaseDistribution:
    """The range in which a parameter's values lie."""
    import optuna

    if pd.api.types.is_numeric_dtype(column):
        return optuna.distributions.FloatDistribution(float(column.min()), float(column.max()))
    return optuna.distributions.CategoricalDistribution(sorted(column.unique()))
