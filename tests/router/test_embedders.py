"""Estimators above an embedder, served one query at a time and replayed many at once, with a real model."""

import dataclasses
import json
import sys
from base64 import b64encode

import numpy as np
import pytest
from forests import random_forest
from tiny_embedder import WORDS, tiny_embedder

from zeta_eval.evaluation.batch.predict import FeatureCache, decide, expect
from zeta_eval.exceptions import HubAccessError, InvalidInputError, PolicyError
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.complexity import TextView, extract
from zeta_eval.router.estimators import embedder, estimator_of, estimator_to_dict
from zeta_eval.router.estimators.embedder import Embedder, embed
from zeta_eval.router.estimators.embedding import Embedded
from zeta_eval.router.estimators.heuristic import Learned, Level
from zeta_eval.router.estimators.knn import Neighbours
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.estimators.words import Words
from zeta_eval.router.policy import RoutingPolicy

SIZES, D, N = ("4B", "7B", "14B"), 16, 40
ODD = ("", "???", "\ud800 lone surrogate", "é ß 漢字", "sum of the apple " * 2000, "Embed this sentence: hello")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_embedder(tmp_path_factory.mktemp("tiny"), D)


def texts(rng, n):
    return [*ODD, *(" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(n))]


def row(rng):
    return tuple(rng.uniform(0.2, 0.8, 3).tolist())


def parts(rng, model, share=0.6):
    """What both kinds have in common."""
    table = encode((0.1 * rng.normal(size=(64, 3))).tolist())
    return {
        "forest": random_forest(rng, 3, ["words", "numbers"]),
        "usual": {"words": 1.0, "numbers": 0.1},
        "level": Level(mean=0.5, stretch=1.5),
        "tasks": TaskOffsets(of_task={"sums": row(rng)}),
        "words": Words(bits=6, n_sizes=3, constant=row(rng), table=table),
        "weight": 0.5,
        "embedder": Embedder(model=model, dimension=D),
        "share": share,
    }


def embedded(rng, model):
    return Embedded(**parts(rng, model), constant=row(rng), table=encode((0.3 * rng.normal(size=(D, 3))).tolist()))


def neighbours(rng, model, k=7):
    vectors = np.array(embed(model, [" ".join(rng.choice(WORDS, 5)) for _ in range(N)]))
    vectors[1] = vectors[0]  # two queries alike: both or none are neighbours
    scores = rng.integers(0, 256, (N, 3), dtype=np.uint8)
    return Neighbours(
        **parts(rng, model),
        table=encode(vectors.tolist()),
        score_table=b64encode(scores.tobytes()).decode(),
        mean=row(rng),
        k=k,
        temperature=float(rng.choice([0.02, 0.3])),
        prior=1.5,
        far=0.5,
        near=0.9,
    )


KINDS = {"embedding": embedded, "knn": neighbours}


def policy(rng, kind, model):
    return dataclasses.replace(RoutingPolicy.seed(SIZES), estimator=KINDS[kind](rng, model))


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
    assert json.loads(path.read_text())["estimator"]["kind"] == kind
    assert not any(f"{a} {b}" in path.read_text() for a in WORDS for b in WORDS)
    assert loaded.estimate("sum of 2", "sums") == rule.estimate("sum of 2", "sums")


def test_what_a_vector_tells_is_linear_in_it_and_counts_by_its_share(model):
    fitted, text = embedded(np.random.default_rng(2), model), "sum of the apple"
    features, (vector,) = extract(text), embed(model, [text])
    told = np.array(fitted.constant) + np.array(vector) @ np.array(fitted.weights).reshape(D, 3)
    assert fitted.told(vector) == pytest.approx(told)
    rest = np.array(Learned.mixed(fitted, fitted.forest.mean(features), TextView.of(text)))
    mixed = 0.4 * rest + 0.6 * told
    assert fitted.mixed(fitted.forest.mean(features), TextView.of(text)) == pytest.approx(mixed)
    level = 0.5 * (mixed.mean() - 0.5)
    assert fitted.chances(TextView.of(text), features, None) == pytest.approx(np.clip(mixed + level, 0.001, 0.999))


def test_one_neighbour_in_the_same_place_counts_against_the_prior(model):
    (vector,) = embed(model, ["prove the sum"])
    rows = [vector.tolist(), *np.eye(D).tolist(), *[[0.25] * D] * (N - D - 1)]
    fitted = dataclasses.replace(
        neighbours(np.random.default_rng(3), model, k=1),
        table=encode(rows),
        score_table=b64encode(bytes([255, 0, 51] * N)).decode(),
    )
    expected = [(y + 1.5 * b) / 2.5 for y, b in zip((1.0, 0.0, 0.2), fitted.mean, strict=True)]
    assert fitted.told(vector) == pytest.approx(expected)


def test_neighbours_say_less_the_farther_they_are_and_in_the_end_the_mean(model):
    fitted, (vector,) = neighbours(np.random.default_rng(4), model), embed(model, ["apple"])
    assert [fitted.like(s) for s in (-1.0, 0.5, 0.7, 0.9, 1.0)] == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0])
    assert dataclasses.replace(fitted, far=1.5, near=1.6).told(vector) == pytest.approx(list(fitted.mean))
    assert fitted.told(vector) != pytest.approx(list(fitted.mean))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_another_dimension_than_at_tuning_is_one_line(kind, model, tmp_path):
    rule = policy(np.random.default_rng(5), kind, model)
    other = tiny_embedder(tmp_path, 8)
    source = Embedder(model=other, dimension=D)
    changed = dataclasses.replace(rule, estimator=dataclasses.replace(rule.estimator, embedder=source))
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
        ("embedding", {"constant": (0.0, float("nan"), 0.0)}, "finite constant"),
        ("embedding", {"constant": (0.0, 0.0)}, "finite constant"),
        ("embedding", {"share": 1.1}, "not in"),
        ("knn", {"share": float("nan")}, "not in"),
        ("knn", {"mean": (0.5, 0.5)}, "another number of sizes"),
        ("knn", {"mean": (0.5, float("inf"), 0.5)}, "not finite"),
        ("knn", {"score_table": b64encode(bytes(3 * N - 1)).decode()}, "wrong length"),
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


def test_a_kind_that_is_not_known_or_not_named_is_refused(model):
    data = estimator_to_dict(embedded(np.random.default_rng(7), model))
    with pytest.raises(PolicyError, match="of kind 'forest', not one of embedding, heuristic, knn, learned, seed"):
        estimator_of(data | {"kind": "forest"})
    with pytest.raises(KeyError, match="kind"):
        estimator_of({k: v for k, v in data.items() if k != "kind"})
    assert estimator_of(data) == embedded(np.random.default_rng(7), model)
