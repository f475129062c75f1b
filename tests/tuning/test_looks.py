import numpy as np
import pytest
from tables import data, drawn, prose

from zeta_eval.arrays import logit, sigmoid
from zeta_eval.evaluation.batch.answers import Answers
from zeta_eval.outcomes import Outcomes
from zeta_eval.tuning.fit_cascade import PRECISIONS, LookFits, _logistic, scaled


def folds(n):
    at = np.arange(n) % 5
    return [(np.flatnonzero(at != k), np.flatnonzero(at == k)) for k in range(5)]


def test_signals_that_tell_nothing_leave_the_log_odds_nearly_as_they_were():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.05, 0.95, 300)
    y = (rng.random(300) < p).astype(float)
    x = np.column_stack([logit(p), rng.normal(size=(300, 12))])
    weights, _, after, _ = _logistic(x, y, folds(300), PRECISIONS)
    assert abs(weights[1:]).max() < 0.1
    assert abs(sigmoid(after) - p).mean() < 0.04


def test_a_signal_that_tells_is_used_out_of_fold_too():
    rng = np.random.default_rng(4)
    p, sign = rng.uniform(0.2, 0.8, 600), rng.normal(size=600)
    y = (rng.random(600) < sigmoid(logit(p) + 2 * sign)).astype(float)
    weights, _, after, _ = _logistic(np.column_stack([logit(p), sign]), y, folds(600), PRECISIONS)
    assert weights == pytest.approx([1.0, 2.0], abs=0.5)
    assert np.mean((sigmoid(after) - y) ** 2) < 0.8 * np.mean((p - y) ** 2)


@pytest.fixture(scope="module")
def seen():
    """Two sizes whose success no text tells; the small one's log-probability tells of its own answer."""
    p = np.tile([0.6, 0.9], (600, 1))
    made = data(prose(600), drawn(p))
    frame = made.outcomes.frame
    rng = np.random.default_rng(0)
    told = -4.5 + frame["score"] + 0.3 * rng.normal(size=len(frame))
    frame = frame.assign(mean_logprob=told, min_logprob=-9 + rng.normal(size=len(frame)))
    return made, p, Answers.of(Outcomes.from_frame(frame).with_order(("1B", "3B")))


def test_a_look_at_an_answer_that_tells_of_itself_moves_its_own_chance_and_no_other(seen):
    made, p, answers = seen
    (look,) = LookFits().fit(p, made.score, answers, made.folds)
    assert look.ran == ("1B",) and look.spread > 0.5
    own, other = look.posteriors
    assert own.weights["mean_logprob"] > 5 * abs(other.weights["mean_logprob"])
    assert own.weights["mean_logprob"] > 3 and abs(own.weights["min_logprob"]) < 0.5


def test_looks_fitted_again_take_the_precisions_found_before(seen):
    made, p, answers = seen
    fits = LookFits()
    first = fits.fit(p, made.score, answers, made.folds)
    assert fits.fit(p, made.score, answers, made.folds) == first


def test_a_size_that_never_fails_gives_no_look(seen):
    made, p, answers = seen
    score = made.score.copy()
    score[:, 1] = 1.0
    assert LookFits().fit(p, score, answers, made.folds) == ()


def test_a_scale_moves_the_value_of_seeing_an_answer_alone(seen):
    made, p, answers = seen
    (look,) = LookFits().fit(p, made.score, answers, made.folds)
    (half,) = scaled((look,), 0.5)
    assert half.spread == 0.5 * look.spread and half.posteriors == look.posteriors
