import numpy as np
import pytest

from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, progress, tune
from zeta_eval.tuning.progress import Board


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_best_so_far_never_falls_and_leaves_out_trials_given_up(clock):
    board = Board(5, lambda _: None, clock=clock)
    found = [board.trial(value) for value in (np.nan, 0.2, 0.1, np.nan, 0.3)]
    assert found == [False, True, False, False, True]
    assert board.best[1:] == [0.2, 0.2, 0.2, 0.3] and np.isnan(board.best[0])


def test_time_left_is_that_of_the_trials_left_at_the_speed_so_far(clock):
    board = Board(10, lambda _: None, clock=clock)
    clock.now = 5.0
    board.say("searching")
    for _ in range(4):
        clock.now += 0.5
        board.trial(0.1)
    assert board.left_s == pytest.approx(3.0)
    assert (
        "trial 4 of 10" in repr(board) and "best so far 0.100" in repr(board) and "0:03 of trials left" in repr(board)
    )


def test_it_is_drawn_now_and_then_and_at_every_phase(clock):
    drawn = []
    board = Board(100, lambda shown: drawn.append(repr(shown)), clock=clock)
    board.say("searching")
    for _ in range(100):
        clock.now += 0.01
        board.trial(0.1)
    assert 3 <= len(drawn) <= 6
    board.say("testing")
    assert drawn[-1].startswith("testing (0:01)")


def test_the_curve_of_the_best_is_drawn_with_numbers(clock):
    board = Board(2, lambda _: None, clock=clock)
    board.trial(0.25)
    board.grow(np.array([[0.3, 0.5], [1.0, 0.9]]))
    page = board._repr_html_()
    assert page.count("<svg") == 2 and "0.500 to 0.900" in page and "nan" not in page
    assert Board(2, lambda _: None, clock=clock)._repr_html_().count("<svg") == 0


def test_a_search_counts_its_trials_grows_its_curve_and_names_its_phases(monkeypatch):
    seen = []
    made = Board(6, lambda board: seen.append(board.phase))
    monkeypatch.setattr("zeta_eval.tuning.study.board", lambda total: made)
    tune(make_outcomes(200), TuningSettings(n_trials=6, estimator="heuristic"))
    assert len(made.values) == 6 and made.front.shape[1] == 2 and (made.front[:, 1] <= 1).all()
    phases = list(dict.fromkeys(seen))
    assert phases[0] == "reading the table" and phases[-1] == "tuned" and "fitting the heuristic estimator" in phases


def test_outside_a_notebook_nothing_is_shown_or_worked_out(capsys):
    board = progress.board(3)
    board.say("searching")
    assert not board.trial(0.5) and capsys.readouterr() == ("", "")
