import time

import pytest
import torch

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.inference.engine.compiled import CompiledModel
from zeta_eval.inference.engine.decoding import decode
from zeta_eval.inference.engine.drawing import Drawing
from zeta_eval.inference.server.capabilities import Capabilities
from zeta_eval.inference.server.chat_api import Call, request
from zeta_eval.models import GenerateConfig, ModelSpec

WARM = GenerateConfig(max_new_tokens=10, temperature=0.9, seed=5)


def test_tokens_are_drawn_as_often_as_their_probability_says():
    logits = torch.tensor([[2.0, 0.0, 1.0, -float("inf")]])
    drawing = Drawing(temperature=2.0, seed=1)
    numbers = drawing.numbers([[3, 4]], 20_000)[0]
    found = drawing.tokens(logits.expand(len(numbers), -1), numbers).bincount(minlength=4) / len(numbers)
    expected = (logits[0] / 2).softmax(-1)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=0.012)
    assert found[3] == 0


def test_the_same_seed_draws_the_same_and_another_differs():
    one, two = (Drawing(temperature=1.0, seed=s).numbers([[1, 2], [1, 3]], 8) for s in (1, 2))
    assert torch.equal(one, Drawing(temperature=1.0, seed=1).numbers([[1, 2], [1, 3]], 8))
    assert not torch.equal(one, two) and not torch.equal(one[0], one[1])
    assert torch.equal(one[1:], Drawing(temperature=1.0, seed=1).numbers([[1, 3]], 8))


def test_an_answer_depends_on_its_seed_and_not_on_its_batch(tiny):
    prompts = ["Hello there", "What is 2 + 2?", "Hi", "A rather longer prompt than all others here"]
    together = [c.text for c in tiny.generate(prompts, WARM)]
    assert together == [tiny.generate([p], WARM)[0].text for p in prompts]
    assert together == [c.text for c in tiny.measure(prompts, WARM)]
    others = [c.text for c in tiny.generate(prompts, WARM.attempt(1))]
    assert others != together and others != [c.text for c in tiny.generate(prompts, WARM.attempt(2))]


def test_log_probabilities_are_those_of_the_model_whatever_the_temperature(tiny):
    hot = GenerateConfig(max_new_tokens=1, temperature=50.0, seed=1)
    ids = tiny.tokenizer("Hello")["input_ids"]
    with torch.inference_mode():
        known = tiny.model(torch.tensor([ids])).logits[0, -1].float().log_softmax(-1)
    answers = [tiny.generate(["Hello"], hot.attempt(i))[0] for i in range(6)]
    assert len({a.mean_logprob for a in answers}) > 1
    for answer in answers:
        assert float((known - answer.mean_logprob).abs().min()) < 1e-4
        assert answer.mean_logprob <= float(known.max())


def test_compiled_decoding_draws_the_same_tokens(tiny):
    prompt, drawing = list(range(10, 20)), Drawing(temperature=0.9, seed=3)
    plain = decode(tiny.model, [prompt], [9], end=(), now=time.perf_counter, drawing=drawing).rows[0]
    served = CompiledModel(tiny.model, 64, compiled=False).answer(
        prompt, 9, end=(), now=time.perf_counter, drawing=drawing
    )
    assert served.rows[0].tokens == plain.tokens
    assert served.rows[0].mean_logprob == pytest.approx(plain.mean_logprob, abs=1e-4)


def test_a_server_is_told_temperature_and_seed():
    rung, call, curt = ModelSpec(size="A", model="m"), Call(prompt="Hi", config=WARM), Capabilities()
    body = request(rung, call, Capabilities())
    assert (body["temperature"], body["seed"]) == (0.9, 5)
    curt.drop(["seed"], stream=False)
    assert "seed" not in request(rung, call, curt) and curt.dropped == {"seed"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attempts": 5}, "attempts is 5 at temperature 0, where all are the same; give a temperature, as 0.7."),
        ({"attempts": 0, "temperature": 1.0}, "attempts is 0; give a whole number of at least 1."),
        ({"temperature": -1.0}, "temperature is -1.0; give 0, or a number above as 0.7."),
        ({"temperature": 1.0, "mcq": "logits"}, "draws no tokens; leave the temperature at 0."),
        ({"seed": -1}, "seed is -1; give a whole number from 0 to 2147483647."),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(InvalidInputError) as e:
        GenerateConfig(**settings)
    assert str(e.value).endswith(message)
