import numpy as np
import pytest
from tables import data, drawn, prose

from zeta_eval.evaluation.batch.estimate import forest_means
from zeta_eval.tuning.forests import Shape, Trees, forest_of
from zeta_eval.tuning.heuristic import START, HeuristicSearch, targets


@pytest.fixture(scope="module")
def made():
    texts = np.array([prose(1, i, 2 + i % 30)[0] for i in range(400)], dtype=object)
    short = np.arange(400) % 30 < 15
    p = np.column_stack([np.where(short, 0.9, 0.1), np.where(short, 0.95, 0.6), np.full(400, 0.95)])
    return data(texts, drawn(p))


def test_a_forest_serves_the_mean_of_what_its_trees_were_fitted_to(made):
    x, y = made.read.columns.T, made.score
    trees = Trees(x, y, Shape(leaf=20, tried=1.0, seed=0), 7)
    forest = forest_of([(trees, np.eye(3))], made.read.names)
    assert len(forest.starts) == 7
    # Thresholds are stored in 32 bits and means in 16.
    assert forest_means(forest, made.read) == pytest.approx(trees.predict(x), abs=2e-3)


def test_several_fits_become_one_forest_of_the_mean_over_all_trees(made):
    x = made.read.columns.T
    first = Trees(x, made.score, Shape(leaf=20, tried=1.0, seed=0), 3)
    other = Trees(x, made.score[:, :2], Shape(leaf=60, tried=0.5, seed=1), 3)
    spread = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    forest = forest_of([(first, np.eye(3)), (other, spread)], made.read.names)
    expected = (first.predict(x) + other.predict(x) @ spread) / 2
    assert forest_means(forest, made.read) == pytest.approx(expected, abs=2e-3)


def test_features_that_no_tree_asks_for_are_left_out(made):
    search = HeuristicSearch(made)
    fit = search.fit([{**START, **{f"use_{g}": 0 for g in ("cues", "symbols", "numbers")}}])
    forest = forest_of(fit.several, made.read.names)
    assert forest.features and set(forest.features) <= set(made.read.names)
    assert "numbers" not in forest.features and "latex" not in forest.features


def test_a_leaf_holds_at_least_so_many_queries(made):
    trees = Trees(made.read.columns.T, made.score, Shape(leaf=50, tried=1.0, seed=0), 5)
    for tree in trees.trees:
        assert tree.n_node_samples[tree.children_left < 0].min() >= 50


def test_what_trees_are_grown_for_gives_the_scores_back():
    score = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    y, back = targets(score, {"gain": 3.0})
    assert y[0] == pytest.approx([0, 1, 1, -2, 1, 1])  # scores, and three times their distance from their mean
    assert y @ back == pytest.approx(score)


def test_trees_find_which_queries_need_a_larger_size_out_of_fold(made):
    p = HeuristicSearch(made).fit([START]).p
    gain, short = p[:, 2] - p[:, 0], np.arange(400) % 30 < 15
    assert gain[~short].mean() > gain[short].mean() + 0.5


def test_a_fit_of_the_same_parameters_is_the_same(made):
    search = HeuristicSearch(made)
    several = [START, {**START, "leaf": 20}]
    first, again = search.fit(several), search.fit(several)
    assert (first.p == again.p).all()
    assert forest_of(first.several, made.read.names) == forest_of(again.several, made.read.names)
