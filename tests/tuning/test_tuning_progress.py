import io

import numpy as np
import pytest

from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, progress, tune
from zeta_eval.tuning.progress import Board, Lines


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
    assert repr(board) == "searching (0:07) \u00b7 trial 4 of 10 \u00b7 0:03 left \u00b7 best so far 0.100"


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


def test_a_short_search_says_nothing_in_a_log_file_and_works_no_curve_out(capsys):
    with progress.board(3) as board:
        board.say("searching")
        assert not board.trial(0.5)
    assert capsys.readouterr() == ("", "")


def test_a_long_search_says_every_ten_seconds_in_a_log_file_how_far_it_is(clock):
    log = io.StringIO()
    with Board(4, Lines(log, clock=clock), clock=clock) as board:
        for _ in range(4):
            clock.now += 6.0
            board.trial(0.5)
    first, second = log.getvalue().splitlines()
    assert "trial 2 of 4" in first and "trial 4 of 4" in second and "best so far 0.500" in second


def test_in_a_terminal_one_line_is_brought_up_to_date_and_goes_at_the_end(clock):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    with pytest.raises(KeyboardInterrupt), Board(4, Lines(terminal, clock=clock), clock=clock) as board:
        board.say("reading the table")
        board.say("searching")
        raise KeyboardInterrupt
    shown = terminal.getvalue()
    assert shown.startswith("\rreading the table (0:00)\rsearching (0:00)") and "\n" not in shown
    assert shown.endswith(f"\r{' ' * len('searching (0:00)')}\r")


@pytest.mark.parametrize(("columns", "shown"), [(80, 4), (60, 3), (50, 2), (20, 1)])
def test_a_narrow_terminal_loses_whole_parts_the_least_useful_first(columns, shown, clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    board = Board(4000, Lines(terminal, clock=clock), clock=clock)
    board.say("searching")
    for _ in range(1000):
        clock.now += 1.0
        board.trial(0.123)
    parts = ["searching (16:40)", "trial 1000 of 4000", "50:00 left", "best so far 0.123"]
    last = terminal.getvalue().rpartition("\r")[2].rstrip()
    assert last == " \u00b7 ".join(parts[:shown]) and len(last) < columns - 2  # `^C` fits behind it
