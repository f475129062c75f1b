"""Memory of a device: how many queries fit at once, which errors mean it is full, and freeing it."""

import gc
from typing import Any

import psutil  # type: ignore[import-untyped]  # comes with accelerate
import torch

MAX_BATCH = 512
"""Largest batch that is tried; beyond it the longest answer of the batch costs more than the width gains."""
BATCH_TOKENS = 2048
"""Tokens per row that the first batch size makes room for; longer rows halve it when they don't fit."""


def out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may get around an error."""
    from accelerate.utils.memory import should_reduce_batch_size  # late, since gpu-check runs without accelerate

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or should_reduce_batch_size(error)


def first_batch_size(model: Any, tokens: int) -> int:
    """Most queries of `tokens` tokens, a power of two up to MAX_BATCH, that fit the free memory by a rough count."""
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


def free() -> None:
    """Give memory that nothing holds any more back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
