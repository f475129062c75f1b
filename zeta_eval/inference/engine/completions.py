"""Completions from the tokens a model wrote: text, confidence, and each answer's share of the batch's time."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from zeta_eval.inference.engine.continuous import Reply
from zeta_eval.inference.engine.decoding import Batch
from zeta_eval.inference.engine.tokens import LEAD, TextCodec
from zeta_eval.models import Completion, GenerateConfig


def completions(
    encoded: Sequence[list[int]],
    batch: Batch,
    config: GenerateConfig,
    *,
    codec: TextCodec,
    end: Collection[int],
    encode_s: float | None,
) -> list[Completion]:
    """Completions of the encoded prompts of a batch; `encode_s` asks for latencies and is added to them."""
    read_s = batch.first_s / sum(map(len, encoded))  # per token read, as below per token written
    write_s = (batch.total_s - batch.first_s) / sum(len(w.tokens) for w in batch.rows)
    made = []
    for ids, written in zip(encoded, batch.rows, strict=True):
        text = codec.decode(written.tokens, config, end)
        spent = (len(ids) * read_s, len(written.tokens) * write_s)
        made.append(
            Completion(
                text=f"{LEAD}{text.strip()})" if config.options else text,
                prompt_tokens=len(ids),
                completion_tokens=len(written.tokens),
                mean_logprob=written.mean_logprob,
                min_logprob=written.min_logprob,
                prefill_margin=written.margin,
                prefill_entropy=written.entropy,
                prefill_gpu_s=spent[0],
                gpu_s=sum(spent),
                latency_s=None if encode_s is None else encode_s + batch.total_s,
                ttft_s=None if encode_s is None else encode_s + batch.first_s,
                truncated=not (written.ended or config.options),
            )
        )
    return [c if c.mean_logprob == c.mean_logprob else _broken(c) for c in made]


def _broken(made: Completion) -> Completion:
    """The completion of an answer whose probabilities are not numbers: an error."""
    error = "The model's logits are not numbers (NaN); try another `dtype`, float32 or bfloat16"
    return Completion(text="", prompt_tokens=made.prompt_tokens, gpu_s=made.gpu_s, error=error)


def replied(read: Completion, reply: Reply, write_s: float, text: str) -> Completion:
    """Completion of a prompt, from the pass that read it and its reply; `write_s` is the time per written token."""
    if read.error is not None:
        return read
    return replace(
        read,
        text=text,
        completion_tokens=len(reply.tokens),
        mean_logprob=sum(reply.logprobs) / len(reply.logprobs),
        min_logprob=min(reply.logprobs),
        gpu_s=(read.prefill_gpu_s or 0.0) + write_s * len(reply.tokens),
        truncated=not reply.ended,
    )
