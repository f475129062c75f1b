import math
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models import Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tracking import UI_ENV, MlflowTracker, ui_command
from zeta_eval.tracking.benched import iter_benchmark
from zeta_eval.tracking.items import Metric, Param, Tag
from zeta_eval.tracking.record import Run

SIZES = ("16K", "60K")
LADDER = Ladder(
    name="tiny",
    models=(
        *(ModelSpec(size=s, model=f"models/{s}") for s in SIZES),
        ModelSpec(size="embed", model="org/embedder", role="embed"),
    ),
)


@pytest.fixture
def client(tracker):
    tracker.open()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracker.uri)


def outcomes():
    rows = [
        {
            "dataset": dataset,
            "task": task,
            "query_id": f"{task}{q}",
            "query": f"{task} number {q}",
            "model": size,
            "score": float(q < 2 * (rank + 1)),
            "completion_tokens": 10,
            "latency_s": 0.1 * (q + 1),
            "ttft_s": 0.05,
            "gpu_s": 0.02,
            "unparsed": q == 3,
            "truncated": False,
            "error": "out of memory" if q == 4 else None,
        }
        for dataset, task in (("org/sums", "sum"), ("embedded", "sort: asc"))
        for q in range(5)
        for rank, size in enumerate(SIZES)
    ]
    rows.append(
        {"dataset": "e", "task": "embedding", "query_id": "e", "query": "embed", "model": "embed", "score": 1.0}
    )
    frame = pd.DataFrame(rows)
    frame.loc[frame["error"].notna(), "score"] = math.nan
    return Outcomes.from_frame(frame, source="benchmark").with_order(SIZES)


def numbers(size):
    return {
        i.name: i.value for s, i in iter_benchmark(outcomes(), LADDER, {}, {}) if s == size and isinstance(i, Metric)
    }


def test_a_size_logs_accuracy_with_its_standard_error_overall_and_by_task():
    small, large = numbers("16K"), numbers("60K")
    assert (small["accuracy"], large["accuracy"]) == (0.5, 1.0)
    assert small["accuracy_se"] == pytest.approx(np.std([1, 1, 0, 0] * 2, ddof=1) / math.sqrt(8))
    assert small["accuracy/sum"] == 0.5
    assert small["accuracy_se/sum"] == pytest.approx(np.std([1, 1, 0, 0], ddof=1) / 2)
    assert small["n_scored/sum"] == 4


def test_a_size_logs_times_tokens_and_what_went_wrong():
    small = numbers("16K")
    assert small["latency_p50_s"] == pytest.approx(0.3)
    assert small["latency_p95_s"] == pytest.approx(0.5)
    assert small["ttft_p50_s"] == pytest.approx(0.05)
    assert small["tokens_per_s"] == pytest.approx(100 / 3.0)
    assert small["tokens_per_gpu_s"] == pytest.approx(500)
    assert (small["gpu_s_total"], small["gpu_s_mean"]) == pytest.approx((0.2, 0.02))
    assert math.isnan(small["cost_usd_total"])
    assert {n: small[f"n_{n}"] for n in ("queries", "unscored", "errors", "unparsed", "truncated")} == {
        "queries": 10,
        "unscored": 2,
        "errors": 2,
        "unparsed": 2,
        "truncated": 0,
    }


def test_the_benchmark_logs_its_table_and_versions():
    whole = {
        i.name: i.value
        for s, i in iter_benchmark(outcomes(), LADDER, {}, {})
        if s is None and isinstance(i, Param | Tag)
    }
    assert whole["sizes"] == "16K < 60K"
    assert whole["outcomes_sha256"] == outcomes().sha256
    assert whole["version/torch"].startswith("2.")
    assert {"n_queries": 11, "n_complete": 8, "n_incomplete": 2, "accuracy_oracle": 1.0}.items() <= numbers(
        None
    ).items()


