"""`TransformersGenerator`: one rung of a ladder on transformers and accelerate."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psutil  # type: ignore[import-untyped]  # comes with accelerate
import torch
from accelerate.utils.memory import should_reduce_batch_size

from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.inference.decoding import Batch, Written, greedy
from zeta_eval.inference.loading import context_length, load, one_line
from zeta_eval.models import Completion, GenerateConfig, ModelSpec

_log = logging.getLogger(__name__)

StopCheck = Callable[[list[list[int]]], list[bool]]
"""Tokens of each row so far -> whether the row ends here."""

MAX_BATCH = 512
"""Largest batch that is tried; beyond it the longest answer of the batch costs more than the width gains."""
BATCH_TOKENS = 2048
"""Tokens per row that the first batch size makes room for; longer rows halve it when they don't fit."""

STREAM_S = 0.05
"""Least time in seconds between two texts of a streamed answer: decoding all its tokens takes time too."""

SMALL_MODEL = 5_000_000
"""Parameters below which a processor runs a model on one thread: more gain nothing and stall on a busy machine."""


class TransformersGenerator:
    """Greedy answers of one model, batched.

    Prompts go through the chat template where the tokenizer has one (thinking off where the template can), else as
    plain text. A batch's time is shared among its rows, reading in proportion to their prompts (`prefill_gpu_s`) and
    writing in proportion to the tokens written, both in `gpu_s`: on a processor its processor time, which doesn't rise
    with what else the machine is doing.
    """

    def __init__(self, spec: ModelSpec) -> None:
        """Load the rung's weights.

        Raises:
            InvalidInputError: the rung doesn't generate.
            HubAccessError: the weights can't be reached.
            GenerationError: the weights can't be run.
        """
        if spec.role != "generate":
            raise InvalidInputError(f"Rung '{spec.size}' has role '{spec.role}'; give a rung that generates.")
        self.size = spec.size
        self.model, self.tokenizer = load(spec)
        small = sum(p.numel() for p in self.model.parameters()) < SMALL_MODEL and self.model.device.type == "cpu"
        self._n_threads = 1 if small else torch.get_num_threads()
        self.context = context_length(self.model, self.tokenizer)
        self.revision: str | None = spec.revision or getattr(self.model.config, "_commit_hash", None)
        self.batch_size = first_batch_size(self.model, min(self.context, BATCH_TOKENS))
        """Queries per forward pass: from the memory that is free at first, halved when it runs out."""
        self._fits: int | None = None  # the largest batch that is tried, once the memory has run out
        self._end = _end_tokens(self.model, self.tokenizer)

    def generate(self, prompts: Sequence[str], config: GenerateConfig) -> list[Completion]:
        """Answer prompts in their order; one that fails gives a Completion with `error`.

        Raises:
            GenerationError: the accelerator has failed; nothing more will run on it.
        """
        read = self._read(prompts)
        encoded = [ids for ids, _ in read]
        answers = {i: Completion(text="", error=reason) for i, (_, reason) in enumerate(read) if reason}
        # Longest first: memory runs out at the start or not at all.
        todo = sorted((i for i in range(len(prompts)) if i not in answers), key=lambda i: -len(encoded[i]))
        size = min(config.batch_size or self.batch_size, self._fits or len(prompts) or 1)
        while todo:
            batch = todo[:size]
            try:
                made = self._answer([encoded[i] for i in batch], config)
            except Exception as e:
                made = None
                if out_of_memory(e) and len(batch) > 1:
                    size = self._fits = len(batch) // 2
                    self.batch_size = min(self.batch_size, size)
                    _log.info("%s: out of memory at %d queries, going on with %d", self.size, len(batch), size)
                elif isinstance(e, torch.AcceleratorError) and not out_of_memory(e):
                    raise GenerationError(
                        f"The accelerator failed while '{self.size}' was generating ({one_line(e)}). Start again; "
                        "finished rows are kept."
                    ) from e
                elif len(batch) > 1:
                    _log.warning("%s: a batch failed (%s), trying its queries one by one", self.size, one_line(e))
                    made = [c for i in batch for c in self.generate([prompts[i]], config)]
                else:
                    made = [Completion(text="", prompt_tokens=len(encoded[batch[0]]), error=one_line(e))]
            if made is None:
                # Outside of the handler, so that the traceback no longer holds the failed batch's tensors.
                self._free()
                continue
            answers.update(zip(batch, made, strict=True))
            todo = todo[len(batch) :]
        return [answers[i] for i in range(len(prompts))]

    def measure(self, prompts: Sequence[str], config: GenerateConfig) -> list[Completion]:
        """Answer prompts one by one, after a warm-up, with latency_s and ttft_s of each.

        Both run from the text of the prompt (tokenisation included) to the first and last token, as the decoding loop
        sees them, the device synchronised; both come from one pass.
        """
        if prompts:
            self.generate(prompts[:1], config)
        answers = []
        for prompt in prompts:
            start = self._now()
            encoded, reason = self._read([prompt])[0]
            encode_s = self._now() - start
            if reason:
                answers.append(Completion(text="", error=reason))
                continue
            try:
                answers += self._answer([encoded], config, encode_s=encode_s)
            except Exception as e:
                answers.append(Completion(text="", error=one_line(e)))
        return answers

    def stream(self, prompt: str, config: GenerateConfig, on_text: Callable[[str], None]) -> Completion:
        """Answer one prompt with latency_s and ttft_s; `on_text` is told the answer so far, every STREAM_S at most.

        A KeyboardInterrupt that `on_text` raises ends the generation; any failure gives a Completion with `error`.
        """
        start = self._now()
        encoded, reason = self._read([prompt])[0]
        if reason:
            return Completion(text="", error=reason)
        stopped, told_s = self._stop_check(config.stop), 0.0

        def watch(rows: list[list[int]]) -> list[bool]:
            nonlocal told_s
            if time.perf_counter() - told_s >= STREAM_S:
                on_text(self._text(rows[0], config.stop).rstrip("\ufffd"))  # the bytes of a character not yet whole
                told_s = time.perf_counter()
            return stopped(rows) if stopped else [False]

        try:
            return self._answer([encoded], config, encode_s=self._now() - start, stopped=watch)[0]
        except Exception as e:
            return Completion(text="", prompt_tokens=len(encoded), error=one_line(e))

    def prefill(self, prompts: Sequence[str]) -> list[Completion]:
        """Read prompts in one forward pass and write nothing: Completions with first-token signals and no text.

        Raises:
            GenerationError: the accelerator has failed; nothing more will run on it.
        """
        return [_unwritten(c) for c in self.generate(prompts, GenerateConfig(max_new_tokens=1))]

    def close(self) -> None:
        """Free the weights."""
        self.model = None
        self._free()

    def _answer(
        self,
        encoded: Sequence[list[int]],
        config: GenerateConfig,
        *,
        encode_s: float | None = None,
        stopped: StopCheck | None = None,
    ) -> list[Completion]:
        """Answer encoded prompts in one batch; `encode_s` asks for latencies and is added to them.

        `stopped` takes the place of the check for stop texts.
        """
        with _threads(self._n_threads):
            batch = greedy(
                self.model,
                encoded,
                [min(config.max_new_tokens, self.context - len(e)) for e in encoded],
                end=self._end,
                stopped=stopped or self._stop_check(config.stop),
                now=self._busy if encode_s is None else self._now,
            )
        read_s = batch.first_s / sum(map(len, encoded))  # per token read, as below per token written
        write_s = (batch.total_s - batch.first_s) / sum(len(w.tokens) for w in batch.rows)
        return [
            self._completion(len(e), w, batch, config, (len(e) * read_s, len(w.tokens) * write_s), encode_s)
            for e, w in zip(encoded, batch.rows, strict=True)
        ]

    def _completion(
        self,
        read: int,
        written: Written,
        batch: Batch,
        config: GenerateConfig,
        spent: tuple[float, float],
        encode_s: float | None,
    ) -> Completion:
        """What a row came to; `spent` is its share of the seconds of reading and of writing."""
        gpu_s = sum(spent)
        if written.mean_logprob != written.mean_logprob:
            error = "The model's logits are not numbers (NaN); try another `dtype`, float32 or bfloat16"
            return Completion(text="", prompt_tokens=read, gpu_s=gpu_s, error=error)
        return Completion(
            text=self._text(written.tokens, config.stop),
            prompt_tokens=read,
            completion_tokens=len(written.tokens),
            mean_logprob=written.mean_logprob,
            min_logprob=written.min_logprob,
            prefill_margin=written.margin,
            prefill_entropy=written.entropy,
            prefill_gpu_s=spent[0],
            gpu_s=gpu_s,
            latency_s=None if encode_s is None else encode_s + batch.total_s,
            ttft_s=None if encode_s is None else encode_s + batch.first_s,
            truncated=not written.ended,
        )

    def _text(self, tokens: Sequence[int], stop: Sequence[str]) -> str:
        """The answer that written tokens stand for, up to the first stop text."""
        text: str = self.tokenizer.decode([t for t in tokens if t not in self._end], skip_special_tokens=True)
        cuts = [at for s in stop if (at := text.find(s)) >= 0]
        return text[: min(cuts, default=None)]

    def _read(self, prompts: Sequence[str]) -> list[tuple[list[int], str | None]]:
        """Token ids of each prompt, and why it can't be run (None where it can)."""
        if not prompts:
            return []
        try:
            return [(ids, self._refusal(ids)) for ids in self._tokenize(prompts)]
        except Exception as e:
            return [([], one_line(e))] if len(prompts) == 1 else [pair for p in prompts for pair in self._read([p])]

    def _tokenize(self, prompts: Sequence[str]) -> list[list[int]]:
        template = self.tokenizer.chat_template
        texts = list(prompts)
        if template:
            thinking = {"enable_thinking": False} if "enable_thinking" in str(template) else {}
            chats = [[{"role": "user", "content": p}] for p in prompts]
            texts = self.tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True, **thinking)
        # A template writes its own start token.
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=not template, verbose=False)["input_ids"]
        return ids

    def _refusal(self, encoded: Sequence[int]) -> str | None:
        """Why an encoded prompt can't be run, or None."""
        if not encoded:
            return "The prompt is empty; give it some text"
        if len(encoded) >= self.context:
            return f"The prompt has {len(encoded)} tokens, the model's context {self.context}; shorten it"
        return None

    def _stop_check(self, stop: Sequence[str]) -> StopCheck | None:
        if not stop:
            return None
        tail = max(map(len, stop)) + 4  # a token is a character at least, but for a few of a split character's bytes

        def stopped(rows: list[list[int]]) -> list[bool]:
            texts = self.tokenizer.batch_decode([r[-tail:] for r in rows], skip_special_tokens=True)
            return [any(s in text for s in stop) for text in texts]

        return stopped

    def _now(self) -> float:
        """Seconds on a clock that has waited for the device."""
        if self.model.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def _busy(self) -> float:
        """Seconds that the device worked; on a processor those of this process, whatever else the machine is doing."""
        return self._now() if self.model.device.type == "cuda" else time.process_time()

    def _free(self) -> None:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """Run torch's operators on n threads of the processor."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _unwritten(read: Completion) -> Completion:
    """A completion without what was written: its first token came from the pass that read the prompt."""
    if read.error is not None:
        return read
    return replace(
        read,
        text="",
        completion_tokens=0,
        mean_logprob=None,
        min_logprob=None,
        gpu_s=read.prefill_gpu_s,
        truncated=False,
    )


def out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may get around an error."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or should_reduce_batch_size(error)


def first_batch_size(model: Any, tokens: int) -> int:
    """Largest power of two up to MAX_BATCH whose rows of `tokens` tokens fit the free memory by a rough count."""
    config = model.config.get_text_config(decoder=True)
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    cache = 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize
    # While it reads, a layer holds about ten hidden states per token; logits are float32, three copies at once.
    row = tokens * (cache + 10 * config.hidden_size * model.dtype.itemsize) + 12 * config.vocab_size
    if model.device.type == "cuda":
        free = 0.8 * torch.cuda.mem_get_info(model.device)[0]
    else:
        free = 0.25 * psutil.virtual_memory().available
    return 1 << min(MAX_BATCH, max(1, int(free // row))).bit_length() - 1


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Token ids that end an answer: the model's (one, several or none) and the tokenizer's."""
    own = model.generation_config.eos_token_id
    ends = own if isinstance(own, list) else [own]
    return frozenset(int(t) for t in [*ends, tokenizer.eos_token_id] if t is not None)
