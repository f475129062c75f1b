"""Does `--keep X` keep what it says, and is it cheaper to keep less? Tuned on simulated tables with a known truth.

    python benchmarks/keeping.py [--worlds 40] [--keep 0.95] [--queries 2000,5000] [--processes 2] [--json FILE]

Each world is a table of made sentences whose length tells how hard they are. `tune` chooses a policy for the share, and
says what 99 % would cost. The truth is the policy's accuracy and cost on 20,000 new queries of the same world, as
shares of the largest size's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from tuned_worlds import SIGNAL, drawn

from zeta_eval.evaluation.replay import replay
from zeta_eval.files import write_json
from zeta_eval.tuning import TuningSettings, tune

NEW = 20_000
"""New queries that tell the truth."""

TRIALS = 20
"""Trials of each search."""


def world(seed: int, *, n: int, keep: float) -> dict[str, float]:
    """Tune on one table, and follow the chosen trade-off and that for 99 % on new queries."""
    settings = TuningSettings(cost="cost_usd", n_trials=TRIALS, seed=seed, keep=keep)
    report = tune(drawn(SIGNAL, n, 20_000 + seed), settings)
    new = drawn(SIGNAL, NEW, 30_000 + seed)
    assert report.certificate is not None
    found: dict[str, float] = {"n": n, "seed": seed, "certified": report.certificate.certified}
    for row in report.keeping:
        test = replay(report.policy, new, split="all", cost_weight=row.cost_weight, n_bootstrap=2, baselines=False)
        largest = next(r for r in test.rows if r.strategy == f"{test.largest} alone")
        name = f"{row.share:g}"
        found |= {f"likely {name}": row.likely, f"cost {name}": test.policy_row.cost_ratio}
        found |= {f"kept {name}": test.policy_row.accuracy / largest.accuracy}
    return found


def worlds(count: int, keep: float, sizes: Sequence[int], processes: int) -> Iterator[dict[str, float]]:
    """Yield each world's figures; the worlds are divided evenly over the sizes of tables."""
    with ProcessPoolExecutor(processes) as pool:
        for k, n in enumerate(sizes):
            yield from pool.map(partial(world, n=n, keep=keep), range(k, count, len(sizes)))


def summary(rows: Sequence[dict[str, float]], keep: float) -> dict[str, float]:
    """Return what the worlds come to."""
    name = f"{keep:g}"
    kept, certified = (np.array([row[key] for row in rows]) for key in (f"kept {name}", "certified"))
    proven = kept[certified.astype(bool)]
    found = {
        "worlds": len(rows),
        "likely": float(np.mean([row[f"likely {name}"] for row in rows])),
        "certified": float(certified.mean()),
        "kept": float(kept.mean()),
        "certified that keep it": float((proven >= keep).mean()) if proven.size else float("nan"),
    }
    costs = {key: np.array([row[key] for row in rows]) for key in rows[0] if key.startswith("cost ")}
    found |= {key: float(cost.mean()) for key, cost in costs.items()}
    if len(costs) == 2:
        first, other = costs.values()
        saved = other - first
        found |= {"saved": float(saved.mean()), "saved error": float(saved.std(ddof=1) / np.sqrt(len(saved)))}
    return found


def main() -> None:
    """Measure, print, and write a JSON file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--keep", type=float, default=0.95)
    parser.add_argument("--queries", default="2000,5000")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    started, rows, sizes = time.perf_counter(), [], [int(n) for n in args.queries.split(",")]
    for row in worlds(args.worlds, args.keep, sizes, args.processes):
        rows.append(row)
        print("  ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
    by_size = {str(n): [row for row in rows if row["n"] == n] for n in sizes}
    found = {"all": summary(rows, args.keep)} | {n: summary(part, args.keep) for n, part in by_size.items()}
    for name, figures in found.items():
        print(name, "  ".join(f"{k} {v:.4g}" for k, v in figures.items()))
    if args.json is not None:
        about = {"command": f"python benchmarks/keeping.py {' '.join(sys.argv[1:])}", "keep": args.keep}
        date = datetime.now(UTC).isoformat(timespec="seconds")
        seconds = time.perf_counter() - started
        write_json(args.json, about | {"date": date, "seconds": seconds, "summary": found, "worlds": rows})


if __name__ == "__main__":
    main()
