"""The figures of a run that are aimed at, drawn together from what its steps wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SIZES = ("4B", "7B", "14B")


def figures(folder: Path, steps: Iterable[str]) -> dict[str, Any]:
    """What is known so far; ratios of measured figures to what the device allows, or to each other."""
    told = {name: json.loads(f.read_text()) for name in steps if (f := folder / f"{name}.json").is_file()}
    checks = {size: told[f"check-{size}"] for size in SIZES if f"check-{size}" in told}
    found: dict[str, Any] = {}
    if checks:
        found["device"] = next(iter(checks.values()))["device"]
        speeds = {size: check["sizes"][0] for size, check in checks.items()}
        found["decoding, share of the bandwidth"] = {s: v["decode_bandwidth_share"] for s, v in speeds.items()}
        found["latency over bytes, relative to the first size"] = _over_bytes(speeds)
        found["continuous over batches of 16"] = {s: v["continuous_over_static"] for s, v in speeds.items()}
        found["continuous, share of the matrix rate"] = {
            s: _share(v["continuous"], 2 * v["parameters"], checks[s]["matrix_rate"]) for s, v in speeds.items()
        }
    if "ladder" in told:
        found |= _of_ladder(told["ladder"])
    if "main-job" in told:
        job = told["main-job"]["sizes"]
        found["embedded ladder, accuracy on device and processor"] = {
            s: [v["accuracy, device"], v["accuracy, processor"]] for s, v in job.items()
        }
    if "tests" in told:
        found["tests"] = {"run": told["tests"]["tests"], "failed": sorted(told["tests"]["failed"])}
    return found


def _of_ladder(ladder: Mapping[str, Any]) -> dict[str, Any]:
    sizes = ladder.get("sizes", {})
    names = ("loading_s", "first_row_s", "ttft_s_p50", "ttft_s_p95", "latency_s_p50", "tokens_per_s", "usd_per_1000")
    found: dict[str, Any] = {"bench": {s: {name: v[name] for name in names} for s, v in sizes.items()}}
    if "plain batches" in ladder:
        plain = ladder["plain batches"]
        found["bench over plain batches of 16"] = {
            plain["size"]: sizes[plain["size"]]["tokens_per_s"] / plain["tokens_per_s"]
        }
    return found


def _over_bytes(speeds: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """By size, the ratio of latencies to the first size's over the same ratio of their bytes: 1 where time is bytes."""
    first = next(iter(speeds.values()))
    return {
        s: v["decode_ms"] / first["decode_ms"] * first["floor_decode_ms"] / v["floor_decode_ms"]
        if v["decode_ms"] and first["decode_ms"]
        else None
        for s, v in speeds.items()
    }


def _share(tokens_per_s: float | None, operations: float, rate: float) -> float | None:
    """Share of a rate that so many tokens of so many operations take."""
    return None if tokens_per_s is None else tokens_per_s * operations / rate
