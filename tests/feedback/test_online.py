import dataclasses
import functools
import json
import math
import random

import pytest

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.feedback.drift import Drift
from zeta_eval.feedback.ledgers import OTHERS, SOURCES
from zeta_eval.feedback.online import UNNAMED, Online, OnlineSettings
from zeta_eval.models import Completion
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.checked_file import checksum
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.policy import RoutingPolicy, Rung

SIZES = ("small", "middle", "large")
TEXT = "How many pears are there?"


class Clock:
    """Time that a test sets."""

    def __init__(self):
        self.now_s = 1e9

    def __call__(self):
        return self.now_s


def policy(**changes):
    rungs = tuple(
        Rung(size=s, cost=c, latency_s=t) for s, c, t in zip(SIZES, (0.1, 0.3, 1.0), (0.1, 0.3, 1.0), strict=True)
    )
    made = RoutingPolicy(
        name="t",
        rungs=rungs,
        estimator=Seed(weights={"words": 0.0}, bias=0.0, ability=(0.0, 0.5, 2.0), slope=(1.0, 1.0, 1.0)),
        cost_weight=0.3,
        default_size="middle",
    )
    return dataclasses.replace(made, **changes)


@pytest.fixture
def clock():
    return Clock()


def learner(clock, *, settings=None, drift=None, **changes):
    online = Online(policy(**changes), settings=settings, drift=drift, clock=clock)
    return ZetaDynamicRouter(policy(**changes), online=online)


def logit(p):
    return math.log(p / (1 - p))


def moved(router, size="small", task="sums"):
    decision = router.route(TEXT, task=task)
    return logit(decision.p[size]) - logit(decision.p_tuned[size])


def test_before_any_event_the_router_decides_as_tuned(clock):
    router, plain = learner(clock), ZetaDynamicRouter(policy())
    decision, tuned = router.route(TEXT, task="sums"), plain.route(TEXT, task="sums")
    assert (decision.size, decision.p, decision.cost, decision.familiarity) == (
        tuned.size,
        tuned.p,
        tuned.cost,
        tuned.familiarity,
    )
    assert decision.p_tuned == tuned.p and tuned.p_tuned is None


@pytest.mark.parametrize("wrong", [1, 3, 10, 20])
def test_few_ratings_move_nothing_even_where_all_agree(clock, wrong):
    router = learner(clock)
    for _ in range(wrong):
        router.learn(router.route(TEXT, task="sums"), "small", 0.0)
    assert moved(router) == 0


@pytest.mark.parametrize("wrong", [60, 120])
def test_more_ratings_move_less_than_a_beta_mean_with_thirty_pseudo_counts(clock, wrong):
    router = learner(clock)
    for _ in range(wrong):
        router.learn(router.route(TEXT, task="sums"), "small", 0.0)
    assert logit(15 / (30 + wrong)) < moved(router) < 0  # p is one half as tuned


def test_a_rating_moves_no_more_than_its_share_of_the_prior(clock):
    router = learner(clock, settings=OnlineSettings(noise=1e-9))
    router.learn(router.route(TEXT, task="sums"), "small", 0.0)
    bound = 2 / 3 * OnlineSettings().source_shift / 31  # of one source, and less than logit(15 / 31), a Beta mean's
    assert moved(router) == pytest.approx(-bound, rel=1e-6) and bound < 2 / 31


def test_many_ratings_bring_the_estimate_to_what_was_seen(clock):
    router = learner(clock)
    for i in range(600):
        router.learn(router.route(TEXT, task="sums"), "small", float(i % 10 < 7))
    assert router.route(TEXT, task="sums").p["small"] == pytest.approx(0.7, abs=0.05)


def test_other_tasks_and_sizes_are_moved_less_or_not(clock):
    router = learner(clock)
    for _ in range(200):
        router.learn(router.route(TEXT, task="sums"), "small", 1.0)
    own, other = moved(router), moved(router, "large")
    assert own > other >= 0
    assert moved(router, task="proofs") == moved(router, task=None) == 0


