from dataclasses import replace

import numpy as np
import pytest
from tables import data, drawn, prose

from zeta_eval.evaluation.batch.features import FeatureCache
from zeta_eval.evaluation.batch.predict import familiarities
from zeta_eval.router.complexity import TextView, extract
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tasks.everyday import queries as everyday_queries
from zeta_eval.tuning.domain import fit_domain

GERMAN = "Wer reitet so spät durch Nacht und Wind"


@pytest.fixture(scope="module")
def made():
    texts = prose(300, length=20)
    return data(texts, drawn(np.full((300, 2), 0.5)), tasks=[f"task {i % 3}" for i in range(300)])


@pytest.fixture(scope="module")
def domain(made):
    return fit_domain(made)


def familiarity(domain, text, task=None):
    return domain.familiarity(TextView.of(text), extract(text), task)


def test_a_domain_knows_its_tasks(domain):
    assert domain.tasks == ("task 0", "task 1", "task 2")
    assert familiarity(domain, GERMAN, "task 1") == 1.0
    assert familiarity(domain, GERMAN, "another") == familiarity(domain, GERMAN) == 0.0


def test_new_queries_of_the_same_kind_are_familiar_though_each_has_a_word_of_its_own(domain):
    new = [familiarity(domain, text) for text in prose(200, seed=9, length=20)]
    assert np.mean(np.array(new) == 1.0) > 0.95


def test_a_text_is_less_familiar_the_more_foreign_words_it_has(made, domain):
    known = made.outcomes.queries[0]
    foreign = ("", " durch", f" {GERMAN}", f" {GERMAN} es ist der Vater mit seinem Kind er hat den Knaben wohl")
    found = [familiarity(domain, known + more) for more in foreign]
    assert found[0] == 1 and found == sorted(found, reverse=True) and found[-1] < 0.5


@pytest.mark.parametrize("text", ["Thanks!", "Good morning", "What is the capital of France?"])
def test_everyday_requests_are_told_from_a_benchmark_that_holds_none(domain, text):
    assert domain.everyday is not None
    assert familiarity(domain, text) < 0.5


def test_a_table_that_holds_everyday_requests_knows_them():
    texts = np.array([query.prompt for query in everyday_queries(0)], dtype=object)
    known = fit_domain(data(texts, drawn(np.full((len(texts), 2), 0.5))))
    assert known.everyday is None
    assert np.mean([familiarity(known, text) == 1.0 for text in texts]) > 0.9


def test_a_domain_of_equal_texts_still_has_a_range():
    found = fit_domain(data(np.full(100, "same", dtype=object), drawn(np.full((100, 2), 0.5))))
    assert found.rarity.near < found.rarity.far


def test_what_is_fitted_serves_many_queries_as_it_does_one(domain):
    policy = replace(RoutingPolicy.seed(), domain=domain)
    texts = np.array([*prose(20, 3, 20), GERMAN, "Thanks!", "...", "river mountain"], dtype=object)
    many = familiarities(policy, FeatureCache().features(texts))
    assert many == pytest.approx([familiarity(domain, text) for text in texts], abs=1e-12)
