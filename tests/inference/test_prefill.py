import gc
import random
import time
import weakref

import pytest
import torch
import transformers

from zeta_eval.inference.engine.cache import InPlaceCache, cache_for, shares
from zeta_eval.inference.engine.decoding import decode
from zeta_eval.inference.engine.prefill import PASS_TOKENS, READ_TOKENS, split
from zeta_eval.inference.engine.prefixes import alike, common
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.inference.run.plan import units_of
from zeta_eval.models import GenerateConfig, ModelSpec
from zeta_eval.tasks import Query

VOCABULARY = 60
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
}
KINDS = {
    "full attention": lambda: transformers.LlamaConfig(**SMALL),
    "a window longer than the prompts": lambda: transformers.MistralConfig(**SMALL, sliding_window=400),
    "a window that slides": lambda: transformers.MistralConfig(**SMALL, sliding_window=20),
    "windows in some layers": lambda: transformers.Gemma3TextConfig(
        **SMALL, head_dim=8, sliding_window=24, layer_types=["sliding_attention", "full_attention"]
    ),
    "no positions given": lambda: transformers.BloomConfig(
        vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3
    ),
    "learned positions": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=512, initializer_range=0.3
    ),
}


def tokens(n, seed):
    return random.Random(seed).choices(range(4, VOCABULARY), k=n)


HEAD, OTHER = tokens(90, 1), tokens(70, 2)
PROMPTS = [
    tokens(5, 3),
    HEAD,  # is all that others begin with
    *[HEAD + tokens(n, n) for n in (1, 2, 30, 12, 12, 60)],
    *[OTHER + tokens(n, 50 + n) for n in (9, 1, 4)],
    tokens(130, 4),
    tokens(1, 5),
]


def model_of(kind):
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(KINDS[kind]()).eval()


def write(model, prompts, limits=None, **more):
    limits = limits or [6] * len(prompts)
    return decode(model, prompts, limits, end=(), now=time.perf_counter, **more).rows


def assert_same(a, b):
    assert (a.tokens, a.ended) == (b.tokens, b.ended)
    numbers = [[getattr(row, n) for n in ("mean_logprob", "min_logprob", "margin", "entropy")] for row in (a, b)]
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_begins_alike_answers_as_each_prompt_alone(kind):
    model = model_of(kind)
    alone = [write(model, [p])[0] for p in PROMPTS]
    for a, b in zip(write(model, PROMPTS), alone, strict=True):
        assert_same(a, b)
    for a, b in zip(write(model, PROMPTS, among=(7, 9, 11)), PROMPTS, strict=True):
        assert_same(a, write(model, [b], among=(7, 9, 11))[0])


def test_rows_that_end_one_after_the_other_leave_the_rest_as_they_were_and_the_cache_grows():
    model = model_of("full attention")
    limits = [1 + 17 * i % 90 for i in range(len(PROMPTS))]
    for a, prompt, limit in zip(write(model, PROMPTS, limits), PROMPTS, limits, strict=True):
        assert_same(a, write(model, [prompt], [limit])[0])


def test_what_is_common_is_read_once():
    model = model_of("full attention")
    seen = []
    model.register_forward_pre_hook(lambda _, args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True)
    write(model, [HEAD + tokens(4, i) for i in range(20)], [1] * 20)
    assert seen == [len(HEAD), 20 * 4]


def test_padding_holds_no_numbers_that_could_spoil_a_row(monkeypatch):
    def filthy(self, *size, **how):
        return torch.full(size, torch.nan, **how)

    model = model_of("full attention")
    expected = write(model, PROMPTS)
    monkeypatch.setattr(torch.Tensor, "new_empty", filthy)
    for a, b in zip(write(model, PROMPTS), expected, strict=True):
        assert_same(a, b)


def test_the_cache_is_in_place_only_where_all_layers_see_all_columns():
    used = {kind: isinstance(cache_for(model_of(kind), 2, 10, 300), InPlaceCache) for kind in KINDS}
    assert [kind for kind, in_place in used.items() if not in_place] == [
        "a window that slides",
        "windows in some layers",
    ]
    mamba = transformers.AutoModelForCausalLM.from_config(
        transformers.MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2)
    )
    assert not isinstance(cache_for(mamba, 2, 10, 300), InPlaceCache)
    assert "read alone" in shares(mamba)
    assert "up to 20 tokens" in shares(model_of("a window that slides"))
    assert shares(model_of("full attention")).endswith("is read once")


