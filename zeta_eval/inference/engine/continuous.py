"""Continuous batching by transformers: when one answer ends, the next query takes its place in the running batch.

The cache is split into pages; prompts that begin alike share the pages of their common beginning.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig
from transformers.utils.import_utils import is_flash_attn_2_available, is_flash_attn_3_available

PAGE_TOKENS = 64
"""Tokens per page of the cache on a processor; transformers' own sizes are made for an accelerator's memory."""
PAGES = 256
"""Pages of that cache."""
STEP_TOKENS = 512
"""Tokens of one forward pass on a processor."""
MEMORY_SHARE = 0.7
"""Share of an accelerator's free memory that the cache takes; the rest is for passes outside of it."""
CHECK_EVERY = 8
"""Tokens after which a reply is searched for stop texts: for hundreds at once each time would hold up the loop."""
STOPPED = "the loop of continuous batching has stopped"
WAIT_S = 1.0
"""Longest wait for a token, in seconds, before asking whether the loop is still alive."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The tokens that a model wrote for one prompt."""

    tokens: list[int]
    """Written tokens, the end token among them."""
    logprobs: list[float]
    """Natural-log probability of each."""
    ended: bool
    """Whether the answer ended by itself, not by its limit."""


class ContinuousBatching:
    """A model with a running loop that answers many prompts; its cache and graphs are made once for all calls."""

    def __init__(self, model: Any, *, end: Sequence[int], cancels: bool = False) -> None:
        """Start the loop; one that `cancels` can stop an answer by its text, and so prepares no step ahead."""
        self.cancels = cancels
        self._end = frozenset(end)
        # A new one: settings of the checkpoint, as a repetition penalty, are no part of greedy decoding.
        config: Any = GenerationConfig
        self._manager = model.init_continuous_batching(
            generation_config=config(do_sample=False, eos_token_id=sorted(end) or -1, pad_token_id=0),
            continuous_batching_config=_sizes(model.device, cancels),
        )
        self._manager.warmup()
        self._manager.start()

    def answer(
        self,
        prompts: Sequence[list[int]],
        limits: Sequence[int],
        *,
        stopped: Callable[[list[list[int]]], list[bool]] | None = None,
    ) -> list[Reply]:
        """Continue all prompts with the likeliest tokens, in their order; arguments as those of `decoding.decode`."""
        order = sorted(range(len(prompts)), key=lambda i: prompts[i])  # neighbours share what they have in common
        open_ = {self._add(prompts[i], limits[i], streaming=stopped is not None): i for i in order}
        done: dict[int, Reply] = {}
        while open_:
            output = self._manager.get_result(timeout=WAIT_S)
            if output is None:
                if not self._manager.is_running():
                    raise RuntimeError(STOPPED)
            elif output.request_id in open_:
                if output.error is not None:
                    raise RuntimeError(output.error)
                kept = _stop(output, stopped) if stopped is not None else None
                if output.is_finished() or kept is not None:
                    done[open_.pop(output.request_id)] = self._reply(output, kept)
                    if not output.is_finished():
                        self._manager.cancel_request(output.request_id)
        return [done[i] for i in range(len(prompts))]

    def close(self) -> None:
        """Stop the loop and free its cache."""
        self._manager.stop(block=True, hard_stop=True)
        self._manager.destroy()

    def _add(self, prompt: list[int], limit: int, *, streaming: bool) -> str:
        name: str | None = self._manager.add_request(prompt, max_new_tokens=limit, streaming=streaming)
        if name is None:
            raise RuntimeError(STOPPED)
        return name

    def _reply(self, output: Any, kept: int | None) -> Reply:
        tokens = output.generated_tokens[:kept]
        ended = kept is not None or (bool(tokens) and tokens[-1] in self._end)
        return Reply(tokens=tokens, logprobs=output.logprobs[:kept], ended=ended)


def continues(model: Any, wish: bool | None) -> tuple[bool, str]:
    """Whether queries are batched continuously, and why; `wish` is the ladder's `continuous` (None: where it pays)."""
    if wish is not None:
        return wish, f"`continuous` is {str(wish).lower()}"
    if model.device.type != "cuda":
        return False, f"padded batches are faster on {model.device.type}"
    if len(set(getattr(model, "hf_device_map", {}).values())) > 1:
        return False, "the weights lie on several devices"
    kinds = set(getattr(model.config.get_text_config(decoder=True), "layer_types", None) or ())
    if other := kinds - {"full_attention", "sliding_attention"}:
        return False, f"transformers pages no layers of kind {min(other)}"
    if not hasattr(model, "init_continuous_batching"):
        return False, "transformers can't page this architecture's cache"
    return True, f"a CUDA device, flash attention {'' if flash_installed() else 'not '}installed"


def flash_installed() -> bool:
    """Whether flash attention is installed as a package; it makes continuous batching 3 to 5 times faster."""
    return bool(is_flash_attn_2_available() or is_flash_attn_3_available())


def _stop(output: Any, stopped: Callable[[list[list[int]]], list[bool]]) -> int | None:
    """How many of a reply's tokens come up to a stop text, or None; looked for every CHECK_EVERY tokens."""
    tokens = output.generated_tokens
    if len(tokens) % CHECK_EVERY and not output.is_finished():
        return None
    lengths = range(max(1, len(tokens) - CHECK_EVERY + 1), len(tokens) + 1)
    found = stopped([tokens[:n] for n in lengths])
    return next((n for n, hit in zip(lengths, found, strict=True) if hit), None)


def _sizes(device: torch.device, cancels: bool) -> ContinuousBatchingConfig:
    """Sizes and kernels for a device: transformers' own choice on an accelerator, small ones on a processor."""
    if device.type == "cuda":
        return ContinuousBatchingConfig(
            return_logprobs=True,
            auto_switch_to_flash=flash_installed(),  # left alone, it may fetch a kernel from the hub
            max_memory_percent=MEMORY_SHARE,
            use_async_batching=False if cancels else None,
        )
    return ContinuousBatchingConfig(
        return_logprobs=True,
        auto_switch_to_flash=False,
        page_size=PAGE_TOKENS,
        num_blocks=PAGES,
        max_batch_tokens=STEP_TOKENS,
        use_async_batching=False,
    )
