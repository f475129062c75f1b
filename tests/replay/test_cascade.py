import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_policies import answered, peek, policy, queries, sizes

from zeta_eval.cascade import LOGPROBS, PREFILL, after, answer_signals, reading_signals
from zeta_eval.models import Completion
from zeta_eval.outcomes import Outcomes
from zeta_eval.replay import FeatureCache
from zeta_eval.replay.answers import Answers
from zeta_eval.replay.cascade import Cascade, cascade_curve, run_sets, update
from zeta_eval.replay.evaluator import Evaluator
from zeta_eval.replay.reading import reading_cost
from zeta_eval.router import ZetaDynamicRouter

KINDS = ("heuristic", "costs", "learned")


def stored(table, q):
    """By size, a function that gives the answer the table holds for its q-th query."""
    text = table.texts("response")[q]
    mean, smallest, tokens = (table.matrix(n)[q] for n in ("mean_logprob", "min_logprob", "completion_tokens"))

    def says(m):
        return lambda query: Completion(
            text=text[m] if isinstance(text[m], str) else "",
            mean_logprob=None if np.isnan(mean[m]) else float(mean[m]),
            min_logprob=None if np.isnan(smallest[m]) else float(smallest[m]),
            completion_tokens=None if np.isnan(tokens[m]) else int(tokens[m]),
        )

    return {size: says(m) for m, size in enumerate(table.sizes)}


def reads(table, q):
    """A function that gives the smallest size's reading of the table's q-th query; None where it is not stored."""
    margin, entropy, cost = (table.matrix(f"prefill_{n}")[q, 0] for n in ("margin", "entropy", "gpu_s"))
    if np.isnan([margin, entropy, cost]).any():
        return None
    return lambda query: Completion(text="", prefill_margin=float(margin), prefill_entropy=float(entropy))


@settings(max_examples=70, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 5), st.booleans())
def test_replay_asks_and_keeps_the_sizes_that_the_router_does(seed, kind, m, gaps):
    rng = np.random.default_rng(seed)
    # Where texts are missing, looks see log-probabilities alone: a router never meets an answer without a text.
    rule = policy(rng, kind, m, texts=not gaps, cascades=True)
    texts, tasks = queries(rng)
    table = answered(rng, texts, m, gaps=gaps)
    walks = Cascade(rule, FeatureCache().features(texts, tasks), Answers.of(table)).run(rule.cost_weight)
    router = ZetaDynamicRouter(rule)
    for q, (text, task) in enumerate(zip(texts, tasks, strict=True)):
        routed = router.generate(text, stored(table, q), task=task, peek=reads(table, q))
        assert [s.size for s in routed.steps] == [sizes(m)[i] for i in np.flatnonzero(walks.ran[q])], (text, task)
        assert routed.size == sizes(m)[walks.kept[q]]
        assert (routed.read_s is not None) == walks.peeked[q]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_where_nothing_can_be_read_replay_and_router_go_on_unread(seed):
    rng = np.random.default_rng(seed)
    rule = policy(rng, "costs", 3, cascades=True)
    texts, tasks = queries(rng)
    table = answered(rng, texts, 3)
    unread = Outcomes.from_frame(table.frame.assign(prefill_gpu_s=np.nan)).with_order(table.sizes)
    features = FeatureCache().features(texts, tasks)
    found = Cascade(rule, features, Answers.of(unread)).run(rule.cost_weight)
    plain = dataclasses.replace(rule, peek=None)
    expected = Cascade(plain, features, Answers.of(table)).run(rule.cost_weight)
    assert not found.peeked.any()
    assert (found.ran == expected.ran).all() and (found.kept == expected.kept).all()


