"""One strategy, the exported one: report, policy file, MLflow and registered version agree with the decisions alone."""

import numpy as np
import pandas as pd
import pytest
from telling import table

import zeta_eval as ze
from zeta_eval.cli import main
from zeta_eval.evaluation.measures.metrics import hull_value


@pytest.fixture(scope="module")
def store(migrated_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "mlflow.db").write_bytes(migrated_store.read_bytes())
    return ze.MlflowTracker(f"sqlite:///{folder}/mlflow.db", folder / "artifacts")


@pytest.fixture(scope="module", params=["cascading", "plain"])
def made(request, store, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    outcomes = table(telling=request.param == "cascading")
    settings = ze.TuningSettings(n_trials=5, estimator="learned", name=request.param)
    report = ze.tune(outcomes, settings=settings, tracker=store)
    assert bool(report.policy.looks) == (request.param == "cascading")
    outcomes.save(folder / "t.parquet")
    report.policy.save(folder / "p.json")
    return outcomes, report, folder


def decided(folder, way):
    """The decisions on `test` of a policy that is used in one way, from the command line."""
    words = ["replay", folder / "p.json", folder / "t.parquet", "--way", way, "--decisions", folder / "d.parquet"]
    assert main([*map(str, words), "--json", str(folder / "r.json")]) == 0
    return pd.read_parquet(folder / "d.parquet")


def recomputed(frame, outcomes):
    """Accuracy, cost and lift from the decisions and the table alone."""
    test = outcomes.split("test")
    at = {q: i for i, q in enumerate(test.query_ids)}
    score, cost = test.matrix("score"), test.matrix("gpu_s")
    rows = [at[q] for q in frame["query_id"]]
    got = np.mean([score[i, test.sizes.index(f)] for i, f in zip(rows, frame["final"], strict=True)])
    steps = zip(rows, frame["steps"], strict=True)
    spent = np.mean([sum(cost[i, test.sizes.index(s)] for s in ran) for i, ran in steps])
    alone = np.column_stack([cost.mean(axis=0), score.mean(axis=0)])
    return got, spent, got - float(hull_value(alone, np.asarray(spent)))


def test_report_policy_file_run_and_version_say_of_each_way_what_its_decisions_come_to(made, store):
    from mlflow import MlflowClient

    outcomes, report, folder = made
    ways = ["generate with task", "route", "route with task", "generate"] if report.policy.looks else []
    ways = ways or ["route with task", "route"]
    assert list(report.test.way_rows) == ways
    client = MlflowClient(store.uri)
    version = ze.RoutingPolicy.load(folder / "p.json")
    assert store.registry.load(store.registry.find(folder / "p.json")).verdict == version.verdict
    (experiment,) = client.search_experiments(filter_string=f"name = '{store.experiment}'")
    runs = client.search_runs([experiment.experiment_id])
    recorded = [r.data.metrics for r in runs if r.data.tags.get("policy") == report.policy.name]
    assert len(recorded) == 2  # the tuning and the version
    for k, way in enumerate(ways):
        row, said = report.test.way_rows[way], version.verdict.ways[k]
        accuracy, cost, lift = recomputed(decided(folder, way), outcomes)
        assert (row.accuracy, row.cost, row.lift) == pytest.approx((accuracy, cost, lift))
        assert (said.way, said.lift, said.lift_ci, said.proven) == (way, row.lift, row.lift_ci, row.lift_ci[0] > 1e-9)
        for metrics in recorded:
            names = [way.replace(" ", "_"), *(["test"] if k == 0 else [])]
            for name in names:
                assert metrics[f"{name}_accuracy"] == pytest.approx(accuracy)
                assert metrics[f"{name}_cost"] == pytest.approx(cost)
                assert metrics[f"{name}_lift"] == pytest.approx(lift)
                assert metrics[f"{name}_gap_closed_low"] == pytest.approx(row.gap_closed_ci[0])


def test_summary_and_figure_are_of_the_exported_strategy(made):
    outcomes, report, folder = made
    first = next(iter(report.test.way_rows))
    accuracy, cost, _ = recomputed(decided(folder, first), outcomes)
    score = outcomes.split("test").matrix("score")
    weak, strong = score.mean(axis=0)
    assert report.test.summary.pgr.value == pytest.approx((accuracy - weak) / (strong - weak))
    assert report.test.summary.versus_largest.value == pytest.approx(accuracy - strong)
    axes = report.test.plot()
    (point,) = [c for c in axes.containers if c.get_label().startswith("policy")]
    assert point.lines[0].get_xydata()[0] == pytest.approx([cost, accuracy])


def test_a_policy_that_needs_the_task_says_so_where_nobody_names_it(made, capsys):
    _, report, folder = made
    proven = {w.way: w.proven for w in report.policy.verdict.ways}
    assert proven["route with task"] and not proven["route"]
    assert report.policy.verdict.status == "proven in part"
    main(["route", str(folder / "p.json"), "river stone"])
    assert "route: " in capsys.readouterr().out.splitlines()[-1]
    main(["route", str(folder / "p.json"), "river stone", "--task", "hard"])
    assert capsys.readouterr().out.splitlines()[-1].endswith(", proven")
