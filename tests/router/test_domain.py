import base64
import math

import pytest
from forests import forest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import PolicyError
from zeta_eval.router.complexity import TextView, extract
from zeta_eval.router.domain import STEPS, Domain, Everyday, Ramp, bucket
from zeta_eval.router.estimators import tables


def domain(**changes):
    """A domain that knows one task, in which every word has the rarity 32 / STEPS = 2 nats."""
    values = {"tasks": ("sums",), "rarity": Ramp(near=1.0, far=3.0), "bits": 8}
    return Domain(**values | {"table": base64.b64encode(bytes([32]) * 256).decode()} | changes)


def everyday(number, near=0.2, far=0.6):
    """Takes every text with a digit for everyday by a number, and any other for none."""
    made = forest(["numbers"], ("numbers", 0.5, [0.0], [0.0], [number]))
    return Everyday(forest=made, ramp=Ramp(near=near, far=far))


def familiarity(of, text, task=None):
    return of.familiarity(TextView.of(text), extract(text), task)


@given(st.floats(-100, 100))
def test_a_ramp_is_one_up_to_near_zero_from_far_and_a_line_between(x):
    ramp = Ramp(near=-1.0, far=3.0)
    assert ramp.share(x) == (1.0 if x <= -1 else 0.0 if x >= 3 else pytest.approx((3 - x) / 4))


@pytest.mark.parametrize(
    ("near", "far"), [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.inf), ("0", 1.0), (None, 1.0)]
)
def test_a_ramp_that_does_not_rise_to_finite_limits_is_refused_in_a_line(near, far):
    with pytest.raises(PolicyError, match=r"limits of familiarity .* tune the policy again") as e:
        Ramp(near=near, far=far)
    assert "\n" not in str(e.value)


def test_a_known_task_is_trusted_fully_and_a_new_one_as_none():
    assert familiarity(domain(), "", "sums") == 1.0
    assert familiarity(domain(), "any words", "proofs") == familiarity(domain(), "any words") == pytest.approx(0.5)


def test_a_text_is_trusted_by_the_mean_rarity_of_its_distinct_tokens():
    rare = bytearray([32] * 256)
    rare[bucket("zebra", 8)] = 16
    some = domain(table=base64.b64encode(bytes(rare)).decode())
    assert some.mean_rarity(("zebra", "a")) == pytest.approx(1.5)
    assert familiarity(some, "zebra a zebra zebra") == pytest.approx((3.0 - 1.5) / 2)
    assert familiarity(some, "zebra") == 1.0


def test_a_text_without_words_numbers_or_signs_is_trusted_not_at_all():
    assert familiarity(domain(), "") == familiarity(domain(), " \n ") == 0.0


def test_rarities_are_the_same_however_many_words_are_kept(monkeypatch):
    monkeypatch.setattr(tables, "CACHED", 3)
    table = base64.b64encode(bytes(range(256))).decode()
    some, words = domain(table=table), [f"word{chr(97 + i)}" for i in range(20)]
    expected = sum(bucket(w, 8) for w in words) / (STEPS * len(words))
    assert some.mean_rarity(words) == pytest.approx(expected) == some.mean_rarity(words)
    assert len(some._rarity_of) <= 3


def test_an_everyday_request_is_trusted_by_the_lesser_of_the_two_tests():
    assert familiarity(domain(everyday=everyday(1.0)), "What is 7?") == 0.0
    assert familiarity(domain(everyday=everyday(1.0)), "What is it?") == pytest.approx(0.5)
    assert familiarity(domain(everyday=everyday(0.5)), "What is 7?") == pytest.approx(0.25, abs=1e-3)
    assert familiarity(domain(everyday=everyday(0.25)), "What is 7?") == pytest.approx(0.5)


def test_an_everyday_request_of_a_known_task_is_trusted():
    assert familiarity(domain(everyday=everyday(1.0)), "What is 7?", "sums") == 1.0


def test_any_text_has_a_bucket():
    assert {bucket(t, 3) for t in ("\ud800", "é", "", "日本", "word")} <= set(range(8))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"table": "***"}, "can't be read"),
        ({"table": "é"}, "can't be read"),
        ({"table": base64.b64encode(b"1").decode()}, "wrong length"),
        ({"bits": 21}, "wrong length"),
        ({"bits": 0}, "wrong length"),
        ({"bits": 7}, "wrong length"),
    ],
)
def test_a_domain_that_makes_no_sense_is_refused(changes, says):
    with pytest.raises(PolicyError, match=says) as e:
        domain(**changes)
    assert "\n" not in str(e.value)