def test_an_ability_that_shows_in_hard_queries_only_changes_the_slope(clock):
    router = learner(clock)
    ease = dict.fromkeys(SIZES, 0.9)
    trouble = dict.fromkeys(SIZES, 0.1)
    decision = router.route(TEXT)
    for _ in range(200):
        router.learn(dataclasses.replace(decision, p_tuned=ease), "small", 1.0)
        router.learn(dataclasses.replace(decision, p_tuned=trouble), "small", 0.0)
    settings = OnlineSettings()
    _, total = router.online._tasks[UNNAMED].total(clock.now_s, settings.half_life_s, settings.rules)
    assert total[len(SIZES)] > 0.05


def test_ratings_fade_with_time_back_to_the_policy(clock):
    router = learner(clock)
    half_life_s = OnlineSettings().half_life_s
    for _ in range(100):
        router.learn(router.route(TEXT, task="sums"), "small", 1.0)
    fresh = moved(router)
    clock.now_s += 0.2 * half_life_s
    assert 0 < moved(router) < fresh
    clock.now_s += half_life_s
    assert moved(router) <= fresh / 2
    clock.now_s += 100 * half_life_s
    assert moved(router) == 0


def test_ten_thousand_wrong_ratings_of_one_source_stay_within_the_stated_bound(clock):
    router, cap = learner(clock), OnlineSettings().source_shift
    before = router.route(TEXT, task="sums").p
    for _ in range(5_000):
        decision = router.route(TEXT, task="sums")
        router.learn(decision, "large", 0.0, source="liar")
        router.learn(decision, "small", 1.0, source="liar")
    after = router.route(TEXT, task="sums").p
    for size in ("small", "large"):
        assert 0.5 < abs(moved(router, size)) <= cap + 1e-9
        assert abs(after[size] - before[size]) <= math.tanh(cap / 4) + 1e-9
    assert moved(router, "large", task="proofs") == 0
    for size, score in (("large", 1.0), ("small", 0.0)):
        for _ in range(500):
            router.learn(router.route(TEXT, task="sums"), size, score, source="person")
    assert moved(router, "large") > -cap and moved(router, "small") < cap


def test_a_size_with_few_ratings_moves_with_the_others_where_a_task_is_hard_for_all(clock):
    router = learner(clock)
    for i in range(300):
        decision = router.route(TEXT, task="sums")
        router.learn(decision, "small", float(i % 10 < 2))
        if i % 50 == 0:
            router.learn(decision, "middle", float(i % 100 == 0))
    assert moved(router, "middle") < moved(router, "small") / 3 < 0


def test_a_liar_beside_honest_ratings_does_less_than_alone(clock):
    router = learner(clock)
    for i in range(3000):
        decision = router.route(TEXT, task="sums")
        router.learn(decision, "small", 0.0, source="liar")
        router.learn(decision, "small", float(i % 2), source="person")
    assert abs(moved(router)) < OnlineSettings().source_shift


def test_sources_without_number_share_one_cap(clock):
    router = learner(clock)
    for i in range(1500):
        router.learn(router.route(TEXT, task="sums"), "small", 0.0, source=f"s{i}")
    by = router.online._tasks["sums"].by
    assert len(by) == SOURCES and OTHERS in by
    assert abs(moved(router)) <= 2 * OnlineSettings().source_shift + 1e-9


def test_a_slower_server_costs_more_at_once_and_less_again_once_it_recovers(clock):
    router = learner(clock, cost_unit="latency_s")
    for _ in range(30):
        router.observe("large", 1.0)
    assert router.route(TEXT).cost["large"] == 1.0
    for _ in range(12):
        router.observe("large", 3.0)
    slow = router.route(TEXT)
    assert 1.5 < slow.cost["large"] <= 3.0 and slow.cost["small"] == 0.1
    assert "latency moved the expected cost: large 1.00 to" in " ".join(slow.reasons)
    for _ in range(100):
        router.observe("large", 1.0)
    assert router.route(TEXT).cost["large"] == pytest.approx(1.0, abs=0.02)


