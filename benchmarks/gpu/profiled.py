"""Where the time of the smallest size goes: decoding one query, compiled, and many by continuous batching.

By torch's profiler: the kernels that take the most, and the share of the wall time in which the device works. A small
share says that the device waits for Python, a large one that the kernels themselves are the limit.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from gpu.arguments import arguments
from zeta_eval.exceptions import one_line
from zeta_eval.files import write_json
from zeta_eval.inference.engine.architectures import architecture
from zeta_eval.inference.engine.clock import Clock
from zeta_eval.inference.engine.compiled import CompiledModel
from zeta_eval.inference.engine.continuous import ContinuousBatching

MOST = 20
"""Kernels that are listed."""
PROMPT, NEW = {"published": 256, "tiny": 16}, {"published": 32, "tiny": 4}
MANY = {"published": 128, "tiny": 4}


def main() -> int:
    args = arguments(__doc__)
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    shape = architecture("4B", tiny=args.scale == "tiny")
    model = shape.build(device, torch.bfloat16 if cuda else torch.float32)
    draw, n, new = random.Random(0), PROMPT[args.scale], NEW[args.scale]
    prompts = [[draw.randrange(1, model.config.vocab_size) for _ in range(n)] for _ in range(MANY[args.scale])]
    result: dict[str, Any] = {"size": "4B", "prompt_tokens": n, "new_tokens": new, "many": len(prompts)}
    served = CompiledModel(model, n + new, compiled=cuda)
    now = Clock(device).now
    for name, work, close in (
        ("one query", lambda: served.answer(prompts[0], new, end=(), now=now), lambda: None),
        ("many queries", *_many(model, prompts, new)),
    ):
        try:
            for _ in range(2):
                work()
            result[name] = profiled(work, cuda)
        except Exception as e:
            result[name] = {"failed": one_line(e)}
        finally:
            close()
        write_json(args.out, result)
    return 0


def _many(model: Any, prompts: list[list[int]], new: int) -> tuple[Callable[[], object], Callable[[], object]]:
    loops: list[ContinuousBatching] = []

    def work() -> None:
        if not loops:
            loops.append(ContinuousBatching(model, end=()))
        loops[0].answer(prompts, [new] * len(prompts))

    return work, lambda: [loop.close() for loop in loops]


def profiled(work: Callable[[], object], cuda: bool) -> dict[str, Any]:
    """Profile one run of some work."""
    kinds = [torch.profiler.ProfilerActivity.CPU, *([torch.profiler.ProfilerActivity.CUDA] if cuda else [])]
    with torch.profiler.profile(activities=kinds) as profile:
        start = time.perf_counter()
        work()
        if cuda:
            torch.cuda.synchronize()
        wall_s = time.perf_counter() - start
    events = profile.key_averages()
    spent = "self_device_time_total" if cuda else "self_cpu_time_total"
    total_s = sum(getattr(e, spent) for e in events) / 1e6
    largest = sorted(events, key=lambda e: -getattr(e, spent))[:MOST]
    return {
        "wall_s": wall_s,
        "busy_s": total_s,
        "busy share": total_s / wall_s,
        "kernels": [
            {
                "name": e.key[:120],
                "calls": e.count,
                "s": getattr(e, spent) / 1e6,
                "share": getattr(e, spent) / 1e6 / total_s,
            }
            for e in largest
            if getattr(e, spent) > 0
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
