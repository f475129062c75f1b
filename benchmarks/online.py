"""A stream whose world changes half-way: the policy as tuned, the same one that learns online, and an oracle.

    python benchmarks/online.py TABLE [--cost-weight 0.2] [--label-rate 0.3] [--json benchmarks/results/online.json]

Half-way the largest size's server becomes `--slow` times slower, and a task appears that the policy was not tuned on
(`--new-task`). For every seed a policy is tuned on a random half of the known tasks' queries; the stream is drawn, with
replacement, from the other half and from the new task: intervals cover the choice of queries and the tuning.

Cost is latency. Where the table has none, it is modelled: completion tokens x seconds per token, given per size
(`--seconds-per-token 0.01 0.02 0.1`) or in proportion to the table's mean cost_usd per completion token, the largest
size at 0.05 s. A router sees the latency of the size it called, and at `--label-rate` its score, nothing else. Utility
is score - cost_weight * latency / (the largest size's mean latency before the change); the oracle knows each score and
latency beforehand, so that no router reaches it. A stationary stream is run beside it: known tasks, nothing slows.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from zeta_eval.evaluation.reports.style import COLOURS, FAINT, LINES, canvas, image, legend, title
from zeta_eval.exceptions import InvalidInputError, UnknownNameError, ZetaError
from zeta_eval.feedback.drift import Drift
from zeta_eval.feedback.online import Online, OnlineSettings
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningSettings, tune

SCHEMA_VERSION = 1
ROUTERS = ("static", "online")
KINDS = ("changed", "stationary")
LARGEST_S = 0.05
"""Modelled seconds per token of the largest size."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """The outcomes of a table, and a policy tuned on its known tasks."""

    outcomes: Outcomes
    policy: RoutingPolicy
    known: npt.NDArray[np.intp]
    """Queries of known tasks that the policy was not tuned on."""
    new: npt.NDArray[np.intp]
    """Queries of the task that appears."""
    weight: float
    """Cost weight of the utility and of every router."""


@dataclass(frozen=True)
class Stream:
    """Queries in order of arrival."""

    rows: npt.NDArray[np.intp]
    score: Floats
    """(N, M)."""
    latency_s: Floats
    """(N, M), slowness included."""
    labelled: npt.NDArray[np.bool_]
    """Which answers get a label."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, metavar="TABLE")
    parser.add_argument("--new-task", help="the task that appears (default: the one with the fewest queries)")
    parser.add_argument("--slow", type=float, default=3.0, help="the largest size's latency is multiplied by this")
    parser.add_argument("--queries", type=int, default=2000, help="length of a stream")
    parser.add_argument("--seeds", type=int, default=20, help="streams of each kind")
    parser.add_argument("--label-rate", type=float, default=1.0, help="share of answers that are judged")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--cost-weight", type=float, default=0.2, help="W")
    parser.add_argument("--estimator", default="learned", help="as in `zeta tune`")
    parser.add_argument("--trials", type=int, default=50, help="as in `zeta tune`")
    parser.add_argument("--seconds-per-token", type=float, nargs="+", metavar="S", help="one per size, cheapest first")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/online.json"))
    args = parser.parse_args()
    try:
        run(args)
    except ZetaError as e:
        sys.exit(f"error: {e}")


def run(args: argparse.Namespace) -> None:
    """Tune, run every stream, print and write the figures."""
    outcomes, model = with_latency(Outcomes.load(args.table), args.seconds_per_token)
    task = new_task(outcomes, args.new_task)
    print(f"{args.table.name}: '{task}' appears, cost weight {args.cost_weight:g}, latency {model}")
    each = partial(one_seed, outcomes, task, args)
    with ProcessPoolExecutor(args.jobs) as pool:
        runs = list(pool.map(each, range(args.seeds)))
    regret = {kind: [run[kind][0] for run in runs] for kind in KINDS}
    events = {kind: [run[kind][1] for run in runs] for kind in KINDS}
    curves = {k: {name: np.stack([r[name] for r in runs]) for name in ROUTERS} for k, runs in regret.items()}
    found_all = {kind: summary(curve) | {"drift_events": events[kind]} for kind, curve in curves.items()}
    for kind, figures in found_all.items():
        print(text(kind, figures))
    command = [
        "python",
        "benchmarks/online.py",
        *(a if Path(a) != args.table else args.table.name for a in sys.argv[1:]),
    ]
    about = {
        "schema_version": SCHEMA_VERSION,
        "command": shlex.join(command),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "sizes": list(outcomes.sizes),
        "latency": model,
        "new_task": task,
        "estimator": args.estimator,
        "trials": args.trials,
        "cost_weight": args.cost_weight,
        "queries": args.queries,
        "seeds": args.seeds,
        "label_rate": args.label_rate,
        "slow": args.slow,
        "settings": asdict(OnlineSettings()),
    }
    write_json(args.json, about | {"streams": found_all})
    draw(curves, args.json.with_suffix(".png"))


