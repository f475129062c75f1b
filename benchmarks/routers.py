"""Compares the product's routers with published ones: the same tables, splits, costs and resamples, in one run.

    python benchmarks/routers.py TABLE [TABLE ...] [--cost cost_usd] [--seed 0] [--json-dir benchmarks/results]

A TABLE is any outcomes table (Parquet, CSV, JSONL) or benchmark folder. Every router learns from `tune`, chooses on
`validate` and is measured on `test`. Prints a table for each and a summary of all; writes both as JSON, and a figure.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from routing.baselines import BASELINES
from routing.figure import draw
from routing.problem import Problem
from routing.product import PRODUCT
from routing.rows import Row, against_best, keeping, predicted, random_mix, row, rows_text
from routing.summary import summarise, summary_text

from zeta_eval.evaluation.batch.evaluator import Evaluator, cost_column
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.evaluation.replay import outside_corners
from zeta_eval.exceptions import InvalidInputError, UnknownNameError, ZetaError
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families

SCHEMA_VERSION = 1
N_BOOTSTRAP = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path, metavar="TABLE")
    parser.add_argument("--cost", help="cost column (the first complete one of gpu_s, cost_usd, latency_s)")
    parser.add_argument("--cost-by-length", action="store_true", help="baselines, too, expect costs by query length")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json-dir", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--figure-dir", type=Path, help="default: beside the JSON")
    parser.add_argument("--only", help="names of routers, separated by commas; sizes, mix and oracle are always there")
    args = parser.parse_args()
    try:
        run(args)
    except ZetaError as e:
        sys.exit(f"error: {e}")


def run(args: argparse.Namespace) -> None:
    """Measure every table, then sum up."""
    names = wanted(args.only)
    if len({table.stem for table in args.tables}) < len(args.tables):
        raise InvalidInputError(
            "Two tables have the same name, so one's results would replace the other's; rename one."
        )
    found: dict[str, list[Row]] = {}
    for path in args.tables:
        found[path.stem] = one_table(path, args, names)
    if len(found) > 1:
        means = summarise(found)
        write_json(args.json_dir / "routers_summary.json", provenance(args) | {"rows": [r.to_dict() for r in means]})
        print(f"Gap closed by table\n{summary_text(means)}")


def one_table(path: Path, args: argparse.Namespace, names: list[str]) -> list[Row]:
    """Measure a table; print, write and draw what came out."""
    started = time.perf_counter()
    outcomes, cost = load(path, args.cost)
    rows = measure_all(outcomes, cost, names, seed=args.seed, cost_by_length=args.cost_by_length)
    n = {name: len(outcomes.split(name)) for name in ("tune", "validate", "test")}
    about = {"table": path.name, "outcomes_sha256": outcomes.sha256, "cost": cost, "sizes": outcomes.sizes, "n": n}
    seconds = time.perf_counter() - started
    measured = {"seconds": seconds, "rows": [r.to_dict() for r in rows]}
    write_json(args.json_dir / f"routers_{path.stem}.json", provenance(args) | about | measured)
    title = f"{path.name}: {n['test']} queries of split 'test', cost in {cost}"
    draw(rows, (args.figure_dir or args.json_dir) / f"routers_{path.stem}.png", title=title, cost=cost)
    print(f"{title}, {N_BOOTSTRAP} resamples, seed {args.seed}, {seconds:.0f} s\n{rows_text(rows)}\n")
    return rows


def wanted(only: str | None) -> list[str]:
    """Return the names of the routers to run."""
    known = [*PRODUCT, *BASELINES]
    names = known if only is None else [name.strip() for name in only.split(",")]
    for name in names:
        if name not in known:
            raise UnknownNameError("router", name, known)
    return names


def load(path: Path, cost: str | None) -> tuple[Outcomes, str]:
    """Load a table with its sizes in the order of their mean cost, as tuning has them, and name its cost column."""
    outcomes = Outcomes.load(path)
    column = cost_column(outcomes, cost)
    order = np.argsort(outcomes.matrix(column).mean(axis=0), kind="stable")
    return outcomes.with_order([outcomes.sizes[m] for m in order]), column


def measure_all(outcomes: Outcomes, cost: str, names: list[str], *, seed: int, cost_by_length: bool) -> list[Row]:
    """Return a row for each router, the product's first, then baselines, sizes, random mix and oracle."""
    validate, test = (outcomes.split(name) for name in ("validate", "test"))
    judge, data = Evaluator(validate, cost), Evaluator(test, cost)
    bootstrap = Bootstrap(len(test), n_bootstrap=N_BOOTSTRAP, seed=seed, families=families(test.queries))
    corners = outside_corners(outcomes, "test", cost)
    weight = keeping(judge, judge.score, judge.cost)
    compare = Comparison(data, test.matrix("latency_s"), bootstrap, weight, corners=corners)
    rows = []
    for name in (n for n in PRODUCT if n in names):
        rows.append(row("product", PRODUCT[name](outcomes, cost, seed), compare))
    problem = Problem.of(outcomes, cost, seed=seed, cost_by_length=cost_by_length)
    for name in (n for n in BASELINES if n in names):
        strategy = predicted(name, judge, data, BASELINES[name](problem), problem.expected_cost)
        rows.append(row("baseline", strategy, compare))
    rows += [row("reference", Strategy.of_size(m, data), compare) for m in range(len(outcomes.sizes))]
    rows += [random_mix(compare, judge), row("reference", compare.oracle, compare)]
    return against_best(rows, bootstrap.families)


def provenance(args: argparse.Namespace) -> dict[str, object]:
    """Say which command made a result, and when; tables by file name, since folders differ between machines."""
    words = ["python", "benchmarks/routers.py", *(path.name for path in args.tables), "--seed", str(args.seed)]
    words += ["--cost", args.cost] if args.cost else []
    words += ["--cost-by-length"] if args.cost_by_length else []
    words += ["--only", args.only] if args.only else []
    date = datetime.now(UTC).isoformat(timespec="seconds")
    how = {"seed": args.seed, "n_bootstrap": N_BOOTSTRAP, "cost_by_length": args.cost_by_length}
    return {"schema_version": SCHEMA_VERSION, "command": shlex.join(words), "date": date, **how}


if __name__ == "__main__":
    main()
