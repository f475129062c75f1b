"""`zeta gpu-check`: how fast this machine runs a 4B, a 7B and a 14B model, beside what its hardware allows.

The models have random weights, so nothing is downloaded, and the text they write means nothing.
"""

import itertools
import platform
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import torch
import transformers
from packaging.version import Version
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from zeta_eval.exceptions import InvalidInputError, UnknownNameError, one_line
from zeta_eval.inference.engine.architectures import PUBLISHED, Architecture, architecture
from zeta_eval.inference.engine.clock import Clock
from zeta_eval.inference.engine.compiled import CompiledModel
from zeta_eval.inference.engine.continuous import ContinuousBatching, flash_installed
from zeta_eval.inference.engine.memory import free
from zeta_eval.inference.gpu_report import SMALL, GpuCheck, SizeSpeed, Work

NEEDS = {"torch": "2.11", "transformers": "5.17"}
"""Oldest versions that work."""


def check(*, sizes: Sequence[str] = tuple(PUBLISHED), tiny: bool = False) -> GpuCheck:
    """Measure the device, then each size of PUBLISHED; `tiny` builds models that any processor runs in seconds."""
    for size in sizes:
        if size not in PUBLISHED:
            raise UnknownNameError("size", size, PUBLISHED)
    for name, least in NEEDS.items():
        have = {"torch": torch, "transformers": transformers}[name].__version__
        if Version(have) < Version(least):
            raise InvalidInputError(f"{name} is {have}; gpu-check needs at least {least}: pip install -U {name}.")
    cuda = torch.cuda.is_available()
    if not (cuda or tiny):
        raise InvalidInputError("No CUDA device here; run gpu-check on a machine with one, or add `--scale tiny`.")
    device = torch.device("cuda" if cuda else "cpu")
    dtype = torch.bfloat16 if cuda else torch.float32
    work = SMALL if tiny else Work()
    bandwidth, rate = _bandwidth(device, work), _matrix_rate(device, dtype, work)
    shapes = {s: architecture(s, tiny=tiny) for s in sizes}
    return GpuCheck(
        device=torch.cuda.get_device_name() if cuda else f"processor ({platform.machine()})",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        scale="tiny" if tiny else "published",
        bandwidth=bandwidth,
        matrix_rate=rate,
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "cuda": str(torch.version.cuda),
        },
        flash_attention=flash_installed(),
        work=work,
        sizes=[_size(s, shape, device, dtype, work, bandwidth, rate) for s, shape in shapes.items()],
    )


def _size(
    size: str, shape: Architecture, device: torch.device, dtype: torch.dtype, work: Work, bandwidth: float, rate: float
) -> SizeSpeed:
    """Build a size, measure it and free it; a measurement that fails leaves the others."""
    figures, failures = _measured(shape, device, dtype, work)
    torch.compiler.reset()
    free()
    plan = shape.build(torch.device("meta"), dtype)
    return SizeSpeed(
        size=size,
        source=shape.source,
        parameters=sum(p.numel() for p in plan.parameters()),
        floor_decode_ms=1e3 * shape.decode_bytes(plan) / bandwidth,
        floor_ttft_ms=1e3 * shape.prefill_operations(plan, work.prompt_tokens) / rate,
        failures=failures,
        **figures,
    )


def _measured(
    shape: Architecture, device: torch.device, dtype: torch.dtype, work: Work
) -> tuple[dict[str, float], dict[str, str]]:
    """The figures of a model that is built for them, and the reason of each measurement that failed."""
    figures: dict[str, float] = {}
    try:
        model = shape.build(device, dtype)
    except Exception as e:
        return figures, {"build": one_line(e)}
    failures = {}
    for name, part in (("served", _served), ("generate", _single), ("continuous", _continuous), ("static", _static)):
        try:
            figures |= part(model, work)
        except Exception as e:
            failures[name] = one_line(e)
        free()
    return figures, failures


