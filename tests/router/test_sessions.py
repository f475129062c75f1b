import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models import Completion
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.sessions import MARGIN, Offer, Sessions, State, settle

EASY, HARD = "What is the capital of France?", "Prove that the square root of 2 is irrational, step by step."
SEED = RoutingPolicy.seed()


def priced(*prefill, contexts=(None, None, None)):
    rungs = zip(SEED.rungs, prefill, contexts, strict=True)
    return replace(SEED, rungs=tuple(replace(r, prefill=p, context=c) for r, p, c in rungs))


def sizes(router, *texts, session="a"):
    return [router.route(text, session=session).size for text in texts]


def turns(choices):
    """Steps up (1) and down (-1) in a row of sizes."""
    return [1 if b > a else -1 for a, b in itertools.pairwise(choices) if a != b]


def test_a_session_goes_up_where_that_pays_and_does_not_come_down_again():
    router = ZetaDynamicRouter(priced(0.0, 0.0, 0.0))
    assert sizes(router, EASY, HARD, EASY, HARD) == ["7B", "14B", "14B", "14B"]
    assert "it went up before" in str(router.route(EASY, session="a").reasons)
    assert sizes(router, HARD, EASY, HARD, EASY, session="b") == ["14B", "7B", "14B", "14B"]
    assert router.route(EASY).size == "7B" and "session" not in str(router.route(EASY).reasons)


def test_a_session_stays_where_reading_anew_costs_more_than_a_change_gains():
    free, dear = ZetaDynamicRouter(priced(0.0, 0.0, 0.0)), ZetaDynamicRouter(priced(0.1, 0.1, 0.1))
    assert sizes(free, EASY, HARD) == ["7B", "14B"] and sizes(dear, EASY, HARD) == ["7B", "7B"]
    decision = dear.route(HARD, session="a")
    assert "the session stays at 7B: 14B would gain" in decision.reasons[-1]
    assert "tokens anew costs" in decision.reasons[-1]
    assert (decision.held, decision.session, decision.propensity) == (True, "a", 1.0)


def test_what_a_change_costs_grows_with_the_conversation():
    router = ZetaDynamicRouter(priced(0.0001, 0.0001, 0.0001))
    long = [{"role": "user", "content": EASY}, {"role": "assistant", "content": "word " * 9000}]
    hard = {"role": "user", "content": HARD}
    assert [router.route(q, session="long").size for q in (EASY, [*long, hard])] == ["7B", "7B"]
    assert [
        router.route(q, session="short").size for q in (EASY, [long[0], {**long[1], "content": "Paris"}, hard])
    ] == [
        "7B",
        "14B",
    ]


def test_without_a_measured_price_a_change_must_gain_a_margin_and_the_reasons_say_so():
    router = ZetaDynamicRouter()
    router.route(EASY, session="a")
    decision = router.route(HARD, session="a")
    assert "is not known, so a change must gain more than 0.05" in decision.reasons[-1]
    offer = Offer(utility=(0.5, 0.5 + 0.9 * MARGIN), price=(None, None), allowed=(0, 1))
    assert settle(State(0), 1, offer).size == 0
    assert settle(State(0), 1, replace(offer, utility=(0.5, 0.5 + 1.1 * MARGIN))).size == 1


def test_a_session_leaves_a_size_that_cannot_hold_it():
    router = ZetaDynamicRouter(priced(9.0, 9.0, 9.0, contexts=(100, 100, 4000)))
    decision = [router.route(q, session="a") for q in (EASY, "word " * 500)][-1]
    assert decision.size == "14B" and "can't hold the conversation any more" in decision.reasons[-1]


def test_an_embedding_request_and_signs_leave_a_session_as_it_is():
    router = ZetaDynamicRouter()
    assert sizes(router, EASY, "Embed this sentence: good morning", "?!", EASY) == ["7B", "4B", "7B", "7B"]
    assert sizes(router, "?!", session="new") == ["14B"] and "new" not in router._sessions


def test_a_cascade_begins_with_the_sessions_size_and_what_it_went_up_to_is_kept():
    router = ZetaDynamicRouter()
    failing = {s: lambda text: Completion(text="", error="down") for s in ("4B", "7B")}
    answers = {**failing, "14B": lambda text: Completion(text="Paris")}
    assert router.generate(EASY, answers, session="a").size == "14B"
    assert router.generate(EASY, answers, session="a").steps[0].size == "14B"


def test_the_lot_is_drawn_for_the_first_turn_of_a_session_alone():
    router = ZetaDynamicRouter(explore=0.99, seed=1)
    made = [router.route(EASY, session="a") for _ in range(30)]
    assert any(router.route(EASY, session=str(i)).explored for i in range(9))
    assert not any(d.explored for d in made[1:]) and len({d.size for d in made}) == 1


def test_sessions_that_are_quiet_longest_are_forgotten_first():
    sessions, offer = Sessions(capacity=2), Offer(utility=(0.0, 1.0), price=(0.0, 0.0), allowed=(0, 1))
    for name in ("a", "b", "a", "c"):
        sessions.settle(name, 1, offer)
    assert len(sessions) == 2 and "b" not in sessions and "a" in sessions


@pytest.mark.parametrize("session", ["", 7, b"a"])
def test_a_session_needs_a_name(session):
    with pytest.raises(InvalidInputError, match="session"):
        ZetaDynamicRouter().route(EASY, session=session)
    with pytest.raises(InvalidInputError, match="at least 1"):
        Sessions(capacity=0)


def test_many_threads_share_sessions():
    router = ZetaDynamicRouter(priced(0.0, 0.0, 0.0))

    def talk(i):
        return sizes(router, EASY, HARD, EASY, session=str(i))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(talk, range(200))) == [["7B", "14B", "14B"]] * 200


UTILITIES = st.tuples(*[st.floats(-1, 1)] * 4)
PRICES = st.tuples(*[st.none() | st.floats(0, 1)] * 4)
OFFERS = st.lists(st.tuples(UTILITIES, PRICES, st.none() | st.integers(0, 3)), max_size=30)


@given(OFFERS)
def test_no_session_flaps(offers):
    sessions, made = Sessions(), []
    for utility, price, answered in offers:
        offer = Offer(utility=utility, price=price, allowed=range(4))
        made.append(sessions.settle("a", max(range(4), key=utility.__getitem__), offer).size)
        if answered is not None:  # an answer of a larger size was kept
            sessions.rise("a", answered)
            made.append(max(made[-1], answered))
    steps = turns(made)
    assert steps == sorted(steps), "down steps first, then up steps"


@given(st.lists(st.sampled_from([EASY, HARD, "Hi", "12 * 7?", "Explain why the sky is blue."]), max_size=12))
def test_no_session_of_a_router_flaps(texts):
    router = ZetaDynamicRouter(priced(0.0, 0.0, 0.0))
    made = [router.policy.sizes.index(router.route(text, session="a").size) for text in texts]
    assert turns(made) == sorted(turns(made))


def test_another_router_of_the_same_sizes_goes_on_with_the_sessions():
    first, other = ZetaDynamicRouter(), ZetaDynamicRouter(RoutingPolicy.seed(("4B", "7B", "70B")))
    sizes(first, EASY)
    second = ZetaDynamicRouter()
    second.take_sessions(first)
    other.take_sessions(first)
    assert sizes(second, HARD) == ["7B"] and sizes(other, HARD) == ["70B"]
