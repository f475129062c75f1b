import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_policies import answered, policy, queries, sizes

from zeta_eval.cascade import after, answer_signals
from zeta_eval.models import Completion
from zeta_eval.replay import FeatureCache
from zeta_eval.replay.answers import Answers
from zeta_eval.replay.cascade import Cascade, run_sets, update
from zeta_eval.router import ZetaDynamicRouter

KINDS = ("heuristic", "costs", "learned")


def stored(table, q):
    """By size, a function that gives the answer the table holds for its q-th query."""
    text = table.texts("response")[q]
    mean, smallest = (table.matrix(n)[q] for n in ("mean_logprob", "min_logprob"))

    def says(m):
        return lambda query: Completion(
            text=text[m] if isinstance(text[m], str) else "",
            mean_logprob=None if np.isnan(mean[m]) else float(mean[m]),
            min_logprob=None if np.isnan(smallest[m]) else float(smallest[m]),
        )

    return {size: says(m) for m, size in enumerate(table.sizes)}


@settings(max_examples=70, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 5), st.booleans())
def test_replay_asks_and_keeps_the_sizes_that_the_router_does(seed, kind, m, gaps):
    rng = np.random.default_rng(seed)
    # Where texts are missing, looks see log-probabilities alone: a router never meets an answer without a text.
    rule = policy(rng, kind, m, texts=not gaps, cascades=True)
    texts, tasks = queries(rng)
    table = answered(rng, texts, m, gaps=gaps)
    kept, ran = Cascade(rule, FeatureCache().features(texts, tasks), Answers.of(table)).run(rule.cost_weight)
    router = ZetaDynamicRouter(rule)
    for q, (text, task) in enumerate(zip(texts, tasks, strict=True)):
        routed = router.generate(text, stored(table, q), task=task)
        assert [s.size for s in routed.steps] == [sizes(m)[i] for i in np.flatnonzero(ran[q])], (text, task)
        assert routed.size == sizes(m)[kept[q]]


def test_random_policies_do_go_on_and_do_skip_sizes():
    """The property above would hold for policies that never look at anything, too."""
    walks, rng = set(), np.random.default_rng(0)
    for _ in range(40):
        rule = policy(rng, "learned", 4, cascades=True)
        texts, tasks = queries(rng)
        answers = Answers.of(answered(rng, texts, 4))
        _, ran = Cascade(rule, FeatureCache().features(texts, tasks), answers).run(rule.cost_weight)
        walks |= {tuple(row) for row in ran.tolist()}
    assert {(True, False, True, False), (True, True, True, True), (False, True, False, False)} <= walks


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_an_answer_moves_every_chance_as_the_router_moves_it(seed, m):
    rng = np.random.default_rng(seed)
    rule = policy(rng, "heuristic", m, cascades=True)
    texts, _ = queries(rng, 4)
    answers = Answers.of(answered(rng, texts, m, gaps=True))
    p = rng.random((len(texts), m))
    p[0] = 1.0
    for ran in run_sets(m):
        look = {x.ran: x for x in rule.looks}.get(tuple(sizes(m)[i] for i in ran))
        moved = update(look, sizes(m), p, answers, ran, np.arange(len(texts)))
        for q in range(len(texts)):
            earlier = {sizes(m)[i]: answers.views[q, i] for i in ran[:-1]}
            logprobs = [float(answers.logprobs[n][q, ran[-1]]) for n in ("mean_logprob", "min_logprob")]
            signals = answer_signals(answers.views[q, ran[-1]], *logprobs, earlier)
            assert moved[q] == pytest.approx(after(look, sizes(m), p[q].tolist(), signals), abs=1e-12)


def test_every_size_that_ran_is_paid_for_and_the_one_kept_is_the_last():
    rng = np.random.default_rng(3)
    rule = policy(rng, "costs", 4, cascades=True)
    texts, tasks = queries(rng, 60)
    kept, ran = Cascade(rule, FeatureCache().features(texts, tasks), Answers.of(answered(rng, texts, 4))).run(0.1)
    assert kept.tolist() == [int(np.flatnonzero(row)[-1]) for row in ran]
    assert ran.sum(axis=1).max() > 1


def test_a_prior_given_stands_for_what_the_policy_expects():
    rng = np.random.default_rng(0)
    rule = dataclasses.replace(policy(rng, "heuristic", 3), looks=())
    texts, _ = queries(rng, 20)
    features, answers = FeatureCache().features(texts), Answers.of(answered(rng, texts, 3))
    prior = np.tile([0.1, 0.9, 0.2], (len(texts), 1))
    kept, _ = Cascade(rule, features, answers, prior=prior).run(0.0)
    assert set(kept[features.rule == 0]) == {1}


def test_with_many_sizes_plans_look_at_one_answer_only():
    assert max(map(len, run_sets(5))) == 4
    assert list(run_sets(6)) == [(i,) for i in range(5)]
    assert list(run_sets(1)) == []
