import base64
import copy
import dataclasses
import json
import math
import pickle

import pytest
from forests import forest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import GenerationError, InvalidInputError, UnknownNameError
from zeta_eval.models import Completion
from zeta_eval.router import ZetaDynamicRouter, best
from zeta_eval.router import router as router_module
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.domain import Domain, Ramp, bucket
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.heuristic import Learned, Level
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.estimators.words import Words, pieces
from zeta_eval.router.policy import RoutingPolicy, Rung

SIZES = ("small", "middle", "large")


@pytest.fixture
def router():
    # An answer's mean log-probability moves the small size's own chance strongly, and nobody else's.
    own = Posterior(size="small", bias=3.0, prior=1.0, own=0.0, weights={"mean_logprob": 10.0})
    return ZetaDynamicRouter(
        RoutingPolicy(
            name="t",
            rungs=tuple(Rung(size=s, cost=c) for s, c in zip(SIZES, (0.1, 0.3, 1.0), strict=True)),
            estimator=Seed(weights={"words": 1.0}, bias=-2.0, ability=(0.0, 1.0, 2.0), slope=(2.0, 2.0, 2.0)),
            cost_weight=0.3,
            default_size="middle",
            looks=(Look(ran=("small",), spread=0.5, posteriors=(own,)),),
        )
    )


def text(words):
    return " ".join(["word"] * words)


def says(answer, mean_logprob=None, error=None):
    return lambda query: Completion(text=answer, mean_logprob=mean_logprob, min_logprob=mean_logprob, error=error)


def test_the_seed_words_hold_without_any_policy_file():
    router = ZetaDynamicRouter()
    assert router.dynamic_model_sizing("Embed this sentence: the cat sat") == "4B"
    assert router.dynamic_model_sizing("Hi there") == "7B"
    assert router.dynamic_model_sizing("Prove that the square root of two is irrational and explain why") == "14B"
    assert router.dynamic_model_sizing("?!") == "default"
    labels = [router.evaluate_complexity(t).label for t in ("Embed: x", "Hi", "?!")]
    assert labels == ["embedding", "simple", "unknown"]


@pytest.mark.parametrize("sizes", [("1B",), ("1B", "8B"), ("1B", "2B", "4B", "8B", "16B")])
def test_the_seed_words_map_to_any_ladder(sizes):
    router = ZetaDynamicRouter(RoutingPolicy.seed(sizes))
    assert router.dynamic_model_sizing("Embed: x") == sizes[0]
    assert router.dynamic_model_sizing("Hi") == (sizes[-2] if len(sizes) > 1 else sizes[0])
    assert router.dynamic_model_sizing("Prove and explain why each theorem and its derivation is right") == sizes[-1]


def test_longer_queries_move_up_the_ladder(router):
    chosen = [router.route(text(n)).size for n in (1, 9, 20)]
    assert chosen == ["small", "middle", "large"]


@given(st.lists(st.integers(1, 60), min_size=2, max_size=2), st.floats(0, 5))
def test_a_greater_cost_weight_never_picks_a_dearer_size(words, extra):
    policy = RoutingPolicy.seed()
    router = ZetaDynamicRouter(policy)
    query, weight = text(words[0]), words[1] / 20
    low, high = (router.route(query, cost_weight=w).size for w in (weight, weight + extra))
    assert policy.sizes.index(high) <= policy.sizes.index(low)


def test_a_cost_weight_of_zero_takes_the_most_accurate_size(router):
    decision = router.route(text(5), cost_weight=0)
    assert decision.size == max(decision.p, key=decision.p.get) == "large"


def test_ties_go_to_the_cheaper_size():
    assert best([0.5, 0.5, 0.5], [0.0, 0.0, 0.0], 1.0) == 0


def test_reasons_name_features_chances_and_prices(router):
    reasons = router.route(text(9)).reasons
    assert "words" in reasons[0] and reasons[1].startswith("middle is expected to answer ")
    assert reasons[2].startswith("small costs ") and reasons[3].startswith("large is expected to fail ")
    assert "default size middle" in router.route("!!").reasons[0]


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, "much"])
def test_a_bad_cost_weight_is_refused(router, wrong):
    with pytest.raises(InvalidInputError, match="cost_weight"):
        router.route("hi", cost_weight=wrong)


def test_a_query_that_is_no_text_is_refused(router):
    with pytest.raises(InvalidInputError, match="must be text, got int"):
        router.evaluate_complexity(3)


