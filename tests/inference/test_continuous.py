import math

import pytest
import torch

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.engine.continuous import CHECK_EVERY, ContinuousBatching, continues
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.models import GenerateConfig, ModelSpec
from zeta_eval.testing import check_generator

PROMPTS = ["hello", "What is 2 + 2?", "a", "Sort the letters QXBA, please, and say what you have done.", "zz top 99"]
MANY = [f"{p} {i}" for i in range(8) for p in PROMPTS]
CONFIG = GenerateConfig(max_new_tokens=30)


@pytest.fixture(scope="module")
def made(tiny_folder):
    return lambda: TransformersGenerator(
        ModelSpec(size="tiny", model=str(tiny_folder), device_map="cpu", continuous=True)
    )


@pytest.fixture(scope="module")
def together(made):
    generator = made()
    yield generator
    generator.close()


@pytest.fixture
def own(made):
    generator = made()
    yield generator
    generator.close()


def test_a_generator_that_batches_continuously_keeps_its_promises(together):
    check_generator(together)
    assert together.how["batching"] == "continuous: `continuous` is true"


def test_answers_and_signals_are_those_of_padded_batches(tiny, together):
    for a, b in zip(together.generate(MANY, CONFIG), tiny.generate(MANY, CONFIG), strict=True):
        assert (a.text, a.prompt_tokens, a.completion_tokens, a.truncated, a.error) == (
            b.text,
            b.prompt_tokens,
            b.completion_tokens,
            b.truncated,
            b.error,
        )
        for name in ("mean_logprob", "min_logprob", "prefill_margin", "prefill_entropy"):
            assert getattr(a, name) == pytest.approx(getattr(b, name), abs=1e-4)
        assert 0 < a.prefill_gpu_s < a.gpu_s
    assert together._loop is not None


def test_an_end_token_ends_an_answer_at_once(tiny, own):
    third = tiny.generate(PROMPTS[:1], CONFIG)[0].text[2]
    tiny._end = own._end = frozenset({tiny.tokenizer.convert_tokens_to_ids(third)})
    for a, b in zip(own.generate(MANY, CONFIG), tiny.generate(MANY, CONFIG), strict=True):
        assert (a.text, a.completion_tokens, a.truncated) == (b.text, b.completion_tokens, b.truncated)


def test_a_stop_text_ends_an_answer_and_later_tokens_are_no_part_of_it(tiny, together):
    stop = tuple(tiny.generate(PROMPTS[:1], CONFIG)[0].text[n] for n in (8, 9))
    stopping = GenerateConfig(max_new_tokens=30, stop=stop)
    for a, b in zip(together.generate(MANY, stopping), tiny.generate(MANY, stopping), strict=True):
        assert (a.text, a.completion_tokens, a.truncated) == (b.text, b.completion_tokens, b.truncated)
    # The loop has dropped the answers that ended: others come out right after them.
    again = together.generate(PROMPTS, CONFIG)
    assert [a.text for a in again] == [a.text for a in tiny.generate(PROMPTS, CONFIG)]


def test_an_ended_answer_gives_its_place_back_within_a_few_tokens(together):
    ids = together.tokenizer(PROMPTS[0])["input_ids"]
    loop = ContinuousBatching(together.model, end=(), cancels=True)
    steps = 0

    def counts(module, args, kwargs):
        nonlocal steps
        steps += 1

    hook = together.model.register_forward_pre_hook(counts, with_kwargs=True)
    try:
        reply = loop.answer([ids], [200], stopped=lambda rows: [len(r) >= 3 for r in rows])[0]
        loop.answer([ids], [1])
    finally:
        hook.remove()
        loop.close()
    assert len(reply.tokens) == 3 and reply.ended
    assert steps < 100 and CHECK_EVERY < 100


def test_where_the_loop_fails_padded_batches_take_over_and_the_record_says_so(tiny, own, caplog):
    own.generate(PROMPTS, CONFIG)
    own._loop._manager.stop(block=True, hard_stop=True)
    answers = own.generate(PROMPTS, CONFIG)
    assert [a.text for a in answers] == [a.text for a in tiny.generate(PROMPTS, CONFIG)]
    assert own.how["batching"].startswith("static: continuous batching failed")
    assert "going on with padded batches" in caplog.text


def test_numbers_that_are_not_numbers_are_an_error(own):
    with torch.no_grad():
        own.model.lm_head.weight.fill_(math.nan)
    assert all("NaN" in a.error for a in own.generate(PROMPTS, CONFIG))


def test_a_single_query_starts_no_loop(made):
    own = made()
    assert own.generate(PROMPTS[:1], CONFIG)[0].error is None and own._loop is None
    own.close()


def test_a_processor_batches_in_padding_unless_the_ladder_asks_for_more(tiny):
    assert continues(tiny.model, None) == (False, "padded batches are faster on cpu")
    assert tiny.how["batching"].startswith("static")
    with pytest.raises(InvalidInputError, match="true or false"):
        ModelSpec(size="t", model="m", continuous="yes")
