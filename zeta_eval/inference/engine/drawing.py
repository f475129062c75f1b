"""Draws tokens at a temperature, so that a prompt's answer depends on its seed and not on its batch."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """How tokens are drawn: by inverting the cumulative distribution at random numbers that each prompt has of its own.

    The same prompt and seed draw the same numbers wherever the prompt stands in whichever batch.
    """

    temperature: float
    """What logits are divided by; above 0."""
    seed: int
    """Seed of the random numbers."""
    top_p: float | None = None
    """Share of the probability among whose likeliest tokens one is drawn; None draws from all."""

    def numbers(self, prompts: Sequence[Sequence[int]], steps: int) -> torch.Tensor:
        """Random numbers in [0, 1) for each token of each of B prompts (token ids), shape (B, steps)."""
        rows = [random.Random(f"{self.seed} {list(prompt)}") for prompt in prompts]
        return torch.tensor([[draw.random() for _ in range(steps)] for draw in rows], dtype=torch.float64)

    def tokens(self, logits: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Tokens (B,) drawn from logits (B, V) by the numbers (B,)."""
        chances = (logits.double() / self.temperature).softmax(-1)
        shares = (chances if self.top_p is None else self._likeliest(chances, self.top_p)).cumsum(-1)
        found = torch.searchsorted(shares, (numbers * shares[:, -1])[:, None].contiguous(), right=True)[:, 0]
        return found.clamp(max=logits.shape[-1] - 1)

    @staticmethod
    def _likeliest(chances: torch.Tensor, share: float) -> torch.Tensor:
        """The chances (B, V) of the fewest tokens that hold a share of them together, and 0 for all others."""
        ordered, at = chances.sort(-1, descending=True)
        kept = ordered.cumsum(-1) - ordered < share
        return torch.zeros_like(chances).scatter(-1, at, ordered * kept)
