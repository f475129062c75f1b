"""Leave one task out: what routers are worth on tasks that they were not fitted on.

    python benchmarks/unseen_tasks.py TABLE [TABLE ...] [--cost cost_usd] [--seed 0] [--json-dir benchmarks/results]

Tasks are left out in at most five groups. Baselines are fitted on all but `test`, without the group, and are
asked the group's queries of `test`; so is the product (`zeta tune` reports it). A router's figure is its accuracy above
the best random mix of sizes at equal cost, mean over six cost weights, with a 95 % interval.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from routing.rivals import Rivals

from zeta_eval.arrays import Sizes
from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.evaluator import Evaluator, cost_column
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure, measure
from zeta_eval.exceptions import ZetaError
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.unseen_tasks import COST_GRID, mean_lift, task_groups

NAMES = ("TF-IDF + LR", "kNN 100", "matrix factorisation", "length only", "constant")
"""The baselines that read texts alone."""


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
    outcomes = Outcomes.load(path)
    cost = cost_column(outcomes, args.cost)
    order = np.argsort(outcomes.matrix(cost).mean(axis=0), kind="stable")
    outcomes = outcomes.with_order([outcomes.sizes[m] for m in order])
    group_of = task_groups(list(outcomes.tasks))
    rows: dict[str, Measure] = {}
    for estimator in ("heuristic", "learned"):
        report = tune(outcomes, TuningSettings(cost=cost, seed=args.seed, estimator=estimator))
        if report.unseen is not None:
            rows[f"zeta {estimator}"] = report.unseen.mean_lift
    test = outcomes.split("test")
    bootstrap = Bootstrap(len(test), seed=args.seed)
    data = Evaluator(test, cost)
    for name, chosen in left_out(outcomes, cost, group_of, args.seed).items():
        rows[name] = measure(*mean_lift(chosen, data.cost, data.score, bootstrap))
    print(f"{path.name}: {len(test)} queries of split 'test', cost in {cost}")
    for name, lift in rows.items():
        print(f"  {name:22} {lift.value:+.3f} [{lift.low:+.3f}, {lift.high:+.3f}]")
    return {
        "n": len(test),
        "cost": cost,
        "groups": max(group_of.values()) + 1,
        "mean_lift": {name: lift._asdict() for name, lift in rows.items()},
    }


def left_out(outcomes: Outcomes, cost: str, group_of: dict[object, int], seed: int) -> dict[str, Sizes]:
    """Return what each baseline chooses on `test`, fitted without the task's group, at each cost weight, (Q, K)."""
    test = outcomes.split("test")
    unit = Evaluator(test, cost).unit_cost
    known, group = (np.array([group_of[t] for t in table.tasks]) for table in (outcomes, test))
    chosen = {name: np.zeros((len(test), len(COST_GRID)), dtype=np.intp) for name in NAMES}
    for g in sorted(set(group)):
        rows = np.flatnonzero(group == g)
        asked = test.take(rows)
        rivals = Rivals(outcomes.take(np.flatnonzero(known != g)), cost, seed)
        for name in NAMES:
            found = rivals.predicted(name, asked, Evaluator(asked, cost))
            expected = found.cost * rivals.data.evaluator.unit_cost / unit
            for k, weight in enumerate(COST_GRID):
                chosen[name][rows, k] = choose(found.p, expected, weight)
    return chosen


if __name__ == "__main__":
    main()