def test_parts_hold_every_prompt_once_little_padding_and_not_too_many_tokens():
    prompts = [tokens(n % 300 + 1, n) for n in range(0, 30_000, 61)]
    parts = list(split(prompts))
    assert sorted(i for part in parts for i in part.prompts) == list(range(len(prompts)))
    for part in parts:
        lengths = [len(prompts[i]) for i in part.prompts]
        assert lengths == sorted(lengths, reverse=True)
        assert sum(lengths[0] - n for n in lengths) <= PASS_TOKENS
        assert len(lengths) == 1 or lengths[0] * len(lengths) <= READ_TOKENS


def test_different_examples_of_two_tasks_are_not_given_up_for_what_both_begin_with():
    texts = [f"Answer the question. {example * 20} {n}" for n in range(5) for example in "ab"]
    groups = alike(texts, 10)
    assert sorted(map(sorted, groups)) == [list(range(0, 10, 2)), list(range(1, 10, 2))]
    assert alike(["abc", "x", "abd", "q"], 3) == [[0], [2], [3], [1]]


@pytest.mark.parametrize(("a", "b", "n"), [("", "a", 0), ("abc", "abd", 2), ("abc", "abc", 3), ("ab", "abc", 2)])
def test_what_two_prompts_have_in_common(a, b, n):
    assert common(a, b) == common([*a], [*b]) == n


def test_queries_of_a_task_with_examples_stay_together_in_the_plan_whatever_their_order():
    queries = [
        Query(query_id=f"{task}{n}", task=task, dataset="d", target="", prompt=f"{task * 150} {'x' * n * 9}")
        for task in "ab"
        for n in range(8)
    ]
    planned = [u.queries[0].query_id for u in units_of(queries, GenerateConfig())]
    assert [q[0] for q in planned] in (["a"] * 8 + ["b"] * 8, ["b"] * 8 + ["a"] * 8)
    random.Random(0).shuffle(queries)
    assert planned == [u.queries[0].query_id for u in units_of(queries, GenerateConfig())]


def test_an_engine_says_how_it_shares_and_goes_on_with_half_a_batch(tiny_folder):
    engine = TransformersGenerator(ModelSpec(size="tiny", model=str(tiny_folder), device_map="cpu"))
    assert engine.how["sharing"] == shares(engine.model)
    shots = "".join(f"{n} and {n} are {2 * n}. " for n in range(8))
    prompts = [f"{shots}{n} and 1 are" for n in range(10)]
    config = GenerateConfig(max_new_tokens=5)
    alone = [engine.generate([p], config)[0].text for p in prompts]
    assert [a.text for a in engine.generate(prompts, config)] == alone

    def hook(module, args, kwargs):
        if kwargs["input_ids"].shape[0] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    engine.model.register_forward_pre_hook(hook, with_kwargs=True)
    assert [a.text for a in engine.generate(prompts, config)] == alone
    assert engine.batch_size <= 3


def test_prompts_that_begin_alike_come_into_one_batch_whatever_their_order(tiny):
    prompts = [f"{letter * 60} {'?' * n}{letter}" for n in range(8) for letter in "abc"]
    seen = []
    tiny.model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    tiny.generate(prompts, GenerateConfig(max_new_tokens=1, batch_size=8))
    rests = sum(len(p) - 61 for p in prompts)
    assert sum(seen) <= 3 * 61 + rests + 3 * PASS_TOKENS  # each beginning once, and some padding


def test_closing_an_engine_frees_its_weights_without_a_search_for_them(tiny_folder):
    engine = TransformersGenerator(ModelSpec(size="tiny", model=str(tiny_folder), device_map="cpu"))
    engine.generate(["hello", "what"], GenerateConfig(max_new_tokens=2))
    weights = weakref.ref(next(engine.model.parameters()))
    gc.disable()
    try:
        engine.close()
        assert weights() is None
    finally:
        gc.enable()
    engine.close()
