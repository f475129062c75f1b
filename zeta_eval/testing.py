"""Helpers for tests, of this package and of yours: scripted models, random outcomes, and a check of engines."""

import math
import os
import signal
import string
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from zeta_eval.exceptions import GenerationError, one_line
from zeta_eval.models import Completion, GenerateConfig, Generator
from zeta_eval.outcomes import Outcomes

CHECK_PROMPTS = (
    "Write ABC backwards.",
    "What is 2 + 2?",
    "Hi",
    "Which of these words comes first: pear, apple or fig?",
)
"""Prompts that `check_generator` asks."""


class ScriptedGenerator:
    """A stand-in for a model, which takes its answers from a script; words count as tokens, and no call takes time."""

    def __init__(
        self,
        size: str,
        answers: Mapping[str, str] | Callable[[str], str],
        *,
        confidence: float | Callable[[str], float] = 0.9,
        latency_s: float | Callable[[str], float] = 0.01,
        fail_on_call: int | None = None,
        failure: BaseException | Literal["kill"] | None = None,
    ) -> None:
        """Set the answers.

        Args:
            size: name of the size it stands for.
            answers: prompt -> answer; a prompt that is missing, or whose answer raises, is a Completion with `error`.
            confidence: probability in (0, 1] of each token, or a function of the prompt.
            latency_s: seconds that each answer says it took, or a function of the prompt.
            fail_on_call: number, from 1, of the call of `generate` that fails instead of answering.
            failure: what that call raises (a GenerationError unless given), or "kill": the process dies at once, as by
                SIGKILL.
        """
        self.size = size
        self.calls = 0
        """Calls of `generate` so far."""
        self.prompts: list[str] = []
        """Every prompt that `generate` answered, in order."""
        self.closed = False
        """Whether `close` was called."""
        self._answers = answers
        self._confidence = confidence
        self._latency_s = latency_s
        self._fail_on_call = fail_on_call
        self._failure = failure

    def generate(self, prompts: Sequence[str], config: GenerateConfig) -> list[Completion]:
        """Answer by the script."""
        self.calls += 1
        if self.calls == self._fail_on_call:
            if self._failure == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif isinstance(self._failure, BaseException):
                raise self._failure
            raise GenerationError(f"Call {self.calls} of '{self.size}' fails, as its script says.")
        self.prompts += prompts
        return [self._answer(p, config, timed=False) for p in prompts]

    def measure(self, prompts: Sequence[str], config: GenerateConfig) -> list[Completion]:
        """Answer by the script, with latencies; the first token comes after a tenth of the time."""
        return [self._answer(p, config, timed=True) for p in prompts]

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _answer(self, prompt: str, config: GenerateConfig, *, timed: bool) -> Completion:
        try:
            text = self._answers[prompt] if isinstance(self._answers, Mapping) else self._answers(prompt)
        except Exception as e:
            return Completion(text="", error=one_line(e))
        for stop in config.stop:
            text = text.partition(stop)[0]
        words = text.split(" ")
        kept = words[: config.max_new_tokens]
        p = _value(self._confidence, prompt)
        latency_s = _value(self._latency_s, prompt)
        return Completion(
            text=" ".join(kept),
            prompt_tokens=len(prompt.split()),
            completion_tokens=len(kept),
            mean_logprob=math.log(p),
            min_logprob=math.log(p),
            prefill_margin=max(0.0, 2 * p - 1),
            prefill_entropy=-p * math.log(p) - ((1 - p) * math.log(1 - p) if p < 1 else 0.0),
            prefill_gpu_s=latency_s / 10,
            gpu_s=latency_s,
            latency_s=latency_s if timed else None,
            ttft_s=latency_s / 10 if timed else None,
            truncated=len(kept) < len(words),
        )


