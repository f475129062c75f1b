import numpy as np
import pytest
from random_policies import answered, sizes

from zeta_eval.evaluation.batch import answers as module
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.router.signals import SIGNALS, agree, read_answer

QUERIES = [f"query {i}" for i in range(40)]


@pytest.fixture
def table():
    return answered(np.random.default_rng(0), QUERIES, 3, gaps=True)


def test_every_answer_but_the_largest_sizes_is_read_block_by_block(table, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 7)
    answers, texts = Answers.of(table), table.texts("response")
    assert answers.values.shape == (len(SIGNALS), len(QUERIES), 2)
    for (q, m), text in np.ndenumerate(texts[:, :2]):
        expected = read_answer(text).values if isinstance(text, str) else [np.nan] * len(SIGNALS)
        np.testing.assert_array_equal(answers.values[:, q, m], expected)


def test_an_answer_is_read_again_where_it_is_asked_for(table):
    answers, texts = Answers.of(table), table.texts("response")
    assert len(answers.finals) == len(QUERIES)
    for (q, m), text in np.ndenumerate(texts):
        assert answers.view(q, m) == (read_answer(text) if isinstance(text, str) else None)


def test_agreement_of_many_answers_is_that_of_each_pair(table):
    answers, rows = Answers.of(table), np.arange(len(QUERIES))
    found = answers.column(f"agree {sizes(3)[0]}", 1, rows)
    pairs = [(answers.view(q, 0), answers.view(q, 1)) for q in rows]
    expected = [np.nan if a is None or b is None else agree(a, b) for a, b in pairs]
    np.testing.assert_array_equal(found, expected)
    assert {0.0, 0.5, 1.0} <= set(expected)
    assert np.isnan(expected).any()
