"""Do the report's intervals hold? Simulated tables with a known truth, by the product's own report.

    python benchmarks/intervals.py [--samples 1000] [--tune-runs 0] [--worlds NAME,NAME] [--processes 2] [--json FILE]

1. Gap closed of fixed policies: bias, share of intervals that cover the truth, share that lie wholly above it, and how
   often pure noise lies above 0; also where queries come in families of five with a correlation of .9.
2. "Proven" of policies that are worth nothing and seldom leave one size: how often it is said all the same, for plain
   policies, cascades and graded scores.
3. With --tune-runs N: what `tune` itself says of N tables of each world without any signal, and of N / 2 tables of each
   world with signal (see `tuned_worlds.py`; --worlds names some of them).
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.stats import norm
from tuned_worlds import COST, WORLDS, table, tuned

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.lift import ABOVE_ZERO, excess, lift
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.files import write_json

TRUTHS = {0.0: (0.0, 1.3), 0.001: (0.4, 1.3), 0.036: (0.77, 1.3), 0.08: (0.9, 1.6), 0.164: (0.95, 2.1)}
"""By about the gap closed (0: noise): share of the difficulty that a policy sees, and how sharply success falls."""


def drawn(rng: np.random.Generator, n: int, k: int, family: int) -> Floats:
    """Draw k normal columns; members of a family have a correlation of .9."""
    own = rng.normal(size=(n, k))
    if family == 1:
        return own
    shared = np.repeat(rng.normal(size=(-(-n // family), k)), family, axis=0)[:n]
    return np.asarray(math.sqrt(0.9) * shared + math.sqrt(0.1) * own)


def world(rng: np.random.Generator, n: int, seen: float, slope: float, family: int = 1) -> tuple[Floats, ...]:
    """Scores and costs of three sizes, and the chances and costs that a policy expects, each (n, 3)."""
    noise = drawn(rng, n, 6, family)
    ability = np.array([-0.2, 0.5, 1.3])

    def chance(difficulty: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-slope * (ability / 1.3 - difficulty[:, None]))))

    score = (norm.cdf(noise[:, 1:4]) < chance(noise[:, 0])).astype(float)
    expected = np.tile(COST, (n, 1))
    blurred = seen * noise[:, 0] + math.sqrt(1 - seen**2) * noise[:, 5]
    return score, expected * np.exp(0.3 * noise[:, 4:5]), chance(blurred), expected


def closed(rng: np.random.Generator, n: int, seen: float, slope: float, family: int = 1) -> tuple[float, float, float]:
    """Measure one sample's gap closed as the report does, with its interval."""
    score, cost, p, expected = world(rng, n, seen, slope, family)
    data = Evaluator(table(score, cost), "cost_usd")
    families = np.arange(n) // family if family > 1 else None
    compare = Comparison(data, np.full(score.shape, np.nan), Bootstrap(n, n_bootstrap=2, families=families), 0.1)
    found = compare.gap_closed(compare.trace(Strategy.of_chances("policy", p, expected, data, 0.1)))
    return found.value, found.low, found.high


def gaps(samples: int) -> Iterator[dict[str, float]]:
    """Yield bias and coverage of the gap closed by truth, number of queries and size of the families."""
    for k, (seen, slope) in enumerate(TRUTHS.values()):
        truth = closed(np.random.default_rng(0), 600_000, seen, slope)[0]
        for n, family in ((300, 1), (700, 1), (2400, 1), (1500, 5)):
            found = np.array(
                [closed(np.random.default_rng([1, k, n, s]), n, seen, slope, family) for s in range(samples)]
            )
            value, low, high = found.T
            yield {
                "truth": truth,
                "n": n,
                "family": family,
                "bias": value.mean() - truth,
                "covers": ((low <= truth) & (truth <= high)).mean(),
                "above_truth": (low > truth).mean(),
                "above_0": (low > 0).mean(),
            }


def rare(rng: np.random.Generator, n: int, share: float, kind: str) -> tuple[Floats, Floats, Sizes, Floats, Floats]:
    """A policy of no worth: on a share of the queries, drawn by lot, it leaves one of two sizes for the other."""
    score = (rng.random((n, 2)) < [0.6, 0.75]).astype(float)
    if kind == "graded":
        score = np.abs(score - rng.beta(1, 4, score.shape))
    cost = np.array([0.4, 1.0]) * np.exp(0.3 * rng.normal(size=(n, 1)))
    usual = 1 if kind in ("plain, usually large", "graded") else 0
    kept = np.where(rng.random(n) < share, 1 - usual, usual)
    at = np.arange(n), kept
    paid = np.where(kept == 1, cost.sum(axis=1), cost[:, 0]) if kind == "cascade" else cost[at]
    return score[at], paid, kept, score, cost


def proofs(samples: int) -> Iterator[dict[str, float | str]]:
    """Yield the share of false proofs by kind of policy, number of queries and share that deviates."""
    for n, shares in ((200, (0.02, 0.03, 0.05)), (712, (0.005, 0.01, 0.02)), (712, (0.3,))):
        for share in shares:
            for kind in ("plain, usually large", "plain, usually small", "graded", "cascade"):
                lows = np.array([_low(n, share, kind, seed) for seed in range(samples)])
                yield {"kind": kind, "n": n, "deviates": share, "false_proofs": (lows > ABOVE_ZERO).mean()}


def _low(n: int, share: float, kind: str, seed: int) -> float:
    made = rare(np.random.default_rng([2, n, round(1e4 * share), seed]), n, share, kind)
    return lift(excess(*made), Bootstrap(n, n_bootstrap=500, seed=seed), seed=seed).low


def main() -> None:
    """Measure, print, and write a JSON file if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--tune-runs", type=int, default=0)
    parser.add_argument("--worlds", default=",".join(world.name for world in WORLDS), help="names, with commas")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    started = time.perf_counter()
    worlds = [world for world in WORLDS if world.name in args.worlds.split(",")]
    found: dict[str, object] = {}
    parts = {"gap_closed": gaps(args.samples), "false_proofs": proofs(args.samples)} if args.samples else {}
    for name, rows in (
        parts | {"tune": tuned(args.tune_runs, args.processes, worlds)} if args.tune_runs else parts
    ).items():
        found[name] = kept = []
        for row in rows:
            kept.append(row)
            print("  ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
    if args.json is not None:
        about = {"command": f"python benchmarks/intervals.py {' '.join(sys.argv[1:])}", "samples": args.samples}
        date = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(args.json, about | {"date": date, "seconds": time.perf_counter() - started} | found)


if __name__ == "__main__":
    main()
