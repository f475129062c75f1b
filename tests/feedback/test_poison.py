import dataclasses
import math
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import SETTINGS, world

import zeta_eval as ze
from zeta_eval.evaluation.batch.predict import FeatureCache, expect
from zeta_eval.feedback import History
from zeta_eval.feedback.corrections import SOURCE_SHIFT
from zeta_eval.feedback.judged import LEAST_QUERIES, WORD, Judged
from zeta_eval.feedback.online import Online, OnlineSettings
from zeta_eval.feedback.rows import query_hash
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.estimators.tables import logit
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.learning_report import Difference
from zeta_eval.tuning.promotion import shown, together

POLICY = RoutingPolicy.seed()
SIZES = POLICY.sizes
CAP = OnlineSettings().source_shift
ESTIMATE = POLICY.estimate("How many pears are there?")
DECISION = ZetaDynamicRouter(POLICY).route("How many pears are there?", task="sums")

runs = st.tuples(
    st.sampled_from(["liar", "ann", "bob", "scorer"]),
    st.sampled_from(SIZES),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.02, 0.5, 0.9, 0.99]),
    st.sampled_from([1, 7, 40, 150]),
    st.sampled_from([0.0, 1.0, 3e4, 1e6]),
)
"""Who judges which size how, what the policy expected, how often, and the seconds that pass before."""


def changes(events, without=None):
    """Change of log-odds of each size at several expectations, after some labels."""
    now = [1e9]
    online = Online(POLICY, settings=OnlineSettings(noise=1e-9), clock=lambda: now[0])
    for source, size, score, p, times, wait_s in events:
        now[0] += wait_s
        decision = dataclasses.replace(DECISION, p_tuned=dict.fromkeys(SIZES, p))
        for _ in range(times if source != without else 0):
            online.learn(decision, size, score, source=source)
    tuned = [dataclasses.replace(ESTIMATE, p=(p,) * 3) for p in (0.02, 0.3, 0.5, 0.95)]
    return np.array([[logit(p) - logit(e.p[0]) for p in online.adjust(e, "sums").p] for e in tuned])


@settings(max_examples=40, deadline=None)
@given(st.lists(runs, max_size=8))
def test_no_source_changes_a_log_odds_by_more_than_the_stated_bound_whatever_the_others_say(events):
    told = changes(events)
    assert np.abs(told).max() <= CAP + 1e-9
    for source in {event[0] for event in events}:
        assert np.abs(told - changes(events, without=source)).max() <= CAP + 1e-9


@settings(max_examples=20, deadline=None)
@given(st.lists(runs.map(lambda run: ("liar", *run[1:])), max_size=8))
def test_a_source_alone_changes_a_log_odds_by_at_most_four_fifths_of_the_bound(events):
    assert np.abs(changes(events)).max() <= 0.8 * CAP + 1e-9


def test_the_bound_is_nearly_reached_by_a_liar_who_says_the_opposite_of_few_honest_labels():
    honest = [("ann", "7B", 1.0, 0.5, 60, 0.0)]
    liar = [("liar", "7B", 0.0, 0.5, 10_000, 0.0)]
    moved = np.abs(changes(honest + liar) - changes(honest))
    assert 0.6 * CAP < moved.max() <= CAP
    assert np.array_equal(changes(liar + honest), changes(honest + liar))  # whoever speaks first


def lie(path, table):
    """One source judges every answer of a table, and says of each the opposite of the truth."""
    sizes = list(table.sizes) * len(table)
    scores = (1 - table.matrix("score")).ravel()
    texts, tasks = (np.repeat(x, len(table.sizes)) for x in (table.queries, table.tasks))
    names = "created_at, source, score, query_hash, query, size, task"
    rows = [
        ("2026-01-01", "stranger", *row)
        for row in zip(map(float, scores), map(query_hash, texts), texts, sizes, tasks, strict=True)
    ]
    store = sqlite3.connect(path)
    with store:
        store.executemany(f"insert into zeta_feedback ({names}) values (?, ?, ?, ?, ?, ?, ?)", rows)
    store.close()
    return len(rows)


def route(path, policy, table, *, source="person"):
    """Route a table's queries, explore with 40 %, and judge every answer truly."""
    router = ze.ZetaDynamicRouter(policy, explore=0.4, seed=0)
    with History(path) as history:
        keys = []
        for text, task, score in zip(table.queries, table.tasks, table.matrix("score"), strict=True):
            decision = router.route(text, task=task)
            key = history.record(decision, text, task=task)
            keys.append((key, float(score[table.sizes.index(decision.size)])))
        for key, score in keys:
            history.feedback(key, score=score, source=source)


@pytest.fixture(scope="module")
def poisoned(old, tmp_path_factory):
    """500 true labels of people, and more than 10,000 wrong ones of a stranger."""
    path = tmp_path_factory.mktemp("p") / "h.db"
    route(path, old, world(500, 5))
    assert lie(path, world(3400, 7)) == 10_200
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    path = tmp_path_factory.mktemp("a") / "h.db"
    History(path).close()
    lie(path, world(3400, 7))
    return path


def expected(old, path, without=None):
    """Queries, what is tuned on of the policy's own costs, and what is expected of every size."""
    with History(path) as history:
        judged = Judged.of(history, old.sizes)
    if without is not None:
        judged = only(judged, judged.source != judged.sources.index(without))
    features = FeatureCache().features(judged.queries["query"].to_numpy(dtype=object), judged.tasks)
    tuned = expect(old, features)[0]
    return judged, tuned, judged.corrected(tuned)


