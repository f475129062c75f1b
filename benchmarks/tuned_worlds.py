"""What `tune` says of tables whose truth is known: texts that tell nothing of what a size can do, or something.

Each world is drawn many times and tuned on, as a user would. Counted by the way to use the policy: how often it is
called proven, how often the plain percentile interval would have called it so (the rule without an unseen query, see
`zeta_eval.evaluation.measures.lift`), and how often the lift's interval covers the lift on many new queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import runs_of
from zeta_eval.evaluation.measures.lift import ABOVE_ZERO, excess
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.evaluation.replay import replay
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningSettings, tune

SIZES = ("4B", "7B", "14B")
COST = np.array([0.25, 0.45, 1.0])
WORDS = ("alpha", "beta", "gamma", "river", "stone", "cloud", "tree", "house", "garden", "music", "paper", "train")
NEW = 50_000
"""New queries by which the truth about a policy is told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Where tables come from, and what is asked of `tune`."""

    name: str
    """Its name in the results."""
    n: int
    """Queries of a table."""
    signal: bool = False
    """Whether the length of a text tells how hard it is."""
    answers: bool = False
    """Whether log-probabilities of answers are stored; without a signal they tell nothing either."""
    max_cost: float | None = None
    """Budget per query."""


SIGNAL = World(name="signal", n=1000, signal=True)
WORLDS = (
    World(name="no signal", n=600),
    World(name="no signal, budget", n=600, max_cost=0.6),
    World(name="no signal, answers", n=600, answers=True),
    SIGNAL,
    World(name="signal, answers", n=1000, signal=True, answers=True),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What was said of one way to use one tuned policy."""

    way: str
    first: bool
    """Whether it is the way that the policy was tuned for."""
    deviates: bool
    """Whether it leaves one size for another at all on the test queries; else its lift is zero."""
    proven: bool
    percentile: bool
    """Whether the plain percentile interval lies above zero."""
    gap_above_0: bool
    covered: bool | None
    """Whether the lift's interval covers the lift on new queries; None where there is no signal."""


PROOFS = ("proven", "percentile")


def table(
    score: Floats,
    cost: Floats,
    queries: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    others: Mapping[str, Floats] | None = None,
) -> Outcomes:
    """Write scores, costs and other columns, each (n, 3), as a table."""
    n = len(score)
    rows = {
        "task": np.repeat(tasks or ["made"] * n, 3),
        "query_id": np.repeat([f"q{i}" for i in range(n)], 3),
        "query": np.repeat(queries or [f"q{i}" for i in range(n)], 3),
        "model": np.tile(SIZES, n),
    }
    values = {"score": score, "cost_usd": cost} | dict(others or {})
    return Outcomes.from_frame(pd.DataFrame(rows | {k: v.ravel() for k, v in values.items()})).with_order(SIZES)


def drawn(world: World, n: int, seed: int) -> Outcomes:
    """Draw a table of made sentences."""
    rng = np.random.default_rng([3, seed, world.signal])
    length = rng.integers(4, 20, n)
    hard = (length - 12) / 3 + rng.normal(0, 0.7, n) if world.signal else rng.normal(0, 1.5, n)
    score = (rng.random((n, 3)) < 1 / (1 + np.exp(-1.3 * (np.array([-1.2, 0, 1.6]) - hard[:, None])))).astype(float)
    cost = COST * np.exp(rng.normal(0, 0.3, (n, 1)))
    queries = [" ".join(rng.choice(WORDS, k)) + "?" for k in length]
    tasks = [f"t{x}" for x in rng.integers(0, 3, n)]
    if not world.answers:
        return table(score, cost, queries, tasks)
    logprob = -np.exp(rng.normal(0, 1, score.shape) - (2 * score - 1) * world.signal) / 4
    return table(score, cost, queries, tasks, {"mean_logprob": logprob, "min_logprob": 3 * logprob})


def percentile_low(policy: RoutingPolicy, way: str, test: Outcomes, seed: int) -> float:
    """The lower end of the lift's plain percentile interval."""
    data = Evaluator(test, policy.cost_unit)
    at = runs_of(policy, way, test, data).at(policy.cost_weight)
    seen = excess(data.of(at.kept)[0], at.paid(data.cost), at.kept, data.score, data.cost).seen
    return float(np.quantile(Bootstrap(len(test), seed=seed).means(seen[:, None]), 0.025))


def said(world: World, seed: int) -> list[Said]:
    """Tune on one table of a world and return what is said of each way."""
    outcomes = drawn(world, world.n, seed)
    settings = TuningSettings(cost="cost_usd", n_trials=20, seed=seed, max_cost=world.max_cost)
    report = tune(outcomes, settings)
    policy, test = report.policy, outcomes.for_sizes(report.policy.sizes).split("test")
    truth: dict[str, float] = {}
    if world.signal:
        new = replay(policy, drawn(world, NEW, 10_000 + seed), split="all", n_bootstrap=2, baselines=False)
        truth = {way: row.lift for way, row in new.way_rows.items()}
    return [
        Said(
            way=way,
            first=way == report.test.way,
            deviates=row.lift_ci[0] < row.lift_ci[1],
            proven=row.lift_ci[0] > ABOVE_ZERO,
            percentile=percentile_low(policy, way, test, seed) > ABOVE_ZERO,
            gap_above_0=row.gap_closed_ci[0] > 0,
            covered=row.lift_ci[0] <= truth[way] <= row.lift_ci[1] if truth else None,
        )
        for way, row in report.test.way_rows.items()
    ]


def counted(rows: Sequence[Said]) -> dict[str, float]:
    """Shares of what was said."""
    names = ("deviates", *PROOFS, "gap_above_0", *(("covered",) if rows[0].covered is not None else ()))
    return {"runs": len(rows)} | {name: float(np.mean([getattr(r, name) for r in rows])) for name in names}


def tuned(runs: int, processes: int, worlds: Sequence[World] = WORLDS) -> Iterator[dict[str, object]]:
    """Yield counts by world and way, and of all ways together (the verdict's status); half as many runs with signal."""
    with ProcessPoolExecutor(processes) as pool:
        for world in worlds:
            seeds = range(runs // 2 if world.signal else runs)
            found = list(pool.map(partial(said, world), seeds))
            whole = {name: float(np.mean([all(getattr(r, name) for r in rows) for rows in found])) for name in PROOFS}
            yield {"world": world.name, "way": "all", "runs": len(found)} | whole
            every = [row for rows in found for row in rows]
            yield {"world": world.name, "way": "as tuned"} | counted([row for row in every if row.first])
            for way in dict.fromkeys(row.way for row in every):
                yield {"world": world.name, "way": way} | counted([row for row in every if row.way == way])
