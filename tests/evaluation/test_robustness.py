import dataclasses
import importlib.util
import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from replay_tables import length_policy, random_outcomes
from routing.robustness import FILLER, PERTURBATIONS, kappa, perturb, robustness, sample, unchanged
from sklearn.metrics import cohen_kappa_score

from zeta_eval.evaluation.measures.statistics import wilson
from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.router import ZetaDynamicRouter

QUERIES = [f"Could you {verb} these {i} numbers?" for i in range(20) for verb in ("order", "Multiply", "explain")]


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench", Path(__file__).parents[2] / "benchmarks" / "robustness.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(frame, perturbation):
    return frame.set_index("perturbation").loc[perturbation]


@given(st.text(), st.sampled_from(sorted(PERTURBATIONS)), st.integers(0, 5))
@example("AA²O", "typos", 0)
def test_no_perturbation_touches_a_digit(text, name, seed):
    altered = perturb(text, name, seed=seed)
    assert [c for c in altered if c.isdigit()] == [c for c in text if c.isdigit()]
    assert altered == perturb(text, name, seed=seed)


@pytest.mark.parametrize("name", ["system prompt", "filler", "template"])
def test_what_is_put_around_a_query_leaves_it_whole(name):
    text = "Sort {b, a} and keep the {} as they are."
    altered = perturb(text, name)
    assert text in altered and len(altered) > len(text)


def test_one_word_in_fifteen_gets_a_typo_and_keeps_its_ends():
    words = ["energy", "reaction", "balloon"] * 50
    altered = perturb(" ".join(words), "typos", seed=3).split()
    hit = [(a, b) for a, b in zip(words, altered, strict=True) if a != b]
    assert len(hit) == 10
    assert all(a[0] == b[0] and a[-1] == b[-1] and len(a) - len(b) in (0, 1) for a, b in hit)


def test_a_short_text_gets_one_typo_and_another_seed_another_one():
    altered = {perturb("Multiply seven apples", "typos", seed=s) for s in range(20)}
    assert "Multiply seven apples" not in altered and len(altered) > 3


def test_a_router_that_always_says_the_same_is_unchanged_for_nothing():
    frame = unchanged(lambda text: "small", QUERIES, ("small", "large"))
    assert (frame["unchanged"] == 1).all() and frame["kappa"].isna().all()
    assert list(frame["perturbation"]) == list(PERTURBATIONS)


def test_moves_are_counted_by_their_direction():
    shouting = unchanged(lambda text: "large" if text.isupper() else "small", QUERIES, ("small", "large"))
    assert (row(shouting, "upper case")[["unchanged", "larger", "smaller"]] == [0, 1, 0]).all()
    assert (shouting.set_index("perturbation").drop("upper case")["unchanged"] == 1).all()
    asking = unchanged(lambda text: "large" if text.endswith("?") else "small", QUERIES, ("small", "large"))
    assert (row(asking, "filler")[["unchanged", "larger", "smaller"]] == [0, 0, 1]).all()


def test_the_share_and_its_interval_are_those_of_the_texts_that_changed():
    frame = unchanged(lambda text: "large" if "Multiply" in text else "small", QUERIES, ("small", "large"))
    lower = row(frame, "lower case")
    assert lower["n"] == 60 and lower["smaller"] == pytest.approx(1 / 3)
    assert tuple(lower[["unchanged", "unchanged_low", "unchanged_high"]]) == pytest.approx(wilson(40, 60))


def test_a_text_that_a_perturbation_leaves_alone_does_not_count():
    frame = unchanged(lambda text: "small", ["12 + 34", "add 12 and 34", "Add 12 and 34"], ("small", "large"))
    assert list(frame["n"]) == [3, 3, 1, 2, 0, 3]
    assert np.isnan(row(frame, "typos")[["unchanged", "unchanged_low", "larger", "kappa"]].astype(float)).all()


def test_a_policy_is_measured_by_what_its_router_chooses():
    policy, queries = length_policy(), [q.capitalize() for q in random_outcomes(80).queries]
    router, weight = ZetaDynamicRouter(policy), 0.5
    frame = robustness(policy, queries, cost_weight=weight)
    for name in PERTURBATIONS:
        altered = {q: perturb(q, name) for q in queries}
        pairs = [
            [policy.sizes.index(router.route(t, cost_weight=weight).size) for t in (q, a)]
            for q, a in altered.items()
            if q != a
        ]
        before, after = np.array(pairs).T
        expected = [len(pairs), (before == after).mean(), (after > before).mean(), (after < before).mean()]
        assert list(row(frame, name)[["n", "unchanged", "larger", "smaller"]]) == pytest.approx(expected)
    assert row(frame, "system prompt")["unchanged"] < 0.8 and row(frame, "upper case")["unchanged"] == 1


def test_a_policy_is_measured_at_its_own_cost_weight_unless_told():
    policy, queries = length_policy(), random_outcomes(80).queries
    own, told = robustness(policy, queries), robustness(policy, queries, cost_weight=policy.cost_weight)
    assert own.equals(told) and not own.equals(robustness(policy, queries, cost_weight=2.0))


