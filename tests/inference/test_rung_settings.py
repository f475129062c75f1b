"""Settings of a rung that runs here: each changes its answers as it says, and is refused where it can't."""

import json
import math
from dataclasses import replace
from datetime import date

import pytest
import torch

from zeta_eval.exceptions import GenerationError, HubAccessError, InvalidInputError
from zeta_eval.inference.engine.budget import ThinkingBudget
from zeta_eval.inference.engine.compiled import CompiledModel
from zeta_eval.inference.engine.decoding import decode
from zeta_eval.inference.engine.drawing import Drawing
from zeta_eval.inference.engine.transformers_engine import TransformersGenerator
from zeta_eval.inference.run.runner import run
from zeta_eval.models import LADDERS, GenerateConfig, Ladder, ModelSpec
from zeta_eval.tasks import Query, Score
from zeta_eval.tasks.asked import Asked, Piece
from zeta_eval.testing import build_tiny_model

SWITCH = (
    "{% for m in messages %}<user>{{ m['content'] }}{% endfor %}<answer>"
    "{% if enable_thinking %}<think>{% else %}<think></think>{% endif %}{{ tone }}"
)
PROMPTS = ["Hello there", "What is 2 + 2?", "Sort the letters QWERTY."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("switch") / "model", chat_template=SWITCH)


def rung(folder, **settings):
    return ModelSpec(size="A", model=str(folder), device_map="cpu", **settings)


def asked(spec):
    engine = TransformersGenerator(spec)
    ids = engine._codec.encode(["Hi"], spec.over(GenerateConfig()))[0][0]
    return engine.tokenizer.decode(ids)


def test_the_template_is_told_to_think_or_not(folder):
    assert asked(rung(folder)) == asked(rung(folder, thinking=False)) == "<user>Hi<answer><think></think>"
    assert asked(rung(folder, thinking=True)) == asked(rung(folder, thinking=9)) == "<user>Hi<answer><think>"
    assert asked(rung(folder, chat_template_kwargs={"tone": "calm"})).endswith("<think></think>calm")


def test_what_is_asked_word_for_word_is_put_into_the_template_with_the_rung_s_settings(folder):
    turns = (("user", "Hi"),)
    written = Asked(plain=(Piece(text="Hi"),), chat=(Piece(turns=turns),))
    pairs = tuple(Piece(turns=turns, ending=end) for end in "ab")
    weighed = Asked(plain=pairs, chat=pairs, weighs=True)
    rungs = {"off": {}, "on": {"thinking": True}, "calm": {"chat_template_kwargs": {"tone": "calm"}}}
    found = {}
    for name, settings in rungs.items():
        engine = TransformersGenerator(rung(folder, **settings))
        read = engine._codec.encode([written], GenerateConfig(max_new_tokens=4))[0][0]
        found[name] = (engine.tokenizer.decode(read), engine.generate([weighed], GenerateConfig())[0].text)
    assert [text for text, _ in found.values()] == [
        "<user>Hi<answer><think></think>",
        "<user>Hi<answer><think>",
        "<user>Hi<answer><think></think>calm",
    ]
    assert len({weights for _, weights in found.values()}) == 3


@pytest.mark.parametrize(
    ("template", "settings", "says"),
    [
        (None, {"thinking": True}, "no switch for it"),
        ("{{ messages }}", {"thinking": False}, "no switch for it"),
        (None, {"chat_template_kwargs": {"a": 1}}, "no chat template"),
        (SWITCH, {"chat_template_kwargs": {"mood": 1}}, "'mood' in chat_template_kwargs"),
        ("{{ messages }}{{ enable_thinking }}", {"thinking": 9}, "no thinking block to end"),
    ],
)
def test_what_a_template_can_t_be_told_is_one_line(tmp_path, template, settings, says):
    with pytest.raises(InvalidInputError, match=says):
        TransformersGenerator(rung(build_tiny_model(tmp_path / "m", chat_template=template), **settings))


def test_one_model_thinking_and_not_makes_two_rungs(folder, tmp_path):
    quick = rung(folder, max_new_tokens=6)
    slow = replace(quick, size="A, thinking", thinking=10, max_new_tokens=40)
    ladder = Ladder(name="both", models=(quick, slow), max_new_tokens=24)
    queries = [Query(task="t", query_id=str(i), prompt=p, target="x", max_new_tokens=3) for i, p in enumerate(PROMPTS)]
    report = run(ladder, queries, lambda q, text: Score(0.0), out=tmp_path, latency_sample=1, progress=False)
    rows = report.outcomes.frame.sort_values("query_id").groupby("model")
    texts = {size: list(frame["response"]) for size, frame in rows}
    assert all(t.startswith("<think>") and "</think>" in t for t in texts["A, thinking"])
    assert not any(t.startswith("<think>") for t in texts["A"])
    assert rows["completion_tokens"].max()["A"] <= 6 < rows["completion_tokens"].max()["A, thinking"] <= 40
    recorded = {rung["size"]: rung for rung in json.loads((tmp_path / "run.json").read_text())["ladder"]}
    assert recorded["A, thinking"]["thinking"] == 10 and "thinking" not in recorded["A"]
    with pytest.raises(InvalidInputError, match="thinking"):
        run(replace(ladder, models=(quick, replace(slow, thinking=11))), queries, None, out=tmp_path, progress=False)


