import re

import pytest
from everyday_prompts import EASY, EMBEDDING, HARD

from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy


@pytest.fixture(scope="module")
def router():
    return ZetaDynamicRouter()


def test_there_are_prompts_of_every_kind_in_many_scripts():
    assert len({*EASY, *HARD, *EMBEDDING}) == len(EASY) + len(HARD) + len(EMBEDDING) >= 180
    for prompts in (EASY, HARD, EMBEDDING):
        for script in "[a-z]", "[а-я]", "[ء-ي]", "[अ-ह]", "[가-힣]", "[ぁ-ん]", "[一-鿿]":
            assert any(re.search(script, p) for p in prompts)


@pytest.mark.parametrize("text", EASY)
def test_an_easy_prompt_does_not_go_to_the_largest_size(router, text):
    decision = router.route(text)
    assert decision.size == "7B" and list(decision.p.values()) == sorted(decision.p.values())
    assert decision.complexity.label == "simple"


@pytest.mark.parametrize("text", HARD)
def test_a_hard_prompt_goes_to_the_largest_size(router, text):
    decision = router.route(text)
    assert decision.size == "14B" and list(decision.p.values()) == sorted(decision.p.values())
    assert decision.complexity.label == "complex"


@pytest.mark.parametrize("text", EMBEDDING)
def test_an_embedding_request_goes_to_the_smallest_size(router, text):
    decision = router.route(text)
    assert decision.size == "4B" and decision.complexity.label == "embedding"


def test_larger_products_are_harder():
    texts = ("3 + 4", "12 x 11", "312 x 47", "48,293 x 7,719", "91,827,364 x 64,554,612")
    scores = [RoutingPolicy.seed().complexity(f"What is {t}?").score for t in texts]
    assert scores == sorted(set(scores))
