"""Does `zeta learn` promote versions that are no better, and those that are? Made worlds, honest ratings.

    python benchmarks/promotion.py [--kind route] [--worlds 20] [--seed 0] [--json benchmarks/results/promotion.json]

In every world a policy is tuned on made outcomes (`zeta_eval.testing.make_outcomes`), other queries come as traffic of
which 30 % explore, every kept answer is rated truly by a trusted source, and `ze.learn` makes a new version. The
difference in utility of the two on 4,000 fresh queries is the truth. Kinds, all of them unless `--kind` names some:

- route, generate, cascade: nothing changes. Traffic by `route`, by `generate` of a policy without a cascade, and by
  `generate` of one with a cascade. A promotion that is worse by more than .005 is false.
- improved: traffic by `route` after 90 % of the smallest size's wrong answers became right. A promotion is due.
- gate: the comparison alone, many times. Two versions that are equally good differ on 20 % of the queries, and just
  there the model expects .3 too much of the new one's size. The share shown to be better is false.
- online: nothing changes, traffic by `generate` of a cascading policy. How far do the ratings of
  kept answers move the log-odds of each size in `ze.Online`, beyond what as many ratings of sizes drawn from all do (a
  policy's chances are not exact, so these move them as well)? Beside it: as if no answer were kept for what it said.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

import zeta_eval as ze
from zeta_eval.evaluation.batch.predict import FeatureCache, decide
from zeta_eval.feedback.judged import Judged
from zeta_eval.files import write_json
from zeta_eval.models import Completion
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning.promotion import by_feedback, shown

SETTINGS = ze.TuningSettings(n_trials=5, estimator="heuristic")
SIGNALS = ["response", "mean_logprob", "min_logprob", "prefill_margin", "prefill_entropy", "prefill_gpu_s"]
EXPLORE = 0.3
WORSE = -0.005
MENDED = 0.9
RATED = ("kept", "as if unread", "any")
"""Kept answers, where they count; kept answers, each taken to count; as many queries as explore, each of any size."""
CELLS = ((300, 0.05), (1000, 0.1), (3000, 0.1))
"""Number of rated queries and share that explores, of the gate."""
WORLDS = ("route", "generate", "cascade", "improved", "online")
KINDS = (*WORLDS, "gate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--queries", type=int, default=3000, help="rated queries of each world")
    parser.add_argument("--repeats", type=int, default=1000, help="comparisons of each cell of the gate")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/promotion.json"))
    args = parser.parse_args()
    found: dict[str, object] = {}
    kinds = [kind for kind in args.kind if kind in WORLDS]
    with ProcessPoolExecutor(args.processes) as pool:
        if "gate" in args.kind:
            cells = partial(gate, repeats=args.repeats, seed=args.seed)
            found["gate"] = list(pool.map(cells, CELLS))
        seeds = range(args.seed, args.seed + args.worlds)
        runs = [
            run for run in pool.map(partial(worlds, kinds, n=args.queries), seeds) if print(run, flush=True) is None
        ]
        found |= {kind: SUMS[kind]([run[kind] for run in runs]) for kind in kinds}
    for kind in args.kind:
        print(kind, found[kind])
    about = {
        "command": shlex.join(["python", "benchmarks/promotion.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(args.json, about | {"seed": args.seed, "queries": args.queries} | found)


def worlds(kinds: Sequence[str], seed: int, *, n: int) -> dict[str, dict[str, object]]:
    """The worlds of a seed, by kind."""
    return {kind: shift(seed, n=n) if kind == "online" else world(kind, seed, n=n) for kind in kinds}


def promotions(runs: Sequence[dict[str, object]]) -> dict[str, object]:
    """The worlds of a kind, in numbers."""
    taken = [run["utility_difference"] for run in runs if run["promoted"]]
    return {
        "worlds": len(runs),
        "promoted": len(taken),
        "compared": sum(run["interval"] is not None for run in runs),
        "worse": sum(x < WORSE for x in taken),
        "least": min(taken, default=None),
        "runs": runs,
    }


def world(kind: str, seed: int, *, n: int) -> dict[str, object]:
    """Learn from the traffic of one world; whether the new version is promoted, and how much better it is."""
    mended = MENDED if kind == "improved" else 0.0
    old = parent(seed, cascades=kind == "cascade")
    with TemporaryDirectory() as folder:
        path = Path(folder, "h.db")
        live = table(n, 1000 + seed, mended=mended)
        traffic(
            path, ze.ZetaDynamicRouter(old, explore=EXPLORE, seed=seed), live, generate=kind in ("generate", "cascade")
        )
        report = ze.learn(old, path, trusted=["scorer"], settings=replace(SETTINGS, seed=seed))
    fresh = table(4000, 5000 + seed, mended=mended, signals=True)
    later = ze.compare({"old": old, "new": report.new}, fresh, split="all")
    told = report.differences[-1] if report.differences else None
    return {
        "seed": seed,
        "promoted": report.promoted,
        "utility_difference": round(float(later.rows["utility_difference"].iloc[1]), 4),
        "interval": None if told is None else [round(float(x), 4) for x in (told.low, told.high)],
        "explored": report.n_explored,
    }


@cache
def parent(seed: int, *, cascades: bool) -> RoutingPolicy:
    """A policy tuned on 1,000 queries, which cascades or does not."""
    for attempt in range(50):
        made = ze.tune(table(1000, seed + 100_000 * attempt, signals=cascades), settings=replace(SETTINGS, seed=seed))
        if made.policy.cascades == cascades:
            return made.policy
    raise SystemExit(f"No policy of seed {seed} cascades; give another --seed.")


def table(n: int, seed: int, *, mended: float = 0.0, signals: bool = True) -> Outcomes:
    """Made outcomes, of which a share of the smallest size's wrong answers became right; without signals if wished."""
    made = make_outcomes(n, seed=seed)
    frame = made.frame if signals else made.frame.drop(columns=SIGNALS)
    right = (frame["model"] == made.sizes[0]) & (np.random.default_rng(seed + 1).random(len(frame)) < mended)
    return Outcomes.from_frame(frame.assign(score=frame["score"].mask(right, 1.0))).with_order(made.sizes)


