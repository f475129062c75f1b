"""Decoding of a batch of prompts, by the likeliest token or one drawn, with the confidence that routing needs.

transformers' own `generate` takes about 3 ms of Python per token, applies a checkpoint's sampling settings (such as
`repetition_penalty`) even when greedy, and keeps scores of shape (steps, batch, vocabulary). This loop keeps two
numbers per row, and drops rows that have ended.
"""

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache

from zeta_eval.inference.engine.budget import ThinkingBudget
from zeta_eval.inference.engine.drawing import Drawing
from zeta_eval.inference.engine.prefill import Forward, read

KEEP_SHARE = 0.9
"""The batch is cut to the rows still writing when these are at most this share of it: each cut moves rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """The tokens that a model wrote for one prompt, and how sure it was of them."""

    tokens: list[int]
    """Written tokens, the end token among them."""
    mean_logprob: float
    """Mean natural-log probability of the written tokens; NaN after broken logits."""
    min_logprob: float
    """Smallest natural-log probability of a written token."""
    margin: float
    """Probability of the likeliest first token minus that of the second."""
    entropy: float
    """Entropy of the first token's distribution, in nats."""
    ended: bool
    """Whether the row ended by itself, not by its limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The answers of a batch, and the time they took."""

    rows: list[Written]
    """One per prompt, in order."""
    first_s: float
    """Time of the forward pass that reads the prompts, to the first token, in seconds."""
    total_s: float
    """Time to the last token, in seconds."""


@torch.inference_mode()
def decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    *,
    end: Collection[int],
    stopped: Callable[[list[list[int]]], list[bool]] | None = None,
    now: Callable[[], float],
    among: Sequence[int] = (),
    drawing: Drawing | None = None,
    budget: ThinkingBudget | None = None,
) -> Batch:
    """Continue each of B prompts until it ends, with the likeliest token each time or with tokens drawn.

    Args:
        model: a decoder of transformers.
        prompts: token ids of each prompt, at least one each.
        limits: most tokens to write for each prompt, at least 1.
        end: token ids that end a row.
        stopped: says for the tokens of each row so far whether a stop text ends it.
        now: a clock in seconds that waits for the device.
        among: token ids to choose from, as if there were no others; none for the whole vocabulary.
        drawing: how tokens are drawn; None takes the likeliest. Log-probabilities are the model's own either way.
        budget: ends thinking; its tokens count as certain.
    """
    device = model.device
    lengths = torch.tensor([len(p) for p in prompts], device=device)
    limit = torch.tensor(limits, device=device)
    width, steps = max(map(len, prompts)), max(limits)
    ends = torch.tensor(sorted(end), device=device)
    allowed = torch.tensor(among, dtype=torch.long, device=device)
    forward = _forward(model)
    start = now()
    known = read(model, forward, prompts, steps)
    logits, mask, cache = known.logits.to(device), known.mask, known.cache

    row = torch.tensor(known.order, device=device)  # the rows still in the batch, by their place in `prompts`
    live = torch.ones_like(row, dtype=torch.bool)  # of these, the ones still writing
    tokens = torch.zeros(len(prompts), steps, dtype=torch.long, device=device)
    count = torch.zeros_like(row)
    ended = torch.zeros_like(live)
    total, lowest = torch.zeros(2, len(prompts), device=device)
    first = torch.zeros(2, len(prompts), device=device)
    first_s = 0.0
    draws = None if drawing is None else drawing.numbers(prompts, steps).to(device)
    for step in range(steps):
        if among:
            logits = torch.full_like(logits, -torch.inf).index_copy(1, allowed, logits[:, allowed])
        norm = logits.logsumexp(-1)
        best, token = logits.max(-1)
        if drawing is not None and draws is not None:
            token = drawing.tokens(logits, draws[row, step])
            best = logits.gather(-1, token[:, None])[:, 0]
        if step == 0:
            first[:, row] = torch.stack(signals(logits, norm))
            first_s = now() - start
        logprob = best - norm
        writing = row[live]
        if budget is not None and budget.due(step):
            for i, before in zip(live.nonzero()[:, 0].tolist(), tokens[writing, :step].tolist(), strict=True):
                if (forced := budget.next(before)) is not None:
                    token[i], logprob[i] = forced, 0.0
        tokens[writing, step] = token[live]
        total[writing] += logprob[live]
        lowest[writing] = torch.minimum(lowest[writing], logprob[live])
        count[writing] += 1
        done = torch.isin(token, ends) | logprob.isnan()
        if stopped is not None:
            done[live] |= torch.tensor(stopped(tokens[writing, : step + 1].tolist()), device=device)
        ended[row[live & done]] = True
        live = live & ~done & (step + 1 < limit[row])
        left = int(live.sum())
        if left == 0:
            break
        if left <= KEEP_SHARE * len(row):
            keep = torch.arange(left, device=device)  # rows from behind take the places of those that have ended
            keep[~live[:left]] = left + live[left:].nonzero().squeeze(1)
            cache.batch_select_indices(keep)
            row, mask, token, live = row[keep], mask[keep], token[keep], live[keep]
        positions = (lengths[row] + step)[:, None]
        logits = forward(token[:, None], mask[:, : width + step + 1], positions, cache).to(device)
    total_s = now() - start
    columns = (tokens, count, total / count, lowest, *first, ended)
    rows = [written(*values) for values in zip(*(c.tolist() for c in columns), strict=True)]
    return Batch(rows=rows, first_s=first_s, total_s=total_s)


def written(
    tokens: list[int], count: int, mean: float, lowest: float, margin: float, entropy: float, ended: bool
) -> Written:
    """The first `count` tokens and the other fields of `Written`, in their order."""
    return Written(
        tokens=tokens[:count], mean_logprob=mean, min_logprob=lowest, margin=margin, entropy=entropy, ended=ended
    )


def signals(logits: torch.Tensor, norm: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Margin and entropy (B,) of the distributions that logits (B, V) with log-normaliser (B,) stand for."""
    logp = logits - norm[:, None]
    top = logp.topk(2, dim=-1).values.exp()
    return top[:, 0] - top[:, 1], torch.special.entr(logp.exp()).sum(-1)


def _forward(model: Any) -> Forward:
    """Return a function that gives the last position's logits (B, V) in float32."""
    taken = inspect.signature(model.forward).parameters
    extra = {"logits_to_keep": 1} if "logits_to_keep" in taken else {}

    def forward(ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        placed = {"position_ids": positions} if "position_ids" in taken else {}
        output = model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **placed, **extra)
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    return forward
