import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.statistics import Bootstrap
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import split_names
from zeta_eval.testing import make_outcomes

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
COST = "gpu_s"


@pytest.fixture(scope="module", autouse=True)
def _on_path():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


def part(name):
    return importlib.import_module(name)


def problem(outcomes, **settings):
    return part("routing.problem").Problem.of(outcomes, COST, seed=0, **settings)


def hard_case():
    """Two sizes, graded scores, 150 queries, and a task that is in `test` only."""
    frame = make_outcomes(150, ("S", "L")).frame
    frame["score"] = (0.25 + 0.5 * frame["score"]).where(frame["prompt_tokens"] % 3 == 0, frame["score"])
    frame.loc[split_names(frame["query"]) == "test", "task"] = "new"
    return Outcomes.from_frame(frame).with_order(("S", "L"))


def toy(queries, score, new, **changes):
    """A problem with given texts; the first new query is that of `validate`."""
    table = problem(make_outcomes(150, ("S", "L")))
    values = {
        "queries": np.array(queries, dtype=object),
        "tasks": np.array(queries, dtype=object),
        "score": np.array(score),
        "new_queries": np.array(new, dtype=object),
        "new_tasks": np.array(new, dtype=object),
        "validate": table.validate,
        "expected_cost": table.expected_cost,
        "seed": 0,
    }
    return part("routing.problem").Problem(**values | changes)


@pytest.fixture(scope="module")
def hard():
    return hard_case()


def test_every_baseline_predicts_probabilities_from_few_graded_scores_of_two_sizes_and_unseen_tasks(hard):
    data = problem(hard)
    for name, fit in part("routing.baselines").BASELINES.items():
        p = fit(data)
        assert p.shape == (len(hard.split("validate")) + len(hard.split("test")), 2), name
        assert ((p >= 0) & (p <= 1)).all(), name


def test_no_baseline_sees_the_scores_of_the_test_split(hard):
    frame = hard.frame
    asked = split_names(frame["query"]) == "test"
    frame.loc[asked, "score"] = 1 - frame.loc[asked, "score"]
    other = problem(Outcomes.from_frame(frame).with_order(hard.sizes))
    data = problem(hard)
    for name, fit in part("routing.baselines").BASELINES.items():
        assert np.array_equal(fit(data), fit(other)), name


def test_every_baseline_takes_blank_texts():
    data = toy([" "] * 60, [[0.0, 1.0], [1.0, 0.5]] * 30, [" "] * 40)
    for name, fit in part("routing.baselines").BASELINES.items():
        assert fit(data) == pytest.approx(np.tile([0.5, 0.75], (40, 1)), abs=0.15), name


def test_the_task_table_holds_means_and_takes_the_overall_mean_for_an_unseen_task():
    data = toy(["a", "a", "b", "b"], [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]], ["b", "a", "c"])
    p = part("routing.baselines").task_table(data, shrink=False)
    assert p.tolist() == [[0.0, 1.0], [0.5, 1.0], [0.25, 1.0]]


def test_shrunken_task_means_move_to_the_overall_mean_the_more_the_fewer_queries_a_task_has():
    tasks = ["a"] * 20 + ["b"] * 20 + ["c"] * 2
    score = np.array([1.0] * 15 + [0.0] * 5 + [1.0] * 5 + [0.0] * 15 + [1.0, 1.0])
    data = toy(tasks, np.column_stack([score, np.tile([0.0, 1.0], 21)]), ["a", "b", "c", "new"])
    p = part("routing.baselines").task_table(data, shrink=True)
    overall = score.mean()
    assert overall < p[0, 0] < 0.75 and 0.25 < p[1, 0] < overall
    assert abs(p[2, 0] - 1) / (1 - overall) > abs(p[0, 0] - 0.75) / (0.75 - overall)
    assert p[3, 0] == overall
    assert p[:, 1] == pytest.approx(0.5)  # tasks don't differ, so the means are all noise


def test_a_graded_score_counts_as_a_share_of_a_success():
    x = np.zeros((4, 1))
    p = part("routing.baselines").logistic(x, np.array([[0.5, 0.0], [0.5, 0.0], [1.0, 0.0], [0.2, 0.0]]), x[:1])
    assert p[0] == pytest.approx([0.55, 0.0], abs=1e-3)


def test_counts_read_the_plain_things_in_a_text():
    counts = np.expm1(part("routing.baselines").counts(["Why is 12 > 3?\nTell me.", ""]))
    assert counts[0] == pytest.approx([23, 6, 3, 3, 2, 1, 2, 1, 1])
    assert counts[1] == pytest.approx(0)


