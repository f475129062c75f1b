"""How fast the cheap parts are: import, %load_ext, route, replay, tuning. Prints one line each and writes JSON.

    python benchmarks/speed.py [--queries 12000] [--json benchmarks/results/speed.json]

The table is generated (`zeta_eval.testing.make_outcomes`), so that anyone gets the same one; `--policy FILE...` times
`route` with policies of one's own as well. A text that a policy takes for unfamiliar is quicker, so the familiarity
stands beside each time. Beside it stands a fixed Python loop, too, measured in turn: on a busy or another machine the
ratio says more.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from operator import truediv
from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.files import write_json

if TYPE_CHECKING:
    from zeta_eval.router import ZetaDynamicRouter


TEXT = (
    "A train leaves the station at 60 miles per hour and another follows two hours later at 80 miles per hour along "
    "the same track. How many hours will it take the second train to catch the first one, and how far from the "
    "station will they be when they meet? Explain every step of your reasoning, state the equation that you solve, "
    "check the result by putting it back into the equation, and say what would change if the second train left only "
    "one hour later while the first one were slowed to 45 miles per hour by rain."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=12_000)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--policy", type=Path, nargs="*", default=[], help="policy files to time `route` with")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result: dict[str, object] = {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    for module in ("zeta_eval", "zeta_eval.router"):
        result[f"import {module} (s, median of 7 fresh interpreters; at most 0.2)"] = import_seconds(module)
    result["%load_ext zeta_eval (s, median of 7 fresh shells; at most 0.5)"] = load_seconds()

    from zeta_eval.router import ZetaDynamicRouter
    from zeta_eval.router.policy import RoutingPolicy
    from zeta_eval.testing import make_outcomes
    from zeta_eval.tuning import TuningSettings, tune

    outcomes = make_outcomes(args.queries, ("4B", "7B", "14B"), seed=0)
    router = ZetaDynamicRouter(RoutingPolicy.seed())
    for path in args.policy:
        result |= route_times(ZetaDynamicRouter.load(path), path.stem, [TEXT])
    result |= route_times(router, "seed", [TEXT])
    queries = list(outcomes.split("test").queries[:200])
    for estimator in ("heuristic", "learned"):
        started = time.perf_counter()
        report = tune(outcomes, TuningSettings(n_trials=args.trials, estimator=estimator))
        seconds = time.perf_counter() - started
        result[f"tune(), {args.queries} queries x 3 sizes, {args.trials} trials, {estimator} (s)"] = seconds
        result |= route_times(ZetaDynamicRouter(report.policy), estimator, queries)

    from zeta_eval.evaluation.batch.evaluator import Evaluator
    from zeta_eval.evaluation.batch.predict import decide

    evaluator, policy = Evaluator(outcomes, report.policy.cost_unit), report.policy
    seconds = median_seconds(
        lambda: [m.mean() for m in evaluator.of(decide(policy, evaluator.features, policy.cost_weight))], 200
    )
    result[f"replay of one policy, {args.queries} queries x 3 sizes, features cached (ms, median)"] = seconds * 1e3
    for name, value in result.items():
        print(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
    if args.json:
        write_json(args.json, result)


def route_times(router: ZetaDynamicRouter, policy: str, queries: list[str]) -> dict[str, float]:
    """Median microseconds of `route` and of a fixed Python loop, called in turn, and the median of their ratios.

    Queries are repeated until they have 100 or 1,000 words.
    """
    found = {}
    for n in (100, 1000):
        texts, routed, looped = [" ".join((query.split() * n)[:n]) for query in queries], [], []
        for text in texts * (2000 // len(texts)):
            started = time.perf_counter()
            router.route(text)
            middle = time.perf_counter()
            sum(i * i for i in range(1000))
            routed.append(middle - started)
            looped.append(time.perf_counter() - middle)
        name, familiar = f"route(), {n} words, {policy} policy", [router.route(text).familiarity for text in texts]
        found[f"{name} (us, median; familiarity {statistics.mean(familiar):.2f})"] = statistics.median(routed) * 1e6
        found[f"{name}, beside it a sum of 1000 squares (us, median)"] = statistics.median(looped) * 1e6
        found[f"{name}, times that sum (median)"] = statistics.median(map(truediv, routed, looped))
    return found


def import_seconds(module: str) -> float:
    """Seconds that importing a module takes in a fresh interpreter, the interpreter's own start left out."""
    return printed_seconds(f"import time; a = time.perf_counter(); import {module}; print(time.perf_counter() - a)")


def load_seconds() -> float:
    """Seconds that `%load_ext zeta_eval` takes in a fresh IPython, the shell's own start left out."""
    return printed_seconds(
        "import time; from IPython.core.interactiveshell import InteractiveShell; s = InteractiveShell.instance(); "
        "a = time.perf_counter(); s.run_line_magic('load_ext', 'zeta_eval'); print(time.perf_counter() - a)"
    )


def printed_seconds(code: str) -> float:
    """Median of the seconds that seven fresh interpreters print."""
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(7)]
    return statistics.median(float(r.stdout) for r in runs)


def median_seconds(function: Callable[[], object], n: int) -> float:
    """Median wall seconds of n calls."""
    times = []
    for _ in range(n):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main()
