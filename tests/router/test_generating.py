"""`generate`, `agenerate` and `astream` decide alike, and pass over a size that can't be asked."""

import asyncio
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import GenerationError
from zeta_eval.models import Completion
from zeta_eval.router import Decision, Routed, UnansweredError, ZetaDynamicRouter, best
from zeta_eval.router.cascade import Look, Posterior
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.policy import RoutingPolicy, Rung

SIZES = ("small", "middle", "large")


def policy(looks=True):
    """Three sizes; the small one's answer shows by its log-probability whether it is right."""
    own = Posterior(size="small", bias=3.0, prior=1.0, own=0.0, weights={"mean_logprob": 10.0})
    then = Posterior(size="middle", bias=1.0, prior=1.0, own=0.0, weights={"mean_logprob": 4.0})
    return RoutingPolicy(
        name="t",
        rungs=tuple(Rung(size=s, cost=c) for s, c in zip(SIZES, (0.1, 0.3, 1.0), strict=True)),
        estimator=Seed(weights={"words": 1.0}, bias=-2.0, ability=(0.0, 1.0, 2.0), slope=(2.0, 2.0, 2.0)),
        cost_weight=0.3,
        default_size="middle",
        looks=(
            Look(ran=("small",), spread=0.5, posteriors=(own,)),
            Look(ran=("small", "middle"), spread=0.4, posteriors=(then,)),
        )
        if looks
        else (),
    )


def gone(size):
    raise GenerationError(f"{size} does not answer")


def functions(script):
    """For each size what answers at once, awaited, and in pieces: a log-probability, an error, or nothing at all."""

    def whole(size):
        def answer(text):
            what = script[size]
            if what == "gone":
                gone(size)
            if what == "wrong":
                return Completion(text="", error="broken")
            return Completion(text=f"of {size}", mean_logprob=what, min_logprob=what)

        return answer

    def awaited(size):
        async def answer(text):
            await asyncio.sleep(0)
            return whole(size)(text)

        return answer

    def pieces(size):
        async def answer(text):
            result = whole(size)(text)
            if result.error is None:
                for word in result.text.split(" "):
                    yield word
            yield result

        return answer

    return [{size: made(size) for size in SIZES} for made in (whole, awaited, pieces)]


async def listed(pieces):
    return [each async for each in pieces]


def outcome(call):
    """What came of a call, without its times."""
    try:
        routed = call()
    except UnansweredError as e:
        return str(e), e.decision, [dataclasses.replace(s, latency_s=0.0) for s in e.steps]
    return routed.text, routed.size, routed.reasons, [dataclasses.replace(s, latency_s=0.0) for s in routed.steps]


behaviours = st.sampled_from(["gone", "wrong", -2.0, -0.3, -0.01])
scripts = st.fixed_dictionaries(dict.fromkeys(SIZES, behaviours))


@given(scripts, st.integers(1, 30), st.floats(0, 2), st.booleans())
def test_all_three_ways_to_answer_make_the_same_calls_and_keep_the_same_answer(script, words, weight, looks):
    whole, awaited, pieces = functions(script)
    router, text = ZetaDynamicRouter(policy(looks)), " ".join(["word"] * words)
    first = outcome(lambda: router.generate(text, whole, cost_weight=weight))
    assert outcome(lambda: asyncio.run(router.agenerate(text, awaited, cost_weight=weight))) == first

    def streamed():
        decision, *given, routed = asyncio.run(listed(router.astream(text, awaited, pieces, cost_weight=weight)))
        assert decision.size == router.route(text, cost_weight=weight).size
        assert " ".join(given) == routed.text
        return routed

    assert outcome(streamed) == first


@given(st.integers(1, 30), st.floats(0, 2), st.sets(st.sampled_from(SIZES), max_size=2))
def test_a_size_that_cannot_be_asked_is_passed_over_by_the_same_rule(words, weight, absent):
    router, text = ZetaDynamicRouter(policy(looks=False)), " ".join(["word"] * words)
    whole, _, _ = functions({size: "gone" if size in absent else -0.1 for size in SIZES})
    routed = router.generate(text, whole, cost_weight=weight)
    p, cost = (list(getattr(routed.decision, name).values()) for name in ("p", "cost"))
    assert routed.size == SIZES[best(p, cost, weight, [i for i, s in enumerate(SIZES) if s not in absent])]
    assert {s.size for s in routed.steps if s.error} <= absent


def test_a_size_passed_over_is_a_step_with_its_reason():
    whole, _, _ = functions({"small": -0.01, "middle": "gone", "large": -0.01})
    routed = ZetaDynamicRouter(policy(looks=False)).generate("word " * 8, whole, cost_weight=0.3)
    assert routed.decision.size == "middle" and routed.steps[0].error == "middle does not answer"
    assert routed.reasons[0] == f"went to {routed.size}: middle can't be asked now (middle does not answer)"


def test_an_answer_that_may_be_followed_comes_as_one_piece_and_a_final_one_as_it_is_written():
    _, awaited, pieces = functions({"small": -0.01, "middle": -0.1, "large": -0.1})
    router = ZetaDynamicRouter(policy())
    waited = asyncio.run(listed(router.astream("word", awaited, pieces)))
    assert isinstance(waited[0], Decision) and waited[1:-1] == ["of small"] and isinstance(waited[-1], Routed)
    final = asyncio.run(listed(router.astream("word " * 40, awaited, pieces, cost_weight=0.0)))
    assert final[1:-1] == ["of", "large"]


def test_an_answer_that_breaks_off_after_its_first_piece_is_not_begun_anew_elsewhere():
    async def breaks(text):
        yield "half"
        gone("large")

    asked = []

    async def other(text):
        asked.append(text)
        yield Completion(text="")

    router, given = ZetaDynamicRouter(policy(looks=False)), []
    stream = {"small": other, "middle": other, "large": breaks}

    async def read():
        async for piece in router.astream("word " * 40, stream, stream, cost_weight=0.0):
            given.append(piece)

    with pytest.raises(UnansweredError, match="large broke off in its answer: large does not answer") as error:
        asyncio.run(read())
    assert given[1:] == ["half"] and not asked and error.value.begun
    assert [s.size for s in error.value.steps] == ["large"]


def test_an_embedding_request_is_answered_by_its_model_in_an_event_loop_too():
    router = ZetaDynamicRouter(dataclasses.replace(policy(), embedding_size="vectors"))

    async def vector(text):
        return Completion(text="", embedding=(1.0, 0.0))

    routed = asyncio.run(router.agenerate("Embed this sentence: hello", {"vectors": vector}))
    assert routed.embedding == (1.0, 0.0) and routed.size == "vectors"