def test_the_factors_gradient_is_that_of_the_loss():
    from scipy.optimize import check_grad

    factors = part("routing.factors")
    rng = np.random.default_rng(0)
    x, score = rng.normal(size=(20, 4)), rng.random((20, 3))
    theta = rng.normal(size=(4 + 1 + 3 + 1) * factors.RANK)
    value, gradient = (lambda t, i=i: factors.loss(t, x, score, 0.01)[i] for i in (0, 1))
    assert check_grad(value, gradient, theta) < 1e-4


def test_the_factors_tell_sizes_apart_by_the_query():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 5))
    score = np.column_stack([x[:, 0] > 0, x[:, 1] > 0]).astype(float)
    p = part("routing.factors").Factors.fit(x, score, decay=1e-3, seed=0).predict(x)
    assert ((p > 0.5) == score).mean() > 0.95


@pytest.mark.parametrize("name", ["clusters", "MLP", "TF-IDF + LR", "matrix factorisation", "kNN 20"])
def test_routers_on_words_tell_kinds_of_queries_apart(name):
    kinds = {"sort the letters": (1.0, 1.0), "prove a theorem about": (0.0, 1.0), "translate into french": (0.0, 0.0)}
    rows = [
        {"task": "t", "query_id": f"{kind} {i}", "query": f"{kind} {i}", "model": size, "score": score, COST: m + 1.0}
        for i in range(100)
        for kind, scores in kinds.items()
        for m, (size, score) in enumerate(zip("SL", scores, strict=True))
    ]
    data = problem(Outcomes.from_frame(pd.DataFrame(rows)))
    p = part("routing.baselines").BASELINES[name](data)
    expected = [kinds[text.rpartition(" ")[0]] for text in data.new_queries]
    assert ((p > 0.5) == np.array(expected)).mean() > 0.9


def test_costs_by_length_rise_with_the_query_and_mean_costs_do_not():
    table = make_outcomes(200)
    flat, rising = problem(table).expected_cost, problem(table, cost_by_length=True).expected_cost
    assert flat[:, -1] == pytest.approx(1.0)
    assert (flat == flat[0]).all()
    lengths = [len(text) for text in problem(table).new_queries]
    assert rising[np.argmax(lengths), 2] > rising[np.argmin(lengths), 2]


@pytest.fixture(scope="module")
def comparison():
    table = make_outcomes(300).split("test")
    return Comparison(Evaluator(table, COST), table.matrix("latency_s"), Bootstrap(len(table)), 0.3)


def noisy(data, *, seed=0, name="noisy"):
    p = np.clip(data.score + np.random.default_rng(seed).normal(0, 0.8, data.score.shape), 0, 1)
    expected = np.broadcast_to(data.cost.mean(axis=0), p.shape)
    return Strategy.of_chances(name, p, expected, data, 0.3)


def test_a_row_has_the_figures_of_a_replay(comparison):
    rows = part("routing.rows")
    strategy = noisy(comparison.data)
    found = rows.row("baseline", strategy, comparison)
    known = comparison.row(strategy, comparison.trace(strategy))
    for name in ("accuracy", "cost", "lift", "gap_closed"):
        expected = (getattr(known, name), *getattr(known, f"{name}_ci"))
        assert tuple(getattr(found, name)) == pytest.approx(expected), name
    assert found.cost_ratio == pytest.approx(known.cost_ratio)


def test_oracle_random_mix_and_sizes_alone_are_where_they_are_by_definition(comparison):
    rows, data = part("routing.rows"), comparison.data
    oracle = rows.row("reference", comparison.oracle, comparison)
    lot = rows.random_mix(comparison, data)
    alone = rows.row("reference", Strategy.of_size(2, data), comparison)
    assert oracle.gap_closed == pytest.approx((1, 1, 1))
    assert lot.gap_closed == pytest.approx((0, 0, 0))
    assert lot.lift.value == pytest.approx(0)
    assert lot.accuracy.value == pytest.approx(0.99 * alone.accuracy.value)  # the mix was chosen on these queries
    assert np.isnan(alone.gap_closed.value) and alone.kept == 1 and alone.cost_ratio == pytest.approx(1)


def test_the_cost_weight_keeps_nearly_all_of_the_largest_sizes_accuracy_most_cheaply(comparison):
    rows, data = part("routing.rows"), comparison.data
    p, expected = data.score, np.broadcast_to(data.cost.mean(axis=0), data.score.shape)
    weight = rows.keeping(data, p, expected)
    score, cost = data.point(p, expected, weight)
    assert score >= 0.99 * data.score[:, 2].mean()
    for other in np.linspace(0, 5, 40):
        other_score, other_cost = data.point(p, expected, other)
        assert other_cost >= cost - 1e-12 or other_score < 0.99 * data.score[:, 2].mean()