def test_a_confident_answer_is_kept(router):
    routed = router.generate(text(1), {"small": says("a", -0.01), "middle": says("b"), "large": says("c")})
    assert (routed.text, routed.size, len(routed.steps)) == ("a", "small", 1)
    assert routed.steps[0].p_right > 0.9 and routed.latency_s >= 0
    assert routed.reasons[0].startswith("kept small")


def test_an_unsure_answer_goes_to_the_size_worth_its_cost(router):
    routed = router.generate(text(1), {"small": says("a", -2.0), "middle": says("b"), "large": says("c")})
    assert [s.size for s in routed.steps] == ["small", "middle"]
    assert routed.text == "b"
    assert "went from small to middle" in routed.reasons[0]


def test_a_listener_is_told_of_each_step_and_reason_as_it_happens(router):
    told, asked = [], []

    def answer(size, logprob):
        return lambda query: (asked.append((size, len(told))), says(size, logprob)(query))[1]

    sizes = {"small": answer("small", -2.0), "middle": answer("middle", None), "large": answer("large", None)}
    routed = router.generate(text(1), sizes, on_step=lambda step, reason: told.append((step, reason)))
    assert told == list(zip(routed.steps, routed.reasons, strict=True))
    assert asked == [("small", 0), ("middle", 1)]


def test_without_confidence_the_first_answer_stands(router):
    routed = router.generate(text(1), {"small": says("a"), "middle": says("b"), "large": says("c")})
    assert [s.size for s in routed.steps] == ["small"]
    assert routed.reasons == ("kept small: its answer does not change the chance of any size",)


def test_a_size_may_run_first_for_what_its_answer_tells_though_route_names_another(router):
    answers = {"small": says("a", -0.01), "middle": says("b"), "large": says("c")}
    assert router.route(text(3)).size == "middle"
    routed = router.generate(text(3), answers)
    assert (routed.size, routed.decision.size) == ("small", "middle")
    plain = ZetaDynamicRouter(dataclasses.replace(router.policy, looks=()))
    assert [s.size for s in plain.generate(text(3), answers).steps] == ["middle"]


def test_a_plan_runs_only_sizes_that_can_answer(router):
    routed = router.generate(text(3), {"middle": says("b"), "large": says("c")})
    assert [s.size for s in routed.steps] == ["middle"]


def test_a_size_that_fails_is_followed_by_a_larger_one(router):
    answers = {"small": says("", error="out of memory"), "middle": says("b"), "large": says("c")}
    routed = router.generate(text(1), answers)
    assert routed.text == "b" and routed.steps[0].error == "out of memory"


def test_when_every_size_fails_the_error_says_so(router):
    with pytest.raises(GenerationError, match="Every size called failed; the last, large, said: broken"):
        router.generate(text(1), {s: says("", error="broken") for s in SIZES})


def test_the_latency_limit_stops_escalation(router):
    answers = {"small": says("a", -2.0), "middle": says("b"), "large": says("c")}
    routed = router.generate(text(1), answers, max_latency_s=0.0)
    assert len(routed.steps) == 1 and "latency limit" in routed.reasons[0]


def test_a_missing_size_is_named(router):
    with pytest.raises(UnknownNameError, match="Unknown size 'small'"):
        router.generate(text(1), {"large": says("c")})


def test_a_decision_names_the_policy_version(router):
    other = ZetaDynamicRouter(dataclasses.replace(router.policy, cost_weight=0.31))
    assert router.route("hi").policy != other.route("hi").policy


KNOWN = "please add these numbers"
"""A sentence whose words the policies below know."""

ELSEWHERE = "Wer reitet so spät durch Nacht und Wind?"
"""A text without any of them."""

NO_TASK = TaskOffsets(of_task={})