def test_thinking_ends_within_its_budget_and_an_answer_follows(folder):
    engine = TransformersGenerator(rung(folder, thinking=5, max_new_tokens=60))
    free = TransformersGenerator(rung(folder, thinking=True, max_new_tokens=60))
    closing = engine._budget.closing
    for bound, unbound in zip(
        engine.generate(PROMPTS, GenerateConfig()), free.generate(PROMPTS, GenerateConfig()), strict=True
    ):
        thought = bound.text.removeprefix("<think>").split("</think>")[0]
        assert thought == unbound.text.removeprefix("<think>")[:5]  # the tiny model reads and writes characters
        assert bound.completion_tokens <= 60 and bound.completion_tokens > 5 + len(closing)
    measured = engine.measure(PROMPTS[:1], GenerateConfig())[0]
    assert measured.text == engine.generate(PROMPTS[:1], GenerateConfig())[0].text


@pytest.mark.parametrize("most", [1, 3, 7])
def test_compiled_decoding_forces_the_same_tokens(tiny, most):
    prompt, budget = list(range(10, 20)), ThinkingBudget(most=most, closing=(50, 51))
    plain = decode(tiny.model, [prompt, prompt[:4]], [9, 9], end=(), now=lambda: 0.0, budget=budget).rows[0]
    served = CompiledModel(tiny.model, 64, compiled=False).answer(prompt, 9, end=(), now=lambda: 0.0, budget=budget)
    assert served.rows[0].tokens == plain.tokens and plain.tokens[most : most + 2] == [50, 51][: 9 - most]
    assert served.rows[0].mean_logprob == pytest.approx(plain.mean_logprob, abs=1e-4)


def test_a_block_that_ends_by_itself_is_left_alone():
    budget = ThinkingBudget(most=4, closing=(8,))
    assert [budget.next([1, 8, 2, 3][:n]) for n in range(5)] == [None] * 5
    assert budget.next([1, 2, 3, 4]) == 8


