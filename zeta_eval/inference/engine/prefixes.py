"""Groups prompts (texts or lists of tokens) that begin alike, so that their common beginning is read once."""

from collections.abc import Sequence
from typing import Any, cast


def alike(prompts: Sequence[Sequence[Any]], least: int) -> list[list[int]]:
    """Group the indices of prompts that begin with the same `least` items or more; other prompts stay alone.

    In alphabetical order, prompts that begin alike are neighbours. The next prompt joins a group unless less would be
    read once then: prompts with the same first line and different examples are grouped by their examples.
    """
    order = sorted(range(len(prompts)), key=lambda i: cast(Any, prompts[i]))
    groups: list[list[int]] = []
    shared = 0
    for i in order:
        both = common(prompts[groups[-1][0]], prompts[i]) if groups else 0
        joined = len(groups[-1]) if groups else 0
        if joined > 1:
            both = min(both, shared)
        if both >= least and both * joined >= shared * (joined - 1):
            groups[-1].append(i)
            shared = both
        else:
            groups.append([i])
    return groups


def together(prompts: Sequence[Sequence[Any]], least: int) -> list[int]:
    """Order the indices of prompts so that those that begin alike are neighbours.

    The group with the longest prompt comes first, the longest first within it: memory runs out at the start or not at
    all, and prompts of a batch have similar lengths.
    """
    groups = [sorted(g, key=lambda i: (-len(prompts[i]), cast(Any, prompts[i]))) for g in alike(prompts, least)]
    groups.sort(key=lambda g: (-len(prompts[g[0]]), cast(Any, prompts[g[0]])))
    return [i for group in groups for i in group]


def common(a: Sequence[Any], b: Sequence[Any]) -> int:
    """How many items two prompts have in common at their beginning."""
    low, high = 0, min(len(a), len(b))
    while low < high:  # halving compares slices, which is done in C
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    return low
