import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_policies import KINDS, policy, queries
from replay_tables import SIZES, by_length, length_policy, random_texts

from zeta_eval.evaluation.batch.context import forced
from zeta_eval.evaluation.batch.predict import FeatureCache, decide, expect, expected_costs, familiarities
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.complexity import FEATURES, extract, feature
from zeta_eval.router.complexity.features import _ABSENT, _FREE, GROUP_OF
from zeta_eval.router.policy import Rung, size_label

ODD = ["", "   ", "?!", "Embed this sentence: hello", "x" * 9000, "1+1", "é ß 漢字", "Prove it.\n" * 900]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.text(max_size=60), max_size=5),
    st.sampled_from([0.0, 0.1, 0.5, 2.0]),
    st.sampled_from(KINDS),
    st.integers(1, 5),
    st.booleans(),
)
def test_every_query_goes_where_the_router_sends_it(seed, more, weight, kind, m, contexts):
    rng = np.random.default_rng(seed)
    rule = policy(rng, kind, m, cascades=bool(seed % 2), contexts=contexts)  # looks change nothing for `route`
    texts, tasks = queries(rng)
    texts, tasks = np.r_[texts, np.array([*more, *ODD], dtype=object)], np.r_[tasks, [None] * (len(more) + len(ODD))]
    router = ZetaDynamicRouter(rule)
    chosen = decide(rule, FeatureCache().features(texts, tasks), weight)
    routed = [router.route(x, task=t, cost_weight=weight).size for x, t in zip(texts, tasks, strict=True)]
    assert [rule.sizes[i] for i in chosen] == routed


def test_no_tasks_given_are_tasks_that_nobody_knows():
    rng = np.random.default_rng(5)
    rule = policy(rng, "learned")
    texts, _ = queries(rng, 40)
    router = ZetaDynamicRouter(rule)
    chosen = decide(rule, FeatureCache().features(texts), 0.1)
    for task in (None, "never seen"):
        assert [rule.sizes[i] for i in chosen] == [router.route(x, task=task, cost_weight=0.1).size for x in texts]


def test_sizes_that_tie_but_for_rounding_are_decided_by_the_routers_arithmetic():
    alike = by_length(ability=(36.6, 36.8, 37.0), weights={"words": 0.01}, bias=0.0)
    policy = length_policy(rungs=tuple(Rung(size=s, cost=0.0) for s in SIZES), estimator=alike)
    texts = random_texts(np.random.default_rng(0), 300)
    router = ZetaDynamicRouter(policy)
    chosen = decide(policy, FeatureCache().features(texts), 0.0)
    assert [SIZES[i] for i in chosen] == [router.route(t, cost_weight=0.0).size for t in texts]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 5), st.booleans())
def test_complexity_cost_familiarity_and_chances_are_the_policys_own(seed, kind, m, contexts):
    rng = np.random.default_rng(seed)
    texts, tasks = queries(rng, 20)
    features, rule = FeatureCache().features(texts, tasks), policy(rng, kind, m, contexts=contexts)
    estimates = [rule.estimate(x, t) for x, t in zip(texts, tasks, strict=True)]
    p, cost = expect(rule, features)
    assert p == pytest.approx(np.array([e.p for e in estimates]), rel=1e-10, abs=1e-12)
    assert 1.0 - p[:, 0] == pytest.approx(np.array([e.complexity.score for e in estimates]), abs=1e-12)
    assert cost == pytest.approx(np.array([e.cost for e in estimates]), rel=1e-10, abs=1e-12)
    assert np.array_equal(expected_costs(rule, features), cost)
    assert familiarities(rule, features) == pytest.approx([e.familiarity for e in estimates], abs=1e-12)