def test_top_p_draws_from_the_likeliest_tokens_alone():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(4000, 1)
    numbers = torch.rand(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for share, kept in ((0.5, 1), (0.51, 2), (0.8, 2), (0.81, 3), (1.0, 4)):
        drawn = Drawing(temperature=1.0, seed=0, top_p=share).tokens(logits, numbers).bincount(minlength=4) / 4000
        chances = torch.tensor([0.5, 0.3, 0.15, 0.05]) * (torch.arange(4) < kept)
        assert drawn.numpy() == pytest.approx((chances / chances.sum()).numpy(), abs=0.03)


def test_the_temperature_of_a_rung_is_its_own(folder):
    cold, warm = (TransformersGenerator(rung(folder, temperature=t)) for t in (None, 1.5))
    same = GenerateConfig(max_new_tokens=20)
    assert cold.generate(PROMPTS, same) != warm.generate(PROMPTS, same)
    texts = [[a.text for a in engine.generate(PROMPTS, replace(same, temperature=1.5))] for engine in (cold, warm)]
    assert texts[0] == texts[1]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # of PEFT, in making the adapter
def test_an_adapter_changes_the_answers_and_merges_into_the_weights(folder, tmp_path):
    from peft import LoraConfig, get_peft_model

    base = TransformersGenerator(rung(folder))
    torch.manual_seed(0)
    lora = get_peft_model(base.model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    lora.save_pretrained(tmp_path / "lora")
    adapted = TransformersGenerator(rung(folder, adapter=str(tmp_path / "lora")))
    plain = TransformersGenerator(rung(folder))
    ids = torch.tensor([list(range(10, 30))])
    with torch.inference_mode():
        expected, found, without = lora(ids).logits, adapted.model(ids).logits, plain.model(ids).logits
    assert torch.allclose(expected, found, atol=1e-4) and not torch.allclose(expected, without, atol=1e-2)
    assert type(adapted.model) is type(plain.model)


def test_an_adapter_that_can_t_be_used_is_one_line(folder, tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(HubAccessError, match=r"has no adapter_model.safetensors; save it"):
        TransformersGenerator(rung(folder, adapter=str(tmp_path)))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(GenerationError, match="can't be put on"):
        TransformersGenerator(rung(folder, adapter=str(tmp_path)))
    with pytest.raises(HubAccessError, match=r"Adapter 'no/such' of rung 'A' can't be had"):
        TransformersGenerator(rung(folder, adapter="no/such"))


def test_weights_in_eight_bits_answer_nearly_as_they_did():
    from bitsandbytes.nn import Linear8bitLt

    spec = rung(LADDERS / "embedded" / "456K")
    eight = TransformersGenerator(replace(spec, quantization="8bit"))
    assert isinstance(eight.model.model.layers[0].self_attn.q_proj, Linear8bitLt)
    prompts = [f"Copy the letters {text}." for text in ("QWERT", "ABC", "HELLO", "XYZZY")]
    answers = [[a.text for a in engine.generate(prompts, GenerateConfig(max_new_tokens=12))]
               for engine in (TransformersGenerator(spec), eight)]  # fmt: skip
    assert sum(a == b for a, b in zip(*answers, strict=True)) >= 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"thinking": -1}, "thinking -1; give true, false or the most tokens"),
        ({"thinking": "high"}, "thinking 'high'"),
        ({"thinking": 64, "max_new_tokens": 64}, "leaves no token for the answer"),
        ({"temperature": -1}, "temperature -1"),
        ({"temperature": "warm"}, "temperature 'warm'"),
        ({"top_p": 0}, "top_p 0; give a number above 0"),
        ({"max_new_tokens": 0}, "max_new_tokens 0"),
        ({"stop": "END"}, "stop 'END'; give a list of texts"),
        ({"system": 3}, "system 3; give a text"),
        ({"chat_template_kwargs": "x"}, "chat_template_kwargs 'x'; give a table"),
        ({"chat_template_kwargs": {"day": date(2026, 1, 1)}}, "a value in chat_template_kwargs that JSON can't hold"),
        ({"extra_body": {"top": [math.nan]}, "base_url": "http://a/v1"}, "a value in extra_body that JSON can't hold"),
        ({"context": 10**30}, "context 1000000000000000000000000000000; give a whole number of tokens from 2 to 2"),
        ({"timeout_s": 10**400}, "timeout_s 1000"),
        ({"base_url": "http://[::1"}, "give an address as"),
        ({"base_url": "http://a:99999/v1"}, "give an address as"),
        ({"quantization": "2bit"}, "quantization '2bit'; give '8bit' or '4bit'"),
        ({"adapter": " "}, "adapter ' '; give a hub id or a folder"),
        ({"extra_body": {"a": 1}}, "extra_body and no base_url"),
        ({"headers_env": {"X": "Y"}}, "headers_env and no base_url"),
        ({"base_url": "http://localhost", "adapter": "a"}, "adapter and a server, which decides that"),
        ({"base_url": "http://localhost", "quantization": "8bit"}, "quantization and a server, which decides that"),
        ({"base_url": "http://localhost", "extra_body": {"model": 1}}, "'model' in extra_body"),
        ({"base_url": "http://localhost", "headers_env": {"X Y": "Z"}}, "no header's name"),
        ({"base_url": "http://localhost", "headers_env": {"X": "sk-123"}}, "for X, what names no environment variable"),
        ({"usd_per_mtok": 1.0, "usd_per_mtok_in": 1.0, "usd_per_mtok_out": 1.0}, "leave one kind out"),
        ({"usd_per_mtok_in": 1.0}, "usd_per_mtok_in alone"),
        ({"usd_per_mtok_in": -1.0, "usd_per_mtok_out": 1.0}, "usd_per_mtok_in -1.0; give a finite number"),
    ],
)
def test_a_setting_that_can_t_be_is_one_line(settings, says):
    with pytest.raises(InvalidInputError, match="Rung 'A' has") as e:
        ModelSpec(**{"size": "A", "model": "a"} | settings)
    assert says in str(e.value) and "\n" not in str(e.value) and "sk-123" not in str(e.value)


def test_settings_are_read_from_a_ladder_file(tmp_path):
    (tmp_path / "l.toml").write_text(
        '[[models]]\nsize = "A"\nmodel = "a"\nthinking = 512\nstop = ["END"]\nsystem = "Be brief."\n'
        "chat_template_kwargs = { tone = 'calm' }\ntop_p = 0.9\ntemperature = 0\nmax_new_tokens = 900\n"
    )
    spec = Ladder.load(tmp_path / "l.toml").models[0]
    assert (spec.thinking_budget, spec.stop, spec.chat_template_kwargs) == (512, ("END",), {"tone": "calm"})
    config = spec.over(GenerateConfig(system="Act.", temperature=0.7, stop=("Q:",)))
    assert (config.system, config.temperature, config.stop) == ("Be brief.\n\nAct.", 0, ("Q:", "END"))
