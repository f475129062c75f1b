import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeta_eval.exceptions import PolicyError
from zeta_eval.feedback.online import Online
from zeta_eval.models import Completion
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.cascade import Look
from zeta_eval.router.context import TokenRates, characters, fit, room
from zeta_eval.router.policy import RoutingPolicy, Rung

PLAIN = TokenRates(letters=0.25, signs=1.0, other=0.5, extra=0.0)
LONG, FAR_TOO_LONG = "word " * 500, "word " * 5000


def policy(*contexts, answer_tokens=100.0, **changes):
    """The untuned policy for sizes with these contexts."""
    made = RoutingPolicy.seed(tuple(f"{2**i}B" for i in range(len(contexts))))
    rungs = [replace(r, context=c, answer_tokens=answer_tokens) for r, c in zip(made.rungs, contexts, strict=True)]
    return replace(made, rungs=tuple(rungs), tokens=PLAIN, **changes)


@given(st.text(st.characters(exclude_categories=())))
def test_every_byte_of_a_text_is_counted_as_a_letter_a_sign_or_another(text):
    letters, signs, other = characters(text)
    plain = [c for c in text if c.isascii()]
    assert letters == sum(c.isalpha() or (c.isspace() and c not in "\x1c\x1d\x1e\x1f") for c in plain)
    assert letters + signs == len(plain)
    assert letters + signs + other == len(text.encode("utf-8", "surrogatepass"))
    rates = TokenRates(letters=0.1, signs=0.7, other=0.3, extra=0.1)
    assert rates.of(text) <= rates.most(len(text))


def test_the_room_for_a_prompt_is_what_the_answer_leaves():
    assert room(None, 100.0) is None
    assert room(4096, 100.0) == 3996
    assert room(4096, None) == 4096 - 512 and room(1000, None) == 750  # the default, a quarter of a small context


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(2, 300)), min_size=1, max_size=5), st.text(max_size=400))
def test_sizes_that_fit_are_those_with_room_for_every_token(contexts, text):
    rungs = [Rung(size=str(i), cost=0.0, context=c, answer_tokens=1.0) for i, c in enumerate(contexts)]
    held = tuple(i for i, c in enumerate(contexts) if c is None or PLAIN.of(text) <= c - 1)
    found = fit(text, rungs, PLAIN)
    if len(held) == len(contexts):
        assert found is None
    else:
        most = [i for i, c in enumerate(contexts) if c == max(c or 0 for c in contexts)]
        assert (found.held, found.allowed) == (held, held or (most[-1],))


@pytest.mark.parametrize("weight", [0.0, 0.5, 50.0])
@pytest.mark.parametrize("text", [LONG, "?!" * 400, "Embed this sentence: " + LONG])
def test_a_size_that_can_t_hold_a_query_has_no_chance_and_is_never_chosen(text, weight):
    router = ZetaDynamicRouter(policy(256, 4096, 512, default_size="4B"))
    decision = router.route(text, cost_weight=weight)
    assert decision.size == "2B" and decision.too_long == ("1B", "4B") and decision.allowed == ("2B",)
    assert decision.p["1B"] == decision.p["4B"] == 0.0 < decision.p["2B"]
    assert decision.complexity.score == 1.0
    assert decision.reasons[0].startswith("1B and 4B can't hold it: about ")
    assert decision.reasons[0].endswith(" tokens and the answer, of 256 and 512")


def test_a_query_that_no_size_can_hold_goes_to_the_largest_context_and_the_reason_says_so():
    router = ZetaDynamicRouter(policy(256, 4096, 512))
    decision = router.route(FAR_TOO_LONG)
    assert decision.size == "2B" and decision.too_long == router.policy.sizes and set(decision.p.values()) == {0.0}
    assert decision.reasons[0] == (
        "no size can hold it: about 6,250 tokens and the answer, of at most 4,096; 2B has the largest context and "
        "takes it"
    )
    assert sum("hold" in reason for reason in decision.reasons) == 1


