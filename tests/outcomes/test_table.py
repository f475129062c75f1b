import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.outcomes import COLUMNS, SPLITS, Outcomes, split_name


def long_frame(n=5, sizes=("16K", "60K"), **columns):
    """n queries on every size; the larger size wins one query more."""
    rows = [
        {
            "task": "odd" if q % 2 else "even",
            "query_id": f"q{q}",
            "query": f"question number {q}",
            "model": size,
            "score": float(q <= rank),
            "gpu_s": 0.5 * (rank + 1),
        }
        for q in range(n)
        for rank, size in enumerate(sizes)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_a_minimal_table_gets_every_declared_column():
    outcomes = Outcomes.from_frame(long_frame(extra="dropped"))
    assert list(outcomes.frame.columns) == list(COLUMNS)
    assert outcomes.frame["dataset"].tolist() == outcomes.frame["task"].tolist()
    assert set(outcomes.frame["source"]) == {"import"}
    assert outcomes.frame["latency_s"].isna().all()


def test_the_matrix_is_queries_by_sizes_in_order_of_first_appearance():
    shuffled = long_frame(n=4).iloc[[5, 0, 3, 1, 7, 2, 6, 4]]
    outcomes = Outcomes.from_frame(shuffled)
    assert outcomes.sizes == ("16K", "60K")
    assert outcomes.query_ids.tolist() == ["q2", "q0", "q1", "q3"]
    assert outcomes.tasks.tolist() == ["even", "even", "odd", "odd"]
    assert outcomes.queries[0] == "question number 2"
    np.testing.assert_array_equal(outcomes.matrix("score"), [[0, 0], [1, 1], [0, 1], [0, 0]])
    assert np.isnan(outcomes.matrix("completion_tokens")).all()
    assert outcomes.matrix("score") is outcomes.matrix("score")


def test_an_unscored_row_makes_its_query_incomplete_and_is_counted():
    frame = long_frame()
    frame.loc[2, "score"] = np.nan
    outcomes = Outcomes.from_frame(frame.drop(index=9))
    assert (outcomes.n_unscored, outcomes.n_incomplete, len(outcomes)) == (1, 2, 3)
    assert outcomes.query_ids.tolist() == ["q0", "q2", "q3"]


def test_nothing_a_caller_does_to_the_parts_changes_the_table():
    outcomes = Outcomes.from_frame(long_frame())
    before = outcomes.sha256
    frame = outcomes.frame
    frame["score"] = 0.5
    frame.loc[0, "query"] = "another"
    with pytest.raises(ValueError, match="read-only"):
        outcomes.matrix("score")[0, 0] = 0.5
    assert Outcomes(outcomes.frame, outcomes.sizes).sha256 == before != Outcomes(frame, outcomes.sizes).sha256


def test_sizes_are_ordered_by_cost_then_by_the_number_in_the_name():
    by_price = long_frame(sizes=("a", "b"), cost_usd=[2.0, 1.0] * 5)
    assert Outcomes.from_frame(by_price).sizes == ("b", "a")
    assert Outcomes.from_frame(by_price.assign(cost_usd=0.0)).sizes == ("a", "b")
    names = ("x-14B-chat", "4B", "16K", "0.5M", "large")
    assert Outcomes.from_frame(long_frame(sizes=names).drop(columns="gpu_s")).sizes == (
        "16K",
        "0.5M",
        "4B",
        "x-14B-chat",
        "large",
    )


def test_an_explicit_order_is_kept_by_splits_and_files(tmp_path):
    outcomes = Outcomes.from_frame(long_frame(n=40)).with_order(["60K", "16K"])
    outcomes.save(tmp_path / "new" / "t.parquet")
    again = Outcomes.load(tmp_path / "new" / "t.parquet")
    assert again.sizes == again.split("tune").sizes == ("60K", "16K")
    assert again.sha256 == outcomes.sha256
    pd.testing.assert_frame_equal(again.frame, outcomes.frame)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["t.parquet"]


def test_a_model_left_out_of_the_order_stays_in_the_frame_only():
    frame = pd.concat([long_frame(), long_frame(n=1, sizes=("embedder",)).assign(query_id="e", query="embed this")])
    outcomes = Outcomes.from_frame(frame).with_order(["16K", "60K"])
    assert outcomes.matrix("score").shape == (5, 2)
    assert outcomes.n_incomplete == 0
    assert "embedder" in set(outcomes.frame["model"])
    with pytest.raises(UnknownNameError, match=r"Unknown size '60k'\. Did you mean '60K'"):
        outcomes.with_order(["60k"])
    with pytest.raises(OutcomesError, match="once"):
        outcomes.with_order(["60K", "60K"])


def test_cost_columns_are_those_present_on_every_complete_query():
    frame = long_frame(latency_s=0.1, cost_usd=0.1)
    frame.loc[3, "cost_usd"] = np.nan
    assert Outcomes.from_frame(frame).cost_columns == ("gpu_s", "latency_s")
    assert set(Outcomes.from_frame(frame).frame["latency_source"]) == {"imported"}


def test_of_several_runs_the_newest_row_wins():
    old = long_frame(run_id="1", created_at="2026-01-01T00:00:00Z")
    new = long_frame(run_id="2", created_at="2026-01-02T00:00:00Z").assign(score=1.0).iloc[:2]
    outcomes = Outcomes.from_frame(pd.concat([new, old]))
    assert len(outcomes.frame) == 10
    assert outcomes.matrix("score")[0].tolist() == [1.0, 1.0]
    assert set(outcomes.frame.loc[outcomes.frame["query_id"] == "q0", "run_id"]) == {"2"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns=["score", "model"]), "lacks the columns model, score"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.assign(score=[1.0] * 3 + [85.0] + [0.0] * 6), r"'score' is 85 in row 4 .*'q1'.*'60K'.*scale it"),
        (lambda f: f.assign(score="good"), "'score' has 'good' in row 1; give a number"),
        (lambda f: f.assign(score=np.nan), "None of the 10 outcomes has a score"),
        (lambda f: f.assign(gpu_s=-1.0), "'gpu_s' is -1 in row 1"),
        (lambda f: f.assign(latency_s=np.inf), "'latency_s' is inf in row 1"),
        (lambda f: f.assign(completion_tokens=1.5), "give a whole number"),
        (lambda f: f.assign(prompt_tokens=1e30), "give a whole number of at most 9e"),
        (lambda f: f.assign(attempt=10**30), "give a whole number of at most 9e"),
        (lambda f: f.assign(truncated="perhaps"), "give true or false"),
        (lambda f: f.assign(query=[None] + ["x"] * 9), "'query' is empty in row 1"),
        (lambda f: f.assign(model=[*f["model"][:2], " ", *f["model"][3:]]), "'model' is empty in row 3"),
        (lambda f: f.assign(model=["", *f["model"][1:]]), "'model' is empty in row 1"),
        (lambda f: pd.concat([f, f.iloc[[3]]]), r"twice in one run: row 11 \(query_id 'q1', model '60K'\)"),
        (
            lambda f: f.assign(query_id="q0", model=[f"m{i}" for i in range(10)]),
            "'q0' stands for two different queries",
        ),
    ],
)
def test_a_bad_table_is_one_clear_line(change, message):
    with pytest.raises(OutcomesError, match=message) as e:
        Outcomes.from_frame(change(long_frame()))
    assert "\n" not in str(e.value)


