"""What holds on an accelerator; with ZETA_TEST_DEVICE=cpu the same is asked of the processor, as far as it can be."""

import os
import time

import pytest
import torch

from zeta_eval.inference.engine.memory import free
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.models import GenerateConfig, ModelSpec
from zeta_eval.testing import build_tiny_model

DEVICE = os.environ.get("ZETA_TEST_DEVICE", "cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="needs a CUDA device"),
]
on_cuda = pytest.mark.skipif(DEVICE != "cuda", reason="asks the device's own memory and clocks")

PROMPTS = ["hello", "What is 2 + 2?", "a", "Sort the letters QXBA, please, and say what you have done.", "zz top 99"]
MANY = [f"{prompt} {i}" for i in range(20) for prompt in PROMPTS]
CONFIG = GenerateConfig(max_new_tokens=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("device") / "tiny")


@pytest.fixture
def made(folder):
    """Makes engines of the tiny model in float32, so that ties and near ties don't depend on the order of sums."""
    engines = []

    def make(**settings):
        spec = ModelSpec(size="tiny", model=str(folder), device_map=DEVICE, dtype="float32", **settings)
        engines.append(TransformersGenerator(spec))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def agreeing(left, right):
    """Share of answers with the same text: two ways to sum may differ in the last bit, and so in a near tie."""
    return sum(a.text == b.text for a, b in zip(left, right, strict=True)) / len(left)


def test_continuous_compiled_and_plain_decoding_write_the_same(made):
    plain = made(continuous=False, compile=False).generate(MANY, CONFIG)
    together = made(continuous=True, compile=False).generate(MANY, CONFIG)
    assert all(answer.error is None for answer in plain + together)
    assert agreeing(plain, together) >= 0.98
    alone = made(continuous=False, compile=DEVICE == "cuda").measure(MANY[:10], CONFIG)
    assert agreeing(plain[:10], alone) >= 0.9


def test_log_probabilities_agree_between_continuous_and_padded_batches(made):
    plain = made(continuous=False).generate(PROMPTS, CONFIG)
    together = made(continuous=True).generate(PROMPTS, CONFIG)
    for a, b in zip(plain, together, strict=True):
        if a.text == b.text:
            assert b.mean_logprob == pytest.approx(a.mean_logprob, abs=1e-3)
            assert b.prefill_margin == pytest.approx(a.prefill_margin, abs=1e-3)


@on_cuda
def test_what_a_closed_size_took_is_free_for_the_next(made):
    free()
    before = torch.cuda.memory_allocated()
    for settings in ({"continuous": True}, {"continuous": False, "compile": True}):
        engine = made(**settings)
        engine.generate(MANY, CONFIG)
        engine.measure(PROMPTS, CONFIG)
        engine.close()
        torch.compiler.reset()
        free()
        assert torch.cuda.memory_allocated() <= before + 32 * 2**20  # workspaces of the libraries stay


def test_a_batch_that_the_memory_is_too_small_for_is_halved(made, monkeypatch):
    engine = made(continuous=False)
    expected = [c.text for c in engine.generate(MANY, CONFIG)]
    whole, asked = engine._answer, []

    def small(encoded, config, **more):
        asked.append(len(encoded))
        if len(encoded) > 30:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(encoded, config, **more)

    monkeypatch.setattr(engine, "_answer", small)
    engine._fits = None
    engine.batch_size = 100
    assert [c.text for c in engine.generate(MANY, CONFIG)] == expected
    assert asked == [100, 50, 25, 25, 25, 25] and engine.batch_size == 25


@on_cuda
def test_a_batch_that_truly_fills_the_memory_is_halved(made):
    engine = made(continuous=False)
    room = torch.cuda.mem_get_info()[0]
    held = torch.empty(max(0, room - 192 * 2**20), dtype=torch.uint8, device="cuda")  # leaves 192 MiB
    try:
        engine.batch_size = 4096
        answers = engine.generate([f"{prompt} {i}" for i in range(800) for prompt in PROMPTS], CONFIG)
    finally:
        del held
    assert all(answer.error is None for answer in answers)


@on_cuda
def test_latencies_wait_for_the_device(made):
    engine = made(compile=False)
    engine.measure(PROMPTS[:1], CONFIG)
    start = time.perf_counter()
    answers = engine.measure(PROMPTS, CONFIG)
    torch.cuda.synchronize()
    wall_s = time.perf_counter() - start
    assert all(0 < a.ttft_s < a.latency_s for a in answers)
    assert sum(a.latency_s for a in answers) <= wall_s
    assert sum(a.latency_s for a in answers) >= 0.5 * wall_s  # the rest is the warm-up


@on_cuda
@pytest.mark.parametrize("continuous", [False, True])
def test_device_seconds_sum_to_the_wall_time_of_the_batches(made, continuous):
    engine = made(continuous=continuous)
    engine.generate(MANY, CONFIG)  # warm
    torch.cuda.synchronize()
    start = time.perf_counter()
    answers = engine.generate(MANY, CONFIG)
    torch.cuda.synchronize()
    wall_s = time.perf_counter() - start
    worked_s = sum(a.gpu_s for a in answers)
    # Continuous batching reads every prompt once more, which is not counted twice.
    assert worked_s <= 1.02 * wall_s and worked_s >= (0.6 if continuous else 0.9) * wall_s


def test_reading_and_writing_have_their_shares(made):
    for continuous in (False, True):
        for answer in made(continuous=continuous).generate(MANY, CONFIG):
            assert 0 < answer.prefill_gpu_s < answer.gpu_s


def test_a_query_longer_than_the_context_is_an_error_of_its_own(made):
    for continuous in (False, True):
        engine = made(continuous=continuous)
        long, *others = engine.generate(["a" * 10_000, *PROMPTS], CONFIG)
        assert "context" in long.error and all(answer.error is None for answer in others)
