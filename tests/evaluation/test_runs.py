import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_policies import KINDS, answered, policy, queries, sizes

from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import FeatureCache
from zeta_eval.evaluation.batch.runs import PolicyRuns, run_sets, update
from zeta_eval.exceptions import GenerationError
from zeta_eval.models import Completion
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.cascade import ENGINE_SIGNALS, after, answer_signals


def stored(table, q):
    """By size, a function that gives the answer the table holds for its q-th query."""
    text, errors = table.texts("response")[q], table.texts("error")[q]
    names = ("mean_logprob", "min_logprob", "completion_tokens", "confidence", "agreement")
    mean, smallest, tokens, sure, agreed = (table.matrix(n)[q] for n in names)

    def says(m):
        return lambda query: Completion(
            text=text[m] if isinstance(text[m], str) else "",
            mean_logprob=None if np.isnan(mean[m]) else float(mean[m]),
            min_logprob=None if np.isnan(smallest[m]) else float(smallest[m]),
            completion_tokens=None if np.isnan(tokens[m]) else int(tokens[m]),
            confidence=None if np.isnan(sure[m]) else float(sure[m]),
            agreement=None if np.isnan(agreed[m]) else float(agreed[m]),
            error=errors[m] if isinstance(errors[m], str) else None,
        )

    return {size: says(m) for m, size in enumerate(table.sizes)}


@settings(max_examples=70, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 5), st.booleans(), st.booleans(), st.booleans())
def test_replay_asks_and_keeps_the_sizes_that_the_router_does(seed, kind, m, gaps, cascades, contexts):
    rng = np.random.default_rng(seed)
    # Where texts are missing, looks see log-probabilities alone: a router never meets an answer without a text.
    rule = policy(rng, kind, m, texts=not gaps, cascades=cascades, contexts=contexts)
    texts, tasks = queries(rng)
    table = answered(rng, texts, m, gaps=gaps)
    runs = PolicyRuns.of(rule, table, FeatureCache().features(texts, tasks)).at(rule.cost_weight)
    router = ZetaDynamicRouter(rule)
    for q, (text, task) in enumerate(zip(texts, tasks, strict=True)):
        routed = router.generate(text, stored(table, q), task=task)
        assert [s.size for s in routed.steps] == [sizes(m)[i] for i in np.flatnonzero(runs.ran[q])], (text, task)
        assert routed.size == sizes(m)[runs.kept[q]]


def test_random_policies_do_go_on_and_do_skip_sizes():
    """The property above would hold for policies that never look at anything, too."""
    walks, rng = set(), np.random.default_rng(0)
    for _ in range(40):
        rule = policy(rng, "learned", 4, cascades=True)
        texts, tasks = queries(rng)
        runs = PolicyRuns.of(rule, answered(rng, texts, 4), FeatureCache().features(texts, tasks))
        ran = runs.at(rule.cost_weight).ran
        walks |= {tuple(row) for row in ran.tolist()}
    assert {(True, False, True, False), (True, True, True, True), (False, True, False, False)} <= walks


def noted(size, give, tried):
    """The same function, which notes that the size was tried."""
    return lambda query: tried.append(size) or give(query)


@settings(max_examples=70, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 5), st.booleans())
def test_replay_goes_on_after_a_query_that_was_too_long_as_the_router_does(seed, kind, m, contexts):
    rng = np.random.default_rng(seed)
    rule = policy(rng, kind, m, cascades=True, contexts=contexts)
    texts, tasks = queries(rng)
    table = answered(rng, texts, m, refusals=0.4)
    runs = PolicyRuns.of(rule, table, FeatureCache().features(texts, tasks)).at(rule.cost_weight)
    router, score = ZetaDynamicRouter(rule), table.matrix("score")
    for q, (text, task) in enumerate(zip(texts, tasks, strict=True)):
        tried, answers = [], stored(table, q)
        try:
            kept = router.generate(
                text, answers, task=task, on_step=lambda step, _, to=tried: to.append(step.size)
            ).size
        except GenerationError:
            kept = tried[-1]
            assert score[q, runs.kept[q]] == 0.0
        if rule.looks:  # a policy that does not cascade is replayed as `route`, which stays with its choice
            assert tried == [sizes(m)[i] for i in np.flatnonzero(runs.ran[q])], (text, task)
            assert kept == sizes(m)[runs.kept[q]]


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
        moved = update(look, sizes(m), p, answers, np.arange(len(texts)))
        for q in range(len(texts)):
            earlier = {sizes(m)[i]: answers.view(q, i) for i in ran[:-1]}
            engine = {n: x for n in ENGINE_SIGNALS if np.isfinite(x := float(answers.engine[n][q, ran[-1]]))}
            signals = answer_signals(answers.view(q, ran[-1]), engine, earlier)
            assert moved[q] == pytest.approx(after(look, sizes(m), p[q].tolist(), signals), abs=1e-12)


def test_every_size_that_ran_is_paid_for_and_the_one_kept_is_the_last():
    longest = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rule = policy(rng, "heuristic", 4, cascades=True)
        texts, tasks = queries(rng, 20)
        table = answered(rng, texts, 4)
        runs = PolicyRuns.of(rule, table, FeatureCache().features(texts, tasks))
        kept, ran = runs.at(0.1)
        assert kept.tolist() == [int(np.flatnonzero(row)[-1]) for row in ran]
        paid = [g[r].sum() for g, r in zip(table.matrix("gpu_s"), ran, strict=True)]
        data = Evaluator(table, "gpu_s")
        cost, _ = runs.curve(data, np.array([0.1]))
        assert cost[:, 0] * data.unit_cost == pytest.approx(paid)
        longest = max(longest, int(ran.sum(axis=1).max()))
    assert longest > 1


def test_chances_and_costs_given_stand_for_what_the_policy_expects():
    rng = np.random.default_rng(0)
    rule = policy(rng, "heuristic", 3)
    texts, _ = queries(rng, 20)
    features = FeatureCache().features(texts)
    prior = np.tile([0.1, 0.9, 0.2], (len(texts), 1))
    runs = PolicyRuns(rule, features, None, expected=(prior, np.ones_like(prior))).at(0.0)
    assert set(runs.kept[features.rule == 0]) == {1}
    dear = np.tile([0.0, 1.0, 1.0], (len(texts), 1))
    assert set(PolicyRuns(rule, features, None, expected=(prior, dear)).at(1.0).kept[features.rule == 0]) == {0}


def test_with_many_sizes_plans_look_at_one_answer_only():
    assert max(map(len, run_sets(5))) == 4
    assert list(run_sets(6)) == [(i,) for i in range(5)]
    assert list(run_sets(1)) == []
