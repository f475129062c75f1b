"""Many feedback events: does `route()` stay fast, and does what online learning remembers stay small?

    python benchmarks/online_events.py [--events 10000000] [--json benchmarks/results/online_events.json]

Half of the events are labels, half latencies: of three sizes, more tasks than are remembered, more sources than are
told apart, with drift watched. At ten checkpoints: memory of the process (RSS), length of the saved state, and the
median time of `route()` on 100 words, with what was learned and without, measured in turn.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from speed import TEXT

from zeta_eval.feedback.drift import Drift
from zeta_eval.feedback.online import Online
from zeta_eval.files import write_json
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

CHECKPOINTS = 10
TASKS = 5000
SOURCES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/online_events.json"))
    args = parser.parse_args()
    policy = RoutingPolicy.seed()
    online = Online(policy, drift=Drift())
    routers = ZetaDynamicRouter(policy), ZetaDynamicRouter(policy, online=online)
    rng, rows = random.Random(0), [checkpoint(online, routers, 0)]
    started = time.perf_counter()
    for part in range(CHECKPOINTS):
        feed(online, routers[1], args.events // CHECKPOINTS, rng)
        rows.append(checkpoint(online, routers, (part + 1) * (args.events // CHECKPOINTS)))
        print(rows[-1], flush=True)
    seconds = time.perf_counter() - started
    about = {
        "command": f"python benchmarks/online_events.py --events {args.events}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "checkpoints": rows,
    }
    write_json(args.json, about)


def feed(online: Online, router: ZetaDynamicRouter, n: int, rng: random.Random) -> None:
    """Give n events, a fresh decision for every hundred."""
    sizes = router.policy.sizes
    for i in range(n // 2):
        if i % 50 == 0:
            decision = router.route(TEXT, task=f"task {int(TASKS * rng.random() ** 3)}")
        size = sizes[int(rng.random() * len(sizes))]
        online.observe(size, rng.random(), decision=decision)
        online.learn(decision, size, float(rng.random() < 0.6), source=f"source {int(SOURCES * rng.random() ** 3)}")


def checkpoint(
    online: Online, routers: tuple[ZetaDynamicRouter, ZetaDynamicRouter], events: int
) -> dict[str, float | int]:
    """Measure."""
    with TemporaryDirectory() as folder:
        length = online.save(Path(folder, "state.json")).stat().st_size
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(6000):
        started = time.perf_counter()
        routers[i % 2].route(TEXT, task="task 0")
        times[i % 2].append(time.perf_counter() - started)
    tuned, learned = (statistics.median(x) * 1e6 for x in times)
    return {
        "events": events,
        "rss_mib": round(psutil.Process().memory_info().rss / 2**20, 1),
        "state_bytes": length,
        "tasks": len(online.status()["tasks"]),
        "route_us_as_tuned": round(tuned, 1),
        "route_us_online": round(learned, 1),
    }


if __name__ == "__main__":
    main()
