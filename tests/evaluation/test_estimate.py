"""Estimators and expected costs of many queries at once, against those of the router one by one."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from forests import forest, random_forest
from random_policies import ESTIMATORS, KINDS, TASKS, costs, queries

from zeta_eval.evaluation.batch.estimate import chances, forest_means, levelled, offsets
from zeta_eval.evaluation.batch.estimate import costs as many_costs
from zeta_eval.evaluation.batch.features import FeatureCache
from zeta_eval.router.complexity import FEATURES, TextView, extract
from zeta_eval.router.estimators.base import Estimator
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.heuristic import LEAST, Level
from zeta_eval.router.estimators.tasks import TaskOffsets


def world(seed, n=60):
    """Random numbers, and the features of queries that they draw."""
    rng = np.random.default_rng(seed)
    texts, tasks = queries(rng, n)
    return rng, FeatureCache().features(texts, tasks)


def one_by_one(model, read):
    """An estimator's chances for each query alone."""
    return np.array([model.chances(TextView.of(x), extract(x), t) for x, t in zip(read.texts, read.tasks, strict=True)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 2, 4])
def test_many_chances_at_once_are_those_of_the_router_one_by_one(kind, m):
    for seed in range(5):
        rng, read = world(seed)
        model = ESTIMATORS[kind](rng, m)
        assert chances(model, read) == pytest.approx(one_by_one(model, read), rel=1e-12, abs=1e-13)


def test_chances_of_a_forest_stay_within_what_may_be_told():
    found = np.concatenate(
        [chances(ESTIMATORS["heuristic"](*(world(seed)[0], 3)), world(seed)[1]) for seed in range(9)]
    )
    assert (found.min(), found.max()) == (LEAST, 1 - LEAST)


def test_an_estimator_without_a_version_for_many_queries_is_asked_one_by_one():
    @dataclass(frozen=True, kw_only=True)
    class Digits(Estimator):
        n_sizes = 2
        features = ("numbers",)

        def chances(self, view, features, task):
            return [float(task in TASKS), math.exp(-features["numbers"])]

        def shares(self, features):
            return {}

    _, read = world(0)
    assert np.array_equal(chances(Digits(), read), one_by_one(Digits(), read))
    assert chances(Digits(), read.take(np.array([], dtype=np.intp))).shape == (0, 2)


def test_a_forest_of_many_texts_gives_each_the_numbers_it_has_alone():
    rng, read = world(3)
    made = random_forest(rng, 3, list(FEATURES), n_trees=9, depth=7, values=lambda: rng.normal(size=3).tolist())
    alone = [made.mean(extract(text)) for text in read.texts]
    assert forest_means(made, read) == pytest.approx(np.array(alone), rel=1e-13, abs=1e-15)
    assert len(np.unique(forest_means(made, read)[:, 0])) > 10


def test_a_feature_that_equals_a_threshold_goes_left():
    read = FeatureCache().features(["one", "one two"])
    made = forest(["words"], ("words", float(np.float32(math.log1p(1))), [9.0], [0.0], [1.0]))
    below = math.log1p(1) <= float(np.float32(math.log1p(1)))
    assert forest_means(made, read)[:, 0].tolist() == [0.0 if below else 1.0, 1.0]
    at_zero = forest(["numbers"], ("numbers", 0.0, [9.0], [0.0], [1.0]))
    assert forest_means(at_zero, FeatureCache().features(["no", "7"]))[:, 0].tolist() == [0.0, 1.0]


def test_a_level_stretches_the_mean_of_each_query_and_keeps_the_differences():
    p = np.array([[0.2, 0.6], [0.5, 0.7]])
    found = levelled(Level(mean=0.5, stretch=3.0), p)
    assert found == pytest.approx(np.array([[0.0, 0.4], [0.7, 0.9]]))
    assert np.diff(found) == pytest.approx(np.diff(p))
    assert np.array_equal(levelled(Level(mean=0.5, stretch=1.0), p), p)


def test_offsets_are_those_of_each_querys_task():
    _, read = world(1)
    model = TaskOffsets(of_task={"sums": (1.0, 2.0), "facts": (3.0, 4.0)})
    expected = [model.of_task.get(task, (0.0, 0.0)) for task in read.tasks]
    assert offsets(model, read).tolist() == [list(row) for row in expected]
    assert offsets(TaskOffsets(of_task={}), read) == 0.0


def test_many_costs_at_once_are_those_of_the_router_one_by_one():
    bounds = set()
    for seed in range(8):
        rng, read = world(seed)
        model = costs(rng, 3)
        found = many_costs(model, read)
        alone = [model.cost(extract(x), t) for x, t in zip(read.texts, read.tasks, strict=True)]
        assert found == pytest.approx(np.array(alone), rel=1e-12, abs=1e-15)
        bounds |= {("low", (found == model.low).any()), ("high", (found == model.high).any())}
    assert {("low", True), ("high", True)} <= bounds


def test_a_cost_beyond_every_number_is_the_largest_seen():
    logs = forest(["words"], ("words", 1.0, [0.0], [60000.0], [-60000.0]))
    model = CostModel(log_cost=logs, shift=(0.0,), tasks=TaskOffsets(of_task={}), low=(0.1,), high=(9.0,))
    assert many_costs(model, FeatureCache().features(["one", "one two three"]))[:, 0].tolist() == [9.0, 0.1]
