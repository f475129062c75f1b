"""How models answer, what an answer is, and the methods that every engine which runs a model must have."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models.numbers import check_count, is_number


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateConfig:
    """How models answer: the longest answer, batches, stop texts, and whether tokens are drawn at random.

    >>> GenerateConfig(max_new_tokens=100, stop=("Question:",)).mcq
    'generate'
    """

    max_new_tokens: int = 512
    """Longest answer, in tokens."""
    batch_size: int | None = None
    """Queries per forward pass; None finds the largest that fits."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer."""
    mcq: Literal["generate", "logits"] = "generate"
    """Whether multiple-choice queries are answered in words, or ("logits") by the likeliest letter after reading."""
    options: int = 0
    """Number of lettered options, of which the likeliest is the answer; 0 writes an answer."""
    system: str = ""
    """Text of the system message before a prompt; "" for none."""
    temperature: float = 0.0
    """What the log-odds of tokens are divided by before one is drawn; 0 takes the likeliest token."""
    seed: int = 0
    """Seed of the tokens drawn, from 0 to 2**31 - 1."""
    attempts: int = 1
    """Answers of a benchmark to each query, each drawn with a seed of its own."""

    def __post_init__(self) -> None:
        check_count("max_new_tokens", self.max_new_tokens)
        if self.batch_size is not None and self.batch_size < 1:
            raise InvalidInputError(f"batch_size is {self.batch_size}; give at least 1, or none to find it.")
        if self.mcq not in ("generate", "logits"):
            raise InvalidInputError(f"mcq is {self.mcq!r}; give 'generate' or 'logits'.")
        self._check_sampling()

    def attempt(self, number: int) -> GenerateConfig:
        """The settings of one attempt, from 0 on: its seed is a hash of this seed and the number."""
        digest = hashlib.sha256(f"{self.seed} {number}".encode()).digest()
        return replace(self, seed=int.from_bytes(digest[:4], "big") >> 1) if self.temperature else self

    def _check_sampling(self) -> None:
        """Refuse attempts that would all be the same, and numbers out of range."""
        check_count("attempts", self.attempts)
        if not (is_number(self.temperature) and 0 <= self.temperature < math.inf):
            raise InvalidInputError(f"temperature is {self.temperature!r}; give 0, or a number above as 0.7.")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**31:
            raise InvalidInputError(f"seed is {self.seed!r}; give a whole number from 0 to {2**31 - 1}.")
        if self.attempts > 1 and not self.temperature:
            raise InvalidInputError(
                f"attempts is {self.attempts} at temperature 0, where all are the same; give a temperature, as 0.7."
            )
        if self.temperature and self.mcq == "logits":
            raise InvalidInputError("mcq is 'logits', which draws no tokens; leave the temperature at 0.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """The answer of a model to one prompt, with its confidence and its times in seconds."""

    text: str
    """The answer without prompt and special tokens."""
    prompt_tokens: int | None = None
    """Tokens of the prompt as the model read it."""
    completion_tokens: int | None = None
    """Tokens written, the end token among them."""
    mean_logprob: float | None = None
    """Mean natural-log probability of the written tokens."""
    min_logprob: float | None = None
    """Smallest natural-log probability of a written token."""
    confidence: float | None = None
    """Any other confidence that comes with this one answer, in [0, 1]: a server's, a judge's, the model's own words."""
    agreement: float | None = None
    """Share of several attempts that give this answer, in [0, 1], where it is that of their majority and costs all."""
    prefill_margin: float | None = None
    """Probability of the likeliest first token minus that of the second, in [0, 1]."""
    prefill_entropy: float | None = None
    """Entropy of the first token's distribution, in nats."""
    prefill_gpu_s: float | None = None
    """The part of gpu_s that was spent on reading the prompt."""
    gpu_s: float | None = None
    """This answer's share of the accelerator's (or processor's) time for its batch."""
    server_s: float | None = None
    """This answer's share, by tokens, of the time that a server took for a batch of requests."""
    latency_s: float | None = None
    """Time from the request to the last token, where the query was measured alone."""
    ttft_s: float | None = None
    """Time from the request to the first token, where the query was measured alone."""
    embedding: tuple[float, ...] | None = None
    """The vector of a model that embeds, of length 1."""
    truncated: bool = False
    """Whether the answer ran into max_new_tokens."""
    error: str | None = None
    """Why there is no answer, in one line; None where there is one."""


@runtime_checkable
class Generator(Protocol):
    """An engine that answers prompts with one model."""

    size: str
    """Name of the rung it runs."""

    def generate(self, prompts: Sequence[str], config: GenerateConfig) -> list[Completion]:
        """Answer prompts in their order; a prompt that fails gives a Completion with `error`.

        A prompt is a user message, or a `Conversation` with all its turns.
        """

    def measure(self, prompts: Sequence[str], config: GenerateConfig) -> list[Completion]:
        """Answer prompts one by one, after a warm-up, with latency_s and ttft_s of each."""

    def close(self) -> None:
        """Free the weights."""
