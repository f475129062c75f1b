"""The search of the heuristic's parameters with Optuna: resumable, and in as many processes as share a storage."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from zeta_eval.arrays import Floats, Ints
from zeta_eval.exceptions import InvalidInputError, masked
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.heuristic import START, HeuristicSearch, suggest
from zeta_eval.tuning.progress import Board
from zeta_eval.tuning.quality import gain_errors
from zeta_eval.tuning.search_gain import OBJECTIVE
from zeta_eval.tuning.settings import TuningSettings

if TYPE_CHECKING:
    import optuna


def sampled(data: Data, seed: int) -> Ints:
    """Return the rows on which trials are judged: all, or so many that a large table's search takes no longer."""
    return np.sort(np.random.default_rng(seed).permutation(len(data.score))[:QUERIES])


def explained(p: Floats, score: Floats) -> Floats:
    """Return each query's part, shape (Q,), in the share of the gain that estimates (Q, M) explain, the mean of all.

    The gain is how far a query's scores differ between sizes. Estimates that are the same for every query explain 0 of
    it, and perfect ones 1. How much of the gap a policy closes is what counts, but by chance it moves so much that
    the trial that looks best by it is worse on new queries than the untuned start (`benchmarks/LOG.md`).
    """
    usual = gain_errors(np.broadcast_to(score.mean(axis=0), score.shape), score)
    if (whole := float(usual.mean())) < 1e-9:  # no query's scores differ from the usual: nothing is there to explain
        return np.zeros(len(score))
    return np.asarray((usual - gain_errors(p, score)) / whole)


def search(
    data: Data, settings: TuningSettings, chances: MutableMapping[int, Floats] | None = None, board: Board | None = None
) -> optuna.Study:
    """Run, or resume, the study; its name stands for the table and all that the values of its trials depend on.

    Trials are judged with fewer trees than are exported, on `sampled` queries. `chances` takes those out of fold,
    (Q, M), of every trial that ran to its end here, by its number; `board` shows how the search gets on.

    Raises:
        InvalidInputError: Optuna can't use the storage.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _study(data, settings)
    study.enqueue_trial(dict(START), skip_if_exists=True)
    part = data.take(sampled(data, settings.seed))
    heuristic = HeuristicSearch(part)

    def objective(trial: optuna.Trial) -> float:
        study.sampler = _sampler(settings.seed, trial.number)
        p, known = np.empty(part.score.shape), np.zeros(len(part.score), dtype=bool)
        parameters = suggest(trial)
        for fold, (held, told) in enumerate(heuristic.fold_by_fold(parameters, N_TREES)):
            p[held], known[held] = told, True
            trial.report(float(explained(p[known], part.score[known]).mean()), fold)
            if trial.should_prune():
                if board is not None:
                    board.trial(np.nan)
                raise optuna.TrialPruned
        if chances is not None:
            chances[trial.number] = p
        value = float(explained(p, part.score).mean())
        if board is not None and board.trial(value):
            board.grow(_front(p, part))
        return value

    if (left := settings.n_trials - len(ran(study))) > 0:
        finished = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        if board is not None:
            board.total = left
        enough = optuna.study.MaxTrialsCallback(settings.n_trials, states=finished)
        study.optimize(objective, n_trials=left, callbacks=[enough])
    return study


def _front(p: Floats, data: Data) -> Floats:
    """Costs and accuracies, shape (W, 2), of choosing by chances (Q, M) and each size's mean cost, by cost weight."""
    mean = np.broadcast_to(data.cost.mean(axis=0), p.shape)
    weights, cost, score = data.evaluator.curve(p, mean, data.allowed)
    return np.column_stack([cost.mean(axis=0), score.mean(axis=0)])[np.isfinite(weights)]


def ran(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that ran to their end or were given up, in order."""
    return [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED")]


def trial_table(study: optuna.Study) -> pd.DataFrame:
    """Return a row for each trial: its number, value (NaN where it was given up) and parameters."""
    # Of a trial that was given up Optuna takes the last report for its value.
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
"""A trial is given up where its estimates explain less than those of so many percent of the trials at the same fold."""

STARTUP = 20
"""Trials that are drawn at random before the sampler learns from them."""


def _study(data: Data, settings: TuningSettings) -> optuna.Study:
    import optuna

    identity = (OBJECTIVE, data.outcomes.sha256, data.outcomes.sizes, data.cost_unit, settings.seed)
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
        raise _unusable(settings.storage or "", e) from e
    return study


def check_storage(url: str) -> None:
    """Open an Optuna storage.

    Raises:
        InvalidInputError: Optuna can't use it.
    """
    import optuna

    try:
        optuna.storages.get_storage(url)
    except Exception as e:  # whatever the storage's own driver raises
        raise _unusable(url, e) from e


def _unusable(storage: str, error: Exception) -> InvalidInputError:
    reason = masked(" ".join(str(error).split()), storage)
    return InvalidInputError(f"Optuna can't use the storage {storage!r} ({reason}); give one like sqlite:///study.db.")
