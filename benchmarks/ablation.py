"""What each ingredient of a policy adds: gap closed by the policy as exported, and with one thing less or in its place.

    python benchmarks/ablation.py TABLE [TABLE ...] [--cost cost_usd] [--splits 2] [--trials 100] [--workers 1]

Splits and measure are those of `routers.py`. Nobody names the task unless a row says so. Rows but the first two are by
`route`, so that the cascade does not hide what the rest is worth, and are compared with the policy as exported by
`route`, on the same queries.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from routers import Job, arguments, comparison, mapped, settings, split_of
from routing.averages import mean
from routing.rivals import Rivals
from routing.rows import Row, interval, row
from routing.summary import mean_over_tables

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.runs import checked_way, runs_of
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.statistics import Measure
from zeta_eval.exceptions import ZetaError
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.estimators.heuristic import Heuristic, Learned, Level
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.data import Data
from zeta_eval.tuning.domain import fit_domain
from zeta_eval.tuning.estimators import Training
from zeta_eval.tuning.fit_costs import fit_costs
from zeta_eval.tuning.heuristic import HeuristicSearch
from zeta_eval.tuning.quality import Quality
from zeta_eval.tuning.search import search
from zeta_eval.tuning.selection import candidate, chosen_fit

EXPORTED = "as exported, route"
"""The row that the others are compared with."""

Variant = tuple[str, RoutingPolicy, str]
"""Name, policy, and the way that it is used."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(parser, n_splits=2)
    args = parser.parse_args()
    try:
        jobs = [Job(path=path, settings=s, names=()) for path in args.tables for s in settings(args)]
        measured = mapped(one_split, jobs, args.workers)
        found = {path.stem: one_table(path, [next(measured) for _ in range(args.splits)]) for path in args.tables}
    except ZetaError as e:
        sys.exit(f"error: {e}")
    words = ["python", "benchmarks/ablation.py", *(p.name for p in args.tables)]
    words += ["--cost", args.cost] if args.cost else []
    words += ["--splits", str(args.splits), "--trials", str(args.trials)]
    about = {"command": shlex.join(words), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(args.json_dir / "ablation.json", about | {"tables": found, "mean": means(list(found.values()))})


def one_split(job: Job) -> list[Row]:
    """Return a row for each variant."""
    known, asked, cost = split_of(job.path, job.settings.cost, job.settings.seed)
    compare = comparison(known, asked, cost, job.settings.seed)
    with TemporaryDirectory() as folder:
        storage = job.settings.storage or f"sqlite:///{Path(folder) / 'study.db'}"
        found = list(variants(known, cost, replace(job.settings, storage=storage)))
    rows = [row("product", used(variant, asked, compare), compare) for variant in found]
    rivals = Rivals(known, cost, job.settings.seed)
    return [*rows, row("product", rivals.strategy("constant", asked, compare.data), compare)]


def used(variant: Variant, asked: Outcomes, compare: Comparison) -> Strategy:
    """Return a variant on the queries that judge."""
    name, policy, way = variant
    runs = runs_of(policy, checked_way(policy, way), asked, compare.data)
    return Strategy.of_policy(name, runs, compare.data, policy.cost_weight)


def variants(known: Outcomes, cost: str, asked_for: TuningSettings) -> Iterator[Variant]:
    """Yield the policy as exported, then the same with one thing less or in its place."""
    policy = tune(known, asked_for).policy
    yield "as exported, generate with task", policy, "generate with task"
    yield "as exported, generate", policy, "generate"
    yield "as exported, route with task", policy, "route with task"
    yield EXPORTED, policy, "route"
    yield "one cost per size", replace(policy, costs=None), "route"
    yield "everything counted as familiar", replace(policy, domain=None), "route"
    for name, other in fits(known, cost, asked_for, policy):
        yield name, other, "route"


def fits(
    known: Outcomes, cost: str, asked_for: TuningSettings, policy: RoutingPolicy
) -> Iterator[tuple[str, RoutingPolicy]]:
    """Yield the policy with estimators that are fitted otherwise; the search is the one that was run already."""
    data = Rivals(known, cost, asked_for.seed).data
    costs, quality = fit_costs(data), Quality(data.evaluator, data.allowed, data.families)
    told: dict[int, Floats] = {}
    study = search(data, asked_for, told)
    found = chosen_fit(study, told, HeuristicSearch(data), costs, asked_for.seed)
    training, name = Training(data=data, heuristic=found.fit), str(policy.provenance["estimator"])
    forest, both = (candidate(kind, training, costs, quality).estimator for kind in ("heuristic", "learned"))
    assert isinstance(both, Learned)
    yield "features alone", replace(policy, estimator=forest)
    yield "features and words", replace(policy, estimator=both)
    yield "words alone", replace(policy, estimator=replace(both, weight=1.0))
    untuned = Training(data=data, heuristic=found.start)
    yield "without the search", replace(policy, estimator=candidate(name, untuned, costs, quality).estimator)
    assert isinstance(policy.estimator, Heuristic)
    yield "without the level", replace(policy, estimator=replace(policy.estimator, level=Level(mean=0.0, stretch=1.0)))
    yield "fitted to `tune` alone", on_tune_alone(known, cost, policy, asked_for)


def on_tune_alone(known: Outcomes, cost: str, policy: RoutingPolicy, asked_for: TuningSettings) -> RoutingPolicy:
    """Fit the estimator, the costs and the domain to the split `tune` alone, with the parameters that were found."""
    data = Data(known.split("tune"), cost, asked_for.seed)
    costs, quality = fit_costs(data), Quality(data.evaluator, data.allowed, data.families)
    training = Training(data=data, heuristic=HeuristicSearch(data).fit(policy.provenance["parameters"]))
    fitted = candidate(str(policy.provenance["estimator"]), training, costs, quality)
    return replace(policy, estimator=fitted.estimator, costs=costs.model, domain=fit_domain(data))


def one_table(path: Path, splits: Sequence[Sequence[Row]]) -> dict[str, dict[str, Any]]:
    """Print and return the figures of a table, by variant."""
    print(f"{path.name}: gap closed [95 %], and minus the policy as exported by route [95 %]")
    found = {}
    for rows in zip(*splits, strict=True):
        exported = [next(r for r in split if r.router == EXPORTED) for split in splits]
        closed = mean([r.gap_closed for r in rows])
        less = mean([r.over(other) for r, other in zip(rows, exported, strict=True)])
        found[rows[0].router] = {
            "gap_closed": closed._asdict(),
            "minus_exported": less._asdict(),
            "splits": [r.gap_closed.value for r in rows],
        }
        print(f"  {rows[0].router:34} {interval(closed, '.3f')}   {interval(less, '+.3f')}", flush=True)
    return found


def means(tables: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Print and return means over the tables, whose errors add up in squares."""
    print("mean over the tables")
    found: dict[str, dict[str, Any]] = {}
    for name in tables[0]:
        both = {
            key: mean_over_tables([Measure(**t[name][key]) for t in tables]) for key in ("gap_closed", "minus_exported")
        }
        found[name] = {key: m._asdict() for key, m in both.items()}
        print(f"  {name:34} {interval(both['gap_closed'], '.3f')}   {interval(both['minus_exported'], '+.3f')}")
    return found


if __name__ == "__main__":
    main()
