"""Commands that are killed lose, double and halve nothing; `benchmarks/kills.py` has the verbs and what is counted."""

import pytest
from kills import KILLS, run

SHORT = ("history export", "bench, served")


def test_a_kill_loses_doubles_and_halves_nothing(tmp_path):
    found = dict(run([*SHORT], tmp_path, kills=1))
    assert [*found] == [*SHORT] and all(count.kills == 1 and count.clean for count in found.values()), found


@pytest.mark.slow
def test_sixty_kills_lose_double_and_halve_nothing(tmp_path):
    found = dict(run([*KILLS], tmp_path))
    assert sum(count.kills for count in found.values()) >= 60
    assert all(count.clean for count in found.values()), found
