import json
import math
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import zeta_eval as ze
from zeta_eval.api import versions
from zeta_eval.cli import main
from zeta_eval.exceptions import InvalidInputError, PolicyError
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes
from zeta_eval.tracking import is_version

MODEL = "models:/ZetaDynamicRouter"


@pytest.fixture
def files(tracker, tmp_path):
    """Three policies that are versions 1, 2 and 3."""
    made = []
    for i in range(1, 4):
        policy = replace(RoutingPolicy.seed(), name=f"policy-{i}", cost_weight=i / 10)
        made.append(policy.save(tmp_path / f"{policy.name}.json"))
        tracker.log_policy(made[-1], metrics={}, tags={"verdict": "not measured"})
    return made


def test_every_policy_that_is_logged_is_a_version_and_the_newest_is_the_challenger(tracker, files):
    registry = tracker.registry
    assert [registry.content(str(i + 1)) for i in range(3)] == [f.read_bytes() for f in files]
    assert registry.load("challenger").name == "policy-3"
    assert registry.find(files[1]) == "2"
    with pytest.raises(PolicyError, match=r"no version with alias 'champion'.*versions 1, 2, 3"):
        registry.load(f"{MODEL}@champion")


def test_rollback_brings_the_earlier_file_back_byte_for_byte(tracker, files, tmp_path):
    store, out = tracker.uri, tmp_path / "live.json"
    for version, file in zip("123", files, strict=True):
        assert versions.promote(version, store=store, out=out).version == version
        assert out.read_bytes() == file.read_bytes()
    assert ze.promote("3", store=store).earlier == "3"  # promoted twice, it counts once
    for file in (files[1], files[0]):
        ze.rollback(store=store, out=out)
        assert out.read_bytes() == file.read_bytes()
    with pytest.raises(PolicyError, match="No version of ZetaDynamicRouter was champion before"):
        ze.rollback(store=store, out=out)
    assert versions.load_policy(f"{MODEL}@champion", store=store).name == "policy-1"


def test_a_promotion_that_died_before_its_end_is_no_reign(tracker, files):
    for version in "12":
        tracker.registry.promote(version)
    tracker.registry.client.set_registered_model_tag("ZetaDynamicRouter", "champions", "1,2,3")
    assert tracker.registry.load("champion").name == "policy-2"
    assert tracker.registry.rollback().version == "1"


def test_a_champion_that_was_set_in_mlflow_can_be_rolled_back(tracker, files):
    tracker.registry.promote("1")
    tracker.registry.client.set_registered_model_alias("ZetaDynamicRouter", "champion", "3")
    assert tracker.registry.rollback().version == "1"


def test_a_policy_that_is_no_version_becomes_one_when_it_is_promoted(tracker, files, tmp_path):
    assert ze.promote(files[1], store=tracker.uri).version == "2"
    other = replace(RoutingPolicy.seed(), name="other")
    assert ze.promote(other, store=tracker.uri).version == "4"
    assert ze.promote(other.save(tmp_path / "o.json"), store=tracker.uri).version == "4"


