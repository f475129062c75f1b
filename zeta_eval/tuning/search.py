"""The search of the heuristic's parameters with Optuna: resumable, and in as many processes as share a storage."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pandas as pd

from zeta_eval.arrays import Floats, Ints
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.fit_costs import Costs
from zeta_eval.tuning.fit_words import gain_error
from zeta_eval.tuning.heuristic import START, HeuristicSearch, suggest
from zeta_eval.tuning.quality import Quality
from zeta_eval.tuning.settings import TuningSettings

if TYPE_CHECKING:
    import optuna

OBJECTIVE: Final = "gap closed"
"""Name of what the search maximises, as Optuna's pages show it."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The queries on which trials are judged: all, or so many that a search of a large table takes no longer."""

    data: Data
    """The queries."""
    cost: Floats
    """Their expected costs out of fold, shape (Q, M)."""

    @classmethod
    def of(cls, data: Data, costs: Costs, seed: int) -> Self:
        """Draw the queries."""
        rows = np.sort(np.random.default_rng(seed).permutation(len(data.score))[:QUERIES])
        return cls(data=data.take(rows), cost=costs.open[rows])

    def quality(self, rows: Ints | None = None) -> Quality:
        """Judge strategies on all of the queries, or on some."""
        part = self.data if rows is None else self.data.take(rows)
        return Quality(part.evaluator, part.forced, part.families)


def search(
    data: Data, costs: Costs, settings: TuningSettings, chances: MutableMapping[int, Floats] | None = None
) -> optuna.Study:
    """Run, or resume, the study; its name stands for the table and all that the values of its trials depend on.

    Trials are judged with fewer trees than are exported, on a `Sample`. `chances` takes those out of fold, (Q, M), of
    every trial that ran to its end here, by its number.

    Raises:
        InvalidInputError: Optuna can't use the storage.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _study(data, settings)
    study.enqueue_trial(dict(START), skip_if_exists=True)
    sample = Sample.of(data, costs, settings.seed)
    part, quality, heuristic = sample.data, sample.quality(), HeuristicSearch(sample.data)

    def objective(trial: optuna.Trial) -> float:
        study.sampler = _sampler(settings.seed, trial.number)
        p, known = np.empty(part.score.shape), np.zeros(len(part.score), dtype=bool)
        parameters = suggest(trial)
        for fold, (held, told) in enumerate(heuristic.fold_by_fold(parameters, N_TREES)):
            p[held], known[held] = told, True
            error = gain_error(p[known], part.score[known]) / known.sum()
            trial.report(-error, fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        if chances is not None:
            chances[trial.number] = p
        value = quality.of_chances(p, sample.cost).value
        return value if np.isfinite(value) else 0.0

    if (left := settings.n_trials - len(ran(study))) > 0:
        finished = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        enough = optuna.study.MaxTrialsCallback(settings.n_trials, states=finished)
        study.optimize(objective, n_trials=left, callbacks=[enough])
    return study


def ran(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that ran to their end or were given up, in order."""
    return [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")]


def trial_table(study: optuna.Study) -> pd.DataFrame:
    """Return a row for each trial: its number, the gap closed (NaN where it was given up) and its parameters."""
    # Of a trial that was given up Optuna takes the last report of an error for its value.
    value = {t.number: t.value if t.state.name == "COMPLETE" else np.nan for t in ran(study)}
    return pd.DataFrame([{"number": t.number, OBJECTIVE: value[t.number], **t.params} for t in ran(study)])


def _sampler(seed: int, number: int) -> optuna.samplers.TPESampler:
    """A sampler of a trial's own: a resumed search goes on as one whole, and processes that share it do not repeat."""
    import optuna

    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=own, n_startup_trials=STARTUP)


QUERIES = 4000
"""Most queries on which trials are judged."""

N_TREES = 12
"""Trees of a trial."""

PRUNED = 75.0
"""A trial is given up where its estimates err more than those of so many percent of the trials at the same fold."""

STARTUP = 20
"""Trials that are drawn at random before the sampler learns from them."""


def _study(data: Data, settings: TuningSettings) -> optuna.Study:
    import optuna

    identity = (data.outcomes.sha256, data.outcomes.sizes, data.cost_unit, settings.seed)
    try:
        study = optuna.create_study(
            study_name=f"{settings.name}-{hashlib.sha256(repr(identity).encode()).hexdigest()[:8]}",
            storage=settings.storage,
            direction="maximize",
            pruner=optuna.pruners.PercentilePruner(PRUNED, n_startup_trials=STARTUP),
            load_if_exists=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names([OBJECTIVE])
    except Exception as e:  # whatever the storage's own driver raises
        reason = " ".join(str(e).split())
        raise InvalidInputError(
            f"Optuna can't use the storage {settings.storage!r} ({reason}); give one like sqlite:///study.db."
        ) from e
    return study
