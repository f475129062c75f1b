"""Fits looks: how the signals of an answer change every size's chance of success."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zeta_eval.arrays import Floats, Sizes, logit, sigmoid
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.runs import run_sets
from zeta_eval.evaluation.measures.logistic import logistic_toward
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.tuning.ridge import Folds

PRECISIONS = (1000.0, 100.0, 30.0, 10.0, 3.0, 1.0)
"""Precisions of the prior of the weights of signals that are compared out of fold. The first, by which signals count
least, is taken where all do alike."""

FEWEST = 20
"""Fewest successes, and fewest failures, for a regression."""


class LookFits:
    """Fits looks, and keeps the precisions that it found best, so that further fits take no search."""

    def __init__(self) -> None:
        """Start without precisions."""
        self._precision: dict[tuple[tuple[int, ...], int], float] = {}

    def fit(self, p: Floats, score: Floats, answers: Answers, folds: Folds) -> tuple[Look, ...]:
        """Fit a look for every set of sizes that may have run, the smaller sets first, since later ones build on them.

        The value of seeing an answer, and the chances that later looks start from, are out of fold. The success
        probability before any answer, p, must be so too; p and score are of shape (Q, M).
        """
        beliefs: dict[tuple[int, ...], Floats] = {(): p}
        looks = []
        for ran in run_sets(p.shape[1]):
            look, beliefs[ran] = self._look(ran, beliefs[ran[:-1]], score, answers, folds)
            looks += [look] if look is not None else []
        return tuple(looks)

    def _look(
        self, ran: tuple[int, ...], before: Floats, score: Floats, answers: Answers, folds: Folds
    ) -> tuple[Look | None, Floats]:
        """Fit a look, and return it with every size's chance of success after it, out of fold, (Q, M).

        There is no look without signals, or with too few successes or failures of a size.
        """
        names, last = answers.names(ran), ran[-1]
        if not names:
            return None, before
        rows, signals = _signals(names, last, answers, len(score))
        log_odds, posteriors, after = logit(before[rows]), [], before.copy()
        inner = _among(folds, rows, len(score))
        for k in range(last, score.shape[1]):
            y = score[rows, k]
            if min(y.sum(), (1 - y).sum()) < FEWEST:
                return None, before
            own = [] if k == last else [log_odds[:, last]]
            x = np.column_stack([log_odds[:, k], *own, *signals.values()])
            precisions = (self._precision[ran, k],) if (ran, k) in self._precision else PRECISIONS
            w, bias, z, self._precision[ran, k] = _logistic(x, y, inner, precisions)
            after[rows, k] = sigmoid(z)
            prior, from_own = float(w[0]), float(w[1]) if own else 0.0
            weights = dict(zip(signals, w[1 + len(own) :].tolist(), strict=True))
            posteriors.append(Posterior(size=answers.sizes[k], bias=bias, prior=prior, own=from_own, weights=weights))
        names_ran, spread = tuple(answers.sizes[i] for i in ran), _spread(before, after, last)
        return Look(ran=names_ran, spread=spread, posteriors=tuple(posteriors)), after


def scaled(looks: Sequence[Look], by: float) -> tuple[Look, ...]:
    """The same looks, with the value of seeing an answer multiplied by a factor."""
    return tuple(replace(look, spread=by * look.spread) for look in looks)


def _signals(names: Sequence[str], size: int, answers: Answers, n: int) -> tuple[Sizes, dict[str, Floats]]:
    """Return which of n queries have every signal of a size, (N,), and by name the signals that vary there, (N,)."""
    columns = np.array([answers.column(name, size, np.arange(n)) for name in names])
    rows = np.flatnonzero(np.isfinite(columns).all(axis=0))
    return rows, {s: x[rows] for s, x in zip(names, columns, strict=True) if rows.size and x[rows].std() > 1e-9}


def _among(folds: Folds, rows: Sizes, n: int) -> Folds:
    """The folds of some of n queries, by their places among these."""
    fold = np.zeros(n, dtype=np.intp)
    for k, (_, held) in enumerate(folds):
        fold[held] = k
    return [(np.flatnonzero(fold[rows] != k), np.flatnonzero(fold[rows] == k)) for k in range(len(folds))]


def _logistic(x: Floats, y: Floats, folds: Folds, precisions: Sequence[float]) -> tuple[Floats, float, Floats, float]:
    """Logistic regression of scores (N,) on columns (N, D), the first of them the log-odds so far.

    By its prior the other columns do not matter: weight 1 for the first, 0 for them, intercept 0. Returns the
    weights (D,), the bias, the log-odds out of fold (N,), and the precision that errs least.
    """
    mean, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 1e-9, 1.0 / np.where(spread > 1e-9, spread, 1.0), 0.0)
    columns = np.column_stack([(x - mean) * scale, np.ones(len(x))])
    prior = np.zeros(columns.shape[1])
    prior[0], prior[-1] = x[:, 0].std(), x[:, 0].mean()

    def penalty(precision: float) -> Floats:
        return np.array([precision] * len(mean) + [1e-3])  # the intercept is almost free

    best = (np.inf, 0.0, x[:, 0])
    for precision in precisions:
        z = np.empty(len(y))
        for train, held in folds:
            z[held] = columns[held] @ logistic_toward(columns[train], y[train], prior, penalty(precision))
        loss = float((np.logaddexp(0.0, z) - y * z).sum())
        best = min(best, (loss, precision, z), key=lambda found: found[0])
    w = logistic_toward(columns, y, prior, penalty(best[1]))
    weights = w[:-1] * scale
    return weights, float(w[-1] - mean @ weights), best[2], best[1]


def _spread(before: Floats, after: Floats, last: int) -> float:
    """Standard deviation of the change in the best larger size's advantage, in units of sqrt(p (1 - p))."""

    def advantage(p: Floats) -> Floats:
        return np.asarray(p[:, last + 1 :].max(axis=1) - p[:, last])

    unit = max(np.sqrt(before[:, last] * (1 - before[:, last])).mean(), 1e-6)
    return float((advantage(after) - advantage(before)).std() / unit)
