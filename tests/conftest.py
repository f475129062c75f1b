import os
import shutil
import socket
from collections import Counter

import pytest

# No test reaches the hub, MLflow's telemetry, or more than one thread.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """Put files with slow tests first, then those with many, so that parallel processes end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, -count[item.path]))


@pytest.fixture(scope="session")
def tuned():
    """A table and the report of a policy tuned on it, for all tests that need just any; tuning takes seconds."""
    from zeta_eval.testing import make_outcomes
    from zeta_eval.tuning import TuningSettings, tune

    outcomes = make_outcomes(600, seed=3, slope=4.0)
    return outcomes, tune(outcomes, TuningSettings(n_trials=20))


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory):
    """An empty store; making one takes seconds, so each test works on a copy."""
    from zeta_eval.tracking import create_store

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    create_store(file)
    assert [p.name for p in file.parent.iterdir()] == ["mlflow.db"]
    return file


@pytest.fixture
def tracker(migrated_store, tmp_path):
    from zeta_eval.tracking import MlflowTracker

    (tmp_path / "mlruns").mkdir()
    shutil.copy(migrated_store, tmp_path / "mlruns" / "mlflow.db")
    return MlflowTracker(f"sqlite:///{tmp_path}/mlruns/mlflow.db", tmp_path / "mlruns" / "artifacts")


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
