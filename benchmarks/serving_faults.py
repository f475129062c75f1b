"""`zeta serve` under load while its upstream fails: are rows lost or doubled, does memory grow, does every caller hear?

    python benchmarks/serving_faults.py [--minutes 10] [--rate 200] [--faults 0.05] [--json FILE]

The scripted upstream (`load/upstream.py`) answers a share of requests with a fault: HTTP 500 or 429, a hang-up before
or during the reply, a reply one second late, or bytes that are no JSON. A quarter of the requests stream. Each request
has a text of its own, by which its row in the history is found. It fails (exit code 1) where

- a caller gets neither a whole answer nor an error in OpenAI's form (of a stream: an event with an error);
- an answered request has no row in the history or two, or a row belongs to no request;
- the mean memory of the last tenth of the run is over 5 % above that of the tenth after warm-up, the second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from load.client import Reply, chat
from load.measured import median_and_p99
from load.patterns import open_loop
from load.servers import SIZES, Server, upstream, zeta
from load.texts import texts

from zeta_eval.feedback import History
from zeta_eval.files import write_json
from zeta_eval.router.policy import RoutingPolicy

MARK = "Request number "
GROWTH = 0.05
"""Most growth of memory after warm-up, as a share."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", type=Path, help="a policy file (the untuned policy)")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    policy = RoutingPolicy.load(args.policy) if args.policy else RoutingPolicy.seed(SIZES)
    with tempfile.TemporaryDirectory() as name:
        told = run(Path(name), policy, args)
    result = {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load average": os.getloadavg()[0],
        "policy": f"{policy.name}@{policy.checksum[:8]}",
        **told,
    }
    print(json.dumps(result, indent=1))
    if args.json:
        write_json(args.json, result)
    wrong = [key for key in ("unheard", "without row", "with two rows", "rows of no request") if told[key]]
    wrong += ["memory growth"] if told["memory growth"] > GROWTH else []
    sys.exit(f"wrong: {', '.join(wrong)}" if wrong else 0)


def run(folder: Path, policy: RoutingPolicy, args: argparse.Namespace) -> dict[str, Any]:
    """Put the load on, and compare what callers got with what the history holds."""
    with ExitStack() as stack:
        source = upstream(stack, folder, "--faults", str(args.faults), "--seed", str(args.seed))
        path = policy.save(folder / "policy.json")
        server = zeta(stack, folder, path, policy.sizes, source.port, "--history", "history.db")
        worked, seen = server.processor_s(), Seen(server)
        uvloop.run(seen.load(args))
        worked = server.processor_s() - worked
        with urllib.request.urlopen(f"http://127.0.0.1:{source.port}/counts") as reply:
            faults = json.load(reply)
    median, p99 = median_and_p99(seen.latency_ms)
    return {
        "requests": len(seen.heard),
        "upstream": faults,
        "heard": dict(seen.kinds),
        "latency ms median": median,
        "latency ms p99": p99,
        "processor ms each": 1000 * worked / max(1, len(seen.heard)),
        **rows(folder / "history.db", seen),
        **memory(seen.memory_mb),
    }


class Seen:
    """What callers heard, and the server's memory meanwhile."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.kinds: Counter[str] = Counter()
        self.heard: dict[int, str] = {}
        self.latency_ms: list[float] = []
        self.memory_mb: list[float] = []

    async def load(self, args: argparse.Namespace) -> None:
        """Ask at the rate, and look at the memory every second."""
        watch = asyncio.create_task(self._watch())
        await open_loop(
            self.server.port,
            numbered(self.server.model),
            rate=args.rate,
            seconds=60 * args.minutes,
            seed=args.seed,
            note=self.note,
        )
        watch.cancel()

    async def _watch(self) -> None:
        while True:
            self.memory_mb.append(self.server.memory_mb())
            await asyncio.sleep(1.0)

    def note(self, request: bytes, reply: Reply) -> None:
        """Take a reply in."""
        kind = heard(reply)
        self.heard[number_of(request.decode())] = kind
        self.kinds[kind] += 1
        self.latency_ms.append(1000 * (reply.done - reply.sent))


def numbered(model: str) -> Iterator[bytes]:
    """Requests without end, each with its number in the text; every fourth one streams."""
    asked, n = texts(), 0
    while True:
        yield chat(f"{asked[n % len(asked)]} {MARK}{n}.", model, stream=n % 4 == 0)
        n += 1


def number_of(text: str) -> int:
    """The number in a request's text."""
    return int(text.rpartition(MARK)[2].partition(".")[0])


def heard(reply: Reply) -> str:
    """What a caller got: "answer", "error", "error in a stream", or else what it was."""
    if reply.good:
        whole = reply.headers["content-type"].startswith("text/event-stream") or is_answer(reply.body)
        return "answer" if whole else "200 with no answer"
    if reply.status == 200 and reply.whole and is_error(reply.body.rstrip().rpartition(b"data: ")[2]):
        return "error in a stream"
    if reply.status >= 400 and reply.whole and is_error(reply.body):
        return "error"
    if reply.refused:
        return f"no connection: {reply.refused}"
    return f"neither: HTTP {reply.status}, {'whole' if reply.whole else 'cut off'}"


def is_answer(body: bytes) -> bool:
    """Whether it is a chat completion."""
    try:
        return bool(json.loads(body)["choices"][0]["message"]["content"])
    except (ValueError, KeyError, IndexError, TypeError):
        return False


def is_error(body: bytes) -> bool:
    """Whether it is an error in OpenAI's form."""
    try:
        return {"message", "type", "code", "param"} <= json.loads(body)["error"].keys()
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def rows(path: Path, seen: Seen) -> dict[str, Any]:
    """Requests whose row is missing or double; the server has ended, so that all is written."""
    with History(path) as history:
        queries = history.frame()["query"]
    found = Counter(number_of(query) for query in queries if MARK in query)
    answered = {n for n, kind in seen.heard.items() if kind == "answer"}
    return {
        "rows": sum(found.values()),
        "unheard": sum(n for kind, n in seen.kinds.items() if kind not in ("answer", "error", "error in a stream")),
        "without row": len(answered - found.keys()),
        "with two rows": sum(n > 1 for n in found.values()),
        "rows of no request": len(found.keys() - seen.heard.keys()),
    }


def memory(samples: list[float]) -> dict[str, float]:
    """Means of the second tenth of the run and of the last, in 10^6 bytes, and the growth from one to the other."""
    tenth = max(1, len(samples) // 10)
    warm, last = statistics.fmean(samples[tenth : 2 * tenth]), statistics.fmean(samples[-tenth:])
    return {"memory MB warm": warm, "memory MB at the end": last, "memory growth": last / warm - 1}


if __name__ == "__main__":
    main()