def test_queries_that_share_no_sizes_are_said_when_the_matrix_is_asked_for():
    frame = long_frame(n=2).iloc[[0, 3]]
    outcomes = Outcomes.from_frame(frame)
    assert (len(outcomes), outcomes.n_incomplete) == (0, 2)
    with pytest.raises(OutcomesError, match=r"No query has a score on every size \(scored: 16K 1, 60K 1\)"):
        outcomes.matrix("score")


def test_an_unknown_column_or_split_is_named():
    outcomes = Outcomes.from_frame(long_frame())
    with pytest.raises(UnknownNameError, match="Did you mean 'latency_s'"):
        outcomes.matrix("latency")
    with pytest.raises(UnknownNameError, match="Did you mean 'validate'"):
        outcomes.split("valid")
    assert outcomes.split("all") is outcomes


def test_an_empty_split_is_an_error():
    name = split_name("question number 0")
    other = next(s for s in SPLITS if s != name)
    with pytest.raises(OutcomesError, match=f"No query of 1 falls into the split '{other}'"):
        Outcomes.from_frame(long_frame(n=1)).split(other)


def test_splits_partition_the_table_and_keep_a_query_together():
    outcomes = Outcomes.from_frame(long_frame(n=500))
    parts = [set(outcomes.split(s).query_ids) for s in SPLITS]
    assert sum(map(len, parts)) == 500
    assert set.union(*parts) == set(outcomes.query_ids)
    assert [round(len(p) / 500, 1) for p in parts] == [0.6, 0.2, 0.2]


