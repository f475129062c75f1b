"""Fits what answers and readings tell: how their signals move every size's chance, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from zeta_eval.cascade import PREFILL, Look, Peek, Posterior
from zeta_eval.replay.answers import Answers
from zeta_eval.replay.cascade import run_sets, update
from zeta_eval.replay.choice import Floats, Sizes, logit
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
        beliefs[ran] = update(look, answers.sizes, before, answers, np.arange(len(p)))
        if look is not None:
            looks.append(replace(look, spread=_spread(before, beliefs[ran], ran[-1])))
    return tuple(looks)


def scaled(looks: Sequence[Look], by: float) -> tuple[Look, ...]:
    """The same looks, each worth more or less before it is taken."""
    return tuple(replace(look, spread=by * look.spread) for look in looks)


def fit_peek(p: Floats, score: Floats, answers: Answers, reading: Floats) -> Peek | None:
    """Fit what reading by the smallest size tells; None where too few readings are stored with their cost.

    Args:
        p: Success probability before it, on queries it was not fitted on; shape (Q, M).
        score: Shape (Q, M), in [0, 1].
        answers: The stored answers and readings of the same queries.
        reading: What reading cost, as a share of the largest size's mean cost, shape (Q,).
    """
    (rows, signals), m = _signals(PREFILL, 0, answers, len(p)), p.shape[1]
    if m < 2 or len(rows) < len(p) / 2 or not signals:
        return None
    log_odds = logit(p[rows])
    fitted = [_posterior(s, score[rows, k], [log_odds[:, k]], signals) for k, s in enumerate(answers.sizes)]
    posteriors = tuple(q for q in fitted if q is not None)
    if len(posteriors) < m:
        return None
    peek = Peek(size=answers.sizes[0], cost=float(reading[rows].mean()), spread=0.0, posteriors=posteriors)
    moved = update(peek, answers.sizes, p[rows], answers, rows) - p[rows]
    apart = [np.var(moved[:, j] - moved[:, i]) for i, j in combinations(range(m), 2)]
    return replace(peek, spread=float(np.sqrt(np.mean(apart)) / _unit(p[rows], 0)))


def _fit_look(ran: tuple[int, ...], before: Floats, score: Floats, answers: Answers) -> Look | None:
    names, last = answers.names(ran), ran[-1]
    if not names:
        return None
    rows, signals = _signals(names, last, answers, len(score))
    log_odds = logit(before[rows])
    posteriors = []
    for k in range(last, score.shape[1]):
        own = [] if k == last else [log_odds[:, last]]
        posterior = _posterior(answers.sizes[k], score[rows, k], [log_odds[:, k], *own], signals)
        if posterior is None:
            return None
        posteriors.append(posterior)
    return Look(ran=tuple(answers.sizes[i] for i in ran), spread=0.0, posteriors=tuple(posteriors))


def _signals(names: Sequence[str], size: int, answers: Answers, n: int) -> tuple[Sizes, dict[str, Floats]]:
    """Return which of n queries have every signal of a size, (N,), and by name the signals that vary there, (N,)."""
    columns = np.array([answers.column(name, size, np.arange(n)) for name in names])
    rows = np.flatnonzero(np.isfinite(columns).all(axis=0))
    return rows, {s: x[rows] for s, x in zip(names, columns, strict=True) if rows.size and x[rows].std() > 1e-9}


def _posterior(size: str, score: Floats, log_odds: Sequence[Floats], signals: Mapping[str, Floats]) -> Posterior | None:
    """Fit a size's chance on its log-odds, those of another size where they are given, and signals; each (N,)."""
    if (fit := _logistic(np.column_stack([*log_odds, *signals.values()]), score)) is None:
        return None
    weights, bias = fit
    n = len(log_odds)
    return Posterior(
        size=size,
        bias=bias,
        prior=float(weights[0]),
        own=float(weights[1]) if n > 1 else 0.0,
        weights=dict(zip(signals, weights[n:].tolist(), strict=True)),
    )


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

    return float((advantage(after) - advantage(before)).std() / _unit(before, last))


def _unit(p: Floats, size: int) -> float:
    """Mean of a size's sqrt(p (1 - p)), from p of shape (Q, M)."""
    return float(max(np.sqrt(p[:, size] * (1 - p[:, size])).mean(), 1e-6))
