from dataclasses import replace

import numpy as np
import pytest

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import FeatureCache, decide
from zeta_eval.router.complexity import has_signal
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.fit_learned import WEIGHT
from zeta_eval.tuning.heuristic_share import HeuristicShare, heuristic_share, heuristic_weight, share_text


@pytest.fixture(scope="module")
def policies():
    table = make_outcomes(900, seed=3, slope=4.0)
    found = {e: tune(table, TuningSettings(n_trials=2, estimator=e)).policy for e in ("heuristic", "learned")}
    return found | {"data": Evaluator(table.split("test"), "gpu_s")}


def test_alone_it_decides_what_a_mean_does_not(policies):
    policy, read = policies["heuristic"], policies["data"].features
    share = heuristic_share(policy, read)
    assert share.weight == 1.0
    assert len(np.unique(decide(policy, read, policy.cost_weight))) > 1
    assert 0 < share.changes < 1


def test_words_have_their_weight_beside_it(policies):
    policy, read = policies["learned"], policies["data"].features
    assert heuristic_weight(policy, read) == pytest.approx(np.full(len(read.rule), 1 - WEIGHT))
    none = replace(policy, estimator=replace(policy.estimator, weight=1.0))
    assert heuristic_share(none, read) == HeuristicShare(weight=0.0, changes=0.0)


def test_of_queries_unlike_the_tuning_queries_it_has_no_weight(policies):
    policy = policies["heuristic"]
    texts = np.array(["Add up 12, 13, 14 for case 5.", "zebra quark wombat"], dtype=object)
    read = FeatureCache().features(texts)
    assert heuristic_weight(policy, read).tolist() == [1.0, 0.0]
    assert heuristic_weight(replace(policy, domain=None), read).tolist() == [1.0, 1.0]


def test_an_estimator_that_is_no_heuristic_changes_nothing_without_it(policies):
    seed = Seed(weights={"words": 1.0}, bias=-2.0, ability=(0.0, 1.0, 2.0), slope=(1.0, 1.0, 1.0))
    policy = replace(policies["heuristic"], estimator=seed)
    assert heuristic_share(policy, policies["data"].features) == HeuristicShare(weight=0.0, changes=0.0)


def test_queries_under_a_fixed_rule_are_not_decided_by_it(policies):
    texts = np.array(["...", "???"], dtype=object)
    assert not any(has_signal(t) for t in texts)
    share = heuristic_share(policies["heuristic"], FeatureCache().features(texts))
    assert share == HeuristicShare(weight=0.0, changes=0.0)


def test_the_share_is_said_in_words():
    shares = {"with the task's name": HeuristicShare(weight=0.0, changes=0.0)}
    shares |= {"without": HeuristicShare(weight=0.25, changes=0.1)}
    beside = share_text(shares, "learned")
    assert "0.0 % (with the task's name) and 25.0 % (without) of the weight" in beside
    assert "for 0.0 % (with the task's name) and 10.0 % (without) of the test queries" in beside
    assert share_text(shares, "heuristic").startswith("The heuristic is the only estimator;")
