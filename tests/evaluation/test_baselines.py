import numpy as np
import pytest

from zeta_eval.evaluation.baselines import knn, length_only


def test_length_only_finds_that_long_texts_are_harder_and_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 400, 600)
    x = np.log1p(lengths)
    z = (x - x.mean()) / x.std()
    score = (rng.random((600, 2)) < 1 / (1 + np.exp(np.column_stack([z, -z])))).astype(float)
    texts = ["x" * n for n in lengths]
    p = length_only(texts, score, texts)
    for m in range(2):
        expected = LogisticRegression().fit(z[:, None], score[:, m]).predict_proba(z[:, None])[:, 1]
        assert p[:, m] == pytest.approx(expected, abs=1e-3)


def test_length_only_takes_scores_that_never_vary_and_texts_of_one_length():
    score = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    p = length_only(["a", "b", "c"], score, ["abcd"])
    assert p[0, 0] < 0.01
    assert p[0, 1] > 0.99
    assert np.isfinite(length_only(["a", "b", "c"], np.full((3, 1), 0.5), ["d"])).all()


def test_knn_takes_the_mean_score_of_similar_texts():
    fit = ["sort the letters b a"] * 5 + ["prove the theorem of Gauss"] * 5
    score = np.array([[1.0, 1.0]] * 5 + [[0.0, 1.0]] * 5)
    p = knn(fit, score, ["sort letters d c", "prove a theorem"], k=5)
    assert p.tolist() == [[1.0, 1.0], [0.0, 1.0]]


def test_knn_of_few_or_blank_texts_is_their_mean():
    score = np.array([[1.0], [0.0]])
    assert knn(["a b", "c d"], score, ["a"]).tolist() == [[0.5]]
    assert knn([" ", ""], score, ["a", "b"]).tolist() == [[0.5], [0.5]]
