"""Compares the product's routers with published ones: the same tables, splits, expected costs and resamples.

    python benchmarks/routers.py TABLE [TABLE ...] [--cost cost_usd] [--splits 3] [--trials 100] [--workers 1]

A TABLE is any outcomes table (Parquet, CSV, JSONL) or benchmark folder. Each split draws 60 % of the families of like
queries; from those every router learns, the product as a user tunes it (a fifth of them judge its verdict, so neither
product nor baselines learn from that fifth), and all are measured on the other 40 %. Baselines expect costs by the
product's own model, without tasks, and choose their hyperparameter and trade-off out of fold, as the product does.
Prints a table for each and a summary of all; writes both as JSON, and a figure.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from routing.averages import Average, averages, averages_text, best_baseline
from routing.baselines import BASELINES
from routing.figure import draw
from routing.product import PRODUCT, tuned, used
from routing.rivals import Rivals
from routing.rows import TASK, TEXT, Row, random_mix, row
from routing.splits import halves
from routing.summary import summarise, summary_text

from zeta_eval.evaluation.batch.evaluator import Evaluator, cost_column
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.gap import mix_corners
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.exceptions import InvalidInputError, UnknownNameError, ZetaError
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.tuning import TuningSettings

T = TypeVar("T")

SCHEMA_VERSION = 2
N_BOOTSTRAP = 1000
ORACLE_WEIGHT = 0.1
"""Cost weight at which the oracle's accuracy and cost are told; its curve has them all."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One split of one table."""

    path: Path
    """The table."""
    settings: TuningSettings
    """How the product is tuned; its seed draws the split."""
    names: tuple[str, ...]
    """Routers to measure."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came out of it."""

    rows: list[Row]
    """A row per router."""
    n: tuple[int, int, int]
    """Queries that the split knows, those of them that are fitted to, and those that judge."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(parser, n_splits=3)
    parser.add_argument("--figure-dir", type=Path, help="default: beside the JSON")
    parser.add_argument("--only", help="names of routers, separated by commas; sizes, mix and oracle are always there")
    args = parser.parse_args()
    try:
        run(args)
    except ZetaError as e:
        sys.exit(f"error: {e}")


def arguments(parser: argparse.ArgumentParser, n_splits: int) -> None:
    """Add what every benchmark on splits of tables takes."""
    parser.add_argument("tables", nargs="+", type=Path, metavar="TABLE")
    parser.add_argument("--cost", help="cost column (the first complete one of gpu_s, cost_usd, latency_s)")
    parser.add_argument("--splits", type=int, default=n_splits, help="number of splits; their seeds count from 0")
    parser.add_argument("--trials", type=int, default=100, help="trials of each tuning")
    parser.add_argument("--storage", help="Optuna storage that keeps the searches, so that a run can be resumed")
    parser.add_argument("--workers", type=int, default=1, help="splits that are measured at once")
    parser.add_argument("--json-dir", type=Path, default=Path("benchmarks/results"))


def run(args: argparse.Namespace) -> None:
    """Measure every table, then sum up."""
    names = wanted(args.only)
    if len({table.stem for table in args.tables}) < len(args.tables):
        raise InvalidInputError(
            "Two tables have the same name, so one's results would replace the other's; rename one."
        )
    jobs = [Job(path=path, settings=s, names=names) for path in args.tables for s in settings(args)]
    measured = mapped(one_split, jobs, args.workers)
    found: dict[str, Sequence[Average]] = {}
    for path in args.tables:
        splits = [next(measured) for _ in range(args.splits)]
        found[path.stem] = one_table(path, splits, args)
    if len(found) > 1:
        means = summarise(found)
        write_json(args.json_dir / "routers_summary.json", provenance(args) | {"rows": [r.to_dict() for r in means]})
        print(f"Gap closed by table (splits on which it is proven)\n{summary_text(means)}")


def settings(args: argparse.Namespace) -> list[TuningSettings]:
    """Return how the product is tuned on each split."""
    if args.splits < 1:
        raise InvalidInputError(f"The number of splits is {args.splits}; give at least 1.")
    one = {"cost": args.cost, "n_trials": args.trials, "storage": args.storage}
    return [TuningSettings(seed=seed, **one) for seed in range(args.splits)]


def mapped(work: Callable[[Job], T], jobs: Sequence[Job], workers: int) -> Iterator[T]:
    """Yield the result of each job, in order."""
    if workers < 2:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(work, jobs)


def wanted(only: str | None) -> tuple[str, ...]:
    """Return the names of the routers to run."""
    known = [*PRODUCT, *BASELINES]
    names = known if only is None else [name.strip() for name in only.split(",")]
    for name in names:
        if name not in known:
            raise UnknownNameError("router", name, known)
    return tuple(names)


def split_of(path: Path, cost: str | None, seed: int) -> tuple[Outcomes, Outcomes, str]:
    """Load a table and return known queries, those that judge, and the cost column; sizes by mean known cost."""
    outcomes = Outcomes.load(path)
    column = cost_column(outcomes, cost)
    known, asked = halves(outcomes, seed)
    order = np.argsort(known.matrix(column).mean(axis=0), kind="stable")
    sizes = [known.sizes[m] for m in order]
    return known.with_order(sizes), asked.with_order(sizes), column


def comparison(known: Outcomes, asked: Outcomes, cost: str, seed: int) -> Comparison:
    """Return what measures strategies on the queries that judge; the mix's sizes are told by the known ones."""
    judge, learned = Evaluator(asked, cost), Evaluator(known, cost)
    bootstrap = Bootstrap(len(asked), n_bootstrap=N_BOOTSTRAP, seed=seed, families=families(asked.queries))
    corners = mix_corners(learned.singles)
    return Comparison(judge, asked.matrix("latency_s"), bootstrap, ORACLE_WEIGHT, corners=corners)