@pytest.fixture
def learner(router):
    """A policy whose estimator knows the words of one sentence, and the task "sums"."""
    known = {i for word in KNOWN.split() for i in pieces(word, 8)}
    table = [(0.1, 0.0, 0.0) if i in known else (0.0, 0.0, 0.0) for i in range(256)]
    base = forest([], [0.2, 0.5, 0.8])
    estimator = Learned(
        forest=base,
        usual={},
        level=Level(mean=0.5, stretch=1.0),
        tasks=TaskOffsets(of_task={"sums": (0.4, 0.0, 0.0)}),
        words=Words(bits=8, n_sizes=3, constant=(0.2, 0.5, 0.8), table=encode(table)),
        weight=1.0,
    )
    costs = CostModel(
        log_cost=forest([], [-2.0, -1.0, 0.0]),
        shift=(0.0, 0.0, 0.0),
        tasks=TaskOffsets(of_task={"sums": (0.0, 1.0, 0.0)}),
        low=(0.0, 0.0, 0.0),
        high=(1.0, 1.0, 1.0),
    )
    return ZetaDynamicRouter(dataclasses.replace(router.policy, estimator=estimator, costs=costs))


def at_home(learner, fallback=None):
    """The same policy, which says that it was tuned on "sums" and on sentences of the words of one."""
    rarity = [255] * 256
    for word in KNOWN.split():
        rarity[bucket(word, 8)] = 16
    table = base64.b64encode(bytes(rarity)).decode()
    domain = Domain(tasks=("sums",), rarity=Ramp(near=2.0, far=6.0), bits=8, table=table)
    return ZetaDynamicRouter(dataclasses.replace(learner.policy, domain=domain, fallback=fallback))


def test_a_text_unlike_the_tuning_queries_goes_to_the_largest_size_where_there_is_no_fallback(learner):
    router = at_home(learner)
    near, far = router.route("Please add these numbers"), router.route(ELSEWHERE)
    assert (near.familiarity, far.familiarity) == (1.0, 0.0)
    assert near == dataclasses.replace(learner.route("Please add these numbers"), policy=near.policy)
    assert not any("unlike the queries" in reason for reason in near.reasons)
    assert far.size == "large" and list(far.p.values()) == [0.0, 0.0, 1.0]
    assert far.reasons[0] == "unlike the queries this policy was tuned on, so the largest size answers"


def test_a_text_unlike_the_tuning_queries_is_judged_by_the_fallback_at_mean_costs(learner):
    thumb = Seed(weights={"words": 1.0}, bias=-9.0, ability=(0.0, 1.0, 2.0), slope=(1.0, 1.0, 1.0))
    router = at_home(learner, thumb)
    decision = router.route(ELSEWHERE, task="new")
    d = -9.0 + math.log1p(8)
    assert list(decision.p.values()) == pytest.approx([1 / (1 + math.exp(d - a)) for a in (0, 1, 2)])
    assert decision.cost == {"small": 0.1, "middle": 0.3, "large": 1.0}
    assert decision.size == "small"
    assert decision.reasons[0] == "unlike the queries this policy was tuned on, so rules of thumb decide"


def test_chances_and_costs_are_a_mean_by_familiarity(learner):
    thumb = Seed(weights={}, bias=0.0, ability=(0.0, 0.0, 0.0), slope=(1.0, 1.0, 1.0))
    router = at_home(learner, thumb)
    query = "please add these numbers durch Nacht und Wind"
    found = router.route(query)
    # Four words of 1 nat, four of 255 / 16.
    f = (6.0 - (1 + 255 / 16) / 2) / 4.0
    assert f < 0
    query = "please add these numbers durch"
    found, alone = router.route(query), learner.route(query)
    f = (6.0 - (4 + 255 / 16) / 5) / 4.0
    assert found.familiarity == pytest.approx(f) and 0.5 < f < 0.6
    for size, mean in zip(SIZES, (0.1, 0.3, 1.0), strict=True):
        assert found.p[size] == pytest.approx(f * alone.p[size] + (1 - f) * 0.5)
        assert found.cost[size] == pytest.approx(f * alone.cost[size] + (1 - f) * mean)
    assert f"for {100 * (1 - f):.0f} % rules of thumb decide" in found.reasons[0]


def test_a_known_task_is_trusted_whatever_its_words(learner):
    assert at_home(learner).route(ELSEWHERE, task="sums").familiarity == 1.0
    assert at_home(learner).route(ELSEWHERE, task="proofs").familiarity == 0.0


def test_a_named_task_counts_where_the_policy_knows_it(learner):
    query = KNOWN
    plain, sums, other = (learner.route(query, task=t) for t in (None, "sums", "proofs"))
    assert plain == dataclasses.replace(other, task=None)
    assert sums.p["small"] == pytest.approx(plain.p["small"] + 0.4) and sums.p["large"] == plain.p["large"]
    assert sums.cost["middle"] == 1.0 and plain.cost["middle"] == pytest.approx(math.exp(-1))
    sizes = [learner.route(query, task=t, cost_weight=0.05).size for t in ("sums", None)]
    assert sizes == ["small", "large"]
    generated = learner.generate(query, {s: says(s, 0.0) for s in SIZES}, task="sums")
    assert generated.decision == dataclasses.replace(sums, selected=True)