def test_a_size_that_is_not_called_any_more_is_tried_again_in_time(clock):
    router = learner(clock, cost_unit="gpu_s")
    for _ in range(50):
        router.observe("large", 4.0)
    assert router.route(TEXT).cost["large"] > 3
    clock.now_s += 20 * OnlineSettings().latency_half_life_s
    assert router.route(TEXT).cost["large"] == pytest.approx(1.0, abs=1e-3)


def test_latency_stays_within_its_range_and_noise_changes_nothing(clock):
    router = learner(clock, cost_unit="latency_s")
    for i in range(400):
        router.observe("small", 1e6)
        router.observe("middle", 0.3 * (0.5 + (i * 7 % 11) / 10))
    cost = router.route(TEXT).cost
    assert cost["small"] == pytest.approx(0.1 * OnlineSettings().latency_range[1])
    assert cost["middle"] == pytest.approx(0.3, rel=0.1)


def test_a_long_answer_is_not_taken_for_a_slow_server(clock):
    router = learner(clock, cost_unit="latency_s")
    decision = router.route(TEXT)
    longer = dataclasses.replace(decision, cost_tuned={s: 4 * c for s, c in decision.cost.items()})
    for _ in range(50):
        router.observe("large", 4.0, decision=longer)
    assert router.route(TEXT).cost["large"] == pytest.approx(1.0)


def test_where_the_policy_states_no_latency_the_first_ones_are_the_measure(clock):
    rungs = tuple(dataclasses.replace(r, latency_s=None) for r in policy().rungs)
    router = learner(clock, cost_unit="latency_s", rungs=rungs)
    for _ in range(40):
        router.observe("large", 7.0)
    assert router.route(TEXT).cost["large"] == 1.0
    for _ in range(100):
        router.observe("large", 14.0)
    assert router.route(TEXT).cost["large"] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize(("weight", "cost"), [(None, 1.0), (0.5, 2.0), (1.0, 3.0)])
def test_where_cost_is_money_a_weight_says_what_latency_costs(clock, weight, cost):
    router = learner(clock, settings=OnlineSettings(latency_weight=weight), cost_unit="cost_usd")
    for _ in range(400):
        router.observe("large", 3.0)
    assert router.route(TEXT).cost["large"] == pytest.approx(cost, rel=0.03)


def test_quantiles_of_latency_are_near_the_true_ones(clock):
    router = learner(clock)
    for i in range(5000):
        router.observe("small", 1.0 + (i * 37 % 100) / 100)
    seen = router.online.status()["sizes"]["small"]
    assert seen["p50_s"] == pytest.approx(1.5, rel=0.15) and seen["p95_s"] == pytest.approx(1.95, rel=0.15)


def test_generate_observes_every_step_by_itself(clock):
    router = learner(clock)
    router.generate(TEXT, {s: lambda text: Completion(text="4") for s in SIZES})
    assert sum(bool(s["p50_s"]) for s in router.online.status()["sizes"].values()) == 1


def test_status_says_what_was_learned(clock):
    router = learner(clock)
    for i in range(10):
        router.learn(router.route(TEXT, task="sums"), "small", float(i < 4))
    told = router.online.status()["tasks"]["sums"]
    assert list(told) == ["small"] and told["small"]["ratings"] == 10
    assert told["small"]["score"] == pytest.approx(0.4)


def test_only_so_many_tasks_are_remembered(clock):
    router = learner(clock, settings=OnlineSettings(most_tasks=3))
    for i in range(10):
        clock.now_s += 1
        router.learn(router.route(TEXT, task="kept"), "small", 1.0)
        router.learn(router.route(TEXT, task=f"t{i}"), "small", 1.0)
    tasks = router.online.status()["tasks"]
    assert len(tasks) == 3 and "kept" in tasks and "t9" in tasks


