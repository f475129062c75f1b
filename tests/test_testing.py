import numpy as np
import pytest

from zeta_eval.exceptions import GenerationError
from zeta_eval.models import Completion, GenerateConfig
from zeta_eval.outcomes.split import families
from zeta_eval.testing import ScriptedGenerator, check_generator, make_outcomes

CONFIG = GenerateConfig(max_new_tokens=3)


def test_a_scripted_generator_answers_by_its_script_and_keeps_the_promises():
    generator = ScriptedGenerator("1B", {"a": "one two three four", "b": "x"}, confidence=0.5, latency_s=0.2)
    long, short, missing = generator.generate(["a", "b", "c"], CONFIG)
    assert (long.text, long.truncated, long.completion_tokens) == ("one two three", True, 3)
    assert (short.text, short.truncated) == ("x", False)
    assert short.mean_logprob == pytest.approx(np.log(0.5))
    assert missing.error == "KeyError: 'c'"
    assert generator.measure(["a"], CONFIG)[0].latency_s == 0.2
    check_generator(ScriptedGenerator("1B", lambda prompt: prompt[:5]))


def test_a_scripted_generator_fails_when_its_script_says_so():
    generator = ScriptedGenerator("1B", str.upper, fail_on_call=2)
    assert generator.generate(["a"], CONFIG)[0].text == "A"
    with pytest.raises(GenerationError, match="Call 2"):
        generator.generate(["a"], CONFIG)
    assert generator.generate(["a"], CONFIG)[0].text == "A"
    with pytest.raises(KeyboardInterrupt):
        ScriptedGenerator("1B", str.upper, fail_on_call=1, failure=KeyboardInterrupt()).generate(["a"], CONFIG)


def test_the_conformance_check_finds_a_broken_promise():
    class Shuffling(ScriptedGenerator):
        def generate(self, prompts, config):
            return super().generate(sorted(prompts), config)

    class Wordless(ScriptedGenerator):
        def generate(self, prompts, config):
            return [Completion(text="", mean_logprob=0.5) for _ in prompts]

    with pytest.raises(AssertionError, match=r"depends on the order|alone is"):
        check_generator(Shuffling("1B", str.upper))
    with pytest.raises(AssertionError, match="mean_logprob"):
        check_generator(Wordless("1B", str.upper))
    with pytest.raises(AssertionError, match="lacks"):
        check_generator(object())


def test_made_outcomes_are_the_same_for_a_seed_and_carry_a_gradient():
    table = make_outcomes(800, seed=3)
    assert table.sha256 == make_outcomes(800, seed=3).sha256 != make_outcomes(800, seed=4).sha256
    score = table.matrix("score")
    assert families(table.queries) is None
    assert table.sizes == ("4B", "7B", "14B") and score.shape == (800, 3)
    assert (np.diff(score.mean(axis=0)) > 0.1).all()
    assert score.max(axis=1).mean() > score[:, -1].mean()  # the oracle is above the largest size
    assert set(table.cost_columns) == {"gpu_s", "latency_s"}
    lengths = np.array([len(q) for q in table.queries])
    assert np.corrcoef(lengths, score[:, 0])[0, 1] < -0.2
    assert np.corrcoef(table.matrix("mean_logprob")[:, 0], score[:, 0])[0, 1] > 0.2


def test_made_outcomes_can_hold_failed_rows():
    table = make_outcomes(300, seed=0, missing=0.1)
    assert 60 < table.n_unscored < 120
    assert len(table) == 300 - table.n_incomplete < 300
