"""Replay: what a policy and its baselines would have scored and cost on stored outcomes, without running a model."""

from collections.abc import Mapping

import numpy as np

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.baselines import knn, length_only
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.runs import checked_way, runs_of, ways_of
from zeta_eval.evaluation.cautions import cautions
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.gap import mix_corners
from zeta_eval.evaluation.measures.lift import ABOVE_ZERO
from zeta_eval.evaluation.measures.metrics import pair_shares
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.evaluation.reports.strategy_row import StrategyRow
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.latency import latency_note
from zeta_eval.outcomes.split import SPLITS, families
from zeta_eval.router.decision import checked_cost_weight
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.policy_file import IN_PART, NOT_PROVEN, PROVEN, Verdict, WayVerdict

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

    Arguments as in `zeta_eval.api.replay`; also the `cost` column (None takes the policy's own), the number of
    resamples `n_bootstrap`, and whether to fit those two `baselines`.

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
    flags = {name: table.matrix(name) for name in ("unparsed", "truncated")}
    compare = Comparison(data, table.matrix("latency_s"), bootstrap, weight, corners=corners, flags=flags)
    first = checked_way(policy, way)
    used = {first: "policy"} | {w: f"policy, {w}" for w in ways_of(policy) if w != first}
    own = [Strategy.of_policy(name, runs_of(policy, w, table, data), data, weight) for w, name in used.items()]
    others, notes = _rivals(ladder, split, data, weight) if baselines else ([], [])
    traced = [(s, compare.trace(s)) for s in (*own, *others, compare.oracle)]
    rows = [compare.row(*pair) for pair in traced]
    notes += cautions(split, ladder, table)
    notes += [note] if (note := latency_note(ladder.frame, policy.sizes)) else []
    if way is not None and way != first:
        notes.append(f"the policy has no cascade, so {way} is the same as {first}.")
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
        verdict=verdict(dict(zip(used, rows, strict=False)), data),
        notes=tuple(notes),
    )


def verdict(rows: Mapping[str, StrategyRow], data: Evaluator) -> Verdict:
    """Judge a policy by its rows, by way to use it; the first is the way that it was tuned for.

    A way is proven where the lower end of its lift's 95 % interval lies above zero: chance alone does that in at most
    2.5 % of tables on which the policy is no better than a random mix.
    """
    ways = tuple(
        WayVerdict(
            way=way, proven=row.lift_ci[0] > ABOVE_ZERO, lift=row.lift, lift_ci=row.lift_ci, cost_ratio=row.cost_ratio
        )
        for way, row in rows.items()
    )
    proven = [w.proven for w in ways]
    status = PROVEN if all(proven) else IN_PART if any(proven) else NOT_PROVEN
    first = next(iter(rows.values()))
    best = _instead(first.accuracy, data)
    return Verdict(
        status=status,
        text=_verdict_text(first, ways, data, best),
        best_single_size=data.sizes[best],
        lift=first.lift,
        lift_ci=first.lift_ci,
        ways=ways,
    )


def _instead(accuracy: float, data: Evaluator) -> int:
    """The cheapest size that alone is as accurate as a policy on these queries, else the most accurate one."""
    cost, score = data.singles[:, 0], data.singles[:, 1]
    as_good = score >= accuracy - 1e-9
    return int(np.argmin(np.where(as_good, cost, np.inf)) if as_good.any() else np.argmax(score))


def _verdict_text(row: StrategyRow, ways: tuple[WayVerdict, ...], data: Evaluator, best: int) -> str:
    top = data.singles[data.largest, 1]
    kept = f"{100 * row.accuracy / top:.0f} %" if top > 0 else "all"
    low, high = row.lift_ci
    cost, accuracy = data.singles[best]
    single = f"{data.sizes[best]}, accuracy {accuracy:.3f} at {100 * cost:.0f} % of the cost"
    said = PROVEN if ways[0].proven else f"{NOT_PROVEN}; best single size: {single}"
    others = "".join(f" {w}." for w in ways[1:])
    return (
        f"Used by `{ways[0].way}`, the policy keeps {kept} of the largest size's accuracy at "
        f"{100 * row.cost_ratio:.0f} % of its cost; over a random mix at equal cost it gains {row.lift:+.3f} "
        f"[{low:+.3f}, {high:+.3f}] in accuracy: {said}.{others}"
    )


def outside_corners(ladder: Outcomes, split: str, unit: str) -> list[int] | None:
    """Return the sizes that the best random mix draws between, told by other queries where there are as many."""
    names = ladder.splits
    raw, asked = ladder.matrix(unit), names == split
    other = (names != split) & np.isfinite(raw).all(axis=1)
    if split == "all" or other.sum() < asked.sum():
        return None
    cost, score = raw[other], ladder.matrix("score")[other]
    return mix_corners(np.column_stack([cost.mean(axis=0), score.mean(axis=0)]))


def _rivals(ladder: Outcomes, split: str, data: Evaluator, weight: float) -> tuple[list[Strategy], list[str]]:
    """Fit the learned baselines for a split without showing them the queries they are tested on."""
    names = ladder.splits
    asked = np.ones(len(names), dtype=bool) if split == "all" else names == split
    parts = [(asked & (names == name), names != name) for name in SPLITS]  # (evaluated, fitted on)
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