def test_drift_is_told_of_ratings_and_latencies(clock):
    router = learner(clock, drift=Drift())
    for i in range(400):
        clock.now_s += 1
        router.observe("small", 0.1 + 0.01 * (i % 3) if i < 200 else 0.3 + 0.01 * (i % 3))
        router.learn(router.route(TEXT, task="sums"), "small", float(i % 4 > 0) if i < 200 else float(i % 4 == 0))
    assert {(e.what, e.size) for e in router.online.drift.events} == {("latency", "small"), ("success", "small")}


def test_a_saved_state_routes_the_same_and_without_it_the_policy_is_as_tuned(clock, tmp_path):
    router = learner(clock, cost_unit="latency_s")
    for _ in range(40):
        router.learn(router.route(TEXT, task="sums"), "small", 1.0, source="judge")
        router.observe("large", 2.0)
    file = router.online.save(tmp_path / "online.json")
    again = ZetaDynamicRouter(router.policy, online=Online.load(file, router.policy, clock=clock))
    assert again.route(TEXT, task="sums") == router.route(TEXT, task="sums")
    again.learn(again.route(TEXT, task="sums"), "small", 0.0)
    router.learn(router.route(TEXT, task="sums"), "small", 0.0)
    assert again.online.status() == router.online.status()
    assert ZetaDynamicRouter(router.policy).route(TEXT, task="sums").p == router.route(TEXT, task="sums").p_tuned


def test_drift_detectors_go_on_where_a_restart_interrupted_them(clock, tmp_path):
    router, whole = learner(clock, drift=Drift()), Drift()
    for i in range(300):
        clock.now_s += 1
        seconds = 0.1 + 0.01 * (i % 3) if i < 200 else 0.15 + 0.01 * (i % 3)
        router.observe("small", seconds)
        whole.latency("small", seconds, at_s=clock.now_s)
        if i % 7 == 0:
            file = router.online.save(tmp_path / "online.json")
            router = ZetaDynamicRouter(router.policy, online=Online.load(file, router.policy, clock=clock))
    assert len(whole.events) == 1 and list(router.online.drift.events) == list(whole.events)


def test_a_state_that_cant_be_used_is_refused_in_a_line(clock, tmp_path):
    online, file = Online(policy(), clock=clock), tmp_path / "online.json"
    online.save(file)
    with pytest.raises(InvalidInputError, match="another version of the policy"):
        Online.load(file, policy(cost_weight=0.4))
    with pytest.raises(InvalidInputError, match="belongs to policy version"):
        ZetaDynamicRouter(policy(cost_weight=0.4), online=online)
    data = json.loads(file.read_text())
    for wrong, words in (
        (data | {"schema_version": 9}, "this version reads 3"),
        (data | {"policy": "x"}, "checksum does not fit"),
        ([], "no online state"),
    ):
        file.write_text(json.dumps(wrong))
        with pytest.raises(InvalidInputError, match=words):
            Online.load(file, policy())
    file.write_text("{")
    with pytest.raises(InvalidInputError, match="no JSON"):
        Online.load(file, policy())
    with pytest.raises(InvalidInputError, match="Can't read"):
        Online.load(tmp_path / "none.json", policy())


def test_wrong_events_are_refused_and_change_nothing(clock):
    router = learner(clock)
    decision = router.route(TEXT)
    for score in (-0.1, 1.1, math.nan, "good"):
        with pytest.raises(InvalidInputError, match="score of a rating"):
            router.learn(decision, "small", score)
    with pytest.raises(InvalidInputError, match="source of a rating"):
        router.learn(decision, "small", 1.0, source="")
    with pytest.raises(UnknownNameError, match="Unknown size 'smal'"):
        router.learn(decision, "smal", 1.0)
    for latency_s in (-1.0, math.inf, math.nan):
        with pytest.raises(InvalidInputError, match="latency is"):
            router.observe("small", latency_s)
    assert moved(router, task=None) == 0
    with pytest.raises(InvalidInputError, match="does not learn"):
        ZetaDynamicRouter(policy()).learn(decision, "small", 1.0)