def traffic(path: Path, router: ze.ZetaDynamicRouter, live: Outcomes, *, generate: bool) -> None:
    """Send queries through a router, and rate the kept answers by the table."""
    scores, kept = live.matrix("score"), []
    answers = scripted(live)
    with ze.History(path) as history:
        for i, (text, task) in enumerate(zip(live.queries, live.tasks, strict=True)):
            if generate:
                made = router.generate(text, answers(i), task=task)
                size, key = made.size, history.record(made.decision, text, task=task, steps=made.steps)
            else:
                decision = router.route(text, task=task)
                size, key = decision.size, history.record(decision, text, task=task)
            kept.append((key, float(scores[i, live.sizes.index(size)])))
        for key, score in kept:
            history.feedback(key, score=score, source="scorer")


def scripted(live: Outcomes) -> Callable[[int], dict[str, Callable[[str], Completion]]]:
    """Give a query's answers by size, from the table."""
    names = ("mean_logprob", "min_logprob", "completion_tokens")
    columns = [live.matrix(name) for name in names]
    said = live.frame.pivot(index="query_id", columns="model", values="response").loc[live.query_ids, list(live.sizes)]
    texts = said.to_numpy()

    def answers(i: int) -> dict[str, Callable[[str], Completion]]:
        made = {}
        for m, size in enumerate(live.sizes):
            mean, least, tokens = (column[i, m] for column in columns)
            one = Completion(
                text=texts[i, m], mean_logprob=float(mean), min_logprob=float(least), completion_tokens=int(tokens)
            )
            made[size] = lambda _, one=one: one
        return made

    return answers


def shift(seed: int, *, n: int) -> dict[str, list[float]]:
    """Mean change of each size's log-odds, over the tasks, by which ratings are taken: see `RATED`."""
    policy, live = parent(seed, cascades=True), table(n, 1000 + seed)
    scores, answers = live.matrix("score"), scripted(live)
    router, rng = ze.ZetaDynamicRouter(policy, explore=EXPLORE, seed=seed), np.random.default_rng(seed)
    online = {kind: ze.Online(policy, settings=ze.OnlineSettings(noise=0.01), clock=lambda: 0.0) for kind in RATED}
    for i, (text, task) in enumerate(zip(live.queries, live.tasks, strict=True)):
        made = router.generate(text, answers(i), task=task)
        unread, drawn = replace(made.decision, selected=False), str(rng.choice(live.sizes))
        rated = {"kept": (made.decision, made.size), "as if unread": (unread, made.size)}
        if rng.random() < EXPLORE:
            rated["any"] = unread, drawn
        for kind, (decision, size) in rated.items():
            online[kind].learn(decision, size, float(scores[i, live.sizes.index(size)]), source="scorer")
    changes = {}
    for kind, each in online.items():
        tasks = each.status()["tasks"].values()
        changes[kind] = [float(np.mean([t[s]["shift"] if s in t else 0.0 for t in tasks])) for s in live.sizes]
    return changes


