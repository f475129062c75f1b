"""`TransformersGenerator`: runs one model of a ladder with transformers."""

import logging
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from zeta_eval.exceptions import GenerationError, InvalidInputError, one_line
from zeta_eval.inference.engine.budget import thinking_budget
from zeta_eval.inference.engine.cache import shares
from zeta_eval.inference.engine.clock import Clock, threads
from zeta_eval.inference.engine.compiled import CompiledModel, compiles
from zeta_eval.inference.engine.completions import completions, replied
from zeta_eval.inference.engine.continuous import ContinuousBatching, continues
from zeta_eval.inference.engine.decoding import decode
from zeta_eval.inference.engine.drawing import Drawing
from zeta_eval.inference.engine.loading import context_length, load, revision_of
from zeta_eval.inference.engine.memory import BATCH_TOKENS, first_batch_size, free, out_of_memory
from zeta_eval.inference.engine.prefill import LEAST_SHARED
from zeta_eval.inference.engine.prefixes import together
from zeta_eval.inference.engine.tokens import StopCheck, TextCodec, end_tokens, template_values
from zeta_eval.inference.engine.weighing import weighed, weighed_alone
from zeta_eval.models import Completion, GenerateConfig, ModelSpec
from zeta_eval.tasks.asked import Asked

_log = logging.getLogger(__name__)

CONTINUOUS_BATCH = 1024
"""Queries handed to continuous batching at once: many more than run together, since each call ends with few."""

WARM_TOKENS = 8
"""Tokens written to compile decoding."""

REPEATS = 3
"""How often a query is measured where decoding is compiled; its median counts."""

STREAM_S = 0.05
"""Least time in seconds between two texts of a streamed answer: decoding all its tokens takes time too."""

SMALL_MODEL = 5_000_000
"""Parameters below which a processor runs a model on one thread: more gain nothing and stall on a busy machine."""