def test_random_policies_find_texts_familiar_in_full_in_part_and_not_at_all():
    """The properties here would hold for policies that never fall back, too."""
    rng, found = np.random.default_rng(0), []
    for _ in range(30):
        texts, tasks = queries(rng)
        found += familiarities(policy(rng, "learned"), FeatureCache().features(texts, tasks)).tolist()
    assert {0.0, 1.0} < set(found)
    assert sum(0 < x < 1 for x in found) > 20


def test_random_policies_hold_some_queries_in_all_in_some_and_in_no_size():
    """The properties here would hold for policies that hold every query, too."""
    rng, found = np.random.default_rng(0), set()
    for _ in range(60):
        router = ZetaDynamicRouter(policy(rng, "heuristic", contexts=True))
        found |= {len(router.route(text).too_long) for text in queries(rng)[0]}
    assert found == {0, 1, 2, 3}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(KINDS),
    st.integers(1, 5),
    st.lists(st.text(max_size=60), max_size=5),
    st.booleans(),
)
def test_the_label_the_sizing_and_the_route_of_a_text_agree(seed, kind, m, more, contexts):
    rng = np.random.default_rng(seed)
    router = ZetaDynamicRouter(policy(rng, kind, m, contexts=contexts))
    sizes = router.policy.sizes
    for text in (*queries(rng)[0], *more):
        decision, label = router.route(text), router.evaluate_complexity(text).label
        size, able = decision.size, decision.allowed
        assert label == decision.complexity.label and size in able
        assert router.dynamic_model_sizing(text) == ("default" if label == "unknown" else size)
        if label == "unknown":
            assert size == (default if (default := router.policy.default_size) in able else able[-1])
        elif label == "embedding":
            assert size == (embeds if (embeds := router.policy.embedding_size or sizes[0]) in able else able[0])
        else:
            assert label == size_label(sizes.index(size), m)


@pytest.mark.parametrize(
    ("m", "labels"),
    [
        (1, ["simple"]),
        (2, ["simple", "complex"]),
        (3, ["trivial", "simple", "complex"]),
        (4, ["trivial", "simple", "simple", "complex"]),
    ],
)
def test_labels_follow_the_place_of_the_size(m, labels):
    assert [size_label(i, m) for i in range(m)] == labels


def test_an_embedding_rung_without_outcomes_is_stood_in_for_by_the_default():
    read = FeatureCache().features(["Embed this: a", "?", "hello"])
    assert forced(length_policy(embedding_size="embedder"), read).tolist() == [2, 2, -1]
    assert forced(length_policy(embedding_size="4B"), read).tolist() == [1, 2, -1]
    assert forced(length_policy(embedding_size=None), read).tolist() == [0, 2, -1]


def test_the_feature_matrix_has_the_registered_order():
    matrix = FeatureCache().features(ODD).columns.T
    assert matrix.shape == (len(ODD), len(FEATURES))
    assert matrix[5].tolist() == list(extract("1+1").values())


@pytest.fixture
def register():
    """Registers features for the time of a test."""
    before = set(FEATURES)
    yield feature
    for name in set(FEATURES) - before:
        del FEATURES[name], GROUP_OF[name], _ABSENT[name], _FREE[name]


def test_a_text_is_read_once(register):
    read = []
    register("reads")(lambda view: float(len(read.append(view.text) or read)))
    cache = FeatureCache()
    first = cache.features(["a", "b", "a"])
    again = cache.features(["b", "c"])
    assert read == ["a", "b", "c"]
    assert (first.columns[:, 1] == again.columns[:, 0]).all()


def test_a_changed_list_is_not_taken_for_the_last_one():
    cache, texts = FeatureCache(), ["a"]
    cache.features(texts)
    texts.append("b")
    assert cache.features(texts).columns.shape[1] == 2


def test_a_feature_registered_later_is_read(register):
    cache = FeatureCache()
    cache.features(["a"])
    register("always_three")(lambda view: 3.0)
    features = cache.features(["a"])
    assert features.columns[features.names.index("always_three")].tolist() == [3.0]
