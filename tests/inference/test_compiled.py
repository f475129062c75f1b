import pytest
import torch
from transformers.generation.configuration_utils import CompileConfig

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.engine.compiled import CACHE_STEP, CompiledModel, compiles
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.models import GenerateConfig, ModelSpec

PROMPTS = ["hello", "What is 2 + 2?", "a", "Sort the letters QXBA, please, and say what you have done.", "zz top 99"]
CONFIG = GenerateConfig(max_new_tokens=12)
CAPTURED = CompileConfig(backend="eager", mode=None)
"""Captures the graph as for CUDA and runs it without a compiler."""


def same(served, plain):
    assert (served.text, served.completion_tokens, served.truncated) == (
        plain.text,
        plain.completion_tokens,
        plain.truncated,
    )
    for name in ("mean_logprob", "min_logprob", "prefill_margin", "prefill_entropy"):
        assert getattr(served, name) == pytest.approx(getattr(plain, name), abs=1e-4)


def measured(generator, served, prompts=PROMPTS, config=CONFIG):
    generator._compiled, generator._served = True, served
    return generator.measure(prompts, config)


def test_a_static_cache_gives_the_answers_and_signals_of_the_plain_loop(tiny):
    plain = tiny.generate(PROMPTS, CONFIG)
    for a, b in zip(measured(tiny, CompiledModel(tiny.model, 200, compiled=False)), plain, strict=True):
        same(a, b)
        assert 0 < a.ttft_s <= a.latency_s


def test_stop_texts_and_end_tokens_end_an_answer_as_soon_as_it_is_complete(tiny):
    free = tiny.generate(PROMPTS[:1], CONFIG)[0].text
    stopping = GenerateConfig(max_new_tokens=12, stop=(free[8],))
    answer = measured(tiny, CompiledModel(tiny.model, 200, compiled=False), PROMPTS[:1], stopping)[0]
    assert answer.text == free.partition(free[8])[0] and answer.completion_tokens == free.index(free[8]) + 1
    tiny._end = frozenset({tiny.tokenizer.convert_tokens_to_ids(free[8])})
    answer = measured(tiny, CompiledModel(tiny.model, 200, compiled=False), PROMPTS[:1])[0]
    assert answer.completion_tokens == free.index(free[8]) + 1 and not answer.truncated


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_decoding_is_one_graph_for_all_queries_and_positions(tiny):
    plain = tiny.generate(PROMPTS, CONFIG)
    torch.compiler.reset()
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    served = CompiledModel(tiny.model, 200, how=CAPTURED)
    for a, b in zip(measured(tiny, served), plain, strict=True):
        same(a, b)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] - before == 1
    assert not torch._dynamo.utils.counters["graph_break"]


def test_the_cache_has_room_for_the_longest_query_and_grows_when_a_longer_one_comes(tiny):
    served = CompiledModel(tiny.model, 20, compiled=False)
    assert served.length == CACHE_STEP
    with torch.compiler.set_stance("force_eager"):
        answers = measured(tiny, served, ["a" * 200], GenerateConfig(max_new_tokens=20))
    assert answers[0].error is None and tiny._served.length >= 220


def test_where_compiling_fails_the_plain_latency_is_measured_and_the_record_says_so(tiny, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("no compiler")

    served = CompiledModel(tiny.model, 200, compiled=False)
    served._step = broken
    answers = measured(tiny, served)
    assert all(a.error is None and a.latency_s > 0 for a in answers)
    assert tiny.how["latency"] == "plain: compiling failed (RuntimeError: no compiler)"
    assert "no compiler" in caplog.text


def test_decoding_is_warm_before_the_clock_starts_even_if_every_answer_ends_at_once(tiny):
    served, steps = CompiledModel(tiny.model, 200, compiled=False), []

    def counted(**inputs):
        steps.append(1)
        return tiny.model(**inputs)

    served._step = counted
    tiny._end = frozenset(range(len(tiny.tokenizer)))
    answers = measured(tiny, served)
    assert [a.completion_tokens for a in answers] == [1] * len(PROMPTS) and len(steps) >= 2


def test_a_processor_decodes_plain_unless_the_ladder_asks_for_more(tiny, tiny_folder):
    assert compiles(tiny.model, None) == (False, "the model is on cpu")
    assert tiny.how["latency"].startswith("plain")
    asked = TransformersGenerator(ModelSpec(size="t", model=str(tiny_folder), device_map="cpu", compile=True))
    assert asked.how["latency"] == "static cache, compiled: `compile` is true"
    with pytest.raises(InvalidInputError, match="true or false"):
        ModelSpec(size="t", model="m", compile="yes")


def test_the_clock_is_read_at_the_first_and_the_last_token(tiny):
    ticks = iter([0.0, 1.0, 5.0])
    ids = tiny.tokenizer(PROMPTS[0])["input_ids"]
    batch = CompiledModel(tiny.model, 100, compiled=False).answer(ids, 6, end=(), now=lambda: next(ticks))
    assert (batch.first_s, batch.total_s) == (1.0, 5.0) and len(batch.rows[0].tokens) == 6
