"""A real `mlflow server` process with a database: two clients at once, passwords, a server that dies or hangs."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace

import pytest

import zeta_eval as ze
from zeta_eval.cli import main
from zeta_eval.exceptions import TrackingError
from zeta_eval.router.policy import RoutingPolicy

LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
PASSWORD = "a-secret-of-20-letters"
CLIENT = """
import sys
from dataclasses import replace
from pathlib import Path
import zeta_eval as ze
tracker = ze.MlflowTracker(artifact_root=Path(sys.argv[1]) / "artifacts")
for i in range(2):
    policy = replace(ze.RoutingPolicy.seed(), name=f"{sys.argv[2]}-{i}")
    assert tracker.log_policy(policy.save(Path(sys.argv[1], f"{sys.argv[2]}-{i}.json")))
"""


@contextmanager
def serving(folder, port, *words, **env):
    """An MLflow server with the database in a folder."""
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [*command, *words], cwd=folder, env=os.environ | LIGHT | env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            until = time.monotonic() + 120
            while not up(port):
                assert server.poll() is None and time.monotonic() < until, (folder / "server.log").read_text()[-2000:]
                time.sleep(0.3)
            yield server
        finally:
            kill(server)


def up(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def kill(server):
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(20)


@pytest.fixture
def place(migrated_store, tmp_path):
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "mlflow.db").write_bytes(migrated_store.read_bytes())
    return tmp_path / "server"


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A working directory."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def names(uri):
    client = ze.MlflowTracker(uri).registry.client
    found = client.search_model_versions("name = 'ZetaDynamicRouter'")
    return sorted(v.tags["policy"] for v in found), sorted(int(v.version) for v in found)


@pytest.mark.slow
def test_two_clients_at_once_register_every_policy_once(place, work, unused_port, monkeypatch):
    uri = f"http://127.0.0.1:{unused_port}"
    with serving(place, unused_port):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "both")
        command = [sys.executable, "-c", CLIENT, str(work)]
        clients = [subprocess.Popen([*command, name], cwd=work) for name in ("one", "two")]
        assert [c.wait(240) for c in clients] == [0, 0]
        policies, numbers = names(uri)
        assert policies == ["one-0", "one-1", "two-0", "two-1"] and numbers == [1, 2, 3, 4]
        client = ze.MlflowTracker().registry.client
        runs = client.search_runs([client.get_experiment_by_name("both").experiment_id])
        assert {r.info.status for r in runs} == {"FINISHED"} and len(runs) == 4
        assert main(["promote", "2"]) == 0  # the verbs take the store from the environment
        assert ze.MlflowTracker().registry.load("champion").name in policies


@pytest.mark.slow
def test_a_server_that_dies_in_the_middle_of_a_benchmark_loses_nothing(place, work, unused_port, capsys, caplog):
    uri = f"http://127.0.0.1:{unused_port}"
    words = ["bench", "--ladder", "embedded", "--tasks", "copy", "--limit", "6", "--out", "out", "--mlflow", uri]
    with serving(place, unused_port) as server:
        killer = threading.Thread(target=lambda: [wait_for(work / "out" / "rows.jsonl"), kill(server)])
        killer.start()
        assert main(words) == 0
        killer.join()
    rows = ze.Outcomes.load("out")
    assert len(rows) == 6
    (kept,) = (work / "mlruns" / "unsent").iterdir()
    assert "does not answer" in caplog.text and f"`zeta track mlruns/unsent/{kept.name}` sends it" in caplog.text
    capsys.readouterr()
    assert main(["track", "--mlflow", uri]) == 1 and kept.is_dir()
    assert capsys.readouterr().err.count("\n") == 1
    with serving(place, unused_port):
        for _ in range(2):
            assert main(["track", "--mlflow", uri]) == 0
        said = capsys.readouterr().out
        assert "benchmark" in said and "Nothing is left to send." in said
        client = ze.MlflowTracker(uri).registry.client
        experiment = client.get_experiment_by_name("zeta-eval").experiment_id
        (run,) = client.search_runs([experiment], "tags.kind = 'benchmark'")
        assert run.data.params["outcomes_sha256"] == rows.sha256 and run.info.status == "FINISHED"
        assert len(client.search_runs([experiment], "tags.kind = 'size'")) == 3


@pytest.mark.slow
def test_a_server_with_names_and_passwords_takes_runs_and_no_password_is_told_or_kept(
    place, work, unused_port, monkeypatch, capsys, caplog
):
    pytest.importorskip("flask_wtf", reason="MLflow's login wants Flask-WTF (in the extra 'dev')")
    uri, secret = f"http://127.0.0.1:{unused_port}", {"MLFLOW_FLASK_SERVER_SECRET_KEY": "for-cookies"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    policy = RoutingPolicy.seed().save(work / "p.json")
    with serving(place, unused_port, "--app-name", "basic-auth", MLFLOW_AUTH_ADMIN_PASSWORD=PASSWORD, **secret):
        assert main(["promote", "p.json"]) == 1
        assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in capsys.readouterr().err
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        assert main(["promote", "p.json"]) == 0
        assert main(["promote", "1", "--mlflow", uri.replace("//", f"//admin:{PASSWORD}@")]) == 0
        assert main(["promote", "9", "--mlflow", uri.replace("//", f"//admin:{PASSWORD}@")]) == 2
    dead = ze.MlflowTracker(uri.replace("//", f"//admin:{PASSWORD}@"))
    assert dead.log_policy(policy) == {}
    said = capsys.readouterr()
    assert PASSWORD not in said.out + said.err + caplog.text and "admin:***@" in caplog.text
    kept = [p for p in (work / "mlruns").rglob("*") if p.is_file()]
    assert kept and not any(PASSWORD.encode() in p.read_bytes() for p in kept)


def test_a_server_that_does_not_answer_is_one_line_within_ten_seconds(work, unused_port, capsys):
    with socket.create_server(("127.0.0.1", unused_port)):  # takes connections and says nothing
        started = time.monotonic()
        assert main(["promote", "1", "--mlflow", f"http://127.0.0.1:{unused_port}"]) == 1
        assert time.monotonic() - started < 15  # eight of them waiting
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "does not answer: start it, or name another with --mlflow" in said


def test_a_users_own_patience_with_a_server_is_kept(unused_port, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", unused_port)):
        started = time.monotonic()
        with pytest.raises(TrackingError, match="does not answer"):
            ze.MlflowTracker(f"http://127.0.0.1:{unused_port}").open()
        assert time.monotonic() - started < 7
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "1" and "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_a_run_that_was_sent_in_part_is_completed_and_not_sent_twice(tracker, tmp_path, monkeypatch, caplog):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    policy = replace(RoutingPolicy.seed(), name="broken off").save(tmp_path / "p.json")
    for step in (
        "log_artifacts",
        "finalize_logged_model",
        "create_model_version",
        "set_registered_model_alias",
        "set_terminated",
    ):

        def broken(*args, **kwargs):
            raise MlflowException("Max retries exceeded")

        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, step, broken)
            assert tracker.log_policy(policy) == {}
        (sent,) = tracker.send().values()
        assert tracker.send() == {}
        client = tracker.registry.client
        runs = client.search_runs([client.get_experiment_by_name("zeta-eval").experiment_id])
        assert runs[0].info.run_id == sent["policy"] and {r.info.status for r in runs} == {"FINISHED"}
        assert len(client.search_model_versions("name = 'ZetaDynamicRouter'")) == len(runs)
        assert tracker.registry.content("challenger") == policy.read_bytes()
        assert client.get_model_version_by_alias("ZetaDynamicRouter", "challenger").run_id == sent["policy"]


def test_the_environment_names_store_and_experiment_and_words_come_first(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    assert (ze.MlflowTracker().uri, ze.MlflowTracker().experiment) == ("http://tracking:5000", "ours")
    own = ze.MlflowTracker("sqlite:///own.db", experiment="own")
    assert (own.uri, own.experiment) == ("sqlite:///own.db", "own")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert ze.MlflowTracker().uri == "sqlite:///mlruns/mlflow.db"


def wait_for(path):
    while not path.is_file() or not path.stat().st_size:
        time.sleep(0.05)
