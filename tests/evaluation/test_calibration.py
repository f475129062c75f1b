import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from zeta_eval.evaluation.measures.calibration import brier, ece


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
