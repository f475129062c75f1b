import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import Outcomes

ROWS = [
    {"task": "t", "query_id": "007", "query": "NA", "model": "4B", "score": 1, "prompt_tokens": 3, "truncated": True},
    {
        "task": "t",
        "query_id": "007",
        "query": "NA",
        "model": "14B",
        "score": 0.5,
        "prompt_tokens": None,
        "error": "boom",
    },
    {"task": "t", "query_id": "2", "query": 'a, "b"\nc', "model": "4B", "score": None, "created_at": "2026-01-01"},
    {"task": "t", "query_id": "2", "query": 'a, "b"\nc', "model": "14B", "score": 0, "response": ""},
]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_table(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    frame = pd.DataFrame(ROWS)
    match suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, ROWS)))
        case ".parquet":
            frame.to_parquet(path)
    loaded = Outcomes.load(path).frame.drop(columns="response")
    pd.testing.assert_frame_equal(loaded, Outcomes.from_frame(frame).frame.drop(columns="response"))
    assert loaded["query_id"].tolist() == ["007", "007", "2", "2"]
    assert loaded["query"].tolist()[0] == "NA"
    assert loaded["error"].isna().tolist() == [True, False, True, True]
    assert loaded["truncated"].tolist() == [True, pd.NA, pd.NA, pd.NA]


def test_another_schema_version_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "t.parquet"
    Outcomes.from_frame(pd.DataFrame(ROWS)).save(path)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"schema_version": b"9"}), path)
    with pytest.raises(OutcomesError, match="schema version 9, this release reads 1 and 2; re-export"):
        Outcomes.load(path)


def test_a_failed_write_leaves_the_old_table_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    outcomes = Outcomes.from_frame(pd.DataFrame(ROWS))
    outcomes.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(pq, "write_table", lambda table, where, **_: where.write_bytes(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        outcomes.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_that_cant_be_read_is_one_clear_line(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("task,query_id,query,model,score\n")
    (tmp_path / "line.jsonl").write_text('{"task": "t"}\n[1]\n')
    for name, message in {
        "absent.parquet": "No outcomes table at",
        "notes.txt": r"give a \.parquet, \.csv or \.jsonl file",
        "damaged.parquet": "can't be read as Parquet",
        "empty.csv": "lacks the columns task, .* none",
        "header.csv": "header.csv: The outcomes table has no rows",
        "line.jsonl": "Line 2 of .* is no JSON object",
        "": "neither outcomes.parquet nor rows.jsonl",
    }.items():
        with pytest.raises(OutcomesError, match=message) as e:
            Outcomes.load(tmp_path / name)
        assert "\n" not in str(e.value)


@pytest.mark.parametrize("column", ["query", "query_id", "response"])
def test_half_of_a_surrogate_pair_is_one_line_that_names_the_row(tmp_path, column):
    broken = {**ROWS[3], column: "half \ud800"}
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, [*ROWS[:3], broken])))
    with pytest.raises(
        OutcomesError, match=rf"t\.jsonl: Column '{column}' .* in row 4, which is no valid Unicode"
    ) as e:
        Outcomes.load(tmp_path / "t.jsonl")
    assert "\n" not in str(e.value)
    with pytest.raises(OutcomesError, match="in row 4"):
        Outcomes.from_frame(pd.DataFrame([*ROWS[:3], broken], dtype=object))


def test_parquet_of_others_is_taken_whatever_its_types(tmp_path):
    table = pa.table(
        {
            "task": ["t"],
            "query_id": pa.array([7], pa.int32()),
            "query": ["q"],
            "model": pa.array(["m"]).dictionary_encode(),
        }
        | {"score": pa.array([True]), "other": [{"nested": 1}]}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    outcomes = Outcomes.load(tmp_path / "t.parquet")
    assert outcomes.query_ids.tolist() == ["7"]
    assert outcomes.matrix("score").tolist() == [[1.0]]
