"""Choices made out of fold: the search's result, the estimator, whether to escalate, and the cost weight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.estimate import levelled
from zeta_eval.router.estimators.heuristic import LEAST, Heuristic, Level
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.estimators import Training, fit_estimator
from zeta_eval.tuning.fit_costs import Costs
from zeta_eval.tuning.fit_tasks import fit_tasks
from zeta_eval.tuning.heuristic import START, Fit, HeuristicSearch, Parameters
from zeta_eval.tuning.quality import Closed, Quality
from zeta_eval.tuning.search import N_TREES, explained, sampled

if TYPE_CHECKING:
    import optuna

BEST: Final = 10
"""Most trials that share out the trees: one trial alone is the best by luck as well as by merit."""

STRETCHES: Final = (0.5, 2.0)
"""Range of the factor by which easy and hard queries are stretched apart."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the search found."""

    fit: Fit
    """What the features tell."""
    parameters: tuple[Parameters, ...]
    """Parameters among which the trees are shared out: those of the best trials, or of the untuned start alone."""
    start: Fit
    """What the features tell by the untuned start."""
    gain: float
    """How much more of the gap the best trials together close than the untuned start, on queries that chose neither."""


def chosen_fit(
    study: optuna.Study, told: Mapping[int, Floats], heuristic: HeuristicSearch, costs: Costs, seed: int
) -> Found:
    """Take the best trials together where they close more than the untuned start by over one standard error.

    The best of many trials look better than they are on the queries that chose them. So the gain is told on others: the
    best trials by one half of the queries are judged on the other half, and the other way round. Trials are ranked by
    the gain that they explain; whether they are taken is judged by the gap that they close.
    """
    complete = {t.number: t for t in study.trials if t.state.name == "COMPLETE" and t.value is not None}
    ranked = sorted(complete, key=lambda number: (-(complete[number].value or 0.0), number))
    start, several = heuristic.fit([START]), tuple(dict(complete[n].params) for n in ranked[: _most(ranked)])
    if not several or several == (START,):
        return Found(fit=start, parameters=(START,), start=start, gain=0.0)
    gain, error = _gain_elsewhere(heuristic.data, costs, complete, told, seed)
    if gain > error:
        return Found(fit=heuristic.fit(several), parameters=several, start=start, gain=gain)
    return Found(fit=start, parameters=(START,), start=start, gain=gain)


def _most(trials: Sequence[int]) -> int:
    """Number of trials that share out the trees, of all that ran to their end."""
    return max(1, min(BEST, len(trials) // 3))


def _gain_elsewhere(
    whole: Data, costs: Costs, trials: Mapping[int, optuna.trial.FrozenTrial], told: Mapping[int, Floats], seed: int
) -> tuple[float, float]:
    """Return what the best trials gain over the untuned start on queries that did not choose them, and its error."""
    rows = sampled(whole, seed)
    data, cost = whole.take(rows), costs.open[rows]
    search = HeuristicSearch(data)

    def chances(parameters: Parameters, n_trees: int) -> Floats:
        p = np.empty(data.score.shape)
        for held, found in search.fold_by_fold(parameters, n_trees):
            p[held] = found
        return p

    # Trials of another process, or of an earlier run, told nothing here.
    known = {n: told[n] if n in told else chances(t.params, N_TREES) for n, t in trials.items()}
    # As many trees as the best trials have together: a forest of more trees is better by itself.
    start = chances(START, N_TREES * _most([*known]))
    family = np.arange(len(data.score)) if data.families is None else data.families
    half = np.random.default_rng(seed).permutation(int(family.max()) + 1)[family] % 2
    gains, errors = [], []
    for side in (0, 1):
        chosen_on, judged_on = np.flatnonzero(half == side), np.flatnonzero(half != side)
        value = {n: float(explained(p[chosen_on], data.score[chosen_on]).mean()) for n, p in known.items()}
        best = sorted(value, key=lambda n: (-value[n], n))[: _most([*known])]
        together = np.mean([known[n][judged_on] for n in best], axis=0)
        part = data.take(judged_on)
        there = Quality(part.evaluator, part.allowed, part.families)
        richer, simpler = (there.of_chances(p, cost[judged_on]) for p in (together, start[judged_on]))
        gains.append(richer.value - simpler.value)
        errors.append(there.error(richer, simpler))
    return float(np.mean(gains)), math.hypot(*errors) / 2


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An estimator that may be chosen."""

    name: str
    """Its name."""
    estimator: Heuristic
    """Fitted to all queries."""
    p: Floats
    """Chances out of fold where nobody names the task, shape (Q, M)."""
    tasked: Floats
    """The same where the caller names it."""
    closed: Closed
    """The gap that it closes where nobody names the task."""


def candidate(name: str, training: Training, costs: Costs, quality: Quality) -> Candidate:
    """Fit an estimator by its name, with its level and what it adds for tasks."""
    fitted, data = fit_estimator(name, training), training.data
    level = fit_level(fitted.p, data.score)
    p = levelled(level, fitted.p)
    tasks, tasked = fit_tasks(p, data.score, data.tasks, data.folds)
    p, tasked = (np.clip(x, LEAST, 1.0 - LEAST) for x in (p, tasked))
    closed = quality.of_chances(p, costs.open)
    return Candidate(name=name, estimator=fitted.estimator(level, tasks), p=p, tasked=tasked, closed=closed)


def fit_level(p: Floats, score: Floats) -> Level:
    """Fit by how much mean scores move with mean chances out of fold, both (Q, M), by least squares."""
    level, goal = p.mean(axis=1), score.mean(axis=1)
    spread = float(level.var())
    slope = float(np.cov(level, goal, bias=True)[0, 1]) / spread if spread > 1e-12 else 1.0
    return Level(mean=float(level.mean()), stretch=float(np.clip(slope, *STRETCHES)))


def chosen(candidates: Sequence[Candidate], quality: Quality) -> Candidate:
    """Take the first, simplest candidate unless a later one closes more by over one standard error of the gain."""
    best = candidates[0]
    for other in candidates[1:]:
        if quality.better(other.closed, best.closed):
            best = other
    return best
