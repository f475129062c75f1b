"""Estimators above an embedder, served one query at a time and replayed many at once, with a real model."""

import dataclasses
import json
import sys
from base64 import b64encode

import numpy as np
import pytest
from tiny_embedder import WORDS, tiny_embedder

from zeta_eval.evaluation.batch.predict import FeatureCache, decide, expect
from zeta_eval.exceptions import HubAccessError, InvalidInputError, PolicyError
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.complexity import extract
from zeta_eval.router.estimators import embedder, estimator_of, estimator_to_dict
from zeta_eval.router.estimators.embedder import Embedder, embed
from zeta_eval.router.estimators.embedding import Embedded
from zeta_eval.router.estimators.knn import Neighbours
from zeta_eval.router.estimators.linear import Linear, logit, sigmoid
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.policy import RoutingPolicy

SIZES, D, N = ("4B", "7B", "14B"), 16, 40
ODD = ("", "???", "\ud800 lone surrogate", "é ß 漢字", "sum of the apple " * 2000, "Embed this sentence: hello")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_embedder(tmp_path_factory.mktemp("tiny"), D)


def texts(rng, n):
    return [*ODD, *(" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(n))]


def parts(rng, model):
    def row():
        return tuple(rng.normal(size=3).tolist())

    linear = Linear(bias=row(), weights={"words": row()}, tasks={"sums": row()})
    return row(), linear, Embedder(model=model, dimension=D)


def embedded(rng, model):
    base, linear, source = parts(rng, model)
    return Embedded(base=base, linear=linear, embedder=source, table=encode((3 * rng.normal(size=(D, 3))).tolist()))


def neighbours(rng, model, k=7):
    base, linear, source = parts(rng, model)
    vectors = np.array(embed(model, [" ".join(rng.choice(WORDS, 5)) for _ in range(N)]))
    vectors[1] = vectors[0]  # two queries alike: both or none are neighbours
    scores = rng.integers(0, 256, (N, 3), dtype=np.uint8)
    return Neighbours(
        base=base,
        linear=linear,
        embedder=source,
        table=encode(vectors.tolist()),
        score_table=b64encode(scores.tobytes()).decode(),
        k=k,
        temperature=float(rng.choice([0.02, 0.3])),
        prior=1.5,
        far=0.5,
        near=0.9,
        weight=1.2,
    )


KINDS = {"embedding": embedded, "knn": neighbours}


def policy(rng, kind, model):
    return dataclasses.replace(RoutingPolicy.seed(SIZES), learned=KINDS[kind](rng, model))


def test_vectors_have_unit_length_and_one_text_alone_gets_the_vector_it_gets_among_many(model):
    many = embed(model, texts(np.random.default_rng(0), 20))
    assert np.linalg.norm(many, axis=1) == pytest.approx(1.0, abs=1e-6)
    embedder._vectors.clear()
    alone = [embed(model, [text])[0] for text in texts(np.random.default_rng(0), 20)]
    assert np.array(alone) == pytest.approx(np.array(many), abs=1e-5)


def test_a_text_is_embedded_once_and_only_the_last_are_kept(model, monkeypatch):
    embedder._vectors.clear()
    monkeypatch.setattr(embedder, "CACHED", 3)
    first = embed(model, ["a", "b", "a"])
    assert first[0] is first[2] is embed(model, ["a"])[0]
    assert len(embed(model, ["c", "d", "e", "f"])) == 4
    assert [text for _, text in embedder._vectors] == ["d", "e", "f"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_replay_chooses_for_every_query_what_the_router_chooses(kind, seed, model):
    rng = np.random.default_rng(seed)
    rule = policy(rng, kind, model)
    queries = np.array(texts(rng, 60), dtype=object)
    tasks = rng.choice(np.array(["sums", "never seen", None], dtype=object), len(queries))
    read, router = FeatureCache().features(queries, tasks), ZetaDynamicRouter(rule)
    estimates = [rule.estimate(q, t) for q, t in zip(queries, tasks, strict=True)]
    assert expect(rule, read)[0] == pytest.approx(np.array([e.p for e in estimates]), rel=1e-10)
    for weight in (0.0, 0.1, 0.5):
        routed = [router.route(q, task=t, cost_weight=weight).size for q, t in zip(queries, tasks, strict=True)]
        assert [SIZES[i] for i in decide(rule, read, weight)] == routed
    assert len(set(routed)) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_file_comes_back_byte_for_byte_and_holds_no_query(kind, model, tmp_path):
    rule = policy(np.random.default_rng(1), kind, model)
    path = rule.save(tmp_path / "p.json")
    loaded = RoutingPolicy.load(path)
    assert loaded == rule
    assert loaded.save(tmp_path / "q.json").read_bytes() == path.read_bytes()
    assert json.loads(path.read_text())["learned"]["kind"] == kind
    assert not any(f"{a} {b}" in path.read_text() for a in WORDS for b in WORDS)
    assert loaded.estimate("sum of 2", "sums") == rule.estimate("sum of 2", "sums")


def test_log_odds_of_a_linear_model_are_those_worked_out_by_hand(model):
    fitted = embedded(np.random.default_rng(2), model)
    features, (vector,) = extract("sum of the apple"), embed(model, ["sum of the apple"])
    told = np.array(vector) @ np.array(fitted.weights).reshape(D, 3)
    expected = np.array(fitted.base) + fitted.linear.values(features, "sums") + told
    assert fitted.logits("sum of the apple", features, "sums") == pytest.approx(expected.tolist())


def test_one_neighbour_in_the_same_place_counts_against_the_prior(model):
    rng = np.random.default_rng(3)
    text = "prove the sum"
    fitted = dataclasses.replace(
        neighbours(rng, model, k=1),
        linear=Linear(bias=(0.0,) * 3, weights={}),
        table=encode([embed(model, [text])[0].tolist(), *np.eye(D)[: N - 1].tolist(), *[[0.25] * D] * (N - D - 1)]),
        score_table=b64encode(bytes([255, 0, 51] * N)).decode(),
    )
    got = fitted.logits(text, extract(text), None)
    shares = [(y + 1.5 * sigmoid(b)) / 2.5 for y, b in zip((1.0, 0.0, 0.2), fitted.base, strict=True)]
    expected = [b + 1.2 * (logit(s) - b) for s, b in zip(shares, fitted.base, strict=True)]
    assert got == pytest.approx(expected)


def test_neighbours_say_less_the_farther_they_are_and_in_the_end_nothing(model):
    fitted = neighbours(np.random.default_rng(4), model)
    assert [fitted.share(s) for s in (-1.0, 0.5, 0.7, 0.9, 1.0)] == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0])
    far = dataclasses.replace(fitted, far=1.5, near=1.6)
    rest = [b + x for b, x in zip(far.base, far.linear.values(extract("apple"), None), strict=True)]
    assert far.logits("apple", extract("apple"), None) == pytest.approx(rest)
    assert fitted.logits("apple", extract("apple"), None) != pytest.approx(rest)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_another_dimension_than_at_tuning_is_one_line(kind, model, tmp_path):
    rule = policy(np.random.default_rng(5), kind, model)
    other = tiny_embedder(tmp_path, 8)
    source = Embedder(model=other, dimension=D)
    changed = dataclasses.replace(rule, learned=dataclasses.replace(rule.learned, embedder=source))
    with pytest.raises(PolicyError, match=r"gives vectors of 8 numbers, 16 when the policy was tuned; .*tune") as e:
        changed.estimate("apple")
    assert "\n" not in str(e.value)


def test_a_missing_package_is_one_line_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(
        InvalidInputError, match=r"^The embedder 'never/loaded'.*pip install 'zeta-eval\[embedding\]'\.$"
    ):
        embed("never/loaded", ["a text"])


def test_a_model_that_cannot_be_reached_is_one_line(tmp_path):
    pytest.importorskip("sentence_transformers", reason="needs the extra zeta-eval[embedding]")
    with pytest.raises(HubAccessError, match="can't be loaded") as e:
        embed(str(tmp_path / "nothing"), ["a text"])
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        ("embedding", {"table": "AAAA"}, "export the policy again"),
        ("embedding", {"table": "no base64!"}, "no base64"),
        ("embedding", {"base": (0.0, float("nan"), 0.0)}, "not finite"),
        ("embedding", {"table": encode([[float("inf")] * 3] * D)}, "not finite"),
        ("knn", {"k": 0}, "0 neighbours of 40"),
        ("knn", {"k": N + 1}, "41 neighbours of 40"),
        ("knn", {"temperature": 0.0}, "out of its range"),
        ("knn", {"far": 0.9}, "out of its range"),
        ("knn", {"prior": float("inf")}, "not finite"),
        ("knn", {"score_table": "AAAA"}, "wrong length"),
        ("knn", {"table": encode([[0.5] * (D + 1)] * N)}, "wrong length"),
    ],
)
def test_an_inconsistent_model_is_refused_in_words(kind, wrong, message, model):
    with pytest.raises(PolicyError, match=message):
        dataclasses.replace(KINDS[kind](np.random.default_rng(6), model), **wrong)


@pytest.mark.parametrize("wrong", [{"model": ""}, {"model": 3}, {"dimension": 0}])
def test_an_embedder_needs_a_name_and_a_dimension(wrong):
    with pytest.raises(PolicyError, match="tune again"):
        Embedder(**{"model": "some/model", "dimension": 4} | wrong)


def test_a_kind_that_is_not_known_is_refused_and_none_means_learned(model):
    data = estimator_to_dict(embedded(np.random.default_rng(7), model))
    with pytest.raises(PolicyError, match="of kind 'forest', not one of embedding, knn, learned"):
        estimator_of(data | {"kind": "forest"})
    with pytest.raises(KeyError, match="ngrams"):
        estimator_of({k: v for k, v in data.items() if k != "kind"})
    assert estimator_of(data) == embedded(np.random.default_rng(7), model)
