import numpy as np
import pandas as pd
import pytest
from tables import drawn, prose

import zeta_eval as ze
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import decide
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.context import TokenRates
from zeta_eval.tuning.fit_context import Contexts, fit_tokens

TOO_LONG = "The prompt has 999 tokens, the model's context 120; shorten it"
SIZES = ("1B", "9B")


def table(texts, prompt_tokens, *, context=(None, None), completion_tokens=None, score=None, refused=None):
    """Outcomes of Q texts on two sizes, whose numbers are given as (Q, 2); `refused` (Q, 2) were too long."""
    q = len(texts)
    frames = []
    for k, size in enumerate(SIZES):
        said = np.zeros(q, dtype=bool) if refused is None else refused[:, k]
        columns = {"task": "made", "query_id": [f"q{i}" for i in range(q)], "query": texts, "model": size}
        columns |= {"context": context[k], "prompt_tokens": prompt_tokens[:, k], "gpu_s": 1.0 + 4.0 * k}
        columns |= {"score": 1.0 if score is None else score[:, k]}
        columns |= {"completion_tokens": np.nan if completion_tokens is None else completion_tokens[:, k]}
        frame = pd.DataFrame(columns).assign(error=None)
        frame["error"] = frame["error"].astype(object)
        frame.loc[said, ["score", "prompt_tokens", "completion_tokens", "gpu_s"]] = np.nan
        frame.loc[said, "error"] = TOO_LONG
        frames.append(frame)
    return Outcomes.from_frame(pd.concat(frames, ignore_index=True)).with_order(SIZES)


def mixed(n, seed=0, *, digits=True):
    """Texts of some words and, if asked, a few numbers."""
    rng = np.random.default_rng(seed)
    words = prose(n, seed, length=30)
    return np.array(
        [
            " ".join(
                [*text.split()[: rng.integers(3, 30)], *map(str, rng.integers(0, 9999, rng.integers(0, 9) * digits))]
            )
            for text in words
        ],
        dtype=object,
    )


def tokens_of(texts, rates, noise=0.05, seed=1):
    """Tokens that a tokenizer with these rates and some noise makes of texts, for two sizes alike."""
    rng = np.random.default_rng(seed)
    exact = np.array([rates.of(text) for text in texts]) * rng.normal(1, noise, len(texts))
    return np.column_stack([np.maximum(1, exact.round())] * 2)


def test_the_rates_of_a_tokenizer_are_found_and_nearly_no_prompt_takes_more():
    truth, texts = TokenRates(letters=0.22, signs=0.8, other=0.4, extra=12.0), mixed(1500)
    found = fit_tokens(table(texts, tokens_of(texts, truth)))
    assert found.letters == pytest.approx(truth.letters, rel=0.2) and found.signs == pytest.approx(truth.signs, rel=0.2)
    new = mixed(1500, seed=9)
    taken = tokens_of(new, truth, seed=8)[:, 0]
    told = np.array([found.of(text) for text in new])
    assert 0.975 < (taken <= told).mean() <= 1
    assert (told / taken).mean() < 1.25  # safe, and not far too much


def test_a_kind_of_character_that_the_table_lacks_keeps_about_its_default():
    truth = TokenRates(letters=0.22, signs=1.0, other=0.0, extra=12.0)
    texts = mixed(400, digits=False)
    found, default = fit_tokens(table(texts, tokens_of(texts, truth, noise=0.01))), TokenRates()
    assert default.signs <= found.signs < 1.2 * default.signs
    assert default.other <= found.other < 1.2 * default.other


def test_the_tokenizer_that_cuts_a_text_into_most_tokens_counts():
    texts = mixed(300)
    tokens = tokens_of(texts, TokenRates(), noise=0.0)
    tokens[:, 1] *= 2
    found = fit_tokens(table(texts, tokens))
    assert all(found.of(text) >= 0.95 * n for text, n in zip(texts, tokens[:, 1], strict=True))


def test_with_few_prompts_there_are_no_rates():
    texts = mixed(30)
    tokens = tokens_of(texts, TokenRates())
    tokens[15:] = np.nan
    assert fit_tokens(table(texts, tokens)) is None


def test_the_smallest_context_of_several_runs_counts_and_answers_have_room():
    texts = mixed(100)
    answers = np.column_stack([np.arange(100), np.full(100, np.nan)])
    found = Contexts.of(table(texts, tokens_of(texts, TokenRates()), context=(4096, None), completion_tokens=answers))
    assert found.context == (4096, None) and found.answer_tokens == (94.0, None)
    rows = table(texts, tokens_of(texts, TokenRates()), context=(4096, 8192)).frame
    rows.loc[3, "context"] = 2048
    assert Contexts.of(Outcomes.from_frame(rows)).context == (2048, 8192)


