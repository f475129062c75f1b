"""A study as Optuna draws it: its history, what its parameters matter, and its values by parameter."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final, cast

import pandas as pd

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.tuning.search_gain import OBJECTIVE

if TYPE_CHECKING:
    import optuna
    from matplotlib.figure import Figure

PLOTS: Final = ("history", "importance", "slice")
"""What can be drawn of a study. It has one objective, so there is no Pareto front; a report's `plot` is the policy's
front of accuracy and cost."""

FEWEST: Final = 10
"""Fewest whole trials for an importance."""

MOST: Final = 6
"""Most parameters whose values are drawn side by side."""


def plot_study(trials: pd.DataFrame, plot: str, seed: int) -> Figure:
    """Draw a study from its table of trials, by Optuna's own functions.

    Raises:
        InvalidInputError: too few whole trials.
        UnknownNameError: no such plot.
    """
    import matplotlib.pyplot as plt
    import optuna
    import optuna.visualization.matplotlib as draw

    from zeta_eval.evaluation.reports.themed import dressed

    if plot not in PLOTS:
        raise UnknownNameError("plot", plot, PLOTS)
    study = rebuilt(trials)
    with warnings.catch_warnings(), plt.style.context("default"):  # Optuna sets a style for the whole process
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if plot == "history":
            axes: Any = draw.plot_optimization_history(study, target_name=OBJECTIVE)
        elif plot == "importance":
            found = importances(trials, seed)
            axes = draw.plot_param_importances(
                study, evaluator=_evaluator(seed), params=[*found], target_name=OBJECTIVE
            )
        else:
            names = [*importances(trials, seed)] if len(_whole(trials)) >= FEWEST else [*_varied(trials)]
            axes = draw.plot_slice(study, params=names[:MOST], target_name=OBJECTIVE)
            plt.gcf().set_size_inches(1.6 + 1.6 * len(names[:MOST]), 3.4)  # Optuna's are too wide to be read
        figure: Figure = (axes if hasattr(axes, "figure") else axes.flat[0]).figure
        figure.set_layout_engine("constrained")  # else long names are cut off
        plt.close(figure)
    return dressed(figure)


def importances(trials: pd.DataFrame, seed: int) -> dict[str, float]:
    """Return the share of the variance of the gain explained that each parameter explains, the greatest first.

    The method is functional ANOVA over a random forest (Hutter, Hoos and Leyton-Brown 2014) as Optuna has it.
    """
    import optuna

    if (n := len(_whole(trials))) < FEWEST:
        raise InvalidInputError(f"The study has {n} whole trials; importance needs at least {FEWEST}, tune longer.")
    return dict(optuna.importance.get_param_importances(rebuilt(trials), evaluator=_evaluator(seed)))


def rebuilt(trials: pd.DataFrame) -> optuna.Study:
    """Return a study in memory with the whole trials of a table and the parameters that they varied."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    whole, names = _whole(trials), _varied(trials)
    kinds = {name: _distribution(whole[name]) for name in names}
    records = cast(list[dict[str, Any]], whole[names].to_dict("records"))
    study = optuna.create_study(direction="maximize")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([OBJECTIVE])
    study.add_trials(
        [
            optuna.trial.create_trial(params=params, distributions=kinds, value=float(value))
            for params, value in zip(records, whole[OBJECTIVE], strict=True)
        ]
    )
    return study


def _evaluator(seed: int) -> optuna.importance.FanovaImportanceEvaluator:
    import optuna

    return optuna.importance.FanovaImportanceEvaluator(seed=seed)


def _whole(trials: pd.DataFrame) -> pd.DataFrame:
    return trials.dropna(subset=[OBJECTIVE])


def _varied(trials: pd.DataFrame) -> list[str]:
    whole = _whole(trials)
    return [n for n in whole.columns if n not in ("number", OBJECTIVE) and whole[n].nunique() > 1]


def _distribution(column: pd.Series[Any]) -> optuna.distributions.BaseDistribution:
    """The range in which a parameter's values lie."""
    import optuna

    if pd.api.types.is_numeric_dtype(column):
        return optuna.distributions.FloatDistribution(float(column.min()), float(column.max()))
    return optuna.distributions.CategoricalDistribution(sorted(column.unique()))
