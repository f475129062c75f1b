"""Small tables for the tests of replay."""

from __future__ import annotations

import numpy as np
import pandas as pd

from zeta_eval.outcomes import Outcomes
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.policy import RoutingPolicy, Rung

SIZES = ("1B", "4B", "14B")
COSTS = (1.0, 3.0, 10.0)
WORDS = ("prove", "that", "the", "sum", "of", "two", "odd", "numbers", "is", "even", "add", "sort", "copy", "why")


def frame(score, cost, queries=None, *, sizes=SIZES, unit="gpu_s", latency=None):
    """Long frame of (Q, M) arrays."""
    q = len(score)
    queries = [f"query {i}" for i in range(q)] if queries is None else queries
    return pd.DataFrame(
        [
            {
                "task": f"task {i % 3}",
                "query_id": f"q{i}",
                "query": queries[i],
                "model": sizes[m],
                "score": score[i][m],
                unit: cost[i][m],
                **({} if latency is None else {"latency_s": latency[i][m]}),
            }
            for i in range(q)
            for m in range(len(sizes))
        ]
    )


def outcomes(score, cost, queries=None, **kinds):
    """Table of (Q, M) arrays with the ladder in this order."""
    return Outcomes.from_frame(frame(score, cost, queries, **kinds)).with_order(kinds.get("sizes", SIZES))


def random_texts(rng, n):
    """Distinct texts of 2 to 30 words and numbers."""
    return [" ".join(rng.choice(WORDS, rng.integers(2, 30))) + f" {rng.integers(10)} {10_000 + i}" for i in range(n)]


def random_outcomes(n=400, *, seed=0, signal=2.0, latency=False):
    """Table in which long texts are harder, and larger sizes better; real costs vary by query."""
    rng = np.random.default_rng(seed)
    texts = random_texts(rng, n)
    d = np.array([len(t) for t in texts], dtype=float)
    d = signal * (d - d.mean()) / d.std()
    p = 1 / (1 + np.exp(-(np.array([-0.5, 0.8, 2.5]) - d[:, None])))
    score = (rng.random(p.shape) < p).astype(float)
    cost = np.array(COSTS) * rng.uniform(0.5, 1.5, p.shape)
    return outcomes(score, cost, texts, latency=cost / 2 if latency else None)


RUNGS = tuple(Rung(size=s, cost=c / 10) for s, c in zip(SIZES, COSTS, strict=True))


def by_length(**changes):
    """Rules of thumb that take longer texts for harder, as `random_outcomes` makes them."""
    settings = {"weights": {"words": 3.0}, "bias": -8.2, "ability": (-0.5, 0.8, 2.5), "slope": (1.0, 1.0, 1.0)}
    return Seed(**settings | changes)


def length_policy(**changes):
    """Policy that decides by rules of thumb on the length of a text."""
    settings = {"name": "by length", "rungs": RUNGS, "estimator": by_length(), "cost_weight": 0.3}
    return RoutingPolicy(**settings | {"default_size": "14B"} | changes)
