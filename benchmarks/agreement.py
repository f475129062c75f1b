"""Whether the interval of `zeta agree` holds the true kappa at its rate.

    python benchmarks/agreement.py [--runs 2000] [--seed 0] [--json FILE]

Without data: pairs of ratings are drawn from populations whose kappa is known, right or wrong (.5 or .8 of the labels
right) and on five levels. A second rating repeats the first with the chance kappa and is drawn by itself otherwise, so
that the true kappa is that chance. Printed for each population and number of answers: the share of 95 % intervals
(bootstrap, 1,000 resamples) that hold the truth, their mean width, and the bias of the estimate.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from zeta_eval.evaluation.measures.agreement import agreement
from zeta_eval.files import write_json

POPULATIONS = {
    "even": (np.array([0.0, 1.0]), np.array([0.5, 0.5])),
    "4 of 5 right": (np.array([0.0, 1.0]), np.array([0.2, 0.8])),
    "five levels": (np.linspace(0, 1, 5), np.array([0.1, 0.15, 0.2, 0.25, 0.3])),
}
KAPPAS = (0.0, 0.4, 0.7, 0.9)
SIZES = (30, 50, 100, 300)


def pairs(rng: np.random.Generator, name: str, kappa: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw n pairs of ratings of a population with a true kappa."""
    levels, shares = POPULATIONS[name]
    first, other = (levels[rng.choice(len(levels), n, p=shares)] for _ in range(2))
    return first, np.where(rng.random(n) < kappa, first, other)


def coverage(name: str, kappa: float, n: int, *, runs: int, seed: int) -> dict[str, Any]:
    """Measure the interval for one population, kappa and number of answers."""
    rng = np.random.default_rng([seed, n, round(100 * kappa), list(POPULATIONS).index(name)])
    found = []
    for run in range(runs):
        a, b = pairs(rng, name, kappa, n)
        value = agreement(a, b, np.arange(n), seed=run).kappa
        found.append((value.low <= kappa <= value.high, value.high - value.low, value.value - kappa))
    held, width, error = np.array(found, dtype=float).T
    known = np.isfinite(width)
    return {
        "population": name,
        "kappa": kappa,
        "n": n,
        "held": float(held[known].mean()),
        "width": float(width[known].mean()),
        "bias": float(error[known].mean()),
        "unknown": int((~known).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    for name in POPULATIONS:
        for kappa in KAPPAS:
            for n in SIZES:
                row = coverage(name, kappa, n, runs=args.runs, seed=args.seed)
                rows.append(row)
                print("{population:14} kappa {kappa:.1f} n {n:4}".format(**row), end=" ")
                print("held {held:.3f} width {width:.3f} bias {bias:+.3f}".format(**row), flush=True)
    if args.json:
        write_json(args.json, {"runs": args.runs, "seed": args.seed, "rows": rows})


if __name__ == "__main__":
    main()
