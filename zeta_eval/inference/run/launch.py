"""The environment that a launcher (torchrun, accelerate) sets for its processes, and the store where they meet."""

import hashlib
import os
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from zeta_eval.exceptions import InvalidInputError

SAY_S = 2.0
"""Longest wait for the other processes before this one prints a line by itself, in seconds."""


def world_size() -> int:
    """Number of processes that a launcher started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def leads() -> bool:
    """Whether this process writes and prints."""
    return world_size() == 1 or os.environ["RANK"] == "0"


def says(line: str) -> bool:
    """Whether this process shall print a line that all processes have: only the first one that asks."""
    if world_size() == 1:
        return True
    try:
        key = f"said/{hashlib.sha256(line.encode()).hexdigest()}"
        return bool(store(SAY_S).add(key, 1) == 1)
    except Exception:  # nobody left to agree with
        return True


def check_launcher() -> None:
    """Refuse a run that accelerate started in one process although several were asked for (as with --cpu)."""
    if "ACCELERATE_MIXED_PRECISION" not in os.environ or "WORLD_SIZE" in os.environ:
        return
    import psutil  # type: ignore[import-untyped]  # comes with accelerate

    parent = psutil.Process().parent()
    asked = _asked(parent.cmdline() if parent else [])
    if asked > 1:
        raise InvalidInputError(
            f"accelerate was asked for {asked} processes and started 1, as it does on processors; "
            f"use `torchrun --nproc-per-node {asked} -m zeta_eval.cli bench ...`, or ask for 1."
        )


def _asked(command: Sequence[str]) -> int:
    """Processes that the command line of `accelerate launch` asks for; 1 where it names no number."""
    words = [word.replace("_", "-") for part in command for word in part.split("=", 1)]
    return next((int(n) for name, n in pairwise(words) if name == "--num-processes" and n.isdigit()), 1)


def store(wait_s: float) -> Any:
    """The key-value store of all processes of this start; waits at most `wait_s` for it."""
    from torch.distributed.rendezvous import rendezvous

    found, _, _ = next(iter(rendezvous("env://", timeout=timedelta(seconds=wait_s))))
    return apart(f"zeta{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", found)


def apart(prefix: str, whole: Any) -> Any:
    """The part of a store whose keys begin with a prefix."""
    import torch.distributed

    dist: Any = torch.distributed
    return dist.PrefixStore(prefix, whole)
