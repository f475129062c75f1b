"""Shapes of published 4B, 7B and 14B models, to be built with random weights: what speed takes needs no download."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen3Config

SHAPE = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
)
"""Names, in a model's config.json, of the numbers that make its shape."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """The shape of one published model."""

    source: str
    """Address of the config.json that the numbers are from."""
    family: type[Qwen2Config] | type[Qwen3Config]
    """Configuration class of transformers."""
    shape: tuple[int, ...]
    """The numbers that SHAPE names, in its order."""
    tied: bool
    """Whether the table of input embeddings is the output layer too."""

    def build(self, device: torch.device, dtype: torch.dtype) -> Any:
        """A model with random weights that are made on the device; it never ends an answer."""
        family: Any = self.family
        numbers = dict(zip(SHAPE, self.shape, strict=True))
        if self.family is Qwen2Config:
            del numbers["head_dim"]  # that family has hidden_size / num_attention_heads
        config = family(**numbers, tie_word_embeddings=self.tied, max_position_embeddings=32768)
        with torch.device(device):
            auto: Any = AutoModelForCausalLM
            return auto.from_config(config, dtype=dtype).eval()

    def decode_bytes(self, model: Any) -> int:
        """Bytes of weights that writing one token reads: all but the input embeddings, of which it reads one row."""
        table = model.get_input_embeddings().weight
        read = sum(p.numel() * p.element_size() for p in model.parameters())
        return int(read - (0 if self.tied else table.numel() * table.element_size()))

    def prefill_operations(self, model: Any, tokens: int) -> float:
        """Floating-point operations of reading a prompt, up to the probabilities of the first token written.

        Two per weight and token, the output layer's once; attention's two products over half of the square
        (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
        """
        hidden, _, layers, heads, _, width, vocabulary = self.shape
        table = vocabulary * hidden
        weights = sum(p.numel() for p in model.parameters()) - table * (1 if self.tied else 2)
        return float(2 * weights * tokens + 2 * table + 2 * tokens**2 * heads * width * layers)


def _at(model: str) -> str:
    return f"https://huggingface.co/Qwen/{model}/blob/main/config.json"


_4B, _7B, _14B = (
    (2560, 9728, 36, 32, 8, 128, 151936),
    (3584, 18944, 28, 28, 4, 128, 152064),
    (5120, 17408, 40, 40, 8, 128, 151936),
)
PUBLISHED = {
    "4B": Architecture(source=_at("Qwen3-4B"), family=Qwen3Config, shape=_4B, tied=True),
    "7B": Architecture(source=_at("Qwen2.5-7B"), family=Qwen2Config, shape=_7B, tied=False),
    "14B": Architecture(source=_at("Qwen3-14B"), family=Qwen3Config, shape=_14B, tied=False),
}
"""The sizes of the ladder `qwen3`."""
TINY = (64, 128, 2, 4, 2, 16, 512)
"""A shape that any processor runs in seconds."""


def architecture(size: str, *, tiny: bool = False) -> Architecture:
    """A size of PUBLISHED; a `tiny` one is as that but for its shape."""
    return replace(PUBLISHED[size], shape=TINY) if tiny else PUBLISHED[size]