def make_outcomes(
    n_queries: int = 600,
    sizes: Sequence[str] = ("4B", "7B", "14B"),
    *,
    seed: int = 0,
    n_tasks: int = 3,
    cost_ratio: float = 2.5,
    slope: float = 2.0,
    missing: float = 0.0,
) -> Outcomes:
    """Make a random outcomes table, in which the text of a query tells something of its difficulty, but not everything.

    >>> make_outcomes(200)
    Outcomes(200 queries x 3 sizes: 4B < 7B < 14B)

    A query asks for a sum of 2 to 14 numbers, and no two are of one family. Its difficulty is its length, a shift by
    task and hidden noise. A size succeeds with probability sigmoid(slope * (ability - difficulty)), abilities rising by
    size (the two-parameter logistic model of item response theory). Costs and times grow with the tokens and, by
    `cost_ratio` from a size to the next, with the size. Token log-probabilities and prefill signals tell success,
    blurred by noise.

    Args:
        n_queries: queries, each on every size.
        sizes: names, cheapest first.
        seed: seed of everything that is random.
        n_tasks: tasks that the queries are dealt to in turn.
        cost_ratio: cost of a size over that of the one before.
        slope: how sharply success falls with difficulty.
        missing: share of rows in [0, 1] that failed: an error and no score.
    """
    rng = np.random.default_rng(seed)
    terms = rng.integers(2, 15, n_queries)
    task = np.arange(n_queries) % n_tasks
    difficulty = (terms - 8) / 4 + 0.6 * (task - (n_tasks - 1) / 2) + rng.normal(0, 0.5, n_queries)
    texts = [_sum_query(rng, int(n), i) for i, n in enumerate(terms)]
    began = datetime(2026, 1, 1, tzinfo=UTC)
    frames = []
    for m, size in enumerate(sizes):
        ability = -0.5 + 1.1 * m
        p = 1 / (1 + np.exp(-slope * (ability - difficulty)))
        right = rng.random(n_queries) < p
        written = 3 + terms + rng.integers(0, 4, n_queries)
        read = 4 + 2 * terms
        latency = 0.02 * cost_ratio**m * (0.5 + 0.01 * read + 0.1 * written)
        logit = slope * (ability - difficulty) / 2 + np.where(right, 1.5, -1.5) + rng.normal(0, 1, n_queries)
        confidence = 1 / (1 + np.exp(-logit))
        failed = rng.random(n_queries) < missing
        frames.append(
            pd.DataFrame(
                {
                    "dataset": "made",
                    "task": [f"sums-{t + 1}" for t in task],
                    "query_id": [f"made/{i}" for i in range(n_queries)],
                    "query": texts,
                    "model": size,
                    "score": np.where(failed, np.nan, right.astype(float)),
                    "response": [None if f else "right" if r else "wrong" for f, r in zip(failed, right, strict=True)],
                    "error": ["GenerationError: made to fail" if f else None for f in failed],
                    "prompt_tokens": read,
                    "completion_tokens": written,
                    "latency_s": latency,
                    "ttft_s": latency / 5,
                    "latency_source": "modelled",
                    "prefill_gpu_s": latency / 40,
                    "gpu_s": latency / 8,
                    "mean_logprob": np.log(confidence) / 4,
                    "min_logprob": np.log(confidence),
                    "prefill_margin": np.clip(p + rng.normal(0, 0.2, n_queries), 0, 1),
                    "prefill_entropy": np.clip(2 * (1 - p) + rng.normal(0, 0.3, n_queries), 0, None),
                    "truncated": False,
                    "unparsed": False,
                    "run_id": f"made-{seed}",
                    "created_at": [(began + timedelta(seconds=i)).isoformat() for i in range(n_queries)],
                }
            )
        )
    table = pd.concat(frames, ignore_index=True)
    return Outcomes.from_frame(table, source="benchmark").with_order(sizes)


def check_generator(generator: Generator, config: GenerateConfig | None = None) -> None:
    """Check that an engine keeps the promises of `Generator`; for the test of an engine of your own.

    Raises:
        AssertionError: a promise that is broken, with what came instead.
    """
    config = config or GenerateConfig(max_new_tokens=8)
    _require(isinstance(generator, Generator), "it lacks `size`, `generate`, `measure` or `close`")
    _require(generator.generate([], config) == [], "no prompts must give no answers")
    prompts = list(CHECK_PROMPTS)
    answers = generator.generate(prompts, config)
    _require(len(answers) == len(prompts), f"{len(prompts)} prompts gave {len(answers)} answers")
    turned = generator.generate(prompts[::-1], config)[::-1]
    singly = [generator.generate([p], config)[0] for p in prompts]
    for prompt, answer, again, alone in zip(prompts, answers, turned, singly, strict=True):
        _require(answer.text == again.text, f"the answer to {prompt!r} depends on the order of the prompts")
        _require(
            answer.text == alone.text, f"the answer to {prompt!r} alone is {alone.text!r}, in a batch {answer.text!r}"
        )
        _check_completion(answer, config)
    measured = generator.measure(prompts, config)
    _require(len(measured) == len(prompts), f"{len(prompts)} prompts measured gave {len(measured)} answers")
    for answer in measured:
        _check_completion(answer, config)
        if answer.error is None:
            _require(
                answer.latency_s is not None and answer.ttft_s is not None and 0 <= answer.ttft_s <= answer.latency_s,
                f"`measure` must give 0 <= ttft_s <= latency_s, got {answer.ttft_s} and {answer.latency_s}",
            )
    long = generator.generate(["word " * 50_000, prompts[0]], config)
    _require(len(long) == 2 and long[1].text == answers[0].text, "a prompt that is far too long spoils its neighbour")