@pytest.mark.parametrize(
    ("place", "odd"),
    [
        (("tasks", "sums", "by", "person", "ratings", 1), -1.0),
        (("tasks", "sums", "by", "person", "right", 1), "1e308"),
        (("tasks", "sums", "by", "person", "ratings", 1), 1e-320),
        (("latency", 2, "expected_s"), "1e999"),
        (("latency", 0, "variance"), -1.0),
        (("drift", "tests", 0, 2, "squares"), -1.0),
        (("drift", "tests", 0, 2, "sides", 0, 0), "1e308"),
        (("drift", "events", 0, "since_s"), 1e20),
        (("drift", "events", 0, "before"), "much"),
    ],
)
def test_a_state_with_a_number_out_of_its_range_is_refused(clock, tmp_path, place, odd):
    router = learner(clock, drift=Drift())
    for i in range(200):
        router.learn(router.route(TEXT, task="sums"), "middle", score=float(i > 100), source="person")
        router.observe("middle", 0.3)
    state = json.loads(router.online.save(tmp_path / "state.json").read_text())
    del state["checksum"]
    *path, last = place
    holder = functools.reduce(lambda data, key: data[key], path, state)
    assert last in holder or 0 <= last < len(holder)
    holder[last] = odd
    (tmp_path / "state.json").write_text(json.dumps(state | {"checksum": checksum(state)}))
    with pytest.raises(InvalidInputError, match="lacks or misnames a field"):
        Online.load(tmp_path / "state.json", router.policy)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shared": 2.0},
        {"prior_ratings": 0},
        {"half_life_s": math.nan},
        {"latency_range": (2.0, 3.0)},
        {"latency_weight": -1.0},
        {"half_life_s": 1e-320},
        {"noise": 1e308},
        {"prior_ratings": 10**400},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        OnlineSettings(**wrong)


def shifts(seed, *, unread):
    """Shift of each size after 3,000 queries of an unchanged world, rated where an answer was kept by a cascade.

    Every size is right as often as the policy says, and the small size is surer of a right answer. `unread` tells the
    ratings of answers that were kept unread from those that were kept for what they said.
    """
    own = Posterior(size="small", bias=2.0, prior=1.0, own=0.0, weights={"mean_logprob": 8.0})
    cascading = policy(looks=(Look(ran=("small",), spread=0.5, posteriors=(own,)),), cost_weight=0.6)
    rng, router = random.Random(seed), ZetaDynamicRouter(cascading, explore=0.3, seed=seed)
    online = Online(cascading, settings=OnlineSettings(noise=0.01), clock=Clock())
    for _ in range(3000):
        chances = router.route(TEXT).p
        right = {s: rng.random() < p for s, p in chances.items()}
        said = {s: -0.1 - 0.3 * (not right[s]) * rng.random() for s in SIZES}
        answers = {s: lambda _, x=said[s]: Completion(text="x", mean_logprob=x, min_logprob=x) for s in SIZES}
        routed = router.generate(TEXT, answers, task="sums")
        decision = routed.decision if unread else dataclasses.replace(routed.decision, selected=False)
        online.learn(decision, routed.size, float(right[routed.size]))
    return [found["shift"] for found in online.status()["tasks"]["sums"].values()]


def test_kept_answers_of_a_cascade_shift_no_size_in_a_world_that_does_not_change():
    fair = [shifts(seed, unread=True) for seed in range(8)]
    assert all(len(each) == 3 for each in fair)
    assert all(abs(sum(each) / len(fair)) < 0.1 for each in zip(*fair, strict=True))
    biased = [shifts(seed, unread=False) for seed in range(2)]
    assert (
        sum(each[0] for each in biased) / 2 > 0.2
    )  # taken as if they had not been selected, the small size looks good
