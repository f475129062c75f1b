import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.comparison import Comparison, Strategy
from zeta_eval.evaluation.measures.statistics import Bootstrap, Measure
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.testing import make_outcomes
from zeta_eval.tuning import TuningSettings, tune

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
COST = "gpu_s"


@pytest.fixture(scope="module", autouse=True)
def _on_path():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


def part(name):
    return importlib.import_module(name)


def baselines():
    return part("routing.baselines").BASELINES


def hard_case():
    """Two sizes, graded scores, and 240 queries of which a third lie in families of four."""
    frame = make_outcomes(240, ("S", "L")).frame
    frame["score"] = (0.25 + 0.5 * frame["score"]).where(frame["prompt_tokens"] % 3 == 0, frame["score"])
    texts = {q: f"Part {'ABCDEFGHIJKLMNOPQRST'[i // 4]} {i:03d}?" for i, q in enumerate(frame["query"].unique()[:80])}
    frame["query"] = frame["query"].replace(texts)
    return Outcomes.from_frame(frame).with_order(("S", "L"))


@pytest.fixture(scope="module")
def hard():
    return hard_case()


def toy(queries, score, new, **changes):
    """A problem with given texts, which are their own tasks."""
    values = {
        "queries": np.array(queries, dtype=object),
        "tasks": np.array(queries, dtype=object),
        "score": np.array(score),
        "new_queries": np.array(new, dtype=object),
        "new_tasks": np.array(new, dtype=object),
        "seed": 0,
    }
    return part("routing.problem").Problem(**values | changes)


def predicted(known, asked, name):
    return part("routing.rivals").Rivals(known, COST, 0).predicted(name, asked, Evaluator(asked, COST))


def test_a_split_keeps_families_together_and_is_drawn_anew_by_each_seed(hard):
    halves = part("routing.splits").halves
    known, asked = halves(hard, 0)
    assert set(known.query_ids) | set(asked.query_ids) == set(hard.query_ids)
    assert len(known) + len(asked) == len(hard)
    family = dict(zip(hard.query_ids, families(hard.queries), strict=True))
    sides = [{family[i] for i in half.query_ids} for half in (known, asked)]
    assert not sides[0] & sides[1]
    assert len(sides[0]) == round(0.6 * len(set(family.values())))
    assert list(halves(hard, 0)[0].query_ids) == list(known.query_ids) != list(halves(hard, 1)[0].query_ids)


def test_every_baseline_predicts_probabilities_from_few_graded_scores_of_two_sizes_and_unseen_tasks(hard):
    known, asked = part("routing.splits").halves(hard, 0)
    asked = Outcomes.from_frame(asked.frame.assign(task="new")).with_order(hard.sizes)
    rivals = part("routing.rivals").Rivals(known, COST, 0)
    for name in baselines():
        found = rivals.predicted(name, asked, Evaluator(asked, COST))
        assert found.p.shape == found.cost.shape == (len(asked), 2), name
        assert ((found.p >= 0) & (found.p <= 1)).all(), name
        assert found.cost_weight >= 0, name


@pytest.mark.parametrize("whose", ["those that judge", "the known ones of the split test"])
def test_no_baseline_sees_scores_that_it_must_not_learn_from(hard, whose):
    known, asked = part("routing.splits").halves(hard, 0)

    def turned(table, queries):
        frame = table.frame
        rows = frame["query"].isin(queries)
        frame.loc[rows, "score"] = 1 - frame.loc[rows, "score"]
        return Outcomes.from_frame(frame).with_order(table.sizes)

    other = known, turned(asked, asked.queries)
    if whose != "those that judge":
        other = turned(known, known.split("test").queries), asked
    for name in baselines():
        one, two = predicted(known, asked, name), predicted(*other, name)
        assert np.array_equal(one.p, two.p) and np.array_equal(one.cost, two.cost), name
        assert one.cost_weight == two.cost_weight, name


def test_baselines_expect_costs_by_the_model_that_the_product_exports(hard):
    known, _ = part("routing.splits").halves(hard, 0)
    policy = tune(known, TuningSettings(cost=COST, n_trials=1, estimator="heuristic")).policy
    assert part("routing.rivals").Rivals(known, COST, 0).costs.model == policy.costs


