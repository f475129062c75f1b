"""Leave one task out: what routers are worth on tasks that they were not fitted on.

    python benchmarks/unseen_tasks.py TABLE [TABLE ...] [--cost cost_usd] [--seed 0] [--json-dir benchmarks/results]

Tasks are left out in at most five groups. Baselines are fitted on `tune` and choose on `validate`, both without the
group, and are asked the group's queries of `test`; so is the product (`zeta tune` reports it). A router's figure is its
accuracy above the best random mix of sizes at equal cost, mean over six cost weights, with a 95 % interval.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from routers import load
from routing.baselines import BASELINES
from routing.problem import Problem

from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure, measure
from zeta_eval.exceptions import ZetaError
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.fit_heuristic import COST_GRID
from zeta_eval.tuning.unseen_tasks import mean_lift, task_groups

NAMES = ("lexical features", "kNN 20", "kNN 100", "TF-IDF + LR", "MLP", "matrix factorisation", "clusters")
"""The baselines that learn from texts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path, metavar="TABLE")
    parser.add_argument("--cost", help="cost column (the first complete one of gpu_s, cost_usd, latency_s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json-dir", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    try:
        found = {path.stem: one_table(path, args) for path in args.tables}
    except ZetaError as e:
        sys.exit(f"error: {e}")
    command = ["python", "benchmarks/unseen_tasks.py", *(p.name for p in args.tables), "--seed", str(args.seed)]
    command += ["--cost", args.cost] if args.cost else []
    about = {"command": shlex.join(command), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(args.json_dir / "unseen_tasks.json", about | {"cost_weights": COST_GRID, "tables": found})


def one_table(path: Path, args: argparse.Namespace) -> dict[str, object]:
    """Measure every router on a table; print and return the figures."""
    outcomes, cost = load(path, args.cost)
    group_of = task_groups(list(outcomes.tasks))
    rows: dict[str, Measure] = {}
    familiarities = {}
    for estimator in ("heuristic", "learned"):
        report = tune(outcomes, TuningSettings(cost=cost, seed=args.seed, estimator=estimator))
        assert report.policy.domain is not None
        familiarities[estimator] = report.policy.domain.transfer
        if report.unseen is not None:
            rows[f"zeta {estimator}"] = report.unseen.mean_lift
    test = outcomes.split("test")
    bootstrap = Bootstrap(len(test), seed=args.seed)
    for name in NAMES:
        chosen = left_out(name, outcomes, cost, group_of, args.seed)
        data = Evaluator(test, cost)
        rows[name] = measure(*mean_lift(chosen, data.cost, data.score, bootstrap))
    print(f"{path.name}: {len(test)} queries of split 'test', cost in {cost}, familiarity of new tasks {familiarities}")
    for name, lift in rows.items():
        print(f"  {name:22} {lift.value:+.3f} [{lift.low:+.3f}, {lift.high:+.3f}]")
    return {
        "n": len(test),
        "cost": cost,
        "groups": max(group_of.values()) + 1,
        "familiarity_of_new_tasks": familiarities,
        "mean_lift": {name: lift._asdict() for name, lift in rows.items()},
    }


def left_out(
    name: str, outcomes: Outcomes, cost: str, group_of: dict[object, int], seed: int
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return what a baseline chooses on `test` at each cost weight, (Q, K), without the group of the query's task."""
    parts = {name: outcomes.split(name) for name in ("tune", "validate", "test")}
    groups = {name: np.array([group_of[t] for t in part.tasks]) for name, part in parts.items()}
    chosen = np.zeros((len(parts["test"]), len(COST_GRID)), dtype=np.int64)
    for g in sorted(set(groups["test"])):
        known, judged = (parts[n].take(np.flatnonzero(groups[n] != g)) for n in ("tune", "validate"))
        rows = np.flatnonzero(groups["test"] == g)
        asked = parts["test"].take(rows)
        spent = Evaluator(known, cost)
        n_new = len(judged) + len(asked)
        problem = Problem(
            queries=known.queries,
            tasks=known.tasks,
            score=known.matrix("score"),
            new_queries=np.concatenate([judged.queries, asked.queries]),
            new_tasks=np.concatenate([judged.tasks, asked.tasks]),
            expected_cost=np.tile(spent.cost.mean(axis=0), (n_new, 1)),
            validate=Evaluator(judged, cost),
            seed=seed,
        )
        p = BASELINES[name](problem)[len(judged) :]
        expected = problem.expected_cost[len(judged) :]
        for k, weight in enumerate(COST_GRID):
            chosen[rows, k] = choose(p, expected, weight)
    return chosen


if __name__ == "__main__":
    main()