def test_versions_are_taken_wherever_a_policy_is_named(tracker, files, tmp_path, capsys, monkeypatch):
    tracker.registry.promote("1")
    table = tmp_path / "t.parquet"
    make_outcomes(300).save(table)
    store = ["--mlflow", tracker.uri]
    assert main(["compare", f"{MODEL}@champion", f"{MODEL}/3", str(table), *store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["policies"] == ["ZetaDynamicRouter@champion", "ZetaDynamicRouter/3"]
    assert main(["replay", f"{MODEL}/2", str(table), *store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["policy"] == "policy-2"
    assert main(["route", f"{MODEL}@challenger", "What is 2 + 2?", *store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["policy"].startswith("policy-3@")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    assert ze.route(f"{MODEL}@champion", "What is 2 + 2?").policy.startswith("policy-1@")


def test_promote_and_rollback_are_commands(tracker, files, tmp_path, capsys):
    out, store = tmp_path / "live.json", ["--mlflow", tracker.uri]
    assert main(["promote", "2", *store]) == 0
    assert main(["promote", f"{MODEL}@challenger", *store, "--out", str(out)]) == 0
    assert "is version 3" in capsys.readouterr().out
    assert main(["rollback", *store, "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["earlier"]) == ("2", "3")
    assert out.read_bytes() == files[1].read_bytes()


def test_a_name_that_is_no_version_is_one_clear_line(tracker, files, tmp_path):
    with pytest.raises(PolicyError, match=r"no version 9 in .*; it has versions 1, 2, 3"):
        tracker.registry.load(f"{MODEL}/9")
    with pytest.raises(InvalidInputError, match="'models:/other/1' names no version"):
        tracker.registry.load("models:/other/1")
    with pytest.raises(PolicyError, match="No MLflow store at"):
        ze.route(f"{MODEL}@champion", "Hi there", store=f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
    assert is_version("3") and not is_version("policy.json")


def test_a_tuned_policy_is_a_version_with_its_test_report(tracker):
    settings = ze.TuningSettings(n_trials=5, estimator="heuristic")
    report = ze.tune(make_outcomes(300, seed=2), settings=settings, tracker=tracker)
    assert versions.load_policy(f"{MODEL}@challenger", store=tracker.uri) == report.policy
    version = tracker.registry._find("challenger")
    assert version.tags["verdict"] == report.policy.verdict.status
    names = [f.path for f in tracker.registry.client.list_artifacts(version.run_id)]
    assert {"policy.json", "test_report.json"} <= set(names)


def test_a_version_that_an_earlier_release_registered_still_loads_or_is_one_line(tracker, files, tmp_path):
    client, content = tracker.registry.client, files[0].read_bytes()
    experiment = client.get_experiment_by_name("zeta-eval").experiment_id
    for folder in ("model/artifacts", "elsewhere"):
        run = client.create_run(experiment)
        client.log_artifact(run.info.run_id, str(files[0]), folder)
        (tmp_path / "policy.json").write_bytes(content)
        client.log_artifact(run.info.run_id, str(tmp_path / "policy.json"), folder)
        source = f"{run.info.artifact_uri}/model"
        client.create_model_version("ZetaDynamicRouter", source, run_id=run.info.run_id)
    assert tracker.registry.content("4") == content
    with pytest.raises(PolicyError, match="Version 5 of ZetaDynamicRouter has no policy file in"):
        tracker.registry.content("5")


def test_the_model_maps_queries_to_size_score_p_and_reasons(tracker, files, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(tracker.registry._find("2").source)
    queries = pd.DataFrame({"query": ["What is 2 + 2?", "Prove it."], "task": ["sums", None]})
    made = model.predict(queries)
    expected = [ze.route(files[1], q) for q in queries["query"]]
    assert list(made["size"]) == [d.size for d in expected]
    assert made["p"][0] == expected[0].p and made["reasons"][1] == list(expected[1].reasons)
    assert math.isclose(made["score"][0], expected[0].complexity.score)
    assert model.predict([{"query": "What is 2 + 2?"}])["size"][0] == expected[0].size
    assert model.metadata.signature.inputs.input_names() == ["query", "task"]
    assert model.input_example["query"].tolist()


@pytest.mark.slow
def test_mlflow_serves_the_champion_over_http(tracker, files, tmp_path):
    import socket

    tracker.registry.promote("2")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"{MODEL}@champion", "--env-manager", "local"]
    beside = str(Path(sys.executable).parent)  # MLflow looks for uvicorn on the path
    env = os.environ | {"MLFLOW_TRACKING_URI": tracker.uri, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}
    server = subprocess.Popen(
        [*command, "-p", str(port)],
        cwd=tmp_path,
        env=env,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = ask(f"http://127.0.0.1:{port}/invocations", {"dataframe_records": [{"query": "What is 2 + 2?"}]})
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)
    expected = ze.route(files[1], "What is 2 + 2?")
    assert found["predictions"] == [
        {
            "size": expected.size,
            "score": pytest.approx(expected.complexity.score),
            "p": pytest.approx(dict(expected.p)),
            "reasons": list(expected.reasons),
        }
    ]


def ask(url, data, seconds=60):
    request = urllib.request.Request(url, json.dumps(data).encode(), {"Content-Type": "application/json"})
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return json.load(response)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
