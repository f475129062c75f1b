"""What lies do to `zeta learn`: one source gives wrong labels, alone or beside honest ones.

    python benchmarks/poison.py [--seeds 5] [--json benchmarks/results/poison.json]

For every seed a policy is tuned on made outcomes (`zeta_eval.testing.make_outcomes`), and a liar says the opposite of
the truth about every size's answer to other queries: up to 10,000 labels, alone or beside 500 honest labels of routed
and explored queries. The version learned is replayed on 1,000 new queries, whether it was promoted or not: the
difference in utility is what a user who forces it loses. Where it says "capped": false, every source is trusted.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import zeta_eval as ze
from zeta_eval.api import versions
from zeta_eval.feedback.store import Store
from zeta_eval.feedback.tables import FEEDBACK
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes

SETTINGS = ze.TuningSettings(n_trials=30, estimator="heuristic")
LIES = (0, 100, 1_000, 10_000)
HONEST = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/poison.json"))
    args = parser.parse_args()
    rows = []
    for honest in (HONEST, 0):
        for lies in LIES if honest else LIES[2:]:  # fewer labels alone are too few to tune on
            rows += [measure(honest, lies, capped, args.seeds) for capped in (True, False)]
            print(*rows[-2:], sep="\n", flush=True)
    about = {
        "command": shlex.join(["python", "benchmarks/poison.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(args.json, about | {"seeds": args.seeds, "rows": rows})


def measure(honest: int, lies: int, capped: bool, seeds: int) -> dict[str, object]:
    """Learn from so many labels for every seed; the mean difference in utility with its standard error."""
    runs = [learn(honest, lies, capped, seed) for seed in range(seeds)]
    difference = np.array([x for x, _ in runs])
    return {
        "honest": honest,
        "lies": lies,
        "capped": capped,
        "utility_difference": round(float(difference.mean()), 4),
        "standard_error": round(float(difference.std(ddof=1) / np.sqrt(seeds)), 4),
        "worst": round(float(difference.min()), 4),
        "promoted": sum(promoted for _, promoted in runs),
    }


def learn(honest: int, lies: int, capped: bool, seed: int) -> tuple[float, bool]:
    """The learned version's utility minus its parent's on new queries, and whether it was promoted."""
    old = ze.tune(world(500, 4 * seed), settings=SETTINGS).policy
    with TemporaryDirectory() as folder:
        path = Path(folder, "h.db")
        ze.History(path).close()
        if honest:
            route(path, old, world(honest, 4 * seed + 1), seed)
        if lies:
            lie(path, world(-(-lies // 3), 4 * seed + 2), lies)
        sources = ["person"] * bool(honest) + ["liar"] * bool(lies)
        report = versions.learn(old, path, settings=SETTINGS, trusted=() if capped else sources)
    later = ze.compare({"old": old, "new": report.new}, world(1000, 4 * seed + 3), split="all")
    return float(later.rows["utility_difference"].iloc[1]), report.promoted


def world(n: int, seed: int) -> Outcomes:
    """Outcomes without answers, so that nothing cascades."""
    table = make_outcomes(n, seed=seed)
    signals = ["response", "mean_logprob", "min_logprob", "prefill_margin", "prefill_entropy", "prefill_gpu_s"]
    return Outcomes.from_frame(table.frame.drop(columns=signals)).with_order(table.sizes)


def route(path: Path, policy: RoutingPolicy, table: Outcomes, seed: int) -> None:
    """Route a table's queries, explore with 40 %, and judge every answer truly."""
    router = ze.ZetaDynamicRouter(policy, explore=0.4, seed=seed)
    with ze.History(path) as history:
        for text, task, score in zip(table.queries, table.tasks, table.matrix("score"), strict=True):
            decision = router.route(text, task=task)
            key = history.record(decision, text, task=task)
            history.feedback(key, score=float(score[table.sizes.index(decision.size)]))


def lie(path: Path, table: Outcomes, n: int) -> None:
    """Say the opposite of the truth about n answers of a table, in one transaction."""
    sizes, scores = list(table.sizes) * len(table), 1 - table.matrix("score").ravel()
    texts, tasks = (np.repeat(x, len(table.sizes)) for x in (table.queries, table.tasks))
    store = Store(path)
    rows = [
        {
            "created_at": "2026-01-01T00:00:00.000000+00:00",
            "source": "liar",
            "score": float(scores[i]),
            "query_hash": f"lie {i // len(table.sizes)}",
            "query": str(texts[i]),
            "size": sizes[i],
            "task": str(tasks[i]),
        }
        for i in range(n)
    ]
    with store._engine.begin() as connection:
        connection.execute(FEEDBACK.insert(), rows)
    store.close()


if __name__ == "__main__":
    main()