def shifts(runs: Sequence[dict[str, list[float]]]) -> dict[str, object]:
    """Mean change of each size over the worlds beyond that by answers drawn from all, with standard errors."""
    found: dict[str, object] = {"worlds": len(runs)}
    for kind in RATED[:2]:
        by = np.array([np.subtract(run[kind], run["any"]) for run in runs])
        found[kind] = by.mean(axis=0).round(3).tolist()
        found[f"{kind} (standard error)"] = (by.std(axis=0, ddof=1) / np.sqrt(len(by))).round(3).tolist()
    return found


def gate(cell: tuple[int, float], *, repeats: int, seed: int) -> dict[str, object]:
    """How often two equally good versions are told apart, where the model is too sure of the new one's size."""
    n, explore = cell
    rng = np.random.default_rng(seed)
    old, new, texts = versions(n, seed)
    sizes, features = old.sizes, FeatureCache().features(texts, np.full(n, None))
    first, other = (decide(policy, features, policy.cost_weight) for policy in (old, new))
    rows, apart = np.arange(n), first != other
    shares = np.tile([r.cost for r in old.rungs], (n, 1))
    truth = np.full((n, len(sizes)), 0.5) + old.cost_weight * (shares - shares.mean())  # every size is as useful
    p = truth.copy()
    p[rows, other] += 0.3 * apart
    behaviour = np.full((n, len(sizes)), explore / len(sizes))
    behaviour[rows, first] += 1 - explore
    false = refused = 0
    for _ in range(repeats):
        taken = (rng.random(n)[:, None] > behaviour.cumsum(axis=1)).sum(axis=1)
        score = (rng.random(n) < truth[rows, taken]).astype(float)
        judged = log(texts, sizes, taken, score, behaviour[rows, taken])
        parts, _ = by_feedback(old, new, judged, features, p, shares, seed=0)
        false, refused = false + shown(parts), refused + (not parts)
    about = {"n": n, "explore": explore, "differ": round(float(apart.mean()), 3), "repeats": repeats}
    return about | {"refused": refused / repeats, "false": false / repeats}


def versions(n: int, seed: int) -> tuple[RoutingPolicy, RoutingPolicy, np.ndarray]:
    """Two policies, and n queries for a fifth of which they choose different sizes."""
    old = RoutingPolicy.seed(("4B", "7B", "14B"))
    texts = np.asarray(make_outcomes(5 * n, seed=seed).queries, dtype=object)
    features = FeatureCache().features(texts, np.full(len(texts), None))
    choices, weights = decide(old, features, old.cost_weight), old.cost_weight * np.geomspace(0.2, 5, 100)
    other = [decide(old, features, weight) != choices for weight in weights]
    nearest = int(np.abs(np.array([x.mean() for x in other]) - 0.3).argmin())
    new, apart = replace(old, cost_weight=float(weights[nearest])), other[nearest]
    return old, new, np.concatenate([texts[apart][: n // 5], texts[~apart][: n - n // 5]])


def log(
    texts: np.ndarray, sizes: Sequence[str], taken: np.ndarray, score: np.ndarray, propensity: np.ndarray
) -> Judged:
    """One held-out rating of every query."""
    n = len(taken)
    names = {"query_id": texts, "query": texts, "task": "sums", "split": "test"}
    return Judged(
        sizes=tuple(sizes),
        queries=pd.DataFrame(names),
        at=np.arange(n),
        size=taken,
        score=score,
        sources=("scorer",),
        source=np.zeros(n, dtype=np.intp),
        trusted=np.ones(1, dtype=bool),
        propensity=propensity,
        explored=propensity < 1,
        measured=pd.DataFrame(np.nan, index=range(n), columns=["gpu_s", "cost_usd", "latency_s"]),
        left_out=0,
    )


SUMS = dict.fromkeys(WORLDS, promotions) | {"online": shifts}

if __name__ == "__main__":
    main()
