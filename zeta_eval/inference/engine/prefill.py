"""Reads the prompts of a batch before the answers are written: a common beginning once, similar lengths together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from zeta_eval.inference.engine.cache import MORE_COLUMNS, InPlaceCache, cache_for
from zeta_eval.inference.engine.prefixes import alike, common

LEAST_SHARED = 16
"""Fewest tokens in common for which prompts are grouped."""
PASS_TOKENS = 64
"""Tokens that one more forward pass must save to be worth its time: padding, or tokens read twice."""
READ_TOKENS = 4096
"""Most tokens of one forward pass, unless a single prompt is longer."""

Forward = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, DynamicCache], torch.Tensor]
"""Ids (B, T), mask (B, columns) and positions (B, T) -> logits (B, V) of the last position; the cache grows by T."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Prompts that are read in one forward pass, the longest first."""

    prompts: list[int]
    """Their indices."""
    shared: int
    """Tokens at the beginning that were read before, with the first part of the group."""
    opens: bool
    """Whether it is that first part."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """A batch whose prompts have been read; its rows are in the order of the parts."""

    order: list[int]
    """The prompt of each row."""
    logits: torch.Tensor
    """Logits (B, V) of the token that follows."""
    mask: torch.Tensor
    """Which columns (B, width + steps) of the cache count: all of those to come."""
    cache: DynamicCache
    """Keys and values."""


def read(model: Any, forward: Forward, prompts: Sequence[Sequence[int]], steps: int) -> Read:
    """Read B prompts, leaving `steps` columns for what follows."""
    width = max(map(len, prompts))
    cache = cache_for(model, len(prompts), width + min(steps, MORE_COLUMNS), width + steps)
    parts = list(split(prompts)) if isinstance(cache, InPlaceCache) else [_whole(prompts)]
    order = [i for part in parts for i in part.prompts]
    mask = _mask(prompts, parts, width + steps).to(model.device)

    def read_pass(tokens: list[list[int]], mask: torch.Tensor) -> torch.Tensor:
        return _pass(model, forward, tokens, mask, cache)

    if isinstance(cache, InPlaceCache):
        logits = _in_parts(prompts, parts, mask, cache, read_pass)
    else:
        logits = read_pass([list(prompts[i]) for i in order], mask[:, :width])
    return Read(order=order, logits=logits, mask=mask, cache=cache)


def _in_parts(
    prompts: Sequence[Sequence[int]],
    parts: Sequence[Part],
    mask: torch.Tensor,
    cache: InPlaceCache,
    read_pass: Callable[[list[list[int]], torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Read part after part into the rows of one cache: logits of all of them, in this order."""
    width = max(map(len, prompts))
    logits, row, opened = [], 0, (0, 0)
    for part in parts:
        tokens = [list(prompts[i]) for i in part.prompts]
        rows, begin = slice(row, row + len(tokens)), width - len(tokens[0])
        if part.shared and part.opens:
            opened = (row, begin)
            cache.show(slice(row, row + 1), begin, 0)
            read_pass([tokens[0][: part.shared]], mask[row : row + 1, begin : begin + part.shared])
        cache.copy(*opened, part.shared, slice(row + part.opens, rows.stop), begin)
        cache.show(rows, begin, part.shared)
        logits.append(read_pass([own[part.shared :] for own in tokens], mask[rows, begin:width]))
        cache.blank(rows, begin)
        row = rows.stop
    cache.show(slice(0, row), 0, width)
    return torch.cat(logits)


def _mask(prompts: Sequence[Sequence[int]], parts: Sequence[Part], columns: int) -> torch.Tensor:
    """Which columns count: each row ends at the common width, its padding between the shared tokens and its own."""
    width = max(map(len, prompts))
    places = [
        (width - len(prompts[part.prompts[0]]), part.shared, width - len(prompts[i]) + part.shared)
        for part in parts
        for i in part.prompts
    ]
    begin, shared, rest = torch.tensor(places).T[:, :, None]
    column = torch.arange(columns)
    counts: torch.Tensor = (column >= rest) | ((column >= begin) & (column < begin + shared))
    return counts.long()


def split(prompts: Sequence[Sequence[int]]) -> Iterator[Part]:
    """The parts in which prompts are read: groups that begin alike, where that saves passes, then the others."""
    alone: list[int] = []
    for group in alike(prompts, LEAST_SHARED):
        shared = min(common(prompts[group[0]], prompts[group[-1]]), min(len(prompts[i]) for i in group) - 1)
        if shared * (len(group) - 1) >= 2 * PASS_TOKENS:
            yield from _parts(prompts, group, shared)
        else:
            alone += group
    yield from _parts(prompts, alone, 0)


def _parts(prompts: Sequence[Sequence[int]], group: list[int], shared: int) -> Iterator[Part]:
    """Cut a group where padding, or the size of a forward pass, would grow too large."""
    part: list[int] = []
    padding, opens = 0, True
    for i in sorted(group, key=lambda i: -len(prompts[i])):
        longest = len(prompts[part[0] if part else i])
        padding += longest - len(prompts[i])
        if part and (padding > PASS_TOKENS or (longest - shared) * (len(part) + 1) > READ_TOKENS):
            yield Part(prompts=part, shared=shared, opens=opens)
            part, padding, opens = [], 0, False
        part.append(i)
    if part:
        yield Part(prompts=part, shared=shared, opens=opens)


def _whole(prompts: Sequence[Sequence[int]]) -> Part:
    return Part(prompts=sorted(range(len(prompts)), key=lambda i: -len(prompts[i])), shared=0, opens=True)


def _pass(
    model: Any, forward: Forward, tokens: list[list[int]], mask: torch.Tensor, cache: DynamicCache
) -> torch.Tensor:
    """Logits after tokens that follow what is in the cache; shorter rows are padded on their left."""
    longest = max(map(len, tokens))
    ids = torch.tensor([[0] * (longest - len(own)) + own for own in tokens], device=model.device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -longest:]
    return forward(ids, mask, positions, cache)