class TransformersGenerator:
    """Answers prompts with one model, many at a time, by the likeliest tokens or at a temperature.

    The time of a batch is divided among its answers: reading by the tokens of the prompts (`prefill_gpu_s`), writing by
    the tokens written, both together in `gpu_s`. On a processor that is processor time, which other programs don't
    lengthen. On a CUDA device batches are continuous and latencies are measured with compiled decoding, where the model
    allows it; `how` says what was chosen and why. Answers at a temperature are drawn in padded batches, by seeds.
    """

    chooses = True
    """Whether the engine can choose among lettered options by one forward pass."""
    verbatim = True
    """Whether the engine can be asked word for word, and weighs given answers."""

    def __init__(self, spec: ModelSpec) -> None:
        """Load the model's weights."""
        if spec.role != "generate":
            raise InvalidInputError(f"Rung '{spec.size}' has role '{spec.role}'; give a rung that generates.")
        self.size = spec.size
        self.model, self.tokenizer = load(spec)
        small = sum(p.numel() for p in self.model.parameters()) < SMALL_MODEL and self.model.device.type == "cpu"
        self._clock = Clock(self.model.device)
        self._n_threads = 1 if small else torch.get_num_threads()
        self.context = spec.context or context_length(self.model, self.tokenizer)
        self._spec = spec
        self._codec = TextCodec(self.tokenizer, self.context, template_values(spec, self.tokenizer))
        self._budget = thinking_budget(spec, self.tokenizer)
        self.revision = revision_of(spec)
        self.batch_size = first_batch_size(self.model, min(self.context, BATCH_TOKENS))
        """Queries per forward pass: from the memory that is free at first, halved when it runs out."""
        self._fits: int | None = None  # the largest batch that is tried, once the memory has run out
        self._end = end_tokens(self.model, self.tokenizer)
        self._compiled, compiled_why = compiles(self.model, spec.compile)
        self._continuous, continuous_why = continues(self.model, spec.continuous)
        self._rows = self.batch_size
        if self._continuous:
            self.batch_size = CONTINUOUS_BATCH
        self._served: CompiledModel | None = None
        self._loop: ContinuousBatching | None = None
        self.how = {
            "batching": f"{'continuous' if self._continuous else 'static'}: {continuous_why}",
            "sharing": "the cache's pages" if self._continuous else shares(self.model),
            "latency": f"{'static cache, compiled' if self._compiled else 'plain'}: {compiled_why}",
            "prompts": "chat template" if self.tokenizer.chat_template else "plain text",
        }
        """How queries run and why, for the run's record."""

    def generate(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[Completion]:
        """Answer prompts in their order; one that fails gives a Completion with `error`."""
        if asked := _weighing(prompts):
            rows = config.batch_size or self._rows
            with threads(self._n_threads):
                return weighed(self.model, self._codec, asked, context=self.context, rows=rows, now=self._clock.busy)
        config = self._spec.over(config)
        read = self._codec.encode(prompts, config)
        encoded = [ids for ids, _ in read]
        answers = {i: Completion(text="", error=reason) for i, (_, reason) in enumerate(read) if reason}
        runs = [i for i in range(len(prompts)) if i not in answers]
        todo = [runs[at] for at in together([encoded[i] for i in runs], LEAST_SHARED)]
        if self._continuous and (config.temperature or self._budget):  # its loop takes no seed, and forces no token
            answers |= self._in_batches(prompts, encoded, todo, self._few(config))
        elif self._continuous and config.max_new_tokens > 1 and len(todo) > 1:  # a single one needs no loop
            answers |= self._together(prompts, encoded, todo, config)
        else:
            answers |= self._in_batches(prompts, encoded, todo, config)
        return [answers[i] for i in range(len(prompts))]

    def _in_batches(
        self, prompts: Sequence[str | Asked], encoded: Sequence[list[int]], todo: list[int], config: GenerateConfig
    ) -> dict[int, Completion]:
        """Answer the prompts of these indices in padded batches, in that order."""
        answers: dict[int, Completion] = {}
        size = min(config.batch_size or self.batch_size, self._fits or len(prompts) or 1)
        while todo:
            batch = todo[:size]
            try:
                made = self._answer([encoded[i] for i in batch], config)
            except Exception as e:
                made = None
                if out_of_memory(e) and len(batch) > 1:
                    size = self._fits = len(batch) // 2
                    self.batch_size = min(self.batch_size, size)
                    _log.info("%s: out of memory at %d queries, going on with %d", self.size, len(batch), size)
                elif isinstance(e, torch.AcceleratorError) and not out_of_memory(e):
                    raise GenerationError(
                        f"The accelerator failed while '{self.size}' was generating ({one_line(e)}). Start again; "
                        "finished rows are kept."
                    ) from e
                elif len(batch) > 1:
                    _log.warning("%s: a batch failed (%s), trying its queries one by one", self.size, one_line(e))
                    made = [self._in_batches(prompts, encoded, [i], config)[i] for i in batch]
                else:
                    made = [Completion(text="", prompt_tokens=len(encoded[batch[0]]), error=one_line(e))]
            if made is None:
                # Outside of the handler, so that the traceback no longer holds the failed batch's tensors.
                free()
                continue
            answers.update(zip(batch, made, strict=True))
            todo = todo[len(batch) :]
        return answers

    def _together(
        self, prompts: Sequence[str | Asked], encoded: Sequence[list[int]], todo: list[int], config: GenerateConfig
    ) -> dict[int, Completion]:
        """Answer the prompts of these indices by continuous batching; in padded batches from the moment it fails.

        Continuous batching reports no probabilities of the first token, so a pass of its own reads every prompt first.
        The time of that pass is the cost of reading, and is not counted twice.
        """
        few = self._few(config)
        chosen = [encoded[i] for i in todo]
        read = self._in_batches(prompts, encoded, todo, replace(few, max_new_tokens=1, stop=()))
        try:
            if self._loop is None or self._loop.cancels < bool(config.stop):
                self._stop_loop()
                self._loop = ContinuousBatching(self.model, end=sorted(self._end), cancels=bool(config.stop))
            start = self._clock.busy()
            limits = [min(config.max_new_tokens, self.context - len(e)) for e in chosen]
            replies = self._loop.answer(chosen, limits, stopped=self._codec.stop_check(config.stop))
            total_s = self._clock.busy() - start
        except Exception as e:
            _log.warning("%s: continuous batching failed (%s), going on with padded batches", self.size, one_line(e))
            self.how["batching"] = f"static: continuous batching failed ({one_line(e)})"
            self.how["sharing"] = shares(self.model)
            self._continuous, self.batch_size, self._fits = False, self._rows, self._rows
            self._stop_loop()
            return self._in_batches(prompts, encoded, todo, few)
        read_s = min(sum(c.prefill_gpu_s or 0.0 for c in read.values()), total_s)
        write_s = (total_s - read_s) / sum(len(r.tokens) for r in replies)
        return {
            i: replied(read[i], reply, write_s, self._codec.decode(reply.tokens, config, self._end))
            for i, reply in zip(todo, replies, strict=True)
        }

    def _few(self, config: GenerateConfig) -> GenerateConfig:
        """The settings with a batch that fits when it is padded."""
        return replace(config, batch_size=min(config.batch_size or self._rows, self._rows))

    def _stop_loop(self) -> None:
        if self._loop is not None:
            self._loop.close()
            self._loop = None
            free()

    def measure(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> list[Completion]:
        """Answer prompts one by one, after a warm-up, with latency_s and ttft_s of each.

        Both times start with the text of the prompt, and end with the first and the last token. Where decoding is
        compiled, each prompt is answered REPEATS times, and the answer of median latency counts.
        """
        if asked := _weighing(prompts):
            with threads(self._n_threads):
                return weighed_alone(
                    self.model, self._codec, asked, context=self.context, rows=self._rows, now=self._clock.now
                )
        config = self._spec.over(config)
        if prompts and self._compiled and not config.options:
            self._serve(prompts, config)
        if prompts and (config.options or not self._compiled):
            self._in_batches(prompts[:1], [self._codec.encode(prompts[:1], config)[0][0]], [0], config)
        answers = []
        for prompt in prompts:
            start = self._clock.now()
            encoded, reason = self._codec.encode([prompt], config)[0]
            encode_s = self._clock.now() - start
            if reason:
                answers.append(Completion(text="", error=reason))
                continue
            try:
                runs = [
                    self._answer([encoded], config, encode_s=encode_s, alone=self._compiled)[0]
                    for _ in range(REPEATS if self._compiled else 1)
                ]
                answers.append(sorted(runs, key=lambda c: c.latency_s or 0.0)[len(runs) // 2])
            except Exception as e:
                answers.append(Completion(text="", error=one_line(e)))
        return answers

    def _serve(self, prompts: Sequence[str | Asked], config: GenerateConfig) -> None:
        """Make room for the longest of these prompts and compile; without success they are measured plain."""
        longest = max(len(ids) for ids, _ in self._codec.encode(prompts, config)) + config.max_new_tokens
        try:
            if self._served is None or self._served.length < min(longest, self.context):
                self._served = CompiledModel(self.model, min(longest, self.context))
            for _ in range(2):  # the first time compiles, the second records graphs; neither may end early
                self._served.answer([0], WARM_TOKENS, end=(), now=self._clock.now)
        except Exception as e:
            _log.warning("%s: compiling failed (%s), measuring plain decoding", self.size, one_line(e))
            self.how["latency"] = f"plain: compiling failed ({one_line(e)})"
            self._compiled, self._served = False, None

    def stream(self, prompt: str, config: GenerateConfig, on_text: Callable[[str], None]) -> Completion:
        """Answer one prompt with latency_s and ttft_s; `on_text` gets the answer so far, every STREAM_S at most.

        A KeyboardInterrupt that `on_text` raises ends the generation; any failure gives a Completion with `error`.
        """
        config = self._spec.over(config)
        start = self._clock.now()
        encoded, reason = self._codec.encode([prompt], config)[0]
        if reason:
            return Completion(text="", error=reason)
        stopped, told_s = self._codec.stop_check(config.stop), 0.0

        def watch(rows: list[list[int]]) -> list[bool]:
            nonlocal told_s
            if time.perf_counter() - told_s >= STREAM_S:
                on_text(
                    self._codec.decode(rows[0], config, self._end).rstrip("\ufffd")
                )  # the bytes of a character not yet whole
                told_s = time.perf_counter()
            return stopped(rows) if stopped else [False]

        try:
            return self._answer([encoded], config, encode_s=self._clock.now() - start, stopped=watch)[0]
        except Exception as e:
            return Completion(text="", prompt_tokens=len(encoded), error=one_line(e))

    def close(self) -> None:
        """Free the weights."""
        self._stop_loop()
        if self.model is not None:
            model = weakref.ref(self.model)
            self.model = self._served = None
            if model() is not None or torch.cuda.is_available():  # looking for what holds it takes .15 s
                free()

    def _answer(
        self,
        encoded: Sequence[list[int]],
        config: GenerateConfig,
        *,
        encode_s: float | None = None,
        stopped: StopCheck | None = None,
        alone: bool = False,
    ) -> list[Completion]:
        """Answer encoded prompts in one batch; `encode_s` asks for latencies and is added to them.

        `stopped` takes the place of the check for stop texts; `alone` runs a single prompt compiled.
        """
        limits = [min(config.max_new_tokens, self.context - len(e)) for e in encoded]
        stopped = stopped or self._codec.stop_check(config.stop)
        now = self._clock.busy if encode_s is None else self._clock.now
        drawing = None
        if config.temperature:
            drawing = Drawing(temperature=config.temperature, seed=config.seed, top_p=self._spec.top_p)
        told: dict[str, Any] = {"end": self._end, "stopped": stopped, "drawing": drawing, "budget": self._budget}
        with threads(self._n_threads):
            if config.options:
                among = self._codec.letters(config.options)
                batch = decode(self.model, encoded, [1] * len(encoded), end=(), now=now, among=among)
            elif alone and self._served is not None:
                batch = self._served.answer(encoded[0], limits[0], now=now, **told)
            else:
                batch = decode(self.model, encoded, limits, now=now, **told)
        return completions(encoded, batch, config, codec=self._codec, end=self._end, encode_s=encode_s)


def _weighing(prompts: Sequence[str | Asked]) -> list[Asked]:
    """The prompts, if their given answers are to be weighed; all of a batch are."""
    return [p for p in prompts if isinstance(p, Asked) and p.weighs]
