import math

import numpy as np
import pytest

from zeta_eval.evaluation.batch import estimate
from zeta_eval.evaluation.batch.estimate import ngram_matrix, predict, predict_costs
from zeta_eval.router.estimators.learned import Learned, NGrams, grams
from zeta_eval.router.estimators.linear import CostModel, Linear
from zeta_eval.router.estimators.tables import encode

WORDS = ["prove", "capital", "translate", "integral", "42", "Straße", "7", "?", "日本", "\ud800", "photosynthesis"]
NAMES = ("length", "digits", "unused")
TASKS = ["maths", "facts", None, "never seen"]


def world(seed, n=60):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(0, 12))) for _ in range(n)]
    texts[1], texts[2] = "", "word " * 3000
    return rng, texts, rng.normal(size=(n, 3)) * [100, 1, 1], [TASKS[i] for i in rng.integers(0, 4, n)]


def linear(rng, m):
    row = lambda: tuple(rng.normal(size=m).tolist())  # noqa: E731
    return Linear(bias=row(), weights={"digits": row(), "length": row()}, tasks={"facts": row(), "maths": row()})


def rows(features):
    return [dict(zip(NAMES, row, strict=True)) for row in features.tolist()]


def learned(rng, m, bits=8):
    table = rng.normal(size=(1 << bits, m))
    table[rng.random(1 << bits) < 0.5] = 0.0
    ngrams = NGrams(bits=bits, n_sizes=m, table=encode(table.tolist()))
    return Learned(base=tuple(rng.normal(size=m).tolist()), linear=linear(rng, m), ngrams=ngrams)


@pytest.mark.parametrize("m", [1, 2, 4])
def test_many_log_odds_at_once_are_those_of_the_router_one_by_one(m, monkeypatch):
    monkeypatch.setattr(estimate, "BLOCK", 7)
    rng, texts, features, tasks = world(m)
    model = learned(rng, m)
    logits = predict(model, texts, features, NAMES, tasks)
    one_by_one = [model.logits(*query) for query in zip(texts, rows(features), tasks, strict=True)]
    assert logits == pytest.approx(np.array(one_by_one), abs=1e-9, rel=1e-12)


def test_many_costs_at_once_are_those_of_the_router_one_by_one():
    rng, _, features, tasks = world(5)
    model = CostModel(log_cost=linear(rng, 3), low=(0.0, 0.01, 0.0), high=(1.0, 5.0, 0.0))
    costs = predict_costs(model, features, NAMES, tasks)
    one_by_one = [model.cost(*query) for query in zip(rows(features), tasks, strict=True)]
    assert costs == pytest.approx(np.array(one_by_one), abs=1e-9)
    assert set(costs[:, 2]) == {0.0}
    assert {0.01, 5.0} <= set(costs[:, 1])


def test_a_model_without_features_or_tasks_is_its_bias():
    model = CostModel(log_cost=Linear(bias=(0.0, -1.0), weights={}), low=(0.0, 0.0), high=(9.0, 9.0))
    assert predict_costs(model, np.ones((2, 3)), NAMES, ["maths", None]) == pytest.approx(
        np.array([[1.0, math.exp(-1)]] * 2)
    )


def test_a_row_of_the_matrix_holds_a_text_s_buckets_and_has_unit_length():
    texts = ["The cat sat on the mat.", "", "the cat"]
    matrix = ngram_matrix(np.array(texts, dtype=object), 12)
    assert matrix.shape == (3, 1 << 12)
    assert matrix.dtype == np.float32
    for i, text in enumerate(texts):
        assert matrix[i].indices.tolist() == grams(text, 12)
    assert np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel() == pytest.approx([1, 0, 1])


def test_a_matrix_takes_eight_bytes_per_bucket_of_a_text():
    matrix = ngram_matrix(["some words that repeat " + str(i) for i in range(1000)], 15)
    assert matrix.indices.dtype == np.int32
    assert matrix.data.nbytes + matrix.indices.nbytes == 8 * matrix.nnz
