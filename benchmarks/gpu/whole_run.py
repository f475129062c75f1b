"""Runs every step of `run.sh` in a process of its own, with a time limit, and writes what it gave as it ends.

A step that fails or takes too long leaves the others. FOLDER/run.json holds what became of each step and the figures
that matter; FOLDER/STEP.json holds all of a step's, and FOLDER/log.txt what the steps printed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from gpu.figures import figures
from gpu.steps import STEPS, Step
from zeta_eval.files import write_json

ROOT = Path(__file__).parents[2]
LEAST_S = 10.0
"""A step is begun only where so many seconds are left."""
GRACE_S = 5.0
"""Seconds that a step has to end in order where the run is stopped."""


class Stop:
    """Heeds Ctrl-C and SIGTERM while its `with` block runs: the first one is a KeyboardInterrupt, which ends there."""

    def __init__(self) -> None:
        self.number = 0
        """The signal that came; 0 while none has."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self._before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}

    def __enter__(self) -> Self:
        for number in self._before:
            signal.signal(number, self._heed)
        return self

    def __exit__(self, *_: object) -> bool:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        return bool(self.number)

    def _heed(self, number: int, _: object) -> None:
        if not self.number:
            self.number = number
            raise KeyboardInterrupt


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
    args.out = args.out.absolute()  # the steps run in another folder
    if args.gsm8k is not None and not args.gsm8k.is_file():
        parser.error(f"--gsm8k {args.gsm8k} is no file; give one, or leave it out")
    try:
        record = begun(args.out)
    except (OSError, ValueError) as e:
        parser.error(f"--out {args.out}: {e}; name another folder")
    with Stop() as stop:
        run_steps([s for s in STEPS if s.name in wanted], args, record, stop)
    if stop.number:
        print(f"stopped; what was measured is kept in {args.out / 'run.json'}", file=sys.stderr)
        return 128 + stop.number
    print(json.dumps(record["figures"], indent=1))
    return int(any(step["status"] in ("failed", "timed out") for step in record["steps"].values()))


def run_steps(steps: Sequence[Step], args: argparse.Namespace, record: dict[str, Any], stop: Stop) -> None:
    """Run steps in order until one is stopped, and write the record after each."""
    until = time.monotonic() + 60 * args.minutes
    for step in steps:
        told = record["steps"][step.name] = ran(step, args, until - time.monotonic())
        record["figures"] = figures(args.out, record["steps"])
        write_json(args.out / "run.json", record)
        print(step.name, told["status"], f"{told['seconds']:.0f} s", flush=True)
        if stop.number:
            return


def begun(folder: Path) -> dict[str, Any]:
    """Write the record of a run: one that is there is gone on with, so that single steps can be run again.

    Raises:
        OSError: a folder that can't be made or written.
        ValueError: a record that is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = "bash benchmarks/gpu/run.sh " + " ".join(sys.argv[1:])
    date = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"command": command.strip(), "date": date, "steps": kept(folder / "run.json")}
    record["figures"] = figures(folder, record["steps"])
    write_json(folder / "run.json", record)
    return record


def kept(file: Path) -> dict[str, Any]:
    """What became of the steps so far, by name."""
    if not file.exists():
        return {}
    try:
        steps = json.loads(file.read_text())["steps"]
        whole = all("status" in step for step in steps.values())
    except (ValueError, LookupError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(f"{file.name} is damaged, move it away")
    return dict(steps)


def ran(step: Step, args: argparse.Namespace, left_s: float) -> dict[str, Any]:
    """Run a step within its limit and the time left, and tell what became of it."""
    if left_s < LEAST_S:
        return {"status": "skipped", "seconds": 0.0, "why": "no time left"}
    out = args.out / f"{step.name}.json"
    out.unlink(missing_ok=True)
    command = step.command(args.scale, out, args.gsm8k)
    limit_s, start, process = min(step.limit_s, left_s), time.monotonic(), None
    with (args.out / "log.txt").open("a") as log:
        log.write(f"\n=== {step.name}: {' '.join(command)}\n")
        log.flush()
        environment = {**os.environ, **step.environment}
        try:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, env=environment, start_new_session=True
            )
            status = "ok" if process.wait(limit_s) == 0 else "failed"
        except subprocess.TimeoutExpired:
            status = "timed out"
        except KeyboardInterrupt:
            status = "stopped"
        if process is not None and status in ("timed out", "stopped"):
            end(process, GRACE_S if status == "stopped" else 0.0)
    told: dict[str, Any] = {"status": status, "seconds": round(time.monotonic() - start, 1), "limit_s": step.limit_s}
    if status == "failed":
        told["why"] = (args.out / "log.txt").read_text().rstrip().rpartition("\n")[2][-300:]
    if status == "ok" and not out.is_file():
        told |= {"status": "skipped", "why": "nothing to measure on this machine"}
    return told


def end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """End a step's process and its group: in order within so many seconds, else by force."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        if grace_s:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(grace_s)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        if unpacked := os.environ.get("GPU_WHEELS_UNPACKED"):  # by run.sh, for this run alone
            shutil.rmtree(unpacked, ignore_errors=True)