def test_a_size_whose_answers_fill_its_context_still_gets_short_queries():
    texts = mixed(100)
    answers = np.full((100, 2), 900.0)
    found = Contexts.of(table(texts, tokens_of(texts, TokenRates()), context=(1000, 4096), completion_tokens=answers))
    assert found.answer_tokens == (500.0, 900.0)


def refusing(limit, *, context, odd=0):
    """A small size with short answers that refuses prompts of more than `limit` tokens, and `odd` short ones."""
    texts = mixed(400)
    tokens = tokens_of(texts, TokenRates(letters=0.25, signs=0.9, other=0.4, extra=4.0), noise=0.01)
    refused = np.column_stack([tokens[:, 0] > limit, np.zeros(len(texts), dtype=bool)])
    assert 60 < refused[:, 0].sum() < 340
    refused[np.argsort(tokens[:, 0])[:odd], 0] = True
    answers = np.full(tokens.shape, 9.0)
    return table(texts, tokens, context=(context, None), completion_tokens=answers, refused=refused), refused[:, 0]


@pytest.mark.parametrize("context", [120, None])
def test_where_a_server_keeps_more_room_than_answers_take_the_refusals_tell_it(context):
    outcomes, refused = refusing(40, context=context)
    policy = Contexts.of(outcomes).put_into(ze.RoutingPolicy.seed(SIZES))
    router = ZetaDynamicRouter(policy)
    held = np.array(["1B" not in router.route(text).too_long for text in outcomes.queries])
    assert not (held & refused).any()
    assert (held | refused).mean() > 0.9  # and hardly any other query is kept from it


def test_an_odd_refusal_of_a_short_query_does_not_keep_all_others_away():
    outcomes, refused = refusing(40, context=120, odd=2)
    router = ZetaDynamicRouter(Contexts.of(outcomes).put_into(ze.RoutingPolicy.seed(SIZES)))
    held = np.array(["1B" not in router.route(text).too_long for text in outcomes.queries])
    assert (held & refused).sum() == 2 and (held | refused).mean() > 0.9


def test_without_any_context_a_policy_stays_as_it_is():
    texts = mixed(40)
    made, policy = Contexts.of(table(texts, tokens_of(texts, TokenRates()))), ze.RoutingPolicy.seed(SIZES)
    assert made.tokens is None and made.put_into(policy) is policy


@pytest.fixture(scope="module")
def short_context():
    """A small size that is as good as the large one but refuses every prompt of more than 120 tokens."""
    truth, rng = TokenRates(letters=0.25, signs=1.0, other=0.5, extra=8.0), np.random.default_rng(3)
    texts = prose(700, 5, length=90)
    texts = np.array([" ".join(t.split()[-rng.integers(5, 91) :]) for t in texts], dtype=object)
    tokens = tokens_of(texts, truth, noise=0.02)
    refused = np.column_stack([tokens[:, 0] >= 120, np.zeros(len(texts), dtype=bool)])
    assert 0.3 < refused[:, 0].mean() < 0.7
    answers = rng.integers(4, 20, tokens.shape).astype(float)
    score = drawn(np.tile([0.85, 0.9], (len(texts), 1)))
    made = table(texts, tokens, context=(120, 4096), completion_tokens=answers, score=score, refused=refused)
    return made, ze.tune(made, n_trials=3, cost="gpu_s").policy


def test_a_tuned_policy_knows_each_size_s_context(short_context):
    _, policy = short_context
    assert [r.context for r in policy.rungs] == [120, 4096] and policy.tokens is not None
    assert all(0 < r.answer_tokens <= 20 for r in policy.rungs)


def test_a_tuned_policy_never_sends_a_query_where_it_was_too_long(short_context):
    outcomes, policy = short_context
    router, small = ZetaDynamicRouter(policy), 0
    for text, refused in zip(outcomes.queries, outcomes.too_long[:, 0], strict=True):
        for weight in (0.0, policy.cost_weight, 100.0):
            size = router.route(text, cost_weight=weight).size
            assert not (refused and size == "1B")
            small += size == "1B"
    assert small > 200  # short queries do go there


def test_replay_pays_for_no_refused_call_and_agrees_with_the_router(short_context):
    outcomes, policy = short_context
    data = Evaluator(outcomes, "gpu_s")
    chosen = decide(policy, data.features, policy.cost_weight)
    assert not outcomes.too_long[np.arange(len(chosen)), chosen].any()
    routed = [ZetaDynamicRouter(policy).route(t, task="made").size for t in outcomes.queries]
    assert [policy.sizes[i] for i in chosen] == routed
    report = ze.replay(policy, outcomes, split="test")
    assert report.n_excluded == 0
