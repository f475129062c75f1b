"""What MLflow holds of a benchmark, a search, a learned version and a promoted file, number by number."""

import hashlib
import json
import math
from pathlib import Path

import pandas as pd
import pytest
from telling import table

import zeta_eval as ze
from zeta_eval.evaluation.decisions import decisions
from zeta_eval.evaluation.measures.means import ratio
from zeta_eval.outcomes.split import families

NAMES = ("accuracy", "cost", "cost_ratio", "accuracy_ratio", "latency_p50_s", "latency_p95_s", "share_1B", "share_8B")
NAMES += ("lift", "gap_closed", "unparsed", "truncated")
"""What is recorded of every way to use a policy, each with `_low` and `_high`."""


@pytest.fixture(scope="module")
def store(migrated_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("read-back")
    (folder / "mlflow.db").write_bytes(migrated_store.read_bytes())
    return ze.MlflowTracker(f"sqlite:///{folder}/mlflow.db", folder / "artifacts", experiment="read back")


@pytest.fixture(scope="module")
def client(store):
    store.open()
    return store.registry.client


@pytest.fixture(scope="module", params=["cascading", "plain"])
def made(request, store):
    outcomes = table(telling=request.param == "cascading")
    ladder = ze.Ladder(name="two", models=tuple(ze.ModelSpec(size=s, model=f"models/{s}") for s in outcomes.sizes))
    bench = store.log_benchmark(outcomes, ladder, Path(request.param), asked={"limit": 700})
    settings = ze.TuningSettings(n_trials=12, keep=0.9, name=request.param, storage="sqlite://")
    report = ze.tune(outcomes, settings=settings, tracker=store)
    assert bool(report.policy.looks) == (request.param == "cascading")
    return outcomes, report, bench["benchmark"]


def runs(client, kind, policy):
    (experiment,) = client.search_experiments(filter_string="name = 'read back'")
    query = f"tags.kind = '{kind}' and tags.policy = '{policy}'"
    return client.search_runs([experiment.experiment_id], query, order_by=["attributes.start_time"])


def expected(report):
    """The metrics of every way by their names, from the rows of a report."""
    found = {}
    for way, row in report.way_rows.items():
        record = row.record()
        for name in (f"{name}{end}" for name in NAMES for end in ("", "_low", "_high")):
            found[f"{way.replace(' ', '_')}_{name}"] = record[name]
    return found


def same(metrics, numbers):
    assert {name: metrics[name] for name in numbers} == pytest.approx(numbers)


def test_a_search_and_its_version_hold_the_numbers_of_the_exported_policy(made, client):
    _, report, _ = made
    numbers = expected(report.test)
    assert all(math.isfinite(x) for x in numbers.values())
    (search,), (version,) = (runs(client, kind, report.policy.name) for kind in ("tuning", "policy"))
    for run in (search, version):
        same(run.data.metrics, numbers)
    same(search.data.metrics, report.metrics())
    assert set(version.data.metrics) == set(report.test.metrics())
    curve = [m.value for m in client.get_metric_history(search.info.run_id, "best_so_far")]
    assert curve == pytest.approx(report.best_curve)


def test_shares_flags_and_ratios_are_those_of_the_decisions(made):
    outcomes, report, _ = made
    test, row = outcomes.split("test"), report.test.policy_row
    frame = decisions(report.policy, test)
    kept = [test.sizes.index(size) for size in frame["final"]]
    rows = range(len(kept))
    assert row.unparsed == pytest.approx(test.matrix("unparsed")[rows, kept].mean())
    assert row.truncated == pytest.approx(test.matrix("truncated")[rows, kept].mean())
    assert row.shares["8B"] == pytest.approx((frame["final"] == "8B").mean())
    score = test.matrix("score")
    found = ratio(score[rows, kept], score[:, 1], families(test.queries))
    assert (row.accuracy_ratio, *row.accuracy_ratio_ci) == pytest.approx(tuple(found))
    for name in NAMES:
        low, value, high = (row.record()[f"{name}{end}"] for end in ("_low", "", "_high"))
        assert low <= value <= high and low < high


def test_a_version_holds_its_settings_its_sources_and_what_people_look_at(made, client, tmp_path):
    outcomes, report, _bench = made
    policy, (version,) = report.policy, runs(client, "policy", report.policy.name)
    params = version.data.params
    assert {
        "estimator": "learned",
        "cost": "gpu_s",
        "sizes": "1B < 8B",
        "n_trials": "12",
        "seed": "0",
    }.items() <= params.items()
    assert params["keep"] == "0.9" and params["outcomes_sha256"] == outcomes.sha256
    assert float(params["cost_weight"]) == policy.cost_weight and params["escalates"] == str(bool(policy.looks))
    chosen = {name.removeprefix("chosen/"): float(x) for name, x in params.items() if name.startswith("chosen/")}
    assert chosen == (
        {}
        if params["chosen"] == "the untuned start"
        else {k: v for k, v in report.chosen.items() if k != "configurations"}
    )
    files = {f.path for f in client.list_artifacts(version.info.run_id)}
    figures = {"curve.png", "calibration.png", "complexity.png", "importance.png"}
    assert figures | {"report.html", "decisions.json", "policy.json", "test_report.json"} <= files
    got = client.download_artifacts(version.info.run_id, "test_report.json", str(tmp_path))
    assert json.loads(Path(got).read_text()) == json.loads(json.dumps(report.test.to_dict()))
    page = Path(client.download_artifacts(version.info.run_id, "report.html", str(tmp_path))).read_text()
    assert report.test.policy_row.cells()[1] in page


def test_the_table_of_decisions_gives_the_numbers_again(made, client, tmp_path):
    _outcomes, report, _ = made
    (version,) = runs(client, "policy", report.policy.name)
    assert json.loads(version.data.tags["mlflow.loggedArtifacts"]) == [{"path": "decisions.json", "type": "table"}]
    shown = pd.read_json(
        client.download_artifacts(version.info.run_id, "decisions.json", str(tmp_path)), orient="split"
    )
    row = report.test.policy_row
    assert (len(shown), shown["score"].mean(), shown["gpu_s"].mean()) == pytest.approx(
        (report.test.n, row.accuracy, row.cost)
    )
    assert shown["sizes"].str.contains(">").any() == bool(report.policy.looks)


def test_version_search_and_benchmark_name_each_other(made, client):
    _outcomes, report, bench = made
    (search,), (version,) = (runs(client, kind, report.policy.name) for kind in ("tuning", "policy"))
    assert version.data.tags["tuning_run"] == search.info.run_id
    assert version.data.tags["benchmark_run"] == search.data.tags["benchmark_run"] == bench
    for source, made_from_it in ((search, version), (client.get_run(bench), search), (client.get_run(bench), version)):
        kind = made_from_it.data.tags["kind"]
        assert source.info.run_id == made_from_it.data.tags[f"{source.data.tags['kind']}_run"]
        assert f"{kind}_run/{made_from_it.info.run_id}" in client.get_run(source.info.run_id).data.tags
    note = version.data.tags["mlflow.note.content"]
    assert f"runs/{bench})" in note and report.test.verdict.text in note
    (data,) = version.inputs.dataset_inputs
    assert json.loads(data.dataset.profile) == {"num_rows": report.test.n}
    found = client.get_model_version("ZetaDynamicRouter", version.data.tags["version"])
    assert (found.run_id, found.tags["model_id"]) == (version.info.run_id, version.data.tags["model_id"])
    assert found.description == note and found.tags["tuning_run"] == search.info.run_id
    model = client.get_logged_model(found.tags["model_id"])
    assert {m.key: m.value for m in model.metrics} == version.data.metrics
    assert {(m.dataset_name, m.dataset_digest) for m in model.metrics} == {(data.dataset.name, data.dataset.digest)}


def test_names_say_what_a_run_is(made, client):
    _, report, bench = made
    (search,), (version,) = (runs(client, kind, report.policy.name) for kind in ("tuning", "policy"))
    row, number = report.test.policy_row, version.data.tags["version"]
    assert client.get_run(bench).info.run_name == "bench easy+hard on 1B/8B"
    assert search.info.run_name == f"tune {report.policy.name} on easy+hard: 12 trials"
    kept = f"keeps {100 * row.accuracy_ratio:.0f} % at {100 * row.cost_ratio:.0f} %"
    assert version.info.run_name == f"{report.policy.name} v{number}: learned, {kept}"


def test_the_search_has_its_trials_as_a_table_and_as_optuna_draws_them(made, client, tmp_path):
    _, report, _ = made
    (search,) = runs(client, "tuning", report.policy.name)
    files = {f.path for f in client.list_artifacts(search.info.run_id)}
    assert {"study_history.png", "study_importance.png", "study_slice.png", "trials.json", "trials.parquet"} <= files
    trials = pd.read_parquet(client.download_artifacts(search.info.run_id, "trials.parquet", str(tmp_path)))
    pd.testing.assert_frame_equal(trials, report.trials)


def test_a_learned_version_holds_its_own_numbers_and_the_comparison(made, store, client, tmp_path):
    outcomes, report, bench = made
    with ze.History(tmp_path / "history.db") as history:
        for text in outcomes.queries[:80]:
            history.feedback(history.record(ze.route(report.policy, text), text), right=True)
    settings = ze.TuningSettings(n_trials=5)
    learned = ze.learn(report.policy, tmp_path / "history.db", outcomes=outcomes, settings=settings, tracker=store)
    version = runs(client, "policy", report.policy.name)[-1]
    same(version.data.metrics, expected(learned.test))
    again = ze.replay(learned.new, learned.benchmark)
    assert again.policy_row.accuracy == learned.test.policy_row.accuracy
    last = learned.differences[-1]
    numbers = {
        "utility_difference": last.value,
        "utility_difference_low": last.low,
        "utility_difference_high": last.high,
    }
    same(version.data.metrics, numbers)
    assert set(version.data.metrics) == set(learned.test.metrics()) | set(numbers)
    tags = version.data.tags
    assert (tags["made_by"], tags["parent"], tags["promoted"]) == (
        "learn",
        report.policy.checksum,
        str(learned.promoted),
    )
    assert tags["benchmark_run"] == bench
    files = {f.path for f in client.list_artifacts(version.info.run_id)}
    assert {"learning.json", "versus.json", "versus.html", "versus.png", "curve.png", "decisions.json"} <= files


def test_a_promoted_file_holds_what_the_file_says_and_nothing_else(made, migrated_store, tmp_path):
    _, report, _ = made
    (tmp_path / "own.db").write_bytes(migrated_store.read_bytes())
    own = ze.MlflowTracker(f"sqlite:///{tmp_path}/own.db", tmp_path / "artifacts")
    file = report.policy.save(tmp_path / "p.json")
    from zeta_eval.api import versions

    number = versions._version(own, file)
    found = own.registry.client.get_model_version("ZetaDynamicRouter", number)
    run = own.registry.client.get_run(found.run_id)
    numbers = {}
    for way in report.policy.verdict.ways:
        name = way.way.replace(" ", "_")
        numbers |= {f"{name}_lift": way.lift, f"{name}_lift_low": way.lift_ci[0], f"{name}_lift_high": way.lift_ci[1]}
        numbers[f"{name}_cost_ratio"] = way.cost_ratio
    assert run.data.metrics == pytest.approx(numbers)
    assert run.data.params["n_trials"] == "12" and run.data.params["estimator"] == "learned"
    assert found.tags["policy_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_benchmark_holds_the_settings_that_it_used(store, client, tmp_path):
    config = ze.GenerateConfig(max_new_tokens=7, batch_size=2)
    ze.benchmark("embedded", "copy", out=tmp_path / "run", limit=4, seed=3, config=config, tracker=store)
    (experiment,) = client.search_experiments(filter_string="name = 'read back'")
    query = "tags.kind = 'benchmark' and params.tasks = 'copy'"
    (run,) = client.search_runs([experiment.experiment_id], query)
    used = {"max_new_tokens": "7", "mcq": "generate", "limit": "4", "seed": "3", "attempts": "1"}
    assert used.items() <= run.data.params.items()
    query = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    sizes = client.search_runs([experiment.experiment_id], query)
    table = ze.Outcomes.load(tmp_path / "run")
    for size in sizes:
        assert size.data.params["batch_size"] == "2"
        rows = table.frame[table.frame["model"] == size.info.run_name]
        assert size.data.metrics["accuracy"] == pytest.approx(rows["score"].mean())
        assert size.data.metrics["n_queries"] == len(rows) == 4
        assert size.data.metrics["latency_p95_s"] == pytest.approx(rows["latency_s"].quantile(0.95))
