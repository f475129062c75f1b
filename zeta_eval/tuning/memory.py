"""Whether the memory holds a tuning, asked before the work: a machine that swaps, or a limit, would end it half-way."""

from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]  # comes with accelerate

from zeta_eval.exceptions import InvalidInputError

LIBRARIES: Final = 250 << 20
"""Bytes that the libraries take beside the table."""
QUERY: Final = 6 << 10
"""Bytes that a query takes while a policy is tuned on it: a million take less than 6 GB."""

_CGROUP: Final = Path("/sys/fs/cgroup")


def check_memory(n_queries: int, free: int | None = None) -> None:
    """Refuse to tune on so many queries where fewer bytes than that takes are free.

    Raises:
        InvalidInputError: says how much is needed and how much there is.
    """
    need, free = LIBRARIES + QUERY * n_queries, free_bytes() if free is None else free
    if need > free:
        raise InvalidInputError(
            f"Tuning on {n_queries:,} queries takes about {need / 2**20:,.0f} MB of memory, and {free / 2**20:,.0f} MB "
            "are free; make room, raise the limit, or tune on a part of the table."
        )


def free_bytes() -> int:
    """Memory that this process may still take: of the machine, of its container, and by its own limit."""
    found = [int(psutil.virtual_memory().available)]
    if (own := _left_by_limit()) is not None:
        found.append(own)
    if (left := _left_in_container()) is not None:
        found.append(left)
    return max(0, min(found))


def _left_by_limit() -> int | None:
    """Bytes that the process may still take by a limit of its own (`ulimit -v`); None where it has none."""
    try:
        import resource  # not on every platform
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit - int(psutil.Process().memory_info().vms)


def _left_in_container() -> int | None:
    """Bytes that the container may still take, by cgroups of version 2; None where it has no limit."""
    try:
        most = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        cached = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return most - used + int(cached.get("inactive_file", 0))
