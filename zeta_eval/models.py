"""Ladders of models as data, and the methods that every engine which runs a model must have."""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from zeta_eval.exceptions import InvalidInputError, UnknownNameError

API_KEY_ENV = "OPENAI_API_KEY"
"""Environment variable of a server's key, unless a rung names another."""
UNBOUNDED = 2**31
"""Context of a model that names none, in tokens."""
LADDERS = Path(__file__).parent / "ladders"
"""Folder of the ladder files that ship with the package."""


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
        if not str(self.size).strip() or not self.model:
            raise InvalidInputError("A rung needs a `size` and a `model`, neither empty; add both to the ladder file.")
        for name in ("size", "model", "revision", "dtype", "device_map"):
            value = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name not in ("revision", "device_map")):
                raise InvalidInputError(f"Rung '{self.size}' has {name} {value!r}; give a text in quotes.")
        if self.role not in ("generate", "embed"):
            raise InvalidInputError(f"Rung '{self.size}' has role '{self.role}'; use 'generate' or 'embed'.")
        if self.context is not None and not (_is_count(self.context) and self.context > 1):
            raise InvalidInputError(
                f"Rung '{self.size}' has context {self.context!r}; give a whole number of tokens of at least 2, or "
                "leave it out."
            )
        for name in ("compile", "continuous"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, bool):
                raise InvalidInputError(f"Rung '{self.size}' has {name} {value!r}; give true or false, or neither.")
        _check_answers(self)
        _check_prices(self)
        _check_server(self)

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