def test_random_policies_do_go_on_and_do_skip_sizes_and_read_some_queries():
    """The property above would hold for policies that never look at anything, too."""
    walks, rng = set(), np.random.default_rng(0)
    peeked, turned = 0, 0
    for _ in range(40):
        rule = policy(rng, "learned", 4, cascades=True)
        texts, tasks = queries(rng)
        answers = Answers.of(answered(rng, texts, 4))
        features = FeatureCache().features(texts, tasks)
        _, ran, read = Cascade(rule, features, answers).run(rule.cost_weight)
        _, unread, _ = Cascade(dataclasses.replace(rule, peek=None), features, answers).run(rule.cost_weight)
        walks |= {tuple(row) for row in ran.tolist()}
        peeked += int(read.sum())
        turned += int((ran != unread).any(axis=1).sum())
    assert {(True, False, True, False), (True, True, True, True), (False, True, False, False)} <= walks
    assert 40 < peeked < 40 * len(texts) / 2
    assert turned > 20


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
            earlier = {sizes(m)[i]: answers.views[q, i] for i in ran[:-1]}
            logprobs = {n: x for n in LOGPROBS if np.isfinite(x := float(answers.logprobs[n][q, ran[-1]]))}
            signals = answer_signals(answers.views[q, ran[-1]], logprobs, earlier)
            assert moved[q] == pytest.approx(after(look, sizes(m), p[q].tolist(), signals), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_a_reading_moves_every_chance_as_the_router_moves_it(seed, m):
    rng = np.random.default_rng(seed)
    texts, _ = queries(rng, 4)
    answers, told, p = Answers.of(answered(rng, texts, m)), peek(rng, m), rng.random((len(texts), m))
    moved = update(told, sizes(m), p, answers, np.arange(len(texts)))
    for q in range(len(texts)):
        signals = reading_signals(*(float(answers.prefill[n][q]) for n in PREFILL))
        assert moved[q] == pytest.approx(after(told, sizes(m), p[q].tolist(), signals), abs=1e-12)


def test_every_reading_and_every_size_that_ran_is_paid_for_and_the_one_kept_is_the_last():
    longest, n_read = 0, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rule = dataclasses.replace(policy(rng, "costs", 4, cascades=True), peek=peek(rng, 4))
        texts, tasks = queries(rng, 20)
        table = answered(rng, texts, 4)
        cascade = Cascade(rule, FeatureCache().features(texts, tasks), Answers.of(table))
        kept, ran, peeked = cascade.run(0.1)
        assert kept.tolist() == [int(np.flatnonzero(row)[-1]) for row in ran]
        gpu_s, reading = table.matrix("gpu_s"), table.matrix("prefill_gpu_s")[:, 0]
        paid = [g[r].sum() + (x if p else 0.0) for g, r, x, p in zip(gpu_s, ran, reading, peeked, strict=True)]
        data = Evaluator(table, "gpu_s")
        cost, _ = cascade_curve(cascade, data, np.array([0.1]))
        assert cost[:, 0] * data.unit_cost == pytest.approx(paid)
        longest, n_read = max(longest, int(ran.sum(axis=1).max())), n_read + int(peeked.sum())
    assert longest > 1 and n_read > 10


def test_reading_costs_its_share_of_gpu_seconds_in_money_and_the_time_to_the_first_token_in_time():
    frame = answered(np.random.default_rng(0), ["a", "b", "c"], 2).frame
    first = frame["model"] == "1B"
    frame.loc[first, ["prefill_gpu_s", "gpu_s"]] = [[0.1, 0.4], [np.nan, 0.4], [0.0, 0.0]]
    frame = frame.assign(cost_usd=8.0, latency_s=2.0)
    frame.loc[first, "ttft_s"] = [np.nan, 0.3, 0.3]
    table = Outcomes.from_frame(frame).with_order(("1B", "2B"))
    assert reading_cost(table, "gpu_s") == pytest.approx([0.1, np.nan, np.nan], nan_ok=True)
    assert reading_cost(table, "cost_usd") == pytest.approx([2.0, np.nan, np.nan], nan_ok=True)
    assert reading_cost(table, "latency_s") == pytest.approx([0.5, 0.3, 0.3])


def test_a_prior_given_stands_for_what_the_policy_expects():
    rng = np.random.default_rng(0)
    rule = policy(rng, "heuristic", 3)
    texts, _ = queries(rng, 20)
    features, answers = FeatureCache().features(texts), Answers.of(answered(rng, texts, 3))
    prior = np.tile([0.1, 0.9, 0.2], (len(texts), 1))
    walks = Cascade(rule, features, answers, prior=prior).run(0.0)
    assert set(walks.kept[features.rule == 0]) == {1}


def test_with_many_sizes_plans_look_at_one_answer_only():
    assert max(map(len, run_sets(5))) == 4
    assert list(run_sets(6)) == [(i,) for i in range(5)]
    assert list(run_sets(1)) == []
