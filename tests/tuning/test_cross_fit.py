"""No out-of-fold estimate has seen its own query's label: on labels of pure chance it must gain nothing."""

import numpy as np
import pytest
from tables import SIZES, data, drawn, prose

from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.estimate import chances, forest_means
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.cascade import fit_cascade
from zeta_eval.tuning.estimators import Training, fit_estimator
from zeta_eval.tuning.fit_costs import fit_costs
from zeta_eval.tuning.fit_tasks import fit_tasks
from zeta_eval.tuning.forests import forest_of
from zeta_eval.tuning.heuristic import START, HeuristicSearch
from zeta_eval.tuning.quality import Quality
from zeta_eval.tuning.selection import candidate

DEEP = {**START, "leaf": 1}
"""Trees that learn every query by heart."""


@pytest.fixture(scope="module")
def noise():
    tasks = np.random.default_rng(1).choice(np.array([f"t{i}" for i in range(60)], dtype=object), 900)
    return data(prose(900), drawn(np.full((900, 2), 0.5), 3), tasks=tasks)


@pytest.fixture(scope="module")
def quality(noise):
    return Quality(noise.evaluator, noise.allowed, noise.families)


@pytest.fixture(scope="module")
def costs(noise):
    return fit_costs(noise)


def far_below(closed):
    """Whether a gap closed is nothing, to within its error: an estimate that saw the labels closes most of the gap."""
    return abs(closed.value) < 0.08


def test_trees_that_know_every_query_by_heart_gain_nothing_out_of_fold(noise, quality, costs):
    fit = HeuristicSearch(noise).fit([DEEP])
    seen = forest_means(forest_of(fit.several, noise.read.names), noise.read)
    assert quality.of_chances(seen, costs.open).value > 0.5
    assert far_below(quality.of_chances(fit.p, costs.open))


@pytest.mark.parametrize("name", ["heuristic", "learned"])
def test_no_estimator_gains_anything_out_of_fold_with_its_level_and_tasks(name, noise, quality, costs):
    found = candidate(name, Training(data=noise, heuristic=HeuristicSearch(noise).fit([DEEP])), costs, quality)
    seen = chances(found.estimator, noise.read)
    assert quality.of_chances(seen, costs.open).value > 0.3
    assert far_below(found.closed)
    assert far_below(quality.of_chances(found.tasked, costs.open))


def test_the_words_of_a_query_tell_nothing_of_its_own_label(noise, quality, costs):
    fitted = fit_estimator("learned", Training(data=noise, heuristic=HeuristicSearch(noise).fit([DEEP])))
    assert far_below(quality.of_chances(fitted.p, costs.open))


def test_what_a_task_adds_out_of_fold_has_not_seen_the_label(noise):
    means = np.tile(noise.score.mean(axis=0), (900, 1))
    tasks, out = fit_tasks(means, noise.score, noise.tasks, noise.folds)
    assert tasks.of_task == {} and (out == means).all()


def test_expected_costs_of_chance_costs_tell_nothing_out_of_fold(noise):
    cost = np.exp(np.random.default_rng(5).normal(size=(900, 2))) * [1.0, 3.0]
    made = data(noise.outcomes.queries, noise.score, cost=cost)
    found = fit_costs(made)
    assert abs(np.corrcoef(found.open[:, 1], made.cost[:, 1])[0, 1]) < 0.1


def test_a_cascade_on_answers_that_tell_nothing_gains_nothing_out_of_fold(noise, quality, costs):
    frame = noise.outcomes.frame
    rng = np.random.default_rng(2)
    frame = frame.assign(mean_logprob=-rng.random(len(frame)), min_logprob=-5 * rng.random(len(frame)))
    outcomes = type(noise.outcomes).from_frame(frame).with_order(SIZES[:2])
    p = np.tile(noise.score.mean(axis=0), (900, 1))
    policy = RoutingPolicy.seed(SIZES[:2])
    found = fit_cascade(policy, noise, p, costs.open, Answers.of(outcomes), quality)
    assert found is not None and far_below(found.closed)
    assert not quality.better(found.closed, quality.of_chances(p, costs.open))
