"""Log-probabilities of given answers behind their contexts.

Contexts that differ in the last token of the answer alone are read once. Rows of a pass are padded on their right, and
probabilities are summed in the model's own number format, as `_loglikelihood_tokens` of
`lm_eval/models/huggingface.py` (release 0.4.13) does.
"""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch

PASS_TOKENS = 4096
"""Most tokens of a forward pass, unless a single row is longer."""
PASS_LOGITS = 2**28
"""Most logits of a forward pass, unless those of a single row are more."""

Pair = tuple[Sequence[int], Sequence[int]]
"""Token ids of a context, which is not empty, and of the answer behind it."""
Weight = tuple[float, bool]
"""Natural-log probability of an answer, and whether it is the likeliest text."""


@torch.inference_mode()
def weigh(model: Any, pairs: Sequence[Pair], *, context: int, rows: int) -> list[Weight]:
    """Weigh the answers of pairs, in their order; texts longer than the model's context lose their beginning.

    Args:
        model: a decoder of transformers.
        pairs: contexts and answers.
        context: longest sequence that the model reads, in tokens.
        rows: most rows of a forward pass.
    """
    asked: dict[tuple[int, ...], list[int]] = {}
    found: dict[int, Weight] = {}
    for i, (before, after) in enumerate(pairs):
        if after:
            asked.setdefault((*before, *after)[-(context + 1) : -1], []).append(i)
        else:  # nothing is sure to follow
            found[i] = (0.0, True)
    longest = {read: max(len(pairs[i][1]) for i in which) for read, which in asked.items()}
    for part in _parts(sorted(asked, key=lambda read: (-len(read), read)), longest, rows, model.config):
        logits, first = _logits(model, part, longest)
        for row, read in zip(logits, part, strict=True):
            for i in asked[read]:
                found[i] = _weight(row[: len(read) - first], pairs[i][1])
    return [found[i] for i in range(len(pairs))]


def _parts(
    reads: Sequence[tuple[int, ...]], longest: dict[tuple[int, ...], int], rows: int, config: Any
) -> Iterator[list[tuple[int, ...]]]:
    """Cut rows, the longest first, into forward passes."""
    words = config.get_text_config(decoder=True).vocab_size
    part: list[tuple[int, ...]] = []
    for read in reads:
        more = [*part, read]
        kept = len(more[0]) - min(len(r) - longest[r] for r in more)
        size = len(more) * len(more[0])
        if part and (len(more) > rows or size > PASS_TOKENS or len(more) * kept * words > PASS_LOGITS):
            yield part
            more = [read]
        part = more
    if part:
        yield part


def _logits(
    model: Any, part: Sequence[tuple[int, ...]], longest: dict[tuple[int, ...], int]
) -> tuple[torch.Tensor, int]:
    """Log-probabilities (rows, columns, V) from the first column that any row needs, and that column."""
    width = len(part[0])
    first = min(len(read) - longest[read] for read in part)
    ids = torch.tensor([[*read, *[0] * (width - len(read))] for read in part], device=model.device)
    kept = torch.arange(first, width, device=model.device)
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits
    else:
        logits = model(input_ids=ids, use_cache=False).logits[:, first:]
    return torch.nn.functional.log_softmax(logits, dim=-1), first


def _weight(row: torch.Tensor, answer: Sequence[int]) -> Weight:
    """Weight of an answer, from the log-probabilities (columns, V) that end with those of its last token."""
    own = row[-len(answer) :]
    tokens = torch.tensor(answer, device=row.device)
    total = float(own.gather(1, tokens[:, None])[:, 0].sum())
    return total, bool((own.argmax(-1) == tokens).all())
