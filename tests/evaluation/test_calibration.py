import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from zeta_eval.evaluation.measures.calibration import brier, ece, ece_if_calibrated


def test_brier_is_the_field_s_own_size_by_size():
    rng = np.random.default_rng(0)
    p, score = rng.random((200, 3)), (rng.random((200, 3)) < 0.6).astype(float)
    assert brier(p, score) == pytest.approx([brier_score_loss(score[:, m], p[:, m]) for m in range(3)], abs=1e-12)


def test_brier_by_hand_takes_graded_scores():
    assert brier(np.array([[0.5, 1.0], [0.1, 0.0]]), np.array([[0.75, 0.0], [0.0, 0.0]])) == pytest.approx(
        [(0.0625 + 0.01) / 2, 0.5]
    )


def test_ece_by_hand_weighs_bins_of_equal_mass():
    p = np.array([[0.9], [0.1], [0.8], [0.2]])
    score = np.array([[1.0], [0.0], [0.0], [1.0]])
    # Bins {0.1, 0.2} and {0.8, 0.9}: means 0.15 and 0.85 against scores of 0.5 and 0.5.
    assert ece(p, score, bins=2) == pytest.approx([0.35])
    assert ece(p, score, bins=1) == pytest.approx([0.0])
    assert ece(p, score, bins=15) == pytest.approx([(0.1 + 0.1 + 0.8 + 0.8) / 4])


def test_ece_of_equal_probabilities_is_their_gap_in_any_order():
    p, score = np.full((100, 1), 0.7), np.repeat([1.0, 0.0], 50)[:, None]
    assert ece(p, score) == pytest.approx([0.2])
    assert ece(p, score[::-1]) == pytest.approx([0.2])


def test_ece_tells_calibrated_from_overconfident():
    rng = np.random.default_rng(1)
    p = rng.random((20_000, 1))
    score = (rng.random(p.shape) < p).astype(float)
    assert ece(p, score)[0] < 0.02
    # Many bins: in the one that holds both probabilities the errors cancel.
    assert ece(np.where(p > 0.5, 1.0, 0.0), score, bins=1000)[0] == pytest.approx(0.25, abs=0.02)


def calibrated(p, rng, kind):
    """Scores whose means are p: right or wrong, or graded by quarters."""
    return (rng.random(p.shape) < p).astype(float) if kind == "binary" else rng.binomial(4, p) / 4


@pytest.mark.parametrize("kind", ["binary", "graded"])
@pytest.mark.parametrize("n", [60, 600])
def test_right_probabilities_show_the_error_that_is_told_for_them(n, kind):
    rng = np.random.default_rng(n)
    p = rng.beta(2, 1, (n, 1))
    shown = np.array([ece(p, calibrated(p, rng, kind))[0] for _ in range(300)])
    told = ece_if_calibrated(p, calibrated(p, rng, kind))[0]
    assert told.value == pytest.approx(shown.mean(), rel=0.12)
    assert 0.88 < ((told.low <= shown) & (shown <= told.high)).mean() <= 1


def test_graded_scores_scatter_less_than_right_and_wrong():
    rng = np.random.default_rng(3)
    p = rng.beta(2, 1, (400, 1))
    graded, binary = (ece_if_calibrated(p, calibrated(p, rng, kind))[0].value for kind in ("graded", "binary"))
    assert graded < 0.7 * binary


def test_wrong_probabilities_lie_above_what_right_ones_would_show():
    rng = np.random.default_rng(4)
    p = rng.beta(2, 1, (600, 2))
    score = calibrated(p, rng, "binary")
    too_sure = np.clip(1.5 * p - 0.25, 0.0, 1.0)
    told = ece_if_calibrated(too_sure, score)
    assert all(error > m.high for error, m in zip(ece(too_sure, score), told, strict=True))


def test_the_same_seed_draws_the_same_and_sure_probabilities_show_none():
    p, score = np.array([[0.0], [1.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    assert ece_if_calibrated(p, score)[0] == (0, 0, 0)
    graded = np.array([[0.2], [0.5], [0.9]])
    assert ece_if_calibrated(graded, graded, seed=5) == ece_if_calibrated(graded, graded, seed=5)
    assert ece_if_calibrated(graded, graded)[0].value == pytest.approx(0, abs=1e-3)