def test_an_embedding_model_outside_the_ladder_counts_as_the_smallest_size():
    policy = dataclasses.replace(length_policy(), embedding_size="embedder")
    frame = robustness(policy, ["Embed this sentence: the cat sat on the mat"])
    assert row(frame, "upper case")["unchanged"] == 1
    assert ((frame["unchanged"] == 1) | (frame["larger"] == 1)).all()


def test_the_draw_is_repeatable_and_repeated_queries_count_once():
    assert sample(QUERIES * 2, limit=None) == QUERIES
    assert sample(QUERIES, limit=10, seed=1) == sample(QUERIES, limit=10, seed=1) != sample(QUERIES, limit=10, seed=2)
    frame = unchanged(lambda text: "small", QUERIES, ("small", "large"), limit=10)
    assert frame["n"].max() == 10


def test_the_order_of_the_queries_does_not_matter():
    policy, queries = length_policy(), list(random_outcomes(60).queries)
    assert robustness(policy, queries).equals(robustness(policy, random.Random(0).sample(queries, len(queries))))


def test_kappa_is_scikit_learns():
    rng = np.random.default_rng(0)
    before = rng.integers(0, 3, 200)
    after = np.where(rng.random(200) < 0.6, before, rng.integers(0, 3, 200))
    assert kappa(before, after, 3) == pytest.approx(cohen_kappa_score(before, after))
    assert kappa(before, before, 3) == pytest.approx(1)
    assert kappa(np.array([0, 1]), np.array([1, 1]), 2) == 0


def test_wrong_use_is_told_in_one_line():
    with pytest.raises(InvalidInputError, match="no queries"):
        robustness(length_policy(), [])
    with pytest.raises(InvalidInputError, match="is one text"):
        robustness(length_policy(), "prove that")
    with pytest.raises(InvalidInputError, match="limit is 0"):
        robustness(length_policy(), QUERIES, limit=0)
    with pytest.raises(UnknownNameError, match=r"Unknown perturbation 'typo'\. Did you mean 'typos'"):
        perturb("prove", "typo")
    with pytest.raises(UnknownNameError, match=r"Unknown size 'lage'\. Did you mean 'large'"):
        unchanged(lambda text: "lage", QUERIES, ("small", "large"))


LONG = "The train leaves the station at noon and the other one follows after a while. "
"""Long enough not to count as short (15 tokens of four characters), with no keyword of LiteLLM's."""


@pytest.mark.parametrize(
    ("text", "score", "tier"),
    [
        (LONG, 0.0, "SIMPLE"),
        ("What is 2+2?", -0.15, "SIMPLE"),  # short, and one simple keyword
        (LONG * 25, 0.10, "SIMPLE"),  # long
        (LONG + "Work step by step.", 0.175, "MEDIUM"),
        (LONG + FILLER, 0.40, "REASONING"),  # two reasoning keywords; "let" is a code keyword, too
        ("Hi! Think carefully, step by step.", 0.10, "SIMPLE"),  # two as well, but below the first cut point
        (LONG + "It is of a classical kind, an apiary.", 0.0, "SIMPLE"),  # neither class nor api
        (LONG + "Write a function for the class.", 0.30, "MEDIUM"),
        (LONG + "A Python function on a distributed architecture.", 0.425, "COMPLEX"),
        (LONG + "SQL schema: cpu, gpu, memory, latency.", 0.55, "COMPLEX"),
        (LONG + "Evaluate the SQL schema: cpu, gpu, memory, latency.", 0.725, "REASONING"),
        (LONG + "First pay, then go? When? Where? With whom?", 0.025, "SIMPLE"),
    ],
)
def test_litellms_scorer_gives_the_scores_worked_out_by_hand(bench, text, score, tier):
    assert bench.litellm_score(text)[0] == pytest.approx(score)
    assert bench.litellm_tier(text) == tier


def test_the_filler_sends_ordinary_queries_to_litellms_top_tier(bench):
    frame = unchanged(bench.litellm_tier, [LONG + f"Case {i}." for i in range(30)], bench.TIERS)
    assert row(frame, "filler")["larger"] == 1 and row(frame, "upper case")["unchanged"] == 1


def test_the_benchmark_divides_the_queries_and_writes_what_it_prints(bench, tmp_path, monkeypatch, capsys):
    table, policy = random_outcomes(300), length_policy()
    weight = bench.dividing_weight(policy, list(table.queries))
    shares = [
        np.mean([ZetaDynamicRouter(policy).route(q, cost_weight=weight).size == s for q in table.queries])
        for s in policy.sizes
    ]
    assert max(shares) < 0.6
    table.save(tmp_path / "t.parquet")
    policy.save(tmp_path / "p.json")
    paths = [str(tmp_path / name) for name in ("p.json", "t.parquet", "r.json")]
    monkeypatch.setattr(
        sys, "argv", ["robustness.py", *paths[:2], "--split", "all", "--limit", "50", "--json", paths[2]]
    )
    bench.main()
    routers = json.loads((tmp_path / "r.json").read_text())["routers"]
    assert [len(rows) for rows in routers.values()] == [6, 6, 6]
    out = capsys.readouterr().out
    assert all(f"{rows[0]['unchanged']:.3f} [" in out and name in out for name, rows in routers.items())