def only(judged, rows):
    """Some labels of all."""
    names = ("at", "size", "score", "source", "propensity", "explored")
    kept = {name: getattr(judged, name)[rows] for name in names}
    return dataclasses.replace(judged, **kept, measured=judged.measured[rows])


@pytest.fixture(scope="module")
def beside(old, poisoned):
    return ze.learn(old, poisoned, settings=SETTINGS)


def test_ten_thousand_lies_beside_five_hundred_true_ratings_do_not_promote_a_version(old, poisoned, beside):
    for report in (beside, ze.learn(old, poisoned, outcomes=world(1500, 3), settings=SETTINGS)):
        by = {e.source: e for e in report.differences}
        assert by["all sizes judged by stranger"].n > 500
        assert "explored feedback by person" in by or "of the queries that person judged" in report.text()
        assert not report.promoted and report.policy is old


def test_lies_alone_do_not_promote_a_version_against_a_benchmark(old, alone):
    report = ze.learn(old, alone, outcomes=world(1500, 3), settings=SETTINGS)
    assert not report.promoted
    assert "the influence of stranger is bounded" in report.text()
    assert "only stranger compares" not in report.text()


@pytest.mark.parametrize("history", ["poisoned", "alone"])
def test_lies_change_what_is_expected_and_tuned_on_at_most_by_the_stated_bounds(old, history, request):
    path = request.getfixturevalue(history)
    judged, tuned, p = expected(old, path)
    most = math.tanh(SOURCE_SHIFT / 4)
    if history == "alone":
        reach, honest = math.tanh(0.8 * SOURCE_SHIFT / 4), tuned
    else:
        reach, honest = most, expected(old, path, without="stranger")[2]
    assert 0.1 < np.abs(p - honest).max() <= reach + 1e-9
    cost = np.ones_like(p)
    filled = judged.completed(p, cost, "gpu_s").set_index(["query_id", "model"])["score"]
    clean = only(judged, judged.source != judged.sources.index("stranger")).completed(honest, cost, "gpu_s")
    gap = (filled - clean.set_index(["query_id", "model"])["score"]).dropna()
    assert len(gap) >= 3 * LEAST_QUERIES and gap.abs().max() <= WORD + (1 - WORD) * most + 1e-9


def test_a_version_that_is_forced_on_lies_is_worse_by_less_than_the_bound(old, alone, beside):
    forced = ze.learn(old, alone, settings=SETTINGS, force=True)
    assert forced.forced and "only stranger compares the two versions" in forced.text()
    later = ze.compare({"old": old, "beside": beside.new, "alone": forced.new}, world(1000, 9), split="all")
    together, single = later.rows["utility_difference"][1:]
    assert -math.tanh(SOURCE_SHIFT / 4) < single < -0.02 < together  # uncapped it is 0.43 worse


def difference(judge, value, n, wide=0.01):
    return Difference(source=str(judge), n=n, value=value, low=value - wide, high=value + wide, judge=judge)


def test_a_version_is_better_only_if_no_single_source_carries_it():
    liar, honest, benchmark = (
        difference("liar", 0.5, 10_000),
        difference("ann", -0.005, 100),
        difference(None, 0.02, 100),
    )
    assert not shown([liar, honest]) and not shown([])
    assert not shown([liar]) and shown([liar, benchmark])
    assert not shown([liar, liar]) and shown([liar, difference("bob", 0.01, 50)])
    assert not shown([liar, difference(None, -0.005, 100)])
    assert shown([difference(None, 0.5, 10_000), honest])  # a trusted one
    assert not shown([difference("ann", 0.5, 100), difference("bob", -0.2, 100), benchmark])


def test_together_a_source_counts_no_more_than_all_the_others():
    both = together([difference("liar", 0.5, 10_000), difference("ann", -0.1, 60), difference(None, -0.1, 40)])
    assert both.value == pytest.approx(0.2) and both.n == 10_100
    assert together([difference("liar", 0.5, 10_000)]).value == 0.5


def test_a_source_brings_no_more_queries_than_all_others_or_a_thousand(old, poisoned):
    judged, _, p = expected(old, poisoned)
    assert len(judged.queries) == 3900
    for others, kept in ((0, 500 + 1000), (2000, 500 + 2500), (9000, 3900)):
        assert len(judged.completed(p, p, "gpu_s", others=others)) == 3 * kept


def test_of_several_ratings_of_an_answer_each_source_has_one_word(old, tmp_path):
    with History(tmp_path / "h.db") as history:
        key = history.record(ZetaDynamicRouter(POLICY).route("What is 1 + 2?"), "What is 1 + 2?")
        for score, source in ((0.0, "liar"), (1.0, "ann"), (0.0, "liar"), (1.0, "bob"), (0.0, "liar")):
            history.feedback(key, score=score, source=source)
        judged = Judged.of(history, POLICY.sizes)
        trusting = Judged.of(history, POLICY.sizes, trusted=["ann"])
    assert sorted(zip(judged.source, judged.score, strict=True)) == [(0, 1.0), (1, 1.0), (2, 0.0)]
    p = np.full((1, 3), 0.5)
    assert judged.completed(p, p, "gpu_s")["score"].max() == pytest.approx(0.5 + WORD * (0.5 + 0.5 - 0.5))
    assert trusting.completed(p, p, "gpu_s")["score"].max() == 1.0
