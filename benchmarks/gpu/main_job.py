"""The main job on the embedded ladder: bench on the device and on the processor, tune, replay; do the scores agree?"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

import zeta_eval as ze
from gpu.arguments import arguments
from zeta_eval.files import write_json

LIMITS = {"published": 120, "tiny": 12}
"""Queries per task."""
TRIALS = {"published": 40, "tiny": 5}


def main() -> int:
    args = arguments(__doc__)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        tables = {}
        seconds = {}
        for where in ("device", "processor"):
            start = time.perf_counter()
            ladder = placed("cpu" if where == "processor" else device)
            tables[where] = ze.benchmark(ladder, "embedded", limit=LIMITS[args.scale], out=Path(folder) / where)
            seconds[f"bench, {where}"] = time.perf_counter() - start
        result: dict[str, Any] = {"device": device, **compared(tables["device"], tables["processor"])}
        write_json(args.out, result | {"seconds": seconds})
        if find_spec("optuna") is None:
            write_json(args.out, result | {"seconds": seconds, "not tuned": "Optuna is not installed"})
            return 0
        start = time.perf_counter()
        report = ze.tune(tables["device"], n_trials=TRIALS[args.scale], seed=0)
        policy = report.policy.save(Path(folder) / "policy.json")
        seconds["tune"] = time.perf_counter() - start
        replayed = ze.replay(policy, tables["device"], split="test")
    result["replay"] = replayed.to_dict()
    result["same as the report of tuning"] = replayed.text() == report.test.text()
    write_json(args.out, result | {"seconds": seconds})
    return 0


def placed(device: str) -> ze.Ladder:
    """The embedded ladder on a device."""
    ladder = ze.Ladder.load("embedded")
    return replace(ladder, models=tuple(replace(spec, device_map=device) for spec in ladder.models))


def compared(here: ze.Outcomes, there: ze.Outcomes) -> dict[str, Any]:
    """By size: accuracy on both, and on how many queries score and answer agree."""
    key = ["query_id", "model"]
    both = here.frame.set_index(key).join(there.frame.set_index(key), lsuffix="_device", rsuffix="_processor")
    found = {}
    for size, rows in both.groupby(level="model", sort=False):
        found[str(size)] = {
            "queries": len(rows),
            "accuracy, device": float(rows["score_device"].mean()),
            "accuracy, processor": float(rows["score_processor"].mean()),
            "same score": float((rows["score_device"] == rows["score_processor"]).mean()),
            "same answer": float((rows["response_device"] == rows["response_processor"]).mean()),
            "latency_s median, device": float(rows["latency_s_device"].median()),
            "latency_s median, processor": float(rows["latency_s_processor"].median()),
        }
    return {"sizes": found}


if __name__ == "__main__":
    sys.exit(main())