def test_the_value_of_a_hyperparameter_is_the_one_that_closes_most_out_of_fold(hard, monkeypatch):
    known, asked = part("routing.splits").halves(hard, 0)
    scores = dict(zip(hard.queries, hard.matrix("score"), strict=True))

    def fit(data, value):  # knows the truth, and tells it for the value 2 alone
        p = np.array([scores[q] for q in data.new_queries])
        return p if value == 2 else 1 - p

    told = part("routing.problem").Baseline(fit=fit, values=(1, 2, 3))
    monkeypatch.setitem(baselines(), "told", told)
    assert np.array_equal(predicted(known, asked, "told").p, asked.matrix("score"))


def test_a_baseline_judges_each_query_by_fits_without_its_fold(hard, monkeypatch):
    known, asked = part("routing.splits").halves(hard, 0)
    seen = []

    def fit(data, _):
        seen.append((set(data.queries), set(data.new_queries)))
        return np.full((len(data.new_queries), 2), 0.5)

    monkeypatch.setitem(baselines(), "seen", part("routing.problem").Baseline(fit=fit))
    predicted(known, asked, "seen")
    learned = set(known.queries[known.splits != "test"])
    *folds, last = seen
    assert last == (learned, set(asked.queries))
    assert len(folds) == 5 and set.union(*(new for _, new in folds)) == learned
    assert all(not told & new and told | new == learned for told, new in folds)


def test_every_baseline_takes_blank_texts():
    data = toy([" "] * 60, [[0.0, 1.0], [1.0, 0.5]] * 30, [" "] * 40)
    for name, baseline in baselines().items():
        p = baseline.fit(data, baseline.values[0])
        assert p == pytest.approx(np.tile([0.5, 0.75], (40, 1)), abs=0.15), name


def test_the_constant_is_each_sizes_mean_score():
    data = toy(["a", "b"], [[1.0, 1.0], [0.0, 1.0]], ["c"] * 3)
    assert baselines()["constant"].fit(data, 0.0).tolist() == [[0.5, 1.0]] * 3


def test_task_means_move_to_the_overall_mean_the_more_the_fewer_queries_a_task_has():
    tasks = ["a"] * 20 + ["b"] * 20 + ["c"] * 2
    score = np.array([1.0] * 15 + [0.0] * 5 + [1.0] * 5 + [0.0] * 15 + [1.0, 1.0])
    data = toy(tasks, np.column_stack([score, np.tile([0.0, 1.0], 21)]), ["a", "b", "c", "new"])
    p = baselines()["per-task mean"].fit(data, 0.0)
    overall = score.mean()
    assert overall < p[0, 0] < 0.75 and 0.25 < p[1, 0] < overall
    assert abs(p[2, 0] - 1) / (1 - overall) > abs(p[0, 0] - 0.75) / (0.75 - overall)
    assert p[3, 0] == overall
    assert p[:, 1] == pytest.approx(0.5)  # tasks don't differ, so the means are all noise


def test_a_graded_score_counts_as_a_share_of_a_success():
    x = np.zeros((4, 1))
    p = part("routing.baselines").logistic(x, np.array([[0.5, 0.0], [0.5, 0.0], [1.0, 0.0], [0.2, 0.0]]), x[:1])
    assert p[0] == pytest.approx([0.55, 0.0], abs=1e-3)


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


@pytest.mark.parametrize("name", ["TF-IDF + LR", "matrix factorisation", "kNN 100"])
def test_routers_on_words_tell_kinds_of_queries_apart(name):
    kinds = {"sort the letters": (1.0, 1.0), "prove a theorem about": (0.0, 1.0), "translate into french": (0.0, 0.0)}
    queries, new = ([f"{kind} {i}" for i in at for kind in kinds] for at in (range(150), range(150, 160)))
    expected = np.array(list(kinds.values()))
    baseline = baselines()[name]
    p = baseline.fit(toy(queries, np.tile(expected, (150, 1)), new), baseline.values[-1])
    assert ((p > 0.5) == np.tile(expected, (10, 1))).mean() > 0.9


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


def test_a_row_is_ahead_of_another_by_the_same_queries(comparison):
    rows, data = part("routing.rows"), comparison.data
    own, same = (rows.row("product", noisy(data, seed=1, name=name), comparison) for name in ("own", "b"))
    expected = np.broadcast_to(data.cost.mean(axis=0), data.score.shape)
    poor = rows.row("product", Strategy.of_chances("a", 1 - data.score, expected, data, 0.3), comparison)
    assert own.over(same) == (0, 0, 0)  # the same choices: no spread, though each gap has one
    assert own.gap_closed.low < own.gap_closed.high
    assert poor.over(own).value == pytest.approx(poor.gap_closed.value - own.gap_closed.value)
    assert poor.over(own).high < 0


