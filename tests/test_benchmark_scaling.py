import importlib
import sys
from pathlib import Path

import pytest

from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def scaling():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("scaling")
    sys.path.remove(str(BENCHMARKS))


def test_a_table_is_made_tuned_on_and_replayed(scaling, tmp_path):
    for stage in ("make", "tune", "replay"):
        point = scaling.STAGES[stage](tmp_path, 300, 1)
        assert 0 < point["peak_gb"] < 12
    table = Outcomes.load(tmp_path / "table.parquet")
    assert repr(table) == "Outcomes(300 queries x 3 sizes: 4B < 8B < 70B)"
    assert RoutingPolicy.load(tmp_path / "policy.json").sizes == table.sizes
    assert len(set(table.queries)) == 300
    score = table.matrix("score").mean(axis=0)
    assert 0.1 < score[0] < score[1] < score[2] < 0.95
    line = scaling.line({"queries": 300, "stage": "replay", **point})
    assert line.split()[:2] == ["300", "replay"]


def test_a_process_that_fails_stops_the_benchmark(scaling, tmp_path, capfd):
    class Settings:
        trials, most_gb = 3, 8.0

    with pytest.raises(SystemExit, match="Stage 'replay' of 5 queries failed"):
        scaling.run_stage("replay", tmp_path, 5, Settings)
    assert "No outcomes table" in capfd.readouterr().err
