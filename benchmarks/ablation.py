"""What each ingredient of a policy adds: gap closed on the test split, step by step, on the same resamples.

    python benchmarks/ablation.py TABLE [TABLE ...] [--cost cost_usd] [--trials 300] [--seed 0] [--json-dir DIR]

The steps of a cascade are taken here even where `zeta tune` would not export them because they were not shown to pay.
The last rows are bounds: what a router could reach that saw the answers of all sizes but the largest at no cost, and
paid for the size that it then chose alone.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from routers import load
from sklearn.ensemble import HistGradientBoostingClassifier

from zeta_eval.arrays import Floats, logit
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import expect
from zeta_eval.evaluation.batch.runs import PolicyRuns
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.evaluation.reports.strategy_row import StrategyRow
from zeta_eval.exceptions import ZetaError
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.cascade import LOGPROBS
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.estimators import Training, fit_estimator
from zeta_eval.tuning.heuristic import Data
from zeta_eval.tuning.selection import with_looks
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
    policies = steps(outcomes, cost, args.trials, args.seed)
    found = [(name, measured(policy, compare, data, answers)) for name, policy in policies]
    plain = dict(policies)["learned + cost per query"]
    for name, p in bounds(plain, outcomes, cost, args.seed):
        found.append((name, measured_by(p, expect(plain, data.features)[1], compare)))
    for name, row in found:
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
        plain = replace(tuned, looks=())
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
    """Return the policy with looks at answers, by what is seen of them."""
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
    return found


def hide(outcomes: Outcomes, columns: list[str]) -> Outcomes:
    """Return the table with these columns empty."""
    return Outcomes.from_frame(outcomes.frame.assign(**dict.fromkeys(columns))).with_order(outcomes.sizes)


def measured(policy: RoutingPolicy, compare: Comparison, data: Evaluator, answers: Answers) -> StrategyRow:
    """Measure a policy on the test split."""
    strategy = Strategy.of_policy("policy", PolicyRuns(policy, data.features, answers), data, policy.cost_weight)
    return compare.row(strategy, compare.trace(strategy))


def measured_by(p: Floats, expected: Floats, compare: Comparison) -> StrategyRow:
    """Measure a choice by success probabilities and expected costs, each (Q, M)."""
    strategy = Strategy.of_chances("policy", p, expected, compare.data, compare.cost_weight)
    return compare.row(strategy, compare.trace(strategy))


def bounds(plain: RoutingPolicy, outcomes: Outcomes, cost: str, seed: int) -> Iterator[tuple[str, Floats]]:
    """Yield success probabilities on the test split, (Q, M), that know what no router knows before it pays."""
    tune, test = (outcomes.split(name) for name in ("tune", "test"))
    data, on_test = Data.of(tune, cost), Data.of(test, cost)
    read = data.read
    unfitted = fit_estimator("learned", Training(read=read, score=data.score, seed=seed)).p  # out of fold
    p, score = expect(plain, on_test.read)[0], on_test.score
    x, x_test = everything_seen(data, unfitted, Answers.of(tune)), everything_seen(on_test, p, Answers.of(test))
    told = np.column_stack([boosted(x, y, x_test) for y in data.score.T])
    yield "answers free, boosted trees", told
    p = p.copy()
    for m, size in enumerate(plain.sizes[:-1]):
        p[:, m] = score[:, m]
        yield f"{size} known to be right or wrong, free", p.copy()


def everything_seen(data: Data, p: Floats, answers: Answers) -> Floats:
    """Return features, log-odds of p (Q, M), and signals of answers side by side, (Q, D); -99 for none."""
    ran = tuple(range(p.shape[1] - 1))
    names = [(n, m) for m in ran for n in answers.names(ran[: m + 1])]
    signals = [np.nan_to_num(answers.column(n, m, np.arange(len(p))), nan=-99.0) for n, m in names]
    return np.column_stack([data.features, logit(p), *signals])


def boosted(x: Floats, y: Floats, test: Floats) -> Floats:
    """Return success probabilities (N,) of `test` by gradient boosted trees; graded scores count from a half on."""
    model = HistGradientBoostingClassifier(max_iter=120, learning_rate=0.05, max_depth=4, random_state=0)
    return np.asarray(model.fit(x, y >= 0.5).predict_proba(test)[:, 1])


if __name__ == "__main__":
    main()