class _Ticks(LogitsProcessor):
    """Notes the time of each token; changes no score."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.now
        self.at = [clock.now()]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        self.at.append(self._now())
        return scores


def _served(model: Any, work: Work) -> dict[str, float]:
    """Batch 1 as a benchmark measures latency: static cache, on CUDA compiled."""
    served = CompiledModel(model, work.prompt_tokens + work.new_tokens, compiled=model.device.type == "cuda")
    prompt = _prompts(model, 1, work.prompt_tokens, work.prompt_tokens)[0]
    now = Clock(model.device).now
    runs = [served.answer(prompt, work.new_tokens, end=(), now=now) for _ in range(2 + work.repeats)][2:]
    steps = [(r.total_s - r.first_s) / (work.new_tokens - 1) for r in runs]
    return {
        "ttft_ms": 1e3 * statistics.median(r.first_s for r in runs),
        "decode_ms": 1e3 * statistics.median(steps),
        "decode_p95_ms": 1e3 * max(statistics.quantiles(steps, n=20, method="inclusive")),
    }


def _single(model: Any, work: Work) -> dict[str, float]:
    """Batch 1 by `generate` with a static cache; on CUDA it compiles decoding with mode reduce-overhead."""
    prompt = _prompts(model, 1, work.prompt_tokens, work.prompt_tokens)
    settings = _settings(work, cache_implementation="static")
    steps = []
    for i in range(2 + work.repeats):
        ticks = _Ticks(Clock(model.device))
        model.generate(
            torch.tensor(prompt, device=model.device),
            attention_mask=torch.ones(1, work.prompt_tokens, dtype=torch.long, device=model.device),
            generation_config=settings,
            logits_processor=LogitsProcessorList([ticks]),
        )
        if i >= 2:
            steps += [after - before for before, after in itertools.pairwise(ticks.at[1:])]
    return {"generate_ms": 1e3 * statistics.median(steps)}


def _continuous(model: Any, work: Work) -> dict[str, float]:
    """Many queries at once, after a few that warm up."""
    prompts = _prompts(model, work.concurrent, work.prompt_tokens // 8, work.prompt_tokens)
    now, loop = Clock(model.device).now, ContinuousBatching(model, end=())
    try:
        few = prompts[: work.batch]
        loop.answer(few, [2] * len(few))
        start = now()
        replies = loop.answer(prompts, [work.new_tokens] * len(prompts))
        return {"continuous": sum(len(r.tokens) for r in replies) / (now() - start)}
    finally:
        loop.close()


def _static(model: Any, work: Work) -> dict[str, float]:
    """Padded batches of eager `generate`, after a short one that warms up."""
    prompts = _prompts(model, work.batch * work.batches, work.prompt_tokens // 8, work.prompt_tokens)
    _generate(model, prompts[: work.batch], replace(work, new_tokens=2))
    now = Clock(model.device).now
    start = now()
    written = sum(_generate(model, prompts[at : at + work.batch], work) for at in range(0, len(prompts), work.batch))
    return {"static": written / (now() - start)}


def _generate(model: Any, prompts: list[list[int]], work: Work) -> int:
    """Continue prompts in one padded batch; how many tokens that wrote."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    whole = model.generate(ids, attention_mask=mask, generation_config=_settings(work))
    return int(whole[:, width:].numel())


def _settings(work: Work, *, cache_implementation: str | None = None) -> Any:
    config: Any = GenerationConfig
    return config(
        do_sample=False, max_new_tokens=work.new_tokens, cache_implementation=cache_implementation, pad_token_id=0
    )


def _prompts(model: Any, n: int, shortest: int, longest: int) -> list[list[int]]:
    """Random token ids, the same ones each time."""
    draw, words = random.Random(0), model.config.vocab_size
    return [[draw.randrange(1, words) for _ in range(draw.randint(shortest, longest))] for _ in range(n)]


def _bandwidth(device: torch.device, work: Work) -> float:
    """Bytes per second of a copy on the device, read and written ones counted."""
    source = torch.ones(work.copied_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * work.copied_bytes / _median_s(lambda: target.copy_(source), Clock(device))


def _matrix_rate(device: torch.device, dtype: torch.dtype, work: Work) -> float:
    """Floating-point operations per second of a product of two square matrices."""
    a, b = torch.randn(2, work.matrix, work.matrix, device=device).to(dtype)
    return 2 * work.matrix**3 / _median_s(lambda: a @ b, Clock(device))


def _median_s(action: Callable[[], object], clock: Clock, *, n: int = 10) -> float:
    """Median seconds of n actions, after three that warm up."""
    times = []
    for _ in range(3 + n):
        start = clock.now()
        action()
        times.append(clock.now() - start)
    return statistics.median(times[3:])
