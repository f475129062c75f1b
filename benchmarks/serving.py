"""What a router in front of a server costs: `zeta serve` and LiteLLM's proxy beside direct calls, in one run.

    python benchmarks/serving.py [--policy policy.json] [--litellm PYTHON] [--json benchmarks/results/serving.json]

A scripted upstream (`load/upstream.py`) answers at once. The same lean client (`load/client.py`) asks it directly,
through a bare relay of the parts that `zeta serve` is built on (`load/relay.py`), through `zeta serve`, through
LiteLLM's proxy, and through the proxy's complexity router, in turn, `--rounds` times:

- 64 connections that ask without a pause: requests per second, and streams of 33 pieces per second;
- 50 requests per second at random times: the latency, and of streams the time to the first piece, that each adds to
  direct calls, from the time at which a request was due.

Client, upstream and server share one machine, so rates are lower bounds; ratios, and the processor time that a server
takes per request, say more. `--litellm` names an interpreter with `litellm[proxy]`; without it LiteLLM is left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from load.measured import CONNECTIONS, RATE, Burst, Stretch, burst, median_and_p99, stretch
from load.servers import SIZES, Server, litellm, relay, upstream, zeta
from load.upstream import PIECES

from zeta_eval.files import write_json
from zeta_eval.router.policy import RoutingPolicy

KINDS = {"requests": False, "streams": True}
"""Kinds of request, and whether they stream."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", type=Path, help="a policy file (the untuned policy)")
    parser.add_argument("--litellm", default=os.environ.get("ZETA_LITELLM_PYTHON"), help="interpreter with litellm")
    parser.add_argument("--history", action="store_true", help="let `zeta serve` record a history")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a burst")
    parser.add_argument("--steady-seconds", type=float, default=20.0, help="length of a stretch at 50 per second")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    policy = RoutingPolicy.load(args.policy) if args.policy else RoutingPolicy.seed(SIZES)
    with ExitStack() as stack:
        arms = servers(stack, policy, args)
        for arm in arms:
            burst(arm, stream=False, seconds=2.0)  # warm
        load = [os.getloadavg()[0]]
        bursts = {kind: full(arms, args, stream) for kind, stream in KINDS.items()}
        steady = {kind: at_rate(arms, args, stream) for kind, stream in KINDS.items()}
        load.append(os.getloadavg()[0])
    result = {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load average before and after": load,
        "policy": f"{policy.name}@{policy.checksum[:8]}",
        "seed": args.seed,
        f"{CONNECTIONS} connections": {kind: told_bursts(found) for kind, found in bursts.items()},
        f"{RATE:g} per second": {kind: told_steady(found) for kind, found in steady.items()},
        "pieces of a stream": PIECES,
    }
    show(result)
    if args.json:
        write_json(args.json, result)


def servers(stack: ExitStack, policy: RoutingPolicy, args: argparse.Namespace) -> list[Server]:
    """Upstream, a bare relay, `zeta serve`, and LiteLLM in two ways of use."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    direct = upstream(stack, folder)
    history = ("--history", "history.db") if args.history else ()
    arms = [direct, relay(stack, folder, direct.port)]
    arms.append(zeta(stack, folder, policy.save(folder / "policy.json"), policy.sizes, direct.port, *history))
    if args.litellm:
        plain = litellm(stack, folder, args.litellm, direct.port)
        arms += [plain, Server("LiteLLM, complexity router", plain.process, plain.port, "auto")]
    return arms


def full(arms: list[Server], args: argparse.Namespace, stream: bool) -> dict[str, list[Burst]]:
    """Bursts by arm, in turn."""
    found: dict[str, list[Burst]] = {arm.name: [] for arm in arms}
    for _ in range(args.rounds):
        for arm in arms:
            found[arm.name].append(burst(arm, stream=stream, seconds=args.seconds))
    return found


def at_rate(arms: list[Server], args: argparse.Namespace, stream: bool) -> dict[str, Stretch]:
    """Stretches by arm, in turn; all arms of a round get the same arrivals."""
    found = {arm.name: Stretch() for arm in arms}
    for n in range(args.rounds):
        for arm in arms:
            stretch(arm, found[arm.name], stream=stream, seconds=args.steady_seconds, seed=args.seed + n)
    return found


def told_bursts(found: dict[str, list[Burst]]) -> dict[str, Any]:
    """Medians over rounds, by arm."""
    return {
        name: {
            "per second": statistics.median(b.per_s for b in bursts),
            "rounds": [b.per_s for b in bursts],
            "processor ms each": statistics.median(b.processor_ms for b in bursts),
            "no whole answer": sum(b.bad for b in bursts),
        }
        for name, bursts in found.items()
    }


def told_steady(found: dict[str, Stretch]) -> dict[str, Any]:
    """Quantiles over all rounds, by arm, in milliseconds, and what is added to direct calls."""
    base = found["direct"]
    return {name: _quantiles(seen, base) for name, seen in found.items()}


def _quantiles(seen: Stretch, base: Stretch) -> dict[str, float]:
    told: dict[str, float] = {"n": len(seen.whole), "no whole answer": seen.bad}
    for what in ("first", "whole"):
        (median, p99), (median_0, p99_0) = (median_and_p99(getattr(s, what)) for s in (seen, base))
        told |= {f"{what} median": median, f"{what} p99": p99}
        told |= {f"{what} median added": median - median_0, f"{what} p99 added": p99 - p99_0}
    return told


def show(result: dict[str, Any]) -> None:
    """Print the figures as two tables."""
    print(result["machine"], "load", result["load average before and after"], result["policy"])
    for kind, arms in result[f"{CONNECTIONS} connections"].items():
        for name, f in arms.items():
            each = f"{f['processor ms each']:.2f} ms each"
            print(f"{kind:9} {name:28} {f['per second']:9.0f}/s  {each}  {f['no whole answer']} bad")
    for kind, arms in result[f"{RATE:g} per second"].items():
        for name, f in arms.items():
            said = "  ".join(f"{q} {f[f'{q} added']:+.2f} ms" for q in ("first median", "whole median", "whole p99"))
            print(f"{kind:9} {name:28} {said}  n {f['n']}, {f['no whole answer']} bad")


if __name__ == "__main__":
    main()
