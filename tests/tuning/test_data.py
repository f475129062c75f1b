import numpy as np
import pytest
from tables import data, drawn, prose

from zeta_eval.outcomes.split import families
from zeta_eval.tuning.data import FOLDS


@pytest.fixture(scope="module")
def sums():
    """400 sums of 40 families: their numbers differ, their openings do not."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(10**6, size=(400, 2)).tolist()
    texts = np.array([f"{prose(1, i % 40)[0]}: {a:06} plus {b:06}" for i, (a, b) in enumerate(numbers)], dtype=object)
    return data(texts, drawn(np.full((400, 2), 0.5)))


def test_every_query_is_held_out_once_and_never_fitted_on_by_its_own_fold(sums):
    assert len(sums.folds) == FOLDS
    assert sorted(np.concatenate([held for _, held in sums.folds])) == list(range(400))
    for train, held in sums.folds:
        assert not set(train) & set(held) and len(train) + len(held) == 400


def test_a_family_of_like_queries_lies_in_one_fold(sums):
    family = families(sums.outcomes.queries)
    assert family.max() + 1 == 40
    fold = np.empty(400)
    for k, (_, held) in enumerate(sums.folds):
        fold[held] = k
    assert all(len(set(fold[family == f])) == 1 for f in range(40))
    assert len(set(fold)) == FOLDS


def test_another_seed_makes_other_folds_and_the_same_one_the_same(sums):
    texts, score = sums.outcomes.queries, sums.score
    assert (data(texts, score).folds[0][1] == sums.folds[0][1]).all()
    assert set(data(texts, score, seed=1).folds[0][1]) != set(sums.folds[0][1])


def test_a_part_has_the_features_of_its_queries_and_folds_of_its_own(sums):
    rows = np.arange(0, 400, 3)
    part = sums.take(rows)
    assert (part.read.columns == sums.read.columns[:, rows]).all()
    assert (part.score == sums.score[rows]).all()
    assert sorted(np.concatenate([held for _, held in part.folds])) == list(range(len(rows)))


def test_nobody_names_a_task_to_what_is_fitted_on_texts(sums):
    assert set(sums.read.tasks) == {None} and set(sums.tasks) == {"made"}