def test_differences_are_to_the_best_baseline_and_paired(comparison):
    rows, data = part("routing.rows"), comparison.data
    good, same = (noisy(data, seed=1, name=name) for name in ("own", "b"))
    expected = np.broadcast_to(data.cost.mean(axis=0), data.score.shape)
    poor = Strategy.of_chances("a", 1 - data.score, expected, data, 0.3)
    made = [("product", good), ("baseline", poor), ("baseline", same)]
    own, worse, best = rows.against_best([rows.row(kind, strategy, comparison) for kind, strategy in made])
    assert own.over_best == best.over_best == (0, 0, 0)  # the same choices: no spread, though each gap has one
    assert own.gap_closed.low < own.gap_closed.high
    assert worse.over_best.value == pytest.approx(worse.gap_closed.value - best.gap_closed.value)
    assert worse.over_best.high < 0


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["routers.py", *map(str, words)])
    part("routers").main()


def test_the_command_measures_tables_of_any_kind_and_sums_up(tmp_path, monkeypatch, capsys, hard):
    hard.frame.to_csv(tmp_path / "two.csv", index=False)
    make_outcomes(200, seed=1).save(tmp_path / "three.parquet")
    only = "zeta heuristic,per-task mean,TF-IDF + LR"
    tables = (tmp_path / "two.csv", tmp_path / "three.parquet")
    run(monkeypatch, *tables, "--cost", COST, "--json-dir", tmp_path / "out", "--only", only)
    out = capsys.readouterr().out
    assert out.count("zeta heuristic") == 3 and "minus each table's best baseline" in out
    result = json.loads((tmp_path / "out" / "routers_two.json").read_text())
    assert result["schema_version"] == 1
    assert result["command"].startswith("python benchmarks/routers.py two.csv three.parquet --seed 0 --cost gpu_s")
    assert str(tmp_path) not in json.dumps(result)
    assert result["outcomes_sha256"] == Outcomes.load(tmp_path / "two.csv").sha256
    assert result["n"] == {name: len(hard.split(name)) for name in ("tune", "validate", "test")}
    assert [r["router"] for r in result["rows"]] == [*only.split(","), "S alone", "L alone", "random mix", "oracle"]
    assert result["rows"][-1]["gap_closed"] == {"value": 1, "low": 1, "high": 1}
    assert (tmp_path / "out" / "routers_three.png").read_bytes().startswith(b"\x89PNG")
    summed = json.loads((tmp_path / "out" / "routers_summary.json").read_text())["rows"][0]
    both = [summed["gap_closed"][name]["value"] for name in ("two", "three")]
    assert summed["mean"]["value"] == pytest.approx(np.mean(both))


def test_the_same_command_gives_the_same_figures(tmp_path, monkeypatch, hard):
    hard.save(tmp_path / "t.parquet")
    found = []
    for folder in ("a", "b"):
        run(monkeypatch, tmp_path / "t.parquet", "--json-dir", tmp_path / folder, "--only", "MLP,clusters")
        found.append(json.loads((tmp_path / folder / "routers_t.json").read_text())["rows"])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("t.parquet", "--only", "oracles"), "oracles"),
        (("t.parquet", "a/t.csv"), "same name"),
        (("t.parquet", "--cost", "cost_usd"), "cost_usd"),
        (("none.parquet",), "none.parquet"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, words, said):
    make_outcomes(120).save(tmp_path / "t.parquet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as raised:
        run(monkeypatch, *words)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_a_table_without_anything_to_gain_is_measured_but_not_averaged(comparison):
    rows, summary = part("routing.rows"), part("routing.summary")
    frame = make_outcomes(120).frame.assign(score=1.0)
    table = Outcomes.from_frame(pd.DataFrame(frame)).with_order(("4B", "7B", "14B"))
    flat = Evaluator(table, COST)
    same = Comparison(flat, table.matrix("latency_s"), Bootstrap(len(table)), 0.3)
    made = {}
    for name, compare in (("useful", comparison), ("flat", same)):
        made[name] = rows.against_best([rows.row("baseline", noisy(compare.data), compare)])
    assert np.isnan(made["flat"][0].gap_closed.value)
    (found,) = summary.summarise(made)
    assert list(found.gap_closed) == ["useful"]
    assert found.mean == pytest.approx(made["useful"][0].gap_closed)