_RESERVED = ("model", "messages", "stream", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop")
"""Parameters of a request that have a setting of their own."""


def _check_answers(rung: ModelSpec) -> None:
    """Refuse settings of a rung's answers that can't be used."""
    who = f"Rung '{rung.size}' has"
    stop: Any = rung.stop  # a list in a ladder file
    if not isinstance(stop, list | tuple) or not all(isinstance(text, str) and text for text in stop):
        raise InvalidInputError(f"{who} stop {stop!r}; give a list of texts, none of them empty.")
    object.__setattr__(rung, "stop", tuple(stop))
    if not isinstance(rung.system, str):
        raise InvalidInputError(f"{who} system {rung.system!r}; give a text in quotes.")
    if not isinstance(rung.thinking, int | None) or (rung.thinking is not None and rung.thinking < 0):
        raise InvalidInputError(f"{who} thinking {rung.thinking!r}; give true, false or the most tokens, as 1024.")
    if rung.max_new_tokens is not None and not _is_count(rung.max_new_tokens):
        raise InvalidInputError(f"{who} max_new_tokens {rung.max_new_tokens!r}; give a whole number of at least 1.")
    if rung.thinking_budget and rung.max_new_tokens and rung.thinking_budget >= rung.max_new_tokens:
        raise InvalidInputError(
            f"{who} thinking {rung.thinking} and max_new_tokens {rung.max_new_tokens}, which leaves no token for the "
            "answer; raise max_new_tokens."
        )
    if rung.temperature is not None and not (_is_number(rung.temperature) and 0 <= rung.temperature < math.inf):
        raise InvalidInputError(f"{who} temperature {rung.temperature!r}; give 0, or a number above as 0.7.")
    if rung.top_p is not None and not (_is_number(rung.top_p) and 0 < rung.top_p <= 1):
        raise InvalidInputError(f"{who} top_p {rung.top_p!r}; give a number above 0 and at most 1, as 0.95.")
    for name in ("chat_template_kwargs", "extra_body", "headers_env"):
        if not isinstance(getattr(rung, name), Mapping):
            raise InvalidInputError(f"{who} {name} {getattr(rung, name)!r}; give a table, as {{ name = value }}.")
    if rung.quantization not in (None, "8bit", "4bit"):
        raise InvalidInputError(f"{who} quantization {rung.quantization!r}; give '8bit' or '4bit'.")
    if rung.adapter is not None and not (isinstance(rung.adapter, str) and rung.adapter.strip()):
        raise InvalidInputError(f"{who} adapter {rung.adapter!r}; give a hub id or a folder.")
    served = {"extra_body": rung.extra_body, "headers_env": rung.headers_env}
    local = {"adapter": rung.adapter, "quantization": rung.quantization}
    for name, value in (local if rung.served else served).items():
        if value:
            where = "a server, which decides that" if rung.served else "no base_url, so it asks no server"
            raise InvalidInputError(f"{who} {name} and {where}; leave one of the two out.")


def _check_prices(rung: ModelSpec) -> None:
    """Refuse prices that are no amounts, or that contradict each other."""
    names = ("usd_per_gpu_hour", "usd_per_mtok", "usd_per_mtok_in", "usd_per_mtok_out")
    given = [name for name in names if getattr(rung, name) is not None]
    for name in given:
        value = getattr(rung, name)
        if not (_is_number(value) and 0 <= value < math.inf):
            raise InvalidInputError(f"Rung '{rung.size}' has {name} {value!r}; give a finite number of at least 0.")
    if rung.usd_per_mtok is not None and (rung.usd_per_mtok_in is not None or rung.usd_per_mtok_out is not None):
        raise InvalidInputError(
            f"Rung '{rung.size}' has usd_per_mtok, one price for all tokens, beside others; leave one kind out."
        )
    if (rung.usd_per_mtok_in is None) != (rung.usd_per_mtok_out is None):
        raise InvalidInputError(f"Rung '{rung.size}' has {given[-1]} alone; give usd_per_mtok_in and usd_per_mtok_out.")


def _check_server(rung: ModelSpec) -> None:
    """Refuse settings of a server that can't be used; messages never repeat a text that may hold a key."""
    who = f"Rung '{rung.size}' has"
    for name, least in (("concurrency", 1), ("retries", 0)):
        value = getattr(rung, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidInputError(f"{who} {name} {value!r}; give a whole number of at least {least}.")
    if not (_is_number(rung.timeout_s) and 0 < rung.timeout_s < math.inf):
        raise InvalidInputError(f"{who} timeout_s {rung.timeout_s!r}; give a finite number of seconds above 0.")
    if not isinstance(rung.api_key_env, str) or not re.fullmatch("[A-Z_][A-Z0-9_]*", rung.api_key_env):
        raise InvalidInputError(
            f"{who} an api_key_env that names no environment variable; give a name in capitals, as {API_KEY_ENV}, "
            "and keep the key itself out of the file."
        )
    if not (_is_number(rung.start_timeout_s) and 0 < rung.start_timeout_s < math.inf):
        raise InvalidInputError(f"{who} start_timeout_s {rung.start_timeout_s!r}; give seconds above 0.")
    base_url: Any = rung.base_url  # a list in a ladder file
    if isinstance(base_url, list):
        object.__setattr__(rung, "base_url", tuple(base_url))
    if (base_url is not None and not isinstance(base_url, str | list | tuple)) or base_url in ([], ()):
        raise InvalidInputError(f"{who} a base_url that is no text; give an address as http://localhost:8000/v1.")
    for address in rung.addresses:
        _check_address(who, address)
    if rung.start is not None:
        _check_start(who, rung)
    for header, variable in rung.headers_env.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", header):
            raise InvalidInputError(f"{who} a header in headers_env that is no header's name; mend it.")
        if not isinstance(variable, str) or not re.fullmatch("[A-Z_][A-Z0-9_]*", variable):
            raise InvalidInputError(
                f"{who} in headers_env, for {header}, what names no environment variable; give a name in capitals and "
                "keep the text itself out of the file."
            )
    if taken := sorted(set(_RESERVED) & set(rung.extra_body)):
        raise InvalidInputError(f"{who} '{taken[0]}' in extra_body; it has a setting of its own or is the run's.")


def _check_address(who: str, address: Any) -> None:
    """Refuse an address that is none, or that holds more than an address."""
    if not isinstance(address, str) or re.search("[@?#]", address):
        raise InvalidInputError(
            f"{who} a base_url with more than an address in it; give one as http://localhost:8000/v1, and a key in "
            "the environment variable that api_key_env names."
        )
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", address):
        raise InvalidInputError(f"{who} base_url {address!r}; give an address as http://localhost:8000/v1.")


def _check_start(who: str, rung: ModelSpec) -> None:
    """Refuse a command that can't start a server where it is asked."""
    if not isinstance(rung.start, str) or not rung.start.strip():
        raise InvalidInputError(
            f"{who} start {rung.start!r}; give a command, as 'vllm serve {{model}} --port {{port}}'."
        )
    if len(rung.addresses) > 1:
        raise InvalidInputError(f"{who} start and several addresses; one server is started, so give one or none.")
    if not rung.addresses and "{port}" not in rung.start:
        raise InvalidInputError(f"{who} start without {{port}} and no base_url; give one of them.")
    try:
        shlex.split(rung.start)
    except ValueError as e:
        raise InvalidInputError(f"{who} a start whose quotes don't match ({e}); mend it.") from e


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """The models to choose among, cheapest first.

    >>> Ladder.load("embedded").sizes
    ('17K', '45K', '456K')
    """

    name: str
    """Name of the ladder, or path of its file."""
    models: tuple[ModelSpec, ...]
    """The rungs, cheapest first; embedding models anywhere."""
    max_new_tokens: int = 512
    """Longest answer, in tokens, unless a run says otherwise."""

    def __post_init__(self) -> None:
        sizes = [m.size for m in self.models]
        _check_count("max_new_tokens", self.max_new_tokens)
        if not self.generators:
            raise InvalidInputError(f"Ladder '{self.name}' has no generating rung; add a [[models]] table.")
        if len(set(sizes)) < len(sizes):
            raise InvalidInputError(f"Ladder '{self.name}' names a size twice: {', '.join(sizes)}; make names unique.")

    @property
    def generators(self) -> tuple[ModelSpec, ...]:
        """The rungs that write text, cheapest first."""
        return tuple(m for m in self.models if m.role == "generate")

    @property
    def embedder(self) -> ModelSpec | None:
        """The rung that embeds text, if there is one."""
        return next((m for m in self.models if m.role == "embed"), None)

    @property
    def sizes(self) -> tuple[str, ...]:
        """Names of the generating rungs, cheapest first."""
        return tuple(m.size for m in self.generators)

    @classmethod
    def load(cls, name: str | Path) -> Ladder:
        """Load a shipped ladder by name ("embedded", "qwen3") or a TOML file by path.

        Raises:
            UnknownNameError: no shipped ladder and no file has that name.
            InvalidInputError: the file is no ladder.
        """
        path = Path(name) if str(name).endswith(".toml") else LADDERS / f"{name}.toml"
        if not path.is_file():
            known = [p.stem for p in LADDERS.glob("*.toml")]
            if str(name).endswith(".toml"):
                raise UnknownNameError(
                    "ladder", str(name), known, hint="There is no such file; write it, or mend the path."
                )
            raise UnknownNameError("ladder", str(name), known, hint="A path of a .toml file is taken too.")
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as e:
            raise InvalidInputError(f"Ladder file {path} is no UTF-8 text ({e.reason}); save it as UTF-8.") from e
        except tomllib.TOMLDecodeError as e:
            raise InvalidInputError(f"Ladder file {path} is no TOML: {e}. Mend that line.") from e
        known_keys = {f.name for f in fields(ModelSpec)}
        rungs = data.pop("models", None)
        if not isinstance(rungs, list) or not all(isinstance(rung, dict) for rung in rungs):
            raise InvalidInputError(f"Ladder file {path} has no [[models]] table; add one for each size.")
        if extra := set(data) - {"max_new_tokens"}:
            raise InvalidInputError(
                f"Ladder file {path} has an unknown key '{min(extra)}'; known: max_new_tokens, models."
            )
        for rung in rungs:
            if extra := set(rung) - known_keys:
                raise UnknownNameError(f"key of a rung in {path}:", min(extra), known_keys)
            _resolve_folder(rung, path.parent)
        try:
            models = tuple(ModelSpec(**rung) for rung in rungs)
            return cls(name=str(name), models=models, **data)
        except TypeError as e:
            raise InvalidInputError(f"A rung in {path} lacks `size` or `model`; add both.") from e
        except InvalidInputError as e:
            raise InvalidInputError(f"Ladder file {path}: {e}") from e


def _resolve_folder(rung: dict[str, Any], base: Path) -> None:
    """Make a rung's model an absolute path where such a folder lies beside the ladder file, but for a served name."""
    model = rung.get("model")
    if model and isinstance(model, str) and not ({"base_url", "start"} & set(rung)) and (base / model).is_dir():
        rung["model"] = str((base / model).resolve())


def _check_count(name: str, value: Any) -> None:
    """Refuse a value that is no whole number of at least 1."""
    if not _is_count(value):
        raise InvalidInputError(f"{name} is {value!r}; give a whole number of at least 1.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
        _check_count("max_new_tokens", self.max_new_tokens)
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
        _check_count("attempts", self.attempts)
        if not (_is_number(self.temperature) and 0 <= self.temperature < math.inf):
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
