"""Published architectures of a 4B / 7B / 14B ladder as numbers, to be built with random weights on any device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen3Config


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """Shape of a decoder."""

    source: str
    """The model whose config.json the numbers are from."""
    family: type[Qwen2Config] | type[Qwen3Config]
    """Configuration class of transformers."""
    hidden_size: int
    """Width of the hidden states."""
    intermediate_size: int
    """Width inside of the feed-forward blocks."""
    num_hidden_layers: int
    """Layers."""
    num_attention_heads: int
    """Heads of queries."""
    num_key_value_heads: int
    """Heads of keys and values."""
    vocab_size: int
    """Tokens of the vocabulary."""
    tie_word_embeddings: bool
    """Whether the input embedding is the output layer too."""
    head_dim: int = 128
    """Width of a head."""

    def build(self, device: torch.device, dtype: torch.dtype) -> Any:
        """A model in evaluation mode, its random weights made on the device; it never ends an answer."""
        family: Any = self.family
        shape = {"head_dim": self.head_dim} if self.family is Qwen3Config else {}
        config = family(
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            num_key_value_heads=self.num_key_value_heads,
            vocab_size=self.vocab_size,
            tie_word_embeddings=self.tie_word_embeddings,
            max_position_embeddings=32768,
            **shape,
        )
        with torch.device(device):
            auto: Any = AutoModelForCausalLM
            return auto.from_config(config, dtype=dtype).eval()

    def decode_bytes(self, model: Any) -> int:
        """Bytes of weights that writing one token reads: all, but of an embedding that is no output layer one row."""
        table = model.get_input_embeddings().weight
        read = sum(p.numel() * p.element_size() for p in model.parameters())
        return int(read - (0 if self.tie_word_embeddings else table.numel() * table.element_size()))

    def prefill_operations(self, model: Any, tokens: int) -> float:
        """Floating-point operations of reading a prompt up to its first token's distribution.

        Two per weight and token, the output layer's once; attention's two products over half of the square
        (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
        """
        table = self.vocab_size * self.hidden_size
        weights = sum(p.numel() for p in model.parameters()) - table * (1 if self.tie_word_embeddings else 2)
        attention = 2 * tokens**2 * self.num_attention_heads * self.head_dim * self.num_hidden_layers
        return float(2 * weights * tokens + 2 * table + attention)


PUBLISHED = {
    "4B": Architecture(
        source="https://huggingface.co/Qwen/Qwen3-4B/blob/main/config.json",
        family=Qwen3Config,
        hidden_size=2560,
        intermediate_size=9728,
        num_hidden_layers=36,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=151936,
        tie_word_embeddings=True,
    ),
    "7B": Architecture(
        source="https://huggingface.co/Qwen/Qwen2.5-7B/blob/main/config.json",
        family=Qwen2Config,
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
        vocab_size=152064,
        tie_word_embeddings=False,
    ),
    "14B": Architecture(
        source="https://huggingface.co/Qwen/Qwen3-14B/blob/main/config.json",
        family=Qwen3Config,
        hidden_size=5120,
        intermediate_size=17408,
        num_hidden_layers=40,
        num_attention_heads=40,
        num_key_value_heads=8,
        vocab_size=151936,
        tie_word_embeddings=False,
    ),
}
"""The ladder `qwen3`, by size."""
