"""Describes the queries that a policy is tuned on, so that it can tell which queries are unlike them."""

from __future__ import annotations

import base64

import numpy as np

from zeta_eval.arrays import Floats, Ints
from zeta_eval.evaluation.batch.features import FeatureCache
from zeta_eval.evaluation.batch.tokens import Tokens
from zeta_eval.router.domain import STEPS, Domain, Everyday, Ramp, bucket
from zeta_eval.tasks.everyday import queries as everyday_queries
from zeta_eval.tuning.data import FOLDS, Data
from zeta_eval.tuning.forests import Shape, Trees, forest_of

BITS = 13
"""Tokens are hashed to 2**BITS buckets."""

TRUSTED = 0.995
"""Share of queries, out of fold, that each test of a text takes to be familiar in full."""

SHAPE = Shape(leaf=5, tried=0.5, seed=0)
"""How trees are grown that tell everyday requests from the queries."""

N_TREES = 20
"""Number of these trees."""

DRAWN = 3000
"""Most queries that everyday requests are told from."""

HELD = 0.2
"""Share of the everyday requests from which on the queries count as holding such requests."""

STEEPEST = 0.05
"""Least difference between the number of a familiar text and that of an everyday request."""

NARROWEST = 0.5
"""Least difference, in nats, between the rarity of a familiar text and that of an unfamiliar one."""


def fit_domain(data: Data) -> Domain:
    """Describe the queries: their tasks, how rare each token is, and what tells them from everyday requests."""
    tokens = data.read.tokens
    at = np.array([bucket(token, BITS) for token in tokens.vocabulary.tokens], dtype=np.intp)
    means = np.empty(len(data.score))
    for train, held in data.folds:
        means[held] = tokens.take(held).mean(_rarity(tokens.take(train), at)[at]) / STEPS
    told = means[np.isfinite(means)]
    median, near = np.quantile(told, [0.5, TRUSTED]) if told.size else (0.0, 0.0)
    near += 1.0 / STEPS  # the rounding of the table
    table = _rarity(tokens, at).astype(np.uint8)
    return Domain(
        everyday=fit_everyday(data),
        tasks=tuple(sorted({str(t) for t in data.tasks if t is not None})),
        rarity=Ramp(near=float(near), far=float(near + max(near - median, NARROWEST))),
        bits=BITS,
        table=base64.b64encode(table.tobytes()).decode("ascii"),
    )


def fit_everyday(data: Data) -> Everyday | None:
    """Fit what tells everyday requests from the queries; None where these hold everyday requests themselves."""
    prompts = np.array(sorted(query.prompt for query in everyday_queries(0)), dtype=object)
    new = prompts[~np.isin(prompts, data.outcomes.queries)]
    if len(new) < (1 - HELD) * len(prompts):
        return None
    drawn = np.sort(np.random.default_rng(data.seed).permutation(len(data.score))[:DRAWN])
    x = np.concatenate([data.read.columns.T[drawn], FeatureCache().features(new).columns.T])
    y = np.repeat([0.0, 1.0], [len(drawn), len(new)])
    fold, told = np.random.default_rng(data.seed).permutation(len(y)) % FOLDS, np.empty(len(y))
    for k in range(FOLDS):
        told[fold == k] = Trees(x[fold != k], y[fold != k], SHAPE, N_TREES).predict(x[fold == k])[:, 0]
    near = float(np.quantile(told[y == 0], TRUSTED)) + 1e-3  # the rounding of the tables
    far = max(near + STEEPEST, (near + float(np.median(told[y == 1]))) / 2)
    forest = forest_of([(Trees(x, y, SHAPE, N_TREES), np.eye(1))], data.read.names)
    return Everyday(forest=forest, ramp=Ramp(near=near, far=far))


def _rarity(tokens: Tokens, at: Ints) -> Floats:
    """Minus the log of the share of the texts that hold each bucket, in steps of 1 / STEPS nats, shape (2**BITS,)."""
    n = tokens.matrix.shape[0]
    counts = np.bincount(at[tokens.matrix.indices], minlength=1 << BITS)
    share = np.minimum(1.0, (counts + 0.5) / (n + 1))
    return np.asarray(np.clip(np.rint(-STEPS * np.log(share)), 0, 255), dtype=np.float64)
