"""Fits above an embedder, with a real model of random weights, on queries whose words decide which size answers."""

import numpy as np
import pandas as pd
import pytest
from tables import data
from tiny_embedder import WORDS, tiny_embedder

from zeta_eval.cli import main
from zeta_eval.evaluation.batch.estimate import chances
from zeta_eval.evaluation.batch.predict import FeatureCache
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.estimators import ESTIMATORS
from zeta_eval.router.estimators.embedding import Embedded
from zeta_eval.router.estimators.knn import Neighbours
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import fit_knn
from zeta_eval.tuning.estimators import Training, fit_estimator
from zeta_eval.tuning.heuristic import START, HeuristicSearch
from zeta_eval.tuning.selection import fit_level
from zeta_eval.tuning.settings import TuningSettings
from zeta_eval.tuning.study import tune

EASY, HARD = WORDS[:7], WORDS[7:]
KINDS = {"embedding": Embedded, "knn": Neighbours}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_embedder(tmp_path_factory.mktemp("tiny"), 32)


def world(n, seed=0):
    """Texts of easy or hard words, which the smaller sizes get right or wrong."""
    rng = np.random.default_rng(seed)
    hard = rng.integers(0, 2, n)
    texts = np.array([" ".join(rng.choice(HARD if h else EASY, 5)) for h in hard], dtype=object)
    p = np.column_stack([np.where(hard, 0.1, 0.9), np.where(hard, 0.3, 0.9), np.full(n, 0.95)])
    return texts, (rng.random(p.shape) < p).astype(float), p


def fit(kind, model, texts, score, seed=0):
    """The chances out of fold, and the estimator fitted to all queries."""
    made = data(texts, score, seed=seed)
    found = fit_estimator(kind, Training(data=made, heuristic=HeuristicSearch(made).fit([START]), embedder=model))
    return found.p, found.estimator(fit_level(found.p, score), TaskOffsets(of_task={}))


def served(estimator, texts):
    return chances(estimator, FeatureCache().features(texts))


@pytest.fixture(scope="module", params=KINDS)
def fitted(request, model):
    texts, score, p = world(500)
    return request.param, *fit(request.param, model, texts, score), p


def test_the_words_of_a_query_tell_what_each_size_can_do(fitted):
    kind, _, estimator, _ = fitted
    texts, _, p = world(200, seed=9)
    told = served(estimator, texts)
    assert type(estimator) is KINDS[kind]
    assert np.corrcoef(p[:, 2] - p[:, 0], told[:, 2] - told[:, 0])[0, 1] > 0.8


def test_the_vector_alone_tells_something_too(fitted):
    _, _, estimator, _ = fitted
    texts, _, p = world(200, seed=9)
    told = np.array([estimator.told(v) for v in estimator.embedder.vectors(list(texts))])
    assert np.corrcoef(p[:, 2] - p[:, 0], told[:, 2] - told[:, 0])[0, 1] > 0.7


def test_out_of_fold_chances_are_as_good_as_those_of_new_queries(fitted):
    _, out, estimator, p = fitted
    texts, _, new_p = world(500, seed=3)
    new_error = ((served(estimator, texts) - new_p) ** 2).mean()
    assert 0.5 * new_error < ((out - p) ** 2).mean() < 2 * new_error


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_pure_chance_give_no_weight_to_speak_of(kind, model):
    texts, score, _ = world(500)
    chance = (np.random.default_rng(5).random(score.shape) < 0.5).astype(float)
    assert np.abs(fit(kind, model, texts, chance)[0] - 0.5).max() < 0.25


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_repeats_a_fit(kind, model):
    texts, score, _ = world(80)
    first, second = (fit(kind, model, texts, score, seed=4) for _ in range(2))
    assert first[1] == second[1]
    assert (first[0] == second[0]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["never right", "graded", "few"])
def test_tables_of_every_kind_can_be_fitted(kind, case, model):
    texts, score, _ = world(20 if case == "few" else 60)
    if case == "never right":
        score[:, 0] = 0.0
    if case == "graded":
        score = np.random.default_rng(1).integers(0, 5, score.shape) / 4
    out, estimator = fit(kind, model, texts, score)
    told = served(estimator, texts)
    assert np.isfinite(out).all() and told.shape == out.shape == score.shape
    if case == "never right":
        assert told[:, 0].max() < 0.2


def test_at_most_so_many_queries_are_kept_as_references(model, monkeypatch):
    monkeypatch.setattr(fit_knn, "REFERENCES", 30)
    texts, score, _ = world(200)
    found = fit("knn", model, texts, score)[1]
    assert len(found.references) == len(found.scores) == 30 >= found.k
    assert {value for row in found.scores for value in row} <= {0.0, 1.0}
    assert found.far < found.near


@pytest.fixture(scope="module")
def table():
    texts, score, _ = world(400)
    rows = [
        {"task": "words", "query_id": f"q{i}", "query": text, "model": size, "score": y, "gpu_s": cost}
        for i, (text, ys) in enumerate(zip(texts, score, strict=True))
        for size, y, cost in zip(("1B", "3B", "9B"), ys, (0.1, 0.3, 1.0), strict=True)
    ]
    return Outcomes.from_frame(pd.DataFrame(rows)).with_order(("1B", "3B", "9B"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_tuned_policy_serves_with_the_embedder_it_was_given(kind, table, model, tmp_path):
    report = tune(table, TuningSettings(n_trials=5, estimator=kind, embedder=model))
    assert report.estimator == kind
    assert set(report.gap_closed) == {kind}
    assert report.test.policy_row.gap_closed > 0.2
    loaded = RoutingPolicy.load(report.policy.save(tmp_path / "p.json"))
    assert loaded == report.policy and loaded.estimator.embedder.model == model


def test_auto_tries_embedders_only_where_one_is_given(table, model):
    assert TuningSettings().estimators == ("learned",)
    report = tune(table, TuningSettings(n_trials=5, embedder=model))
    assert next(iter(report.gap_closed)) == "learned"
    assert set(report.gap_closed) == {"learned", "knn", "embedding"}
    assert report.gap_closed[report.estimator] >= report.gap_closed["learned"]


def test_the_command_line_takes_an_embedder(table, model, tmp_path, capsys):
    table.save(tmp_path / "t.parquet")
    words = [
        "tune",
        str(tmp_path / "t.parquet"),
        "--trials",
        "3",
        "--out",
        str(tmp_path / "p.json"),
        "--mlflow",
        "none",
    ]
    assert main([*words, "--estimator", "embedding", "--embedder", model]) == 0
    assert isinstance(RoutingPolicy.load(tmp_path / "p.json").estimator, Embedded)
    capsys.readouterr()
    assert main([*words, "--estimator", "embedding"]) == 2
    assert "give --embedder NAME_OR_PATH" in capsys.readouterr().err


def test_an_estimator_and_an_embedder_that_do_not_go_together_are_refused():
    with pytest.raises(InvalidInputError, match="'knn' needs an embedder; give --embedder NAME_OR_PATH"):
        TuningSettings(estimator="knn")
    with pytest.raises(InvalidInputError, match="'learned' reads no embedder; leave --embedder out"):
        TuningSettings(estimator="learned", embedder="some/model")


def test_every_estimator_that_may_be_tuned_has_a_fit(model):
    texts, score, _ = world(60)
    for name, known in ESTIMATORS.items():
        if known.tuned:
            assert type(fit(name, model, texts, score)[1]) is known
