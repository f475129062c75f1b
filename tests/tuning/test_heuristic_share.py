from dataclasses import replace

import numpy as np
import pytest

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import FeatureCache, decide, expect
from zeta_eval.router.complexity import has_signal
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, tune
from zeta_eval.tuning.heuristic_share import HeuristicShare, heuristic_share, heuristic_weight, share_text


@pytest.fixture(scope="module")
def policies():
    table = make_outcomes(900, seed=3, slope=4.0)
    found = {e: tune(table, TuningSettings(n_trials=2, estimator=e)).policy for e in ("heuristic", "learned")}
    return found | {"data": Evaluator(table.split("test"), "gpu_s")}


def test_beside_another_estimator_a_known_task_leaves_the_heuristic_nothing(policies):
    share = heuristic_share(policies["learned"], policies["data"].features)
    assert share == HeuristicShare(weight=0.0, changes=0.0)


def test_alone_it_decides_what_a_mean_difficulty_does_not(policies):
    policy, read = policies["heuristic"], policies["data"].features
    share = heuristic_share(policy, read)
    assert share.weight == 1.0
    p = expect(policy, read)[0]
    assert len(np.unique(decide(policy, read, policy.cost_weight))) > 1
    assert 0 < share.changes < 1 and p.std(axis=0).max() > 0


def test_its_weight_is_what_a_shift_of_the_heuristic_moves_the_log_odds_by(policies):
    policy = policies["learned"]
    texts = np.array(["Add 3 and 4.", "zebra quark wombat", "Why do glaciers calve?"], dtype=object)
    read = FeatureCache().features(texts)
    shifted = replace(policy, bias=policy.bias - 0.01)

    def logits(p):
        q = expect(p, read)[0][:, 0]
        return np.log(q / (1 - q))

    moved = (logits(shifted) - logits(policy)) / (0.01 * policy.rungs[0].slope)
    assert heuristic_weight(policy, read) == pytest.approx(moved, abs=1e-4)
    assert heuristic_weight(replace(policy, domain=None), read).tolist() == [0, 0, 0]
    assert heuristic_weight(replace(policy, domain=None, learned=None), read).tolist() == [1, 1, 1]


def test_queries_under_a_fixed_rule_are_not_decided_by_it(policies):
    texts = np.array(["...", "???"], dtype=object)
    assert not any(has_signal(t) for t in texts)
    share = heuristic_share(policies["heuristic"], FeatureCache().features(texts))
    assert share == HeuristicShare(weight=0.0, changes=0.0)


def test_the_share_is_said_in_words():
    shares = {"with the task's name": HeuristicShare(weight=0.0, changes=0.0)}
    shares |= {"without": HeuristicShare(weight=0.25, changes=0.1)}
    beside = share_text(shares, "learned")
    assert "0.0 % of the weight with the task's name and 25.0 % of the weight without" in beside
    assert "for 0.0 % with the task's name and 10.0 % without of the test queries" in beside
    assert share_text(shares, "heuristic").startswith("The heuristic is the only estimator;")
