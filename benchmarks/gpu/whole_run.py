"""Runs every step of `run.sh` in a process of its own, with a time limit, and writes what it gave as it ends.

A step that fails or takes too long leaves the others. FOLDER/run.json holds what became of each step and the figures
that matter; FOLDER/STEP.json holds all of a step's, and FOLDER/log.txt what the steps printed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu.figures import figures
from gpu.steps import STEPS, Step
from zeta_eval.files import write_json

ROOT = Path(__file__).parents[2]
LEAST_S = 10.0
"""A step is begun only where so many seconds are left."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/gpu/latest", help="folder to write")
    parser.add_argument("--gsm8k", type=Path, help="a local file of GSM8K; without it sums and words are asked")
    parser.add_argument("--scale", choices=["published", "tiny"], default="published", help="tiny runs on any machine")
    parser.add_argument("--only", help=f"steps to run, by name: {','.join(s.name for s in STEPS)}")
    parser.add_argument("--minutes", type=float, default=9.0, help="most that the whole takes")
    args = parser.parse_args()
    wanted = [s.name for s in STEPS] if args.only is None else args.only.split(",")
    if unknown := set(wanted) - {s.name for s in STEPS}:
        parser.error(f"no step is named {min(unknown)}; the steps are {', '.join(s.name for s in STEPS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * args.minutes
    record = begun(args.out)
    for step in [s for s in STEPS if s.name in wanted]:
        record["steps"][step.name] = ran(step, args, end - time.monotonic())
        record["figures"] = figures(args.out, record["steps"])
        write_json(args.out / "run.json", record)
        print(step.name, record["steps"][step.name]["status"], f"{record['steps'][step.name]['seconds']:.0f} s")
    print(json.dumps(record["figures"], indent=1))
    return int(any(step["status"] in ("failed", "timed out") for step in record["steps"].values()))


def begun(folder: Path) -> dict[str, Any]:
    """The record of a run: one that is there is gone on with, so that single steps can be run again."""
    file = folder / "run.json"
    steps = json.loads(file.read_text())["steps"] if file.is_file() else {}
    command = "bash benchmarks/gpu/run.sh " + " ".join(sys.argv[1:])
    return {"command": command.strip(), "date": datetime.now(UTC).isoformat(timespec="seconds"), "steps": steps}


def ran(step: Step, args: argparse.Namespace, left_s: float) -> dict[str, Any]:
    """Run a step within its limit and the time left, and tell what became of it."""
    if left_s < LEAST_S:
        return {"status": "skipped", "seconds": 0.0, "why": "no time left"}
    out = args.out / f"{step.name}.json"
    out.unlink(missing_ok=True)
    command = step.command(args.scale, out, args.gsm8k)
    limit_s, start = min(step.limit_s, left_s), time.monotonic()
    with (args.out / "log.txt").open("a") as log:
        log.write(f"\n=== {step.name}: {' '.join(command)}\n")
        log.flush()
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **step.environment}, start_new_session=True
        )
        try:
            code = process.wait(limit_s)
            status = "ok" if code == 0 else "failed"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = "timed out"
    told: dict[str, Any] = {"status": status, "seconds": round(time.monotonic() - start, 1), "limit_s": step.limit_s}
    if status == "failed":
        told["why"] = (args.out / "log.txt").read_text().rstrip().rpartition("\n")[2][-300:]
    if status == "ok" and not out.is_file():
        told |= {"status": "skipped", "why": "nothing to measure on this machine"}
    return told


if __name__ == "__main__":
    sys.exit(main())
