"""Answers one query at a time with compiled decoding (static cache, CUDA graphs), as a server would.

Uncompiled, each token waits for Python; that wait is the same on every size and hides how much faster a small one is.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, cast

import torch
from transformers import StaticCache
from transformers.generation.configuration_utils import CompileConfig
from transformers.masking_utils import create_masks_for_generate

from zeta_eval.inference.engine.budget import ThinkingBudget
from zeta_eval.inference.engine.decoding import Batch, signals, written
from zeta_eval.inference.engine.drawing import Drawing

CACHE_STEP = 128
"""The cache's length is a multiple of this many tokens: another length compiles anew."""


class CompiledModel:
    """A model that answers one query at a time; its cache and compiled graphs are kept from query to query."""

    def __init__(self, model: Any, length: int, *, how: CompileConfig | None = None, compiled: bool = True) -> None:
        """Make room for `length` tokens of a prompt and its answer; `how` are torch.compile's settings."""
        self.length = -(-length // CACHE_STEP) * CACHE_STEP
        self._model = model
        self._step = model.get_compiled_call(how) if compiled else model
        self._config = model.config.get_text_config(decoder=True)
        self._cache: Any = StaticCache(config=self._config, max_cache_len=self.length)

    @torch.no_grad()  # tensors made in inference mode are strange to compiled code
    def answer(
        self,
        prompt: Sequence[int],
        limit: int,
        *,
        end: Collection[int],
        stopped: Callable[[list[list[int]]], list[bool]] | None = None,
        now: Callable[[], float],
        drawing: Drawing | None = None,
        budget: ThinkingBudget | None = None,
    ) -> Batch:
        """Continue a prompt until it ends; arguments as those of `decoding.decode`."""
        device, compiler = self._model.device, cast(Any, torch.compiler)
        self._cache.reset()
        start = now()
        ids = torch.tensor([list(prompt)], device=device)
        logits = self._logits(self._model, ids, torch.arange(len(prompt), device=device)[None])
        tokens: list[int] = []
        logprobs = torch.empty(limit, device=device)
        first = torch.stack(signals(logits, logits.logsumexp(-1)))
        first_s, done = 0.0, False
        draws = None if drawing is None else drawing.numbers([prompt], limit).to(device)
        while True:
            best, token = logits.max(-1)
            if drawing is not None and draws is not None:
                token = drawing.tokens(logits, draws[:, len(tokens)])
                best = logits.gather(-1, token[:, None])[:, 0]
            logprobs[len(tokens)] = (best - logits.logsumexp(-1))[0]
            if budget is not None and (forced := budget.next(tokens)) is not None:
                token, logprobs[len(tokens)] = torch.full_like(token, forced), 0.0
            tokens.append(int(token))
            if len(tokens) == 1:
                first_s = now() - start
            done = tokens[-1] in end or (stopped is not None and stopped([tokens])[0])
            if done or len(tokens) == limit:
                break
            at = torch.tensor([[len(prompt) + len(tokens) - 1]], device=device)
            compiler.cudagraph_mark_step_begin()
            logits = self._logits(self._step, token[:, None], at)
        total_s = now() - start
        known = logprobs[: len(tokens)]
        margin, entropy = first[:, 0].tolist()
        row = written(tokens, len(tokens), float(known.mean()), float(known.min()), margin, entropy, done)
        return Batch(rows=[row], first_s=first_s, total_s=total_s)

    def _logits(self, call: Any, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Logits (1, V) after the last of the ids, in float32, to be used before the next call."""
        # Made out here, as `generate` does: the compiled step then sees the same shapes each time.
        mask = create_masks_for_generate(
            config=self._config,
            inputs_embeds=torch.empty((*ids.shape, 0), dtype=self._model.dtype, device=ids.device),
            attention_mask=None,
            past_key_values=self._cache,
            position_ids=positions,
        )
        output = call(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=self._cache, use_cache=True
        )
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits


def compiles(model: Any, wish: bool | None) -> tuple[bool, str]:
    """Whether single queries are decoded compiled, and why; `wish` is the ladder's `compile` (None: where it pays)."""
    if wish is not None:
        return wish, f"`compile` is {str(wish).lower()}"
    if model.device.type != "cuda":
        return False, f"the model is on {model.device.type}"
    places = set(getattr(model, "hf_device_map", {}).values())
    if places & {"cpu", "disk"}:
        return False, "a part of the weights lies outside of the accelerator"
    quantizer = getattr(model, "hf_quantizer", None)
    if quantizer is not None and not quantizer.is_compileable:
        return False, "its quantisation can't be compiled"
    if not getattr(model, "_can_compile_fullgraph", False):
        return False, "transformers can't compile this architecture"
    return True, "the model is on a CUDA device"