def with_latency(outcomes: Outcomes, seconds: Sequence[float] | None) -> tuple[Outcomes, str]:
    """Return the table with latencies, and how it came by them.

    Raises:
        InvalidInputError: it can't be modelled.
    """
    if seconds is None and "latency_s" in outcomes.cost_columns:
        return outcomes, "as in the table"
    tokens = outcomes.matrix("completion_tokens").mean(axis=0)
    if seconds is None:
        price = outcomes.matrix("cost_usd").mean(axis=0) / tokens
        if not np.isfinite(price).all():
            raise InvalidInputError("The table has no latency, tokens or cost_usd; give --seconds-per-token.")
        seconds = [LARGEST_S * float(x / price[-1]) for x in price]
    if len(seconds) != len(outcomes.sizes) or not np.isfinite(tokens).all():
        raise InvalidInputError(f"Give {len(outcomes.sizes)} seconds per token, and a table with completion_tokens.")
    frame, each = outcomes.frame, dict(zip(outcomes.sizes, seconds, strict=True))
    frame["latency_s"] = frame["completion_tokens"].astype("float64") * frame["model"].map(each)
    frame["latency_source"] = "modelled"
    model = ", ".join(f"{s} {x:.4f}" for s, x in each.items()) + " s per completion token"
    return Outcomes.from_frame(frame).with_order(outcomes.sizes), f"modelled, {model}"


def new_task(outcomes: Outcomes, asked: str | None) -> str:
    """Return the task that appears half-way: the one asked for, else the one with the fewest queries.

    Raises:
        UnknownNameError: no such task.
    """
    names, counts = np.unique(outcomes.tasks.astype(str), return_counts=True)
    if asked is not None and asked not in names:
        raise UnknownNameError("task", asked, names)
    return asked or str(names[counts.argmin()])


def prepare(outcomes: Outcomes, task: str, args: argparse.Namespace, seed: int) -> World:
    """Tune on a random half of the queries of all tasks but the new one."""
    is_new = outcomes.tasks == task
    known = np.random.default_rng(seed).permutation(np.flatnonzero(~is_new))
    tuned, kept = np.array_split(known, 2)
    settings = TuningSettings(cost="latency_s", estimator=args.estimator, n_trials=args.trials, seed=seed)
    policy = tune(outcomes.take(tuned), settings).policy
    return World(
        outcomes=outcomes.with_order(policy.sizes),
        policy=policy,
        known=kept,
        new=np.flatnonzero(is_new),
        weight=args.cost_weight,
    )


def one_seed(
    outcomes: Outcomes, task: str, args: argparse.Namespace, seed: int
) -> dict[str, tuple[dict[str, Floats], list[str]]]:
    """Tune, and run both kinds of stream."""
    world = prepare(outcomes, task, args, seed)
    return {
        "changed": one_stream(world, args.slow, True, args, seed),
        "stationary": one_stream(world, 1.0, False, args, seed),
    }


def one_stream(
    world: World, slow: float, appears: bool, args: argparse.Namespace, seed: int
) -> tuple[dict[str, Floats], list[str]]:
    """Return each router's regret per query, (N,), and the drift events of the one that learns."""
    stream = make_stream(world, args.queries, slow, appears, args.label_rate, seed)
    utility = stream.score - world.weight * stream.latency_s / world.policy.unit_cost
    best, at = utility.max(axis=1), np.arange(args.queries)
    static = follow(world, stream, ZetaDynamicRouter(world.policy))
    now, drift = [0.0], Drift()
    online = Online(world.policy, drift=drift, clock=lambda: now[0])
    learned = follow(world, stream, ZetaDynamicRouter(world.policy, online=online), now)
    return {"static": best - utility[at, static], "online": best - utility[at, learned]}, [str(e) for e in drift.events]