def test_a_part_of_a_table_is_the_table_of_its_rows():
    frame = long_frame(n=60, response=[f"answer {i}" for i in range(120)])
    frame.loc[[7, 20], "score"] = np.nan
    whole = Outcomes.from_frame(frame.sample(frac=1, random_state=0)).with_order(["60K", "16K"])
    for part in (whole.split("tune"), whole.split("tune").with_order(["16K", "60K"]), whole.take(np.array([3, 0]))):
        alone = Outcomes(part.frame, part.sizes)
        assert (len(part), part.n_incomplete, part.n_unscored) == (len(alone), alone.n_incomplete, alone.n_unscored)
        assert part.sha256 == alone.sha256
        assert part.queries.tolist() == alone.queries.tolist()
        np.testing.assert_array_equal(part.matrix("gpu_s"), alone.matrix("gpu_s"))
        np.testing.assert_array_equal(part.texts("response"), alone.texts("response"))
    assert whole.split("tune").split("tune").sha256 == whole.split("tune").sha256


def test_frames_put_together_are_held_in_one_piece():
    frame = pd.concat([Outcomes.from_frame(long_frame(n=i + 1)).frame.tail(2) for i in range(4)])  # with doubled index
    whole = Outcomes.from_frame(frame)
    assert whole.queries.tolist() == [f"question number {i}" for i in range(4)]
    assert not isinstance(pa.array(whole.frame["query"]), pa.ChunkedArray)


def test_some_queries_answers_are_those_of_all():
    outcomes = Outcomes.from_frame(long_frame(response=[f"answer {i}" for i in range(10)]))
    assert outcomes.texts("response", slice(1, 3)).tolist() == outcomes.texts("response")[1:3].tolist()


def test_a_sample_has_whole_queries_and_leaves_other_models_rows_alone():
    other = long_frame(n=1, sizes=("embedder",)).assign(query_id="e", query="embed this")
    whole = Outcomes.from_frame(pd.concat([long_frame(n=40), other])).with_order(["16K", "60K"])
    sample = whole.sample(10, seed=1)
    assert (len(sample), sample.n_incomplete) == (10, 0)
    assert set(sample.query_ids) < set(whole.query_ids)
    assert "embedder" in set(sample.frame["model"])
    assert sample.sha256 == whole.sample(10, seed=1).sha256 != whole.sample(10, seed=2).sha256
    assert whole.sample(40) is whole
    assert len(whole.split("tune").sample(5)) == 5


def test_the_split_of_a_query_never_moves():
    assert [split_name(q) for q in ("2 + 2 = ?", "y", "g")] == ["tune", "validate", "test"]


@given(st.text())
def test_near_duplicates_land_in_the_same_split(text):
    assert split_name(text) == split_name(f"  {text} ?!\n")


def test_the_hash_of_the_content_ignores_the_order_of_rows():
    frame = long_frame()
    assert Outcomes.from_frame(frame).sha256 == Outcomes.from_frame(frame[::-1]).sha256
    assert Outcomes.from_frame(frame).sha256 != Outcomes.from_frame(frame.assign(gpu_s=1.0)).sha256


def test_36_000_rows_are_validated_and_turned_in_well_below_a_second():
    frame = long_frame(n=12_000, sizes=("4B", "7B", "14B"))
    start = time.process_time()
    outcomes = Outcomes.from_frame(frame)
    assert outcomes.matrix("score").shape == (12_000, 3)
    assert time.process_time() - start < 1