def one_split(job: Job) -> Found:
    """Return a row for each router, the product's first, then baselines, sizes, random mix and oracle."""
    known, asked, cost = split_of(job.path, job.settings.cost, job.settings.seed)
    compare = comparison(known, asked, cost, job.settings.seed)
    rivals = Rivals(known, cost, job.settings.seed)
    own = [name for name in PRODUCT if name in job.names]
    policies = tuned(known, job.settings, {PRODUCT[name][0] for name in own})
    rows = [row("product", used(n, policies[PRODUCT[n][0]], asked, compare.data), compare) for n in own]
    for name in (n for n in BASELINES if n in job.names):
        kind = TASK if BASELINES[name].needs_task else TEXT
        rows.append(row(kind, rivals.strategy(name, asked, compare.data), compare))
    rows += [row("reference", Strategy.of_size(m, compare.data), compare) for m in range(len(asked.sizes))]
    rows += [random_mix(compare, rivals.data.evaluator), row("reference", compare.oracle, compare)]
    return Found(rows=rows, n=(len(known), len(rivals.data.outcomes), len(asked)))


def one_table(path: Path, splits: Sequence[Found], args: argparse.Namespace) -> list[Average]:
    """Print, write and draw what came out of a table."""
    outcomes, found = Outcomes.load(path), averages([one.rows for one in splits])
    cost = cost_column(outcomes, args.cost)
    names = ("known", "fitted", "judged")
    about = {
        "table": path.name,
        "outcomes_sha256": outcomes.sha256,
        "cost": cost,
        "sizes": outcomes.sizes,
        "n": [dict(zip(names, one.n, strict=True)) for one in splits],
        "best_text_baseline": best_baseline(found),
        "best_baseline": best_baseline(found, (TEXT, TASK)),
        "rows": [a.to_dict() for a in found],
    }
    write_json(args.json_dir / f"routers_{path.stem}.json", provenance(args) | about)
    title = f"{path.name}: {splits[0].n[2]} queries judge each of {len(splits)} splits, cost in {cost}"
    draw(found, (args.figure_dir or args.json_dir) / f"routers_{path.stem}.png", title=title, cost=cost)
    print(f"{title}, {N_BOOTSTRAP} resamples\n{averages_text(found)}\n", flush=True)
    return found


def provenance(args: argparse.Namespace) -> dict[str, object]:
    """Say which command made a result, and when; tables by file name, since folders differ between machines."""
    words = ["python", "benchmarks/routers.py", *(path.name for path in args.tables)]
    words += ["--cost", args.cost] if args.cost else []
    words += ["--splits", str(args.splits), "--trials", str(args.trials)]
    words += ["--only", args.only] if args.only else []
    date = datetime.now(UTC).isoformat(timespec="seconds")
    how = {"seeds": list(range(args.splits)), "n_bootstrap": N_BOOTSTRAP}
    return {"schema_version": SCHEMA_VERSION, "command": shlex.join(words), "date": date, **how}


if __name__ == "__main__":
    main()