def explored(router, n=300, **answers):
    """Runs of a router of which many queries explore, small answers being so unsure that a cascade goes past them."""
    exploring = ZetaDynamicRouter(router.policy, explore=0.6, seed=1)
    unsure = {s: says(s, -0.5) for s in SIZES} | answers
    return [exploring.generate(text(1), unsure) for _ in range(n)]


def test_a_cascade_keeps_the_answer_of_a_size_drawn_by_lot_unread_and_says_why(router):
    runs = explored(router)
    assert {len(r.steps) for r in runs if not r.decision.explored} == {2}
    lots = [r for r in runs if r.decision.explored]
    assert {r.size for r in lots} == set(SIZES) and all(len(r.steps) == 1 for r in lots)
    assert all(r.steps[0].p_right == r.decision.p[r.size] and not r.decision.selected for r in lots)
    small = next(r for r in lots if r.size == "small")
    assert small.reasons == ("kept small: drawn by lot to learn how good it is, so its answer is not looked at",)
    assert "small takes it, drawn by lot: 60 % of queries explore" in small.decision.reasons


def test_the_propensity_of_an_answer_that_is_kept_unread_is_that_of_the_lot(router):
    runs = explored(router)
    assert {r.decision.propensity for r in runs if r.decision.explored} == {1 / 3}
    assert {r.decision.propensity for r in runs if not r.decision.explored} == {1.0}
    share = sum(r.decision.explored for r in runs) / len(runs)
    assert share == pytest.approx(0.6, abs=0.1)  # the lot may fall on the best size as well


def test_without_a_cascade_every_first_answer_has_the_chance_of_its_choice(router):
    plain = ZetaDynamicRouter(dataclasses.replace(router.policy, looks=()))
    runs = explored(plain)
    assert all(len(r.steps) == 1 and not r.decision.selected for r in runs)
    assert {round(r.decision.propensity, 9) for r in runs} == {0.2, 0.6}


def test_a_size_drawn_by_lot_that_fails_is_followed_and_the_rating_tells_nothing(router):
    runs = explored(router, small=says("", error="out of memory"))
    failed = [r for r in runs if r.decision.explored and r.steps[0].size == "small"]
    assert failed and all(r.size != "small" and r.decision.selected for r in failed)


def test_an_answer_is_selected_where_what_it_said_had_a_part_in_keeping_it(router):
    sure, unread = says("small", -0.01), says("small")
    for answer, selected in ((sure, True), (unread, False)):
        routed = router.generate(text(1), {s: answer for s in SIZES})
        assert routed.size == "small" and routed.decision.selected is selected


def test_reasons_are_worked_out_when_they_are_first_read(router, monkeypatch):
    asked = []
    told = router_module.told
    monkeypatch.setattr(router_module, "told", lambda *a: (asked.append(a), told(*a))[1])
    decision = router.route(text(9))
    copied = dataclasses.replace(decision, size="large")
    assert not asked
    lines = list(decision.reasons)
    assert lines and all(isinstance(line, str) for line in lines)
    assert decision.reasons == tuple(lines) == copied.reasons and decision.reasons == lines != decision.reasons[1:]
    assert decision == dataclasses.replace(decision, reasons=tuple(lines)) and hash(decision.reasons) == hash(
        tuple(lines)
    )
    assert repr(decision.reasons) == repr(tuple(lines)) and decision.reasons[0] in decision.reasons
    assert len(asked) == 1  # the copy shares what was worked out


def test_reasons_are_copied_and_pickled_as_a_tuple(router):
    decision = router.route(text(9))
    for made in (pickle.loads(pickle.dumps(decision)), copy.deepcopy(decision)):
        assert type(made.reasons) is tuple and made == decision
    told = dataclasses.asdict(decision)["reasons"]
    assert type(told) is tuple and json.loads(json.dumps(told)) == list(decision.reasons)


def test_reasons_equal_nothing_but_lines(router):
    reasons = router.route(text(9)).reasons
    assert reasons == router.route(text(9)).reasons and reasons != "middle" and reasons != 3