def made(comparison, router, kind, *gaps):
    """Rows of one router on several splits, with given gaps closed."""
    rows = part("routing.rows")
    one = rows.row(kind, noisy(comparison.data, name=router), comparison)
    return [replace(one, gap_closed=Measure(g, g - 0.1, g + 0.1)) for g in gaps]


def test_a_tables_splits_are_averaged_and_compared_with_the_best_baselines_of_both_kinds(comparison):
    averages = part("routing.averages")
    routers = [
        made(comparison, "own", "product", 0.2, 0.4),
        made(comparison, "weak", "text baseline", 0.3, 0.0),
        made(comparison, "strong", "text baseline", 0.1, 0.25),
        made(comparison, "tasks", "task baseline", 0.3, 0.3),
    ]
    found = averages.averages(list(zip(*routers, strict=True)))
    own = found[0]
    assert own.gap_closed == pytest.approx((0.3, 0.2, 0.4))
    assert own.error == pytest.approx(0.1)  # sd of .2 and .4 over the root of two
    assert averages.best_baseline(found) == "strong"
    assert averages.best_baseline(found, ("text baseline", "task baseline")) == "tasks"
    assert [m.value for m in own.over_text] == pytest.approx([0.1, 0.15])
    assert [m.value for m in own.over_any] == pytest.approx([-0.1, 0.1])


def test_a_split_counts_as_proven_where_the_lifts_interval_lies_above_zero(comparison):
    rows = made(comparison, "own", "product", 0.2, 0.2, 0.2)
    lifts = [(0.1, 0.02, 0.2), (0.1, 0.0, 0.2), (0.1, -0.1, 0.2)]
    rows = [[replace(r, lift=Measure(*lift))] for r, lift in zip(rows, lifts, strict=True)]
    assert part("routing.averages").averages(rows)[0].proven == 1


def test_the_summarys_ratio_is_to_the_mean_of_each_tables_best_text_baseline(comparison):
    averages, summary = part("routing.averages"), part("routing.summary")
    found = {}
    for table, gaps in {"one": (0.3, 0.2, 0.1), "two": (0.1, 0.0, 0.1)}.items():
        kinds = zip(("own", "a", "b"), ("product", "text baseline", "text baseline"), gaps, strict=True)
        routers = [made(comparison, *kind, gap) for *kind, gap in kinds]
        found[table] = averages.averages(list(zip(*routers, strict=True)))
    own = summary.summarise(found)[0]
    assert own.mean.value == pytest.approx(0.2)
    assert own.ratio == pytest.approx(0.2 / 0.15)  # a is best in table one, b in table two
    assert own.over_text.value == pytest.approx(0.05)
    assert own.mean.high - own.mean.low == pytest.approx(0.2 / 2**0.5)  # two tables, half-widths of .1 each


def test_a_table_without_anything_to_gain_is_measured_but_not_averaged(comparison):
    rows, averages, summary = part("routing.rows"), part("routing.averages"), part("routing.summary")
    frame = make_outcomes(120).frame.assign(score=1.0)
    table = Outcomes.from_frame(pd.DataFrame(frame)).with_order(("4B", "7B", "14B"))
    flat = Evaluator(table, COST)
    same = Comparison(flat, table.matrix("latency_s"), Bootstrap(len(table)), 0.3)
    found = {
        name: averages.averages([[rows.row("text baseline", noisy(compare.data), compare)]])
        for name, compare in (("useful", comparison), ("flat", same))
    }
    assert np.isnan(found["flat"][0].gap_closed.value)
    (one,) = summary.summarise(found)
    assert list(one.gap_closed) == ["useful"]
    assert one.mean == pytest.approx(found["useful"][0].gap_closed)


def test_policies_share_one_search_and_auto_is_not_tuned_twice_for_the_same_estimator(hard, monkeypatch):
    product, asked_for = part("routing.product"), []

    def counted(known, settings):
        asked_for.append(settings)
        return tune(known, settings)

    monkeypatch.setattr(product, "tune", counted)
    found = product.tuned(hard, TuningSettings(cost=COST, n_trials=2), {"auto", "heuristic", "learned"})
    taken = found["auto"].provenance["estimator"]
    assert [s.estimator for s in asked_for] == ["auto", *({"heuristic", "learned"} - {taken})]
    assert found[taken] is found["auto"]
    for name in ("heuristic", "learned"):
        assert found[name].provenance["estimator"] == name
        assert found[name].provenance["n_trials"] == 2
    assert len({s.storage for s in asked_for}) == 1


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["routers.py", *map(str, words)])
    part("routers").main()


