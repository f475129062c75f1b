import math

import numpy as np
import pytest
from random_policies import numbers, queries

from zeta_eval.evaluation.batch.features import FeatureCache
from zeta_eval.router.complexity import TextView
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.words import Words, pieces

TEXTS = ["The cat sat on the mat.", "", "the cat", "photosynthesis 12345 7 \ud800"]


def words(rng, m, bits):
    table = rng.normal(size=(1 << bits, m))
    return Words(bits=bits, n_sizes=m, constant=numbers(rng, m), table=encode(table.tolist()))


def read(texts):
    return FeatureCache().features(texts).tokens


def test_a_row_holds_a_one_for_each_distinct_token_of_its_text():
    tokens = read(TEXTS)
    known = np.array(tokens.vocabulary.tokens)
    assert len(set(known)) == len(known) == len(tokens.vocabulary)
    for text, row in zip(TEXTS, tokens.matrix.toarray(), strict=True):
        assert set(known[row == 1]) == set(TextView.of(text).tokens)
        assert set(row) <= {0.0, 1.0}


def test_every_piece_of_a_token_counts_in_its_bucket():
    tokens = read(TEXTS)
    found = tokens.vocabulary.pieces(1).toarray()  # so few buckets that pieces meet in one
    for token, row in zip(tokens.vocabulary.tokens, found, strict=True):
        assert row.tolist() == np.bincount(pieces(token, 1), minlength=2).tolist()
    assert found.max() > 1


@pytest.mark.parametrize("bits", [1, 5, 10])
@pytest.mark.parametrize("m", [1, 3])
def test_what_words_tell_of_many_texts_is_what_they_tell_of_each(bits, m):
    rng = np.random.default_rng(bits)
    model, texts = words(rng, m, bits), [*TEXTS, *queries(rng, 40)[0]]
    alone = [model.values(TextView.of(text).tokens) for text in texts]
    assert read(texts).values(model) == pytest.approx(np.array(alone), rel=1e-12, abs=1e-12)
    assert read([""]).values(model)[0].tolist() == list(model.constant)


def test_the_mean_of_numbers_for_tokens_is_over_distinct_tokens_and_nan_without_any():
    tokens = read(["a b a", "", "b c"])
    of = dict(zip(tokens.vocabulary.tokens, (1.0, 3.0, 8.0), strict=True))
    found = tokens.mean(np.array([of[t] for t in tokens.vocabulary.tokens]))
    assert found[[0, 2]].tolist() == [(of["a"] + of["b"]) / 2, (of["b"] + of["c"]) / 2]
    assert math.isnan(found[1])


def test_texts_read_later_change_nothing_for_those_read_before():
    rng, cache = np.random.default_rng(0), FeatureCache()
    model, first = words(rng, 2, 6), cache.features(TEXTS)
    before = first.tokens.values(model)
    later = cache.features(["quite other words stand here", *TEXTS[::-1]])
    assert len(first.tokens.vocabulary) > first.tokens.matrix.shape[1]
    assert np.array_equal(first.tokens.values(model), before)
    assert later.tokens.values(model)[1:] == pytest.approx(before[::-1], rel=1e-13)


def test_some_of_the_texts_are_taken_in_the_order_asked_for():
    tokens = read(TEXTS)
    rows = np.array([2, 0, 2])
    assert np.array_equal(tokens.take(rows).matrix.toarray(), tokens.matrix.toarray()[rows])