def build_tiny_model(
    folder: str | Path,
    *,
    seed: int = 0,
    context: int = 256,
    chat_template: str | None = None,
    role: Literal["generate", "embed"] = "generate",
) -> Path:
    """Write a tiny model to a folder: a random 2-layer Qwen3 (about 20,000 weights) that reads characters.

    `context` is the longest sequence, in tokens; `chat_template` is a Jinja template, or None for a tokenizer without;
    the role "embed" leaves out the language-model head. Returns the folder, which is made where it is missing.
    """
    import tokenizers
    import torch
    import transformers

    vocabulary = ["<pad>", "<unk>", "<end>", "<user>", "<answer>", *string.printable]
    core = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({c: i for i, c in enumerate(vocabulary)}, unk_token="<unk>")
    )
    core.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    core.decoder = tokenizers.decoders.Fuse()
    core.add_special_tokens(vocabulary[:5])
    fast: Any = transformers.PreTrainedTokenizerFast
    tokenizer = fast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<end>",
        model_max_length=context,
        padding_side="left",
    )
    tokenizer.chat_template = chat_template
    config = transformers.Qwen3Config(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=context,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.3,  # wide, so that answers differ by prompt and are not near ties
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Any = transformers.Qwen3ForCausalLM(config)
    (model if role == "generate" else model.model).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Path(folder)


def _value(given: float | Callable[[str], float], prompt: str) -> float:
    return given(prompt) if callable(given) else given


def _sum_query(rng: np.random.Generator, terms: int, i: int) -> str:
    numbers = rng.integers(1, 10**2, terms)
    opening = ("Add up", "What is the sum of", "Please work out")[int(rng.integers(3))]
    return f"{opening} {', '.join(map(str, numbers))} for case {_letters(i)}."


def _letters(i: int) -> str:
    """Name a number in letters, so that no two queries differ in their digits alone."""
    return (_letters(i // 26 - 1) if i >= 26 else "") + string.ascii_lowercase[i % 26]


def _check_completion(answer: Completion, config: GenerateConfig) -> None:
    if answer.error is not None:
        _require("\n" not in answer.error and answer.error != "", f"an error must be one line, got {answer.error!r}")
        return
    n = answer.completion_tokens
    _require(n is None or 0 <= n <= config.max_new_tokens, f"{n} tokens written, {config.max_new_tokens} allowed")
    for name in ("mean_logprob", "min_logprob"):
        value = getattr(answer, name)
        _require(value is None or value <= 1e-6, f"{name} must be at most 0, got {value}")
    if answer.mean_logprob is not None and answer.min_logprob is not None:
        _require(answer.min_logprob <= answer.mean_logprob + 1e-6, "min_logprob must not be above mean_logprob")
    margin = answer.prefill_margin
    _require(margin is None or 0 <= margin <= 1 + 1e-6, f"prefill_margin must be in [0, 1], got {margin}")
    for name in ("confidence", "agreement"):
        value = getattr(answer, name)
        _require(value is None or 0 <= value <= 1, f"{name} must be in [0, 1], got {value}")
    for name in ("prefill_entropy", "prefill_gpu_s", "gpu_s", "prompt_tokens"):
        value = getattr(answer, name)
        _require(value is None or value >= -1e-6, f"{name} must be at least 0, got {value}")


def _require(kept: bool, otherwise: str) -> None:
    if not kept:
        raise AssertionError(f"The engine breaks a promise of Generator: {otherwise}.")
