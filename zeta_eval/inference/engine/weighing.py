"""Queries whose given answers are weighed: many at a time, each a Completion that says how likely its answers are."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from zeta_eval.exceptions import one_line
from zeta_eval.inference.engine.likelihood import Pair, weigh
from zeta_eval.inference.engine.memory import free, out_of_memory
from zeta_eval.inference.engine.tokens import TextCodec
from zeta_eval.inference.engine.verbatim import warn_of_cuts, weighed_pairs
from zeta_eval.models import Completion
from zeta_eval.tasks.asked import Asked

_log = logging.getLogger(__name__)


def weighed(
    model: Any, codec: TextCodec, asked: Sequence[Asked], *, context: int, rows: int, now: Callable[[], float]
) -> list[Completion]:
    """Weigh the given answers of queries, in their order; one that fails gives a Completion with `error`.

    The time of a batch, by the clock `now`, is divided among its queries by the tokens read.

    Args:
        model: a decoder of transformers.
        codec: reads its prompts.
        asked: what each query asks.
        context: longest sequence that the model reads, in tokens.
        rows: most rows of a forward pass.
        now: a clock in seconds that waits for the device.
    """
    read = [_read(codec, one, context) for one in asked]
    pairs = [pair for found in read if not isinstance(found, str) for pair in found]
    warn_of_cuts(sum(len(before) + len(after) > context + 1 for before, after in pairs), len(pairs))
    start = now()
    try:
        weights = iter(weigh(model, pairs, context=context, rows=rows))
    except Exception as e:
        reason, full = one_line(e), out_of_memory(e)
    else:
        each_s = (now() - start) / max(1, sum(len(before) + len(after) for before, after in pairs))
        return [
            Completion(text="", error=found) if isinstance(found, str) else _completion(found, weights, each_s)
            for found in read
        ]
    # Outside of the handler, so that the traceback no longer holds the failed batch's tensors.
    free()
    if full and rows > 1:
        return weighed(model, codec, asked, context=context, rows=rows // 2, now=now)
    if len(asked) == 1:
        return [Completion(text="", error=reason)]
    _log.warning("Weighing a batch failed (%s), trying its queries one by one", reason)
    return [weighed(model, codec, [one], context=context, rows=rows, now=now)[0] for one in asked]


def weighed_alone(
    model: Any, codec: TextCodec, asked: Sequence[Asked], *, context: int, rows: int, now: Callable[[], float]
) -> list[Completion]:
    """Weigh the given answers of queries one by one, after a warm-up, with latency_s and ttft_s of each."""
    made = []
    for one in [*asked[:1], *asked]:
        start = now()
        answer = weighed(model, codec, [one], context=context, rows=rows, now=now)[0]
        spent = now() - start
        made.append(answer if answer.error else replace(answer, latency_s=spent, ttft_s=spent))
    return made[1:]


def _read(codec: TextCodec, asked: Asked, context: int) -> list[Pair] | str:
    """Token ids of a query's contexts and answers, or why they can't be weighed."""
    try:
        pairs = weighed_pairs(codec.tokenizer, asked, codec.told)
    except Exception as e:  # a tokenizer or template raises errors of its own
        return one_line(e)
    if not all(before for before, _ in pairs):
        return "What stands before a given answer has no tokens"
    if (longest := max(len(after) for _, after in pairs)) > context:
        return f"A given answer has {longest} tokens, the model's context {context}; shorten it"
    return list(pairs)


def _completion(pairs: Sequence[Pair], weights: Any, each_s: float) -> Completion:
    """The Completion of a query, which takes its weights off the iterator; `each_s` is the time per token."""
    found = [next(weights) for _ in pairs]
    if any(total != total for total, _ in found):
        return Completion(text="", error="The model's logits are not numbers (NaN); try another `dtype`")
    tokens = sum(len(before) + len(after) for before, after in pairs)
    spent = tokens * each_s
    return Completion(
        text=json.dumps(found), prompt_tokens=tokens, completion_tokens=0, prefill_gpu_s=spent, gpu_s=spent
    )
