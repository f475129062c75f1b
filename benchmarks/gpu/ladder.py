"""A bench of the published 4B, 7B and 14B shapes with random bf16 weights on 256 prompts, 64 tokens each.

Sizes are in memory together where they fit. Each has its loading time, its first row, latencies, throughput, and what
1,000 queries cost; the smallest is also asked by plain batches of 16, which continuous batching is compared with.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gpu.arguments import arguments
from gpu.made_models import Made, fitting, made, room
from zeta_eval.exceptions import ZetaError
from zeta_eval.files import write_json
from zeta_eval.inference.engine.architectures import PUBLISHED
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes
from zeta_eval.tasks import Query, resolve_tasks
from zeta_eval.tasks.scoring import TaskScores

NEW_TOKENS = 64
QUERIES = {"published": 256, "tiny": 8}
PLAIN = {"published": 64, "tiny": 4}
"""Queries that are asked in plain batches."""
MEASURED = {"published": 12, "tiny": 2}
"""Queries that are measured alone."""
BATCH = 16
USD_PER_GPU_HOUR = 2.5
"""What an hour of the device is taken to cost; costs are in proportion."""


def main() -> int:
    args = arguments(__doc__)
    tasks = {task.name: task for task in resolve_tasks(f"gsm8k={args.gsm8k}" if args.gsm8k else "embedded")}
    n = QUERIES[args.scale]
    queries = [q for task in tasks.values() for q in task.load(limit=-(-n // len(tasks)), seed=0)][:n]
    result: dict[str, Any] = {
        "prompts": "GSM8K" if args.gsm8k else "sums and words",
        "queries": len(queries),
        "new_tokens": NEW_TOKENS,
        "usd_per_gpu_hour": USD_PER_GPU_HOUR,
    }
    with room() as folder:
        sizes = fitting(PUBLISHED, args.scale, folder)
        result["made in"] = str(folder)
        models = []
        for size in sizes:
            models.append(made(size, args.scale, folder, [str(q.prompt) for q in queries]))
            result["made"] = {m.size: {"parameters": m.parameters, "seconds": m.seconds} for m in models}
            write_json(args.out, result)
        scores = TaskScores(tasks)
        result |= asked(models, queries, scores, folder / "run", args.scale, args.out, result)
        result["plain batches"] = plain(models[0], queries[: PLAIN[args.scale]], scores, folder / "plain")
        write_json(args.out, result)
    return 0


def asked(
    models: list[Made],
    queries: list[Query],
    scores: TaskScores,
    out: Path,
    scale: str,
    file: Path,
    sofar: dict[str, Any],
) -> dict[str, Any]:
    """Bench the ladder; what is known when it fails or takes too long is in the file by then."""
    start, first, over = time.perf_counter(), dict[str, float](), threading.Event()

    def watch() -> None:  # when the first row of each size is there
        while not over.wait(0.05):
            for line in _lines(out / "rows.jsonl"):
                first.setdefault(json.loads(line)["model"], time.perf_counter() - start)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    ladder = Ladder(name="made", models=tuple(rung(m) for m in models), max_new_tokens=NEW_TOKENS)
    try:
        report = run(ladder, queries, scores, out=out, latency_sample=MEASURED[scale])
    except ZetaError as e:
        write_json(file, sofar | {"failed": str(e)})
        raise
    finally:
        over.set()
        watching.join()
    record = json.loads((out / "run.json").read_text())
    return {
        "seconds": time.perf_counter() - start,
        "residency": record["residency"],
        "sizes": {
            m.size: speeds(report.outcomes, m, record["sizes"][m.size]) | {"first_row_s": first.get(m.size)}
            for m in models
        },
    }


def speeds(outcomes: Outcomes, model: Made, entry: dict[str, Any]) -> dict[str, Any]:
    """The figures of one size."""
    rows = outcomes.frame[outcomes.frame["model"] == model.size]
    alone = rows[rows["latency_source"] == "measured"]
    written, worked = float(rows["completion_tokens"].sum()), float(rows["gpu_s"].sum())
    return {
        "parameters": model.parameters,
        "bytes_per_token": model.bytes_per_token,
        "loading_s": entry.get("loading_s"),
        "how": entry.get("how"),
        "errors": int(rows["error"].notna().sum()),
        "prompt_tokens_mean": float(rows["prompt_tokens"].mean()),
        "tokens_per_s": written / worked,
        "gpu_s_per_1000": 1000 * worked / len(rows),
        "usd_per_1000": 1000 * worked / len(rows) * USD_PER_GPU_HOUR / 3600,
        "measured alone": len(alone),
        **{
            f"{name}_p{at}": float(alone[name].quantile(at / 100))
            for name in ("ttft_s", "latency_s")
            for at in (50, 95)
        },
    }


def plain(model: Made, queries: list[Query], scores: TaskScores, out: Path) -> dict[str, Any]:
    """The smallest size by eager `generate` in padded batches."""
    spec = replace(rung(model), continuous=False, compile=False)
    ladder = Ladder(name="plain", models=(spec,), max_new_tokens=NEW_TOKENS)
    config = GenerateConfig(max_new_tokens=NEW_TOKENS, batch_size=BATCH)
    frame = run(ladder, queries, scores, out=out, config=config, latency_sample=1).outcomes.frame
    rate = float(frame["completion_tokens"].sum() / frame["gpu_s"].sum())
    return {"size": model.size, "queries": len(queries), "batch": BATCH, "tokens_per_s": rate}


def rung(model: Made) -> ModelSpec:
    """A model as a rung."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return ModelSpec(
        size=model.size, model=str(model.folder), device_map=device, dtype="auto", usd_per_gpu_hour=USD_PER_GPU_HOUR
    )


def _lines(file: Path) -> list[str]:
    """The whole lines of a file that is being written."""
    return file.read_text().rpartition("\n")[0].splitlines() if file.is_file() else []


if __name__ == "__main__":
    sys.exit(main())