def test_a_benchmark_is_a_parent_run_with_a_child_for_each_size(tracker, client, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    parent = client.get_run(tracker.log_benchmark(outcomes(), LADDER, tmp_path)["benchmark"])
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", order_by=["start_time"]
    )
    assert [c.info.run_name for c in children] == ["16K", "60K", "embed"]
    assert {r.info.status for r in (parent, *children)} == {"FINISHED"}
    assert children[0].data.metrics["accuracy/sort: asc"] == 0.5
    assert children[0].data.params["model"] == "models/16K"
    assert "cost_usd_total" not in children[0].data.metrics
    assert sorted(f.path for f in client.list_artifacts(parent.info.run_id)) == [
        "latency.png",
        "outcomes.parquet",
        "run.json",
    ]
    table = client.download_artifacts(parent.info.run_id, "outcomes.parquet")
    assert Outcomes.load(table).sha256 == outcomes().sha256
    assert parent.info.artifact_uri.startswith((tmp_path / "mlruns" / "artifacts").as_uri())
    inputs = {i.dataset.name: i.dataset for i in parent.inputs.dataset_inputs}
    assert {name: d.source_type for name, d in inputs.items()} == {
        "org/sums": "hugging_face",
        "embedded": "code",
        "e": "code",
    }
    assert inputs["org/sums"].profile == '{"num_rows": 5}'


def test_names_that_mlflow_does_not_take_are_mended_and_unknown_numbers_are_left_out(tracker, client):
    curve = [min(0.5 + i / 1000, 0.9) for i in range(1200)]
    items = [Param(f"weight {i}", i / 7) for i in range(150)] + [Param("features", "x" * 9000), Param("$?", "?")]
    items += [Metric("test accuracy", 0.8), Metric("lift (95 %)", math.nan), Tag("policy/../id", "1")]
    items += [Metric("best_so_far", value, step) for step, value in enumerate(curve)]
    run = tracker._log(lambda record: record.adding(Run(key="any", name="any", kind="any"), items))["any"]
    found = client.get_run(run).data
    assert [m.value for m in client.get_metric_history(run, "best_so_far")] == curve
    assert len(found.params) == 152
    assert (found.params["__"], len(found.params["features"])) == ("?", 6000)
    assert {k: v for k, v in found.metrics.items() if k != "best_so_far"} == {"test accuracy": 0.8}
    assert found.tags["policy/id"] == "1"


def test_a_policy_version_is_one_run_with_the_file(tracker, client, tmp_path):
    policy = RoutingPolicy.seed().save(tmp_path / "mine.json")
    run_id = tracker.log_policy(policy, metrics={"accuracy": 0.8}, tags={"origin": "here"})["policy"]
    assert Path(client.download_artifacts(run_id, "policy.json")).read_text() == policy.read_text()
    run = client.get_run(run_id).data
    assert (run.metrics, run.tags["origin"], run.tags["version"]) == ({"accuracy": 0.8}, "here", "1")
    assert run.tags["mlflow.runName"] == "seed v1: from a file, not measured here"
    with pytest.raises(InvalidInputError, match="No policy file at"):
        tracker.log_policy(tmp_path / "none.json")


def test_a_folder_that_holds_files_but_no_kept_run_is_not_taken_for_an_empty_one(tracker, tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InvalidInputError, match="holds no run that was kept; give the folder that the warning named"):
        tracker.send(tmp_path)


def test_a_file_that_is_missing_is_found_before_anything_is_sent(tracker, client, tmp_path):
    policy = RoutingPolicy.seed().save(tmp_path / "p.json")
    with pytest.raises(OSError, match=r"none\.txt"):
        tracker.log_policy(policy, artifacts=[tmp_path / "none.txt"])
    assert client.search_runs([client.get_experiment_by_name("zeta-eval").experiment_id]) == []
    assert list(tracker.unsent.iterdir()) == []


def test_an_experiment_that_was_deleted_comes_back(tracker, client, tmp_path):
    client.delete_experiment(client.get_experiment_by_name("zeta-eval").experiment_id)
    again = MlflowTracker(tracker.uri, tracker.artifact_root)
    again.open()
    assert client.get_experiment_by_name("zeta-eval").lifecycle_stage == "active"


