"""What each ingredient of a policy adds: gap closed on the test split, step by step, on the same resamples.

    python benchmarks/ablation.py TABLE [TABLE ...] [--cost cost_usd] [--trials 300] [--seed 0] [--json-dir DIR]

The steps of a cascade are taken here even where `zeta tune` would not export them because they were not shown to pay.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from routers import load

from zeta_eval.cascade import LOGPROBS
from zeta_eval.exceptions import ZetaError
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.policy import RoutingPolicy
from zeta_eval.replay.answers import Answers
from zeta_eval.replay.cascade import Cascade
from zeta_eval.replay.choice import choose
from zeta_eval.replay.comparison import Comparison, Strategy
from zeta_eval.replay.evaluator import Evaluator
from zeta_eval.replay.predict import expect
from zeta_eval.replay.report import StrategyRow
from zeta_eval.replay.statistics import Bootstrap
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.heuristic import Data
from zeta_eval.tuning.selection import with_looks, with_peek
from zeta_eval.tuning.study import candidate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path, metavar="TABLE")
    parser.add_argument("--cost", help="cost column (the first complete one of gpu_s, cost_usd, latency_s)")
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json-dir", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    try:
        found = {path.stem or path.name: one_table(path, args) for path in args.tables}
    except ZetaError as e:
        sys.exit(f"error: {e}")
    words = ["python", "benchmarks/ablation.py", *(p.name for p in args.tables), "--trials", str(args.trials)]
    words += ["--seed", str(args.seed), *(["--cost", args.cost] if args.cost else [])]
    about = {"command": shlex.join(words), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    write_json(args.json_dir / "ablation.json", about | {"tables": found})


def one_table(path: Path, args: argparse.Namespace) -> dict[str, object]:
    """Measure every step on a table; print and return the figures."""
    outcomes, cost = load(path, args.cost)
    test = outcomes.split("test")
    data = Evaluator(test, cost)
    compare = Comparison(data, test.matrix("latency_s"), Bootstrap(len(test), seed=args.seed), 0.1)
    answers = Answers.of(test)
    print(f"{path.name}: {len(test)} queries of split 'test', cost in {cost}, gap closed [95 %]")
    rows = {}
    for name, policy in steps(outcomes, cost, args.trials, args.seed):
        row = measured(policy, compare, data, answers)
        rows[name] = {"gap_closed": row.gap_closed, "low": row.gap_closed_ci[0], "high": row.gap_closed_ci[1]}
        low, high = row.gap_closed_ci
        print(f"  {name:46} {row.gap_closed:+.3f} [{low:+.3f}, {high:+.3f}]", flush=True)
    return {"n": len(test), "cost": cost, "gap_closed": rows}


def steps(outcomes: Outcomes, cost: str, trials: int, seed: int) -> list[tuple[str, RoutingPolicy]]:
    """Return the policies, each with one ingredient more."""
    found = []
    for estimator in ("heuristic", "learned"):
        settings = TuningSettings(cost=cost, seed=seed, n_trials=trials, estimator=estimator)
        tuned = tune(outcomes, settings).policy
        plain = tuned.without_looks()
        found += [
            (f"{estimator}, one cost per size", replace(plain, costs=None)),
            (f"{estimator} + cost per query", plain),
            *cascades(estimator, plain, outcomes, cost, settings),
            (f"{estimator}, as exported", tuned),
        ]
    return found


def cascades(
    estimator: str, plain: RoutingPolicy, outcomes: Outcomes, cost: str, settings: TuningSettings
) -> list[tuple[str, RoutingPolicy]]:
    """Return the policy with looks at answers, by what is seen of them, and with reading first."""
    parts = {name: outcomes.split(name) for name in ("tune", "validate")}
    data = Data.of(parts["tune"], cost)
    held = Data.of(parts["validate"], cost, data.costs)
    kinds = {
        "log-probabilities": ["response"],
        "texts of answers": list(LOGPROBS),
        "answers, all signals": [],
    }
    found = []
    for kind, hidden in kinds.items():
        seen = [Answers.of(hide(parts[name], hidden)) for name in ("tune", "validate")]
        start = candidate(estimator, replace(plain, learned=None), [(data, seen[0]), (held, seen[1])], settings)
        cascading = with_looks(start, must_pay=False)
        if cascading.policy.looks:
            found.append((f"{estimator} + {kind}", cascading.policy))
    for name, before in ((f"{estimator} + reading first", start), (f"{estimator} + reading and answers", cascading)):
        reading = with_peek(before, must_pay=False)
        if reading.policy.peek is not None:
            found.append((name, reading.policy))
    return found


def hide(outcomes: Outcomes, columns: list[str]) -> Outcomes:
    """Return the table with these columns empty."""
    return Outcomes.from_frame(outcomes.frame.assign(**dict.fromkeys(columns))).with_order(outcomes.sizes)


def measured(policy: RoutingPolicy, compare: Comparison, data: Evaluator, answers: Answers) -> StrategyRow:
    """Measure a policy on the test split."""
    if policy.cascades:
        return compare.cascade(Cascade(policy, data.features, answers))[0]
    p, expected = expect(policy, data.features)
    strategy = Strategy(name="policy", p=p, expected_cost=expected, chosen=choose(p, expected, 0.1))
    return compare.row(strategy, compare.trace(strategy))


if __name__ == "__main__":
    main()
