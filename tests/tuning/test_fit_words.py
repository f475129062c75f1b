import numpy as np
import pytest
from tables import data, drawn, prose

from zeta_eval.router.estimators.words import pieces
from zeta_eval.tuning import fit_words as module
from zeta_eval.tuning.fit_words import BITS, WordsRidge, fit_words
from zeta_eval.tuning.quality import gain_errors


def columns(made):
    """The columns of a ridge, written out: each text's pieces over the root of their number, shape (Q, 2**BITS)."""
    x = np.zeros((len(made.score), 1 << BITS))
    read = made.read.tokens
    tokens = read.vocabulary.tokens
    for i in range(len(x)):
        found = [p for t in read.matrix[i].indices for p in pieces(tokens[t], BITS)]
        np.add.at(x[i], found, 1 / np.sqrt(len(found)))
    return x


@pytest.fixture(scope="module")
def made():
    texts = prose(120)
    hard = np.array(["river" in t for t in texts])
    p = np.column_stack([np.where(hard, 0.1, 0.9), np.full(120, 0.95)])
    return data(texts, drawn(p))


@pytest.mark.parametrize("penalty", [100.0, 3.0])
def test_the_iteration_finds_the_weights_of_the_normal_equations(made, penalty, monkeypatch):
    monkeypatch.setattr(module, "TOLERANCE", 1e-9)
    x, y = columns(made), made.score
    centred = x - x.mean(axis=0)
    exact = centred.T @ np.linalg.solve(centred @ centred.T + penalty * np.eye(120), y - y.mean(axis=0))
    rows = np.arange(120)
    found = WordsRidge(made.read.tokens).fits(rows, y, [penalty])[0]
    assert found.weights == pytest.approx(exact, abs=1e-6)
    assert found.constant == pytest.approx(y.mean(axis=0) - x.mean(axis=0) @ exact, abs=1e-6)


def test_a_weaker_penalty_starts_where_a_stronger_one_ended_and_ends_where_it_would_alone(made, monkeypatch):
    monkeypatch.setattr(module, "TOLERANCE", 1e-7)
    ridge, rows = WordsRidge(made.read.tokens), np.arange(120)
    last = ridge.fits(rows, made.score, [100.0, 30.0, 10.0])[-1]
    alone = ridge.fits(rows, made.score, [10.0])[0]
    assert last.weights == pytest.approx(alone.weights, abs=1e-5)


def test_words_serve_as_they_were_fitted_but_for_the_rounding_of_their_table(made):
    ridge, rows = WordsRidge(made.read.tokens), np.arange(120)
    fit = ridge.fits(rows, made.score, [10.0])[0]
    assert made.read.tokens.values(fit.words()) == pytest.approx(ridge.values(fit, rows), abs=2e-3)


def test_words_that_tell_what_a_size_can_do_are_found_out_of_fold():
    texts = prose(900, 1)
    hard = np.array(["river" in t for t in texts])
    p = np.column_stack([np.where(hard, 0.1, 0.9), np.full(900, 0.95)])
    found = fit_words(data(texts, drawn(p)))
    gain = found.p[:, 1] - found.p[:, 0]
    assert np.corrcoef(gain, p[:, 1] - p[:, 0])[0, 1] > 0.8


def test_the_gain_error_counts_differences_between_sizes_alone():
    score = np.array([[0.0, 1.0], [1.0, 1.0]])
    assert gain_errors(score + 0.3, score) == pytest.approx([0, 0])
    assert gain_errors(score + np.array([[0.2, -0.2], [0.0, 0.0]]), score) == pytest.approx([2 * 0.2**2, 0])
