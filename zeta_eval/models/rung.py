"""`ModelSpec`: one rung of a ladder, a model with settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from zeta_eval.models.answers import Completion, GenerateConfig
from zeta_eval.models.checks import API_KEY_ENV, check


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """One rung of a ladder: a model of one size, and how it is run.

    >>> ModelSpec(size="4B", model="Qwen/Qwen3-4B").role
    'generate'
    """

    size: str
    """Name of the size: "4B", "14B", any other."""
    model: str
    """Hub id, or a folder of weights (relative to the ladder file); with `base_url` the model's name on the server."""
    revision: str | None = None
    """Commit or tag on the hub; None is the newest."""
    role: Literal["generate", "embed"] = "generate"
    """Whether the model writes text, or turns text into a vector."""
    context: int | None = None
    """Most tokens of a prompt and its answer together; None takes what the model's configuration or the server says."""
    dtype: str = "auto"
    """Number format of the weights, as transformers names it."""
    device_map: str | None = "auto"
    """Placement of the weights, as accelerate names it; "cpu" for none but the processor."""
    compile: bool | None = None
    """Whether latencies are those of compiled decoding with a static cache; None where it pays: on CUDA devices."""
    continuous: bool | None = None
    """Whether queries are batched continuously, not in padded batches; None where it pays: on CUDA devices."""
    usd_per_gpu_hour: float | None = None
    """Price of an hour of what this rung runs on, in USD: gives cost_usd from gpu_s, or from a server's throughput."""
    usd_per_mtok: float | None = None
    """Price per million tokens (prompt and completion), in USD: gives cost_usd where no hourly price is set."""
    usd_per_mtok_in: float | None = None
    """Price per million tokens of the prompt, in USD, where it is another than that of the completion."""
    usd_per_mtok_out: float | None = None
    """Price per million tokens of the completion, in USD; goes with usd_per_mtok_in."""
    system: str = ""
    """Text of a system message before every query; a task's own follows it."""
    thinking: bool | int | None = None
    """Whether the model thinks before it answers, or the most tokens for that; None turns it off where that is easy."""
    temperature: float | None = None
    """Temperature of this rung, whatever the run's is; None takes the run's."""
    top_p: float | None = None
    """Share of the probability among whose likeliest tokens one is drawn; None takes all."""
    max_new_tokens: int | None = None
    """Longest answer of this rung in tokens, thoughts among them, whatever the run or a task says."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer, besides those of the run and the task."""
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Values that the model's chat template takes."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Further parameters of every request to the server."""
    headers_env: Mapping[str, str] = field(default_factory=dict)
    """Headers of every request, each with the environment variable that holds its text, which is written nowhere."""
    adapter: str | None = None
    """Hub id or folder of a PEFT adapter (LoRA and others) that is put on the weights."""
    quantization: Literal["8bit", "4bit"] | None = None
    """Weights in 8 or 4 bits, by bitsandbytes (the extra `quantization`)."""
    base_url: str | tuple[str, ...] | None = None
    """Address of an OpenAI-compatible server that runs the model, as "http://localhost:8000/v1", or those of several
    that all run it; None loads weights, or asks the server that `start` starts."""
    start: str | None = None
    """Command that starts the rung's server for as long as it is asked, with {port} and {model} where these belong."""
    start_timeout_s: float = 900.0
    """Longest time until a started server answers, in seconds."""
    concurrency: int = 16
    """Most requests to the server at the same time."""
    timeout_s: float = 120.0
    """Longest time of a request to the server, in seconds, before it counts as failed."""
    retries: int = 5
    """How often a request that failed is made again."""
    api_key_env: str = API_KEY_ENV
    """Environment variable that holds the server's key, where it wants one. The key itself is written nowhere."""

    def __post_init__(self) -> None:
        check(self)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses of the servers that run the model; none where weights are loaded, or a server is to be started."""
        return (self.base_url,) if isinstance(self.base_url, str) else self.base_url or ()

    @property
    def served(self) -> bool:
        """Whether a server runs the model."""
        return bool(self.addresses) or self.start is not None

    @property
    def thinking_budget(self) -> int | None:
        """Most tokens of thinking; None where there is no bound."""
        return self.thinking if self.thinking and not isinstance(self.thinking, bool) else None

    def cost_usd(self, answer: Completion) -> float | None:
        """What an answer costs by the prices of the rung, in USD; None where they or what they go by are unknown."""
        if self.usd_per_gpu_hour is not None:
            seconds = answer.server_s if self.served else answer.gpu_s
            return None if seconds is None else self.usd_per_gpu_hour * seconds / 3600
        read, written = answer.prompt_tokens, answer.completion_tokens or 0
        if read is None:
            return None
        if self.usd_per_mtok is not None:
            return self.usd_per_mtok * (read + written) / 1e6
        if self.usd_per_mtok_in is not None and self.usd_per_mtok_out is not None:
            return (self.usd_per_mtok_in * read + self.usd_per_mtok_out * written) / 1e6
        return None

    def over(self, config: GenerateConfig) -> GenerateConfig:
        """A run's settings with this rung's own in their place."""
        return replace(
            config,
            system="\n\n".join(filter(None, (self.system, config.system))),
            temperature=config.temperature if self.temperature is None else self.temperature,
            max_new_tokens=config.max_new_tokens if config.options else self.max_new_tokens or config.max_new_tokens,
            stop=tuple(dict.fromkeys((*config.stop, *self.stop))),
        )