def test_a_size_without_a_context_holds_everything():
    assert ZetaDynamicRouter(policy(None, None, None)).route(FAR_TOO_LONG).too_long == ()
    assert ZetaDynamicRouter(policy(256, None, 512)).route(FAR_TOO_LONG).size == "2B"


def test_the_lot_never_falls_on_a_size_that_can_t_hold_the_query():
    router = ZetaDynamicRouter(policy(256, 4096, 4096), explore=0.9, seed=0)
    drawn = {router.route(LONG).size for _ in range(200)}
    assert drawn == {"2B", "4B"}
    shares = [d.propensity for d in (router.route(LONG) for _ in range(50)) if d.explored and d.size == "2B"]
    assert shares and set(shares) <= {0.45, 0.55}


def test_a_cascade_never_steps_to_a_size_that_can_t_hold_the_query():
    looks = tuple(Look(ran=(size,), spread=1.0, posteriors=()) for size in ("1B", "2B"))
    router = ZetaDynamicRouter(policy(256, 4096, 512, looks=looks))
    asked = []

    def fails(size):
        return lambda text: asked.append(size) or Completion(text="", error="HTTP 500: broken")

    answers = {size: fails(size) for size in router.policy.sizes} | {"2B": lambda text: Completion(text="yes")}
    assert router.generate(LONG, answers).size == "2B" and asked == []
    router.generate("Prove that the square root of 2 is irrational.", answers, cost_weight=0.0)
    assert asked  # a short query does reach the others


def test_feedback_does_not_make_a_size_hold_more():
    made = policy(256, 4096, 4096)
    online = Online(made)
    router = ZetaDynamicRouter(made, online=online)
    short, long = (router.route(text, task="sums") for text in ("Add 1 and 2.", LONG))
    for _ in range(200):
        router.learn(short, "1B", 1.0, source="scorer")
        router.learn(long, "2B", 0.0, source="scorer")
    assert router.route("Add 1 and 2.", task="sums").p["1B"] > short.p["1B"]
    moved = router.route(LONG, task="sums")
    assert moved.p["2B"] < long.p["2B"] and moved.p["1B"] == 0.0


def test_an_embedder_beside_the_sizes_takes_requests_of_any_length():
    router = ZetaDynamicRouter(policy(64, 64, 64, embedding_size="embedder"))
    assert router.route("Embed this sentence: " + LONG).size == "embedder"


def test_contexts_survive_the_file_and_a_file_without_them_is_as_before(tmp_path):
    made, plain = policy(256, None, 4096), RoutingPolicy.seed()
    assert RoutingPolicy.load(made.save(tmp_path / "new.json")) == made
    written = json.loads(plain.save(tmp_path / "old.json").read_text())
    assert "tokens" not in written and written["rungs"][0].keys() == {"size", "cost", "latency_s"}
    assert RoutingPolicy.load(tmp_path / "old.json").checksum == written["checksum"] == plain.checksum


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rung(size="1B", cost=0.1, context=0),
        lambda: Rung(size="1B", cost=0.1, context=2048.5),
        lambda: Rung(size="1B", cost=0.1, answer_tokens=-1.0),
        lambda: TokenRates(letters=-0.1),
        lambda: TokenRates(other=float("nan")),
    ],
)
def test_contexts_that_can_t_be_are_refused(make):
    with pytest.raises(PolicyError):
        make()


def test_short_queries_go_where_they_would_without_contexts():
    with_contexts, without = (ZetaDynamicRouter(policy(*c)) for c in ((1024, 2048, 4096), (None, None, None)))
    for text in ("Thanks!", "Prove that the square root of 2 is irrational.", "?", "Embed this: hello"):
        assert with_contexts.route(text).size == without.route(text).size
        assert with_contexts.route(text).reasons == without.route(text).reasons
