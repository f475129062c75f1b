"""Replay: what a policy and its baselines would have scored and cost on stored outcomes, without running a model."""

from __future__ import annotations

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.baselines import knn, length_only
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.gap import mix_corners
from zeta_eval.evaluation.measures.metrics import pair_shares
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.evaluation.verdict import verdict
from zeta_eval.evaluation.ways import checked_way, runs_of, ways_of
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families, split_names
from zeta_eval.router.decision import checked_cost_weight
from zeta_eval.router.policy import RoutingPolicy

KNN_PAIRS = 400_000_000
"""Most pairs of texts that the kNN baseline compares: about a minute."""


def replay(
    policy: RoutingPolicy,
    outcomes: Outcomes,
    *,
    split: str = "test",
    cost: str | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
    cost_weight: float | None = None,
    baselines: bool = True,
    way: str | None = None,
) -> ReplayReport:
    """Evaluate a policy and its baselines on stored outcomes.

    Every strategy chooses by expected costs and pays the real cost of its choice; the oracle knows both beforehand. The
    baselines "length only" and "kNN" are fitted on `tune`; for queries of `tune` itself, on all others.

    Args:
        policy: The policy.
        outcomes: A table that holds every size of the policy; other sizes are ignored and named in the report.
        split: "tune", "validate", "test" or "all".
        cost: Cost column; None takes the policy's own.
        seed: Seed of the resamples.
        n_bootstrap: Number of resamples.
        cost_weight: Accuracy given up to save one call of the largest size; None takes the policy's own.
        baselines: Whether to fit the length-only and kNN baselines.
        way: How the first row uses the policy, one of `ways.WAYS`; None takes the way that it was tuned for. The other
            ways follow in rows of their own.

    Raises:
        OutcomesError: the table lacks a size or the cost column, or nothing falls into the split.
        InvalidInputError: no such split, or a bad cost weight or number of resamples.
        UnknownNameError: no such way.
    """
    weight = policy.cost_weight if cost_weight is None else checked_cost_weight(cost_weight)
    unit = cost or policy.cost_unit
    ladder = outcomes.for_sizes(policy.sizes)
    table = ladder.split(split)
    data = Evaluator(table, unit)
    bootstrap = Bootstrap(len(table), n_bootstrap=n_bootstrap, seed=seed, families=families(table.queries))
    corners = outside_corners(ladder, split, unit)
    compare = Comparison(data, table.matrix("latency_s"), bootstrap, weight, corners=corners)
    first = checked_way(policy, way)
    used = {first: "policy"} | {w: f"policy, {w}" for w in ways_of(policy) if w != first}
    own = [Strategy.of_policy(name, runs_of(policy, w, table, data), data, weight) for w, name in used.items()]
    others, notes = _rivals(ladder, split, data, weight) if baselines else ([], [])
    traced = [(s, compare.trace(s)) for s in (*own, *others, compare.oracle)]
    rows = [compare.row(*pair) for pair in traced]
    notes += cautions(split, table)
    ignored = tuple(s for s in outcomes.sizes if s not in policy.sizes)
    if ignored:
        notes.append(f"sizes of the table that the policy lacks are ignored ({len(ignored)}): {', '.join(ignored)}.")
    sizes = [compare.row(Strategy.of_size(m, data)) for m in range(len(data.sizes))]
    return ReplayReport(
        policy=policy.name,
        split=split,
        way=first,
        cost_unit=unit,
        cost_weight=weight,
        n=len(table),
        n_families=bootstrap.n_families,
        n_excluded=table.n_incomplete,
        seed=seed,
        n_bootstrap=n_bootstrap,
        sizes=data.sizes,
        largest=data.sizes[data.largest],
        sizes_ignored=ignored,
        rows=(*rows[: len(own)], *sizes, compare.mix_row(rows[0].cost), *rows[len(own) :]),
        curves=tuple(compare.curve(s.name, t) for s, t in traced),
        pairs=pair_shares(data.score, data.cost, data.sizes),
        summary=compare.summary(*traced[0]),
        verdict=verdict(dict(zip(used, rows, strict=False)), data, weight),
        notes=tuple(notes),
    )


def cautions(split: str, table: Outcomes) -> list[str]:
    """Say what to bear in mind of results on a split of a table."""
    found = []
    if split in ("tune", "all"):
        found.append("a policy looks better on the queries it was tuned on; split 'test' has none of them.")
    if table.n_incomplete:
        found.append(
            f"{table.n_incomplete} queries are left out because a size has no score on them; run `zeta bench` again to "
            "complete them, or mend the table."
        )
    return found


def outside_corners(ladder: Outcomes, split: str, unit: str) -> list[int] | None:
    """Return the sizes that the best random mix draws between, told by other queries where there are as many."""
    names = split_names(ladder.queries)
    asked, other = names == split, names != split
    if split == "all" or other.sum() < asked.sum():
        return None
    cost, score = ladder.matrix(unit)[other], ladder.matrix("score")[other]
    return mix_corners(np.column_stack([cost.mean(axis=0), score.mean(axis=0)]))


def _rivals(ladder: Outcomes, split: str, data: Evaluator, weight: float) -> tuple[list[Strategy], list[str]]:
    """Fit the learned baselines for a split without showing them the queries they are tested on."""
    names = split_names(ladder.queries)
    tune = names == "tune"
    asked = np.ones(len(names), dtype=bool) if split == "all" else names == split
    parts = [(asked & ~tune, tune), (asked & tune, ~tune)]  # (evaluated, fitted on)
    if any(test.any() and not fit.any() for test, fit in parts):
        return [], ["length only and kNN are left out: no other queries to fit them on."]
    queries, score, raw = ladder.queries, ladder.matrix("score"), ladder.matrix(data.cost_unit)
    fitters, notes = {"length only": length_only, "kNN": knn}, []
    if (pairs := sum(int(test.sum()) * int(fit.sum()) for test, fit in parts)) > KNN_PAIRS:
        del fitters["kNN"]
        notes.append(f"kNN is left out: it would compare {pairs:.1g} pairs of texts, more than {KNN_PAIRS:.1g}.")
    strategies = []
    for name, fit_predict in fitters.items():
        p, expected = (np.empty(score.shape) for _ in range(2))
        for test, fit in parts:
            if test.any():
                p[test] = fit_predict(queries[fit], score[fit], queries[test])
                expected[test] = _shares(raw[fit])
        strategies.append(Strategy.of_chances(name, p[asked], expected[asked], data, weight))
    return strategies, notes


def _shares(raw: Floats) -> Floats:
    """Return each size's mean known cost (N, M) -> (M,) as a share of the largest's."""
    known = ~np.isnan(raw)
    mean = np.where(known, raw, 0.0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
    return np.asarray(mean / (mean.max() or 1.0))