def test_a_store_that_is_none_is_one_clear_line(tmp_path):
    with pytest.raises(InvalidInputError, match="can't keep runs in 'mlruns'; give a database"):
        MlflowTracker("mlruns")
    (tmp_path / "notes.db").write_text("no database")
    with pytest.raises(InvalidInputError, match=r"can't open sqlite:.*notes\.db") as e:
        MlflowTracker(f"sqlite:///{tmp_path}/notes.db", tmp_path / "artifacts").open()
    assert "\n" not in str(e.value)


def test_naming_a_store_loads_no_mlflow():
    code = (
        "import sys; from zeta_eval.tracking import MlflowTracker; MlflowTracker(); sys.exit('mlflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_page_wants_a_store_and_a_free_port(tmp_path, migrated_store):
    with pytest.raises(InvalidInputError, match="No MLflow store at"):
        ui_command(f"sqlite:///{tmp_path}/none.db", 5000)
    with pytest.raises(InvalidInputError, match="Port 70000"):
        ui_command(f"sqlite:///{migrated_store}", 70000)


@pytest.mark.slow
def test_the_page_answers(tracker, client, tmp_path, unused_port, monkeypatch):
    for name, value in UI_ENV.items():
        monkeypatch.setenv(name, value)
    server = subprocess.Popen(ui_command(tracker.uri, unused_port), cwd=tmp_path, start_new_session=True)
    try:
        assert answer(f"http://127.0.0.1:{unused_port}/health") == b"OK"
        with pytest.raises(InvalidInputError, match=f"Port {unused_port} can't be had"):
            ui_command(tracker.uri, unused_port)
    finally:
        server.terminate()
        server.wait(20)


def answer(url, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def test_what_attempts_come_to_is_recorded_and_read_back(tracker, client, tmp_path):
    tries = {"4": (1.0, False, False), "5": (0.0, False, True), "": (0.0, True, True)}
    rows = [
        {"task": "t", "query_id": str(q), "query": f"Say {'abcd'[q]}.", "model": size, "attempt": k, "response": said}
        | dict(zip(("score", "unparsed", "truncated"), tries[said], strict=True))
        for q, line in enumerate(["44", "4", "54", ""])
        for size, answers in (("16K", ["4", *line, *[""] * (2 - len(line))]), ("60K", ["4"] * 3))
        for k, said in enumerate(answers)
    ]
    (tmp_path / "run.json").write_text("{}")
    made = Outcomes.from_frame(pd.DataFrame(rows)).with_order(SIZES)
    parent = tracker.log_benchmark(made, LADDER, tmp_path)["benchmark"]
    runs = client.search_runs([client.get_run(parent).info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")
    small = {run.info.run_name: run.data.metrics for run in runs}["16K"]
    assert small["n_queries"] == 4 and small["n_attempts"] == 3
    assert (small["n_unparsed"], small["n_truncated"]) == (3, 4)
    assert small["share_unparsed"] == pytest.approx(3 / 12) and small["share_truncated"] == pytest.approx(4 / 12)
    assert small["accuracy"] == pytest.approx(8 / 12) and small["pass_at_3"] == 1.0
    assert small["pass_at_2"] == pytest.approx((1 + 1 + 1 + 2 / 3) / 4)
    assert small["majority"] == 1.0 and small["agreement"] == pytest.approx((1 + 2 / 3 + 2 / 3 + 1 / 3) / 4)
    assert small["pass_at_2_low"] <= small["pass_at_2"] <= small["pass_at_2_high"]
    assert client.get_run(parent).data.tags["warning/truncated"].startswith("33% of 16K's")
    assert "pass_at_2" not in numbers("16K")


@pytest.mark.parametrize("address", ["http://bob:PW@[::1", "http://bob:PW@host:99999", "postgresql://u:PW@h:port/x"])
def test_an_address_that_is_none_is_one_line_without_its_password(address, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(InvalidInputError, match="address is none") as e:
        MlflowTracker()
    assert "PW" not in str(e.value) and "\n" not in str(e.value)