def test_the_command_measures_tables_of_any_kind_and_sums_up(tmp_path, monkeypatch, capsys, hard):
    hard.frame.to_csv(tmp_path / "two.csv", index=False)
    make_outcomes(200, seed=1).save(tmp_path / "three.parquet")
    only = "zeta heuristic,per-task mean,TF-IDF + LR"
    tables = (tmp_path / "two.csv", tmp_path / "three.parquet")
    words = ("--cost", COST, "--trials", 1, "--splits", 2, "--json-dir", tmp_path / "out", "--only", only)
    run(monkeypatch, *tables, *words)
    out = capsys.readouterr().out
    assert out.count("zeta heuristic") == 3 and "minus each table's best text baseline" in out
    result = json.loads((tmp_path / "out" / "routers_two.json").read_text())
    assert result["schema_version"] == 2
    expected = "python benchmarks/routers.py two.csv three.parquet --cost gpu_s --splits 2 --trials 1 --only"
    assert result["command"].startswith(expected)
    assert str(tmp_path) not in json.dumps(result)
    assert result["outcomes_sha256"] == Outcomes.load(tmp_path / "two.csv").sha256
    assert [n["known"] + n["judged"] for n in result["n"]] == [len(hard)] * 2
    assert all(n["fitted"] < n["known"] for n in result["n"])
    routers = ["zeta heuristic", "TF-IDF + LR", "per-task mean", "S alone", "L alone", "random mix", "oracle"]
    assert [r["router"] for r in result["rows"]] == routers
    assert result["rows"][-1]["gap_closed"] == pytest.approx({"value": 1, "low": 1, "high": 1})
    assert result["best_text_baseline"] == "TF-IDF + LR"
    assert (tmp_path / "out" / "routers_three.png").read_bytes().startswith(b"\x89PNG")
    summed = json.loads((tmp_path / "out" / "routers_summary.json").read_text())["rows"][0]
    both = [summed["gap_closed"][name]["value"] for name in ("two", "three")]
    assert summed["mean"]["value"] == pytest.approx(np.mean(both))


def test_the_same_command_gives_the_same_figures_in_one_process_and_in_two(tmp_path, monkeypatch, hard):
    hard.save(tmp_path / "t.parquet")
    found = []
    for folder, workers in (("a", 1), ("b", 2)):
        words = ("--splits", 2, "--workers", workers, "--only", "TF-IDF + LR,matrix factorisation")
        run(monkeypatch, tmp_path / "t.parquet", "--json-dir", tmp_path / folder, *words)
        found.append(json.loads((tmp_path / folder / "routers_t.json").read_text())["rows"])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("t.parquet", "--only", "oracles"), "oracles"),
        (("t.parquet", "a/t.csv"), "same name"),
        (("t.parquet", "--cost", "cost_usd", "--only", "constant"), "cost_usd"),
        (("t.parquet", "--splits", "0"), "splits is 0"),
        (("none.parquet",), "none.parquet"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, words, said):
    make_outcomes(120).save(tmp_path / "t.parquet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as raised:
        run(monkeypatch, *words)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_the_ablation_compares_every_variant_with_the_policy_as_exported(tmp_path, monkeypatch, hard):
    hard.save(tmp_path / "t.parquet")
    words = ["ablation.py", tmp_path / "t.parquet", "--trials", 1, "--splits", 1, "--json-dir", tmp_path]
    monkeypatch.setattr(sys, "argv", [*map(str, words)])
    part("ablation").main()
    result = json.loads((tmp_path / "ablation.json").read_text())
    rows = result["tables"]["t"]
    exported = rows["as exported, route"]["gap_closed"]["value"]
    for name, found in rows.items():
        assert found["minus_exported"]["value"] == pytest.approx(found["gap_closed"]["value"] - exported), name
    for same in ("as exported, route", "without the search"):  # one trial is the untuned start
        assert rows[same]["minus_exported"] == pytest.approx({"value": 0, "low": 0, "high": 0}, abs=1e-12), same
    words = {rows[name]["gap_closed"]["value"] for name in ("words alone", "features alone", "constant")}
    assert len(words) == 3
    assert result["mean"]["constant"]["gap_closed"] == pytest.approx(rows["constant"]["gap_closed"])