def make_stream(world: World, n: int, slow: float, appears: bool, label_rate: float, seed: int) -> Stream:
    """Draw a stream of n queries."""
    rng, half = np.random.default_rng(seed), n // 2
    share = len(world.new) / len(world.outcomes) if appears else 0.0
    is_new = (np.arange(n) >= half) & (rng.random(n) < share)
    rows = np.where(is_new, rng.choice(world.new, n), rng.choice(world.known, n))
    latency_s = world.outcomes.matrix("latency_s")[rows].copy()
    latency_s[half:, -1] *= slow
    return Stream(rows, world.outcomes.matrix("score")[rows], latency_s, rng.random(n) < label_rate)


def follow(
    world: World, stream: Stream, router: ZetaDynamicRouter, now: list[float] | None = None
) -> npt.NDArray[np.intp]:
    """Return the sizes a router chooses, (N,); with a clock (a query per second) it is told what came of them."""
    queries, tasks, sizes = world.outcomes.queries, world.outcomes.tasks, world.policy.sizes
    chosen = np.empty(len(stream.rows), dtype=np.intp)
    first: dict[int, np.intp] = {}
    for i, row in enumerate(stream.rows):
        if now is None and row in first:  # without a clock the same query gets the same size
            chosen[i] = first[row]
            continue
        decision = router.route(str(queries[row]), task=str(tasks[row]), cost_weight=world.weight)
        first[row] = chosen[i] = m = sizes.index(decision.size)
        if now is not None:
            now[0] += 1.0
            router.observe(decision.size, float(stream.latency_s[i, m]), decision=decision)
            if stream.labelled[i]:
                router.learn(decision, decision.size, float(stream.score[i, m]), source="scorer")
    return chosen


def summary(regret: dict[str, Floats]) -> dict[str, object]:
    """Mean regret per query of each half, and the share that learning saves, with 95 % t intervals over the seeds."""
    half = next(iter(regret.values())).shape[1] // 2
    out: dict[str, object] = {}
    for name, part in (("all", np.s_[:]), ("first_half", np.s_[:, :half]), ("second_half", np.s_[:, half:])):
        static, online = (regret[k][part].mean(axis=1) for k in ("static", "online"))
        out[name] = {
            "static": interval(static),
            "online": interval(online),
            "online_minus_static": interval(online - static),
            "saved_share": interval(1.0 - online / static),
        }
    return out | {"regret_over_time": {k: blocks(r.mean(axis=0)) for k, r in regret.items()}}


def interval(x: Floats) -> dict[str, float]:
    """Mean and 95 % t interval of values by seed."""
    wide = float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else float("nan")
    return {"mean": float(x.mean()), "low": float(x.mean()) - wide, "high": float(x.mean()) + wide}


def blocks(x: Floats, n: int = 80) -> list[float]:
    """Means of n blocks of a series."""
    return [float(part.mean()) for part in np.array_split(x, n)]


def text(kind: str, found: dict[str, object]) -> str:
    """The figures of one kind of stream in lines."""
    lines = [f"{kind} stream, regret per query (95 % interval over seeds)"]
    for half in ("all", "first_half", "second_half"):
        row = found[half]
        assert isinstance(row, dict)
        cells = (f"{k} {v['mean']:+.4f} [{v['low']:+.4f}, {v['high']:+.4f}]" for k, v in row.items())
        lines.append(f"  {half:12} " + "  ".join(cells))
    return "\n".join(lines)


def draw(curves: dict[str, dict[str, Floats]], path: Path) -> None:
    """Draw cumulative regret, mean and 95 % band over the seeds."""
    figure, axes = canvas(1, 2, size=(10.0, 4.5))
    for (kind, regret), one in zip(curves.items(), axes.flat, strict=True):
        for i, (name, x) in enumerate(regret.items()):
            total = x.cumsum(axis=1)
            mean, wide = total.mean(axis=0), 2 * total.std(axis=0) / np.sqrt(len(total))
            one.plot(mean, color=COLOURS[i], linestyle=LINES[i], label=f"{name} policy")
            one.fill_between(np.arange(len(mean)), mean - wide, mean + wide, color=COLOURS[i], alpha=0.2, linewidth=0)
        title(one, f"{kind} stream")
        one.set_xlabel("queries")
        one.set_ylabel("cumulative regret to the oracle")
        if kind == "changed":
            one.axvline(len(mean) // 2, color=FAINT, linestyle=":")
    legend(figure, *axes.flat)
    path.write_bytes(image(figure))


if __name__ == "__main__":
    main()
