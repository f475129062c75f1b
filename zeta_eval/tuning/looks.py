"""Fits what answers tell: how the signals of each size's answer move every size's chance, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zeta_eval.cascade import Look, Posterior
from zeta_eval.replay.answers import Answers
from zeta_eval.replay.cascade import run_sets, update
from zeta_eval.replay.choice import Floats, logit
from zeta_eval.tuning.linear import graded

SIGNALS_C = 0.05
"""Inverse penalty of the regressions on standardised signals."""

FEWEST = 20
"""Least successes and failures a regression needs."""


def fit_looks(p: Floats, score: Floats, answers: Answers) -> tuple[Look, ...]:
    """Fit a look for every set of sizes that may have run, the smaller sets first, since later ones build on them.

    Args:
        p: Success probability before any answer, on queries it was not fitted on; shape (Q, M).
        score: Shape (Q, M), in [0, 1].
        answers: The stored answers of the same queries.
    """
    beliefs: dict[tuple[int, ...], Floats] = {(): p}
    looks = []
    for ran in run_sets(p.shape[1]):
        before = beliefs[ran[:-1]]
        look = _fit_look(ran, before, score, answers)
        beliefs[ran] = update(look, answers.sizes, before, answers, ran, np.arange(len(p)))
        if look is not None:
            looks.append(replace(look, spread=_spread(before, beliefs[ran], ran[-1])))
    return tuple(looks)


def scaled(looks: Sequence[Look], by: float) -> tuple[Look, ...]:
    """The same looks, each worth more or less before it is taken."""
    return tuple(replace(look, spread=by * look.spread) for look in looks)


def _fit_look(ran: tuple[int, ...], before: Floats, score: Floats, answers: Answers) -> Look | None:
    names, last = answers.names(ran), ran[-1]
    if not names:
        return None
    columns = np.column_stack([answers.column(n, last, np.arange(len(score))) for n in names])
    rows = np.flatnonzero(np.isfinite(columns).all(axis=1))
    varies = columns[rows].std(axis=0) > 1e-9 if rows.size else np.zeros(len(names), dtype=bool)
    log_odds = logit(before[rows])
    posteriors = []
    for k in range(last, score.shape[1]):
        own = [] if k == last else [log_odds[:, last]]
        x = np.column_stack([log_odds[:, k], *own, columns[rows][:, varies]])
        if (fit := _logistic(x, score[rows, k])) is None:
            return None
        weights, bias = fit
        signals = [n for n, v in zip(names, varies, strict=True) if v]
        posteriors.append(
            Posterior(
                size=answers.sizes[k],
                bias=bias,
                prior=float(weights[0]),
                own=float(weights[1]) if own else 0.0,
                weights=dict(zip(signals, weights[1 + len(own) :].tolist(), strict=True)),
            )
        )
    return Look(ran=tuple(answers.sizes[i] for i in ran), spread=0.0, posteriors=tuple(posteriors))


def _logistic(x: Floats, y: Floats) -> tuple[Floats, float] | None:
    """Logistic regression of graded scores on standardised columns, as weights of raw ones; None with too few."""
    from sklearn.linear_model import LogisticRegression

    if min(y.sum(), (1 - y).sum()) < FEWEST:
        return None
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    rows, target, weight = graded(y)
    model = LogisticRegression(C=SIGNALS_C, max_iter=1000)
    model.fit((x[rows] - mean) / spread, target, sample_weight=weight)
    weights = model.coef_[0] / spread
    return weights, float(model.intercept_[0] - mean @ weights)


def _spread(before: Floats, after: Floats, last: int) -> float:
    """How far the answer moved the best larger size's advantage over the last one, in units of sqrt(p (1 - p))."""

    def advantage(p: Floats) -> Floats:
        return np.asarray(p[:, last + 1 :].max(axis=1) - p[:, last])

    unit = np.sqrt(before[:, last] * (1 - before[:, last])).mean()
    return float((advantage(after) - advantage(before)).std() / max(unit, 1e-6))
