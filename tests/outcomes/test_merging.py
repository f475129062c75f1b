import pandas as pd
import pytest

import zeta_eval as ze
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.outcomes.merging import joined_order
from zeta_eval.testing import make_outcomes


def parts(outcomes):
    return [ze.Outcomes.from_frame(f) for _, f in outcomes.frame.groupby("model", sort=False)]


def changed(outcomes, score):
    frame = outcomes.frame
    return ze.Outcomes.from_frame(frame.assign(score=frame["score"].mask(frame["query_id"] == "made/3", score)))


def test_tables_of_other_sizes_join_to_the_whole_one(tmp_path):
    whole = make_outcomes(40)
    report = ze.merge(parts(whole), out=tmp_path / "whole.parquet")
    assert report.outcomes.sha256 == whole.sha256 == ze.Outcomes.load(tmp_path / "whole.parquet").sha256
    assert report.outcomes.sizes == whole.sizes
    assert (report.n_same, report.n_conflicts) == (0, 0)


def test_answers_that_are_alike_are_counted_once():
    whole = make_outcomes(40)
    report = ze.merge({"a": whole, "b": parts(whole)[0]})
    assert report.n_same == 40 and report.outcomes.sha256 == whole.sha256
    assert "a: 120 rows\nb: 40 rows\n40 answers are the same" in report.text()


def test_a_conflict_is_refused_or_decided_by_the_rule_and_counted():
    first = make_outcomes(40)
    old = first.matrix("score")[3, 0]
    last = changed(parts(first)[0], 1 - old)
    with pytest.raises(OutcomesError, match=r"1 answers differ .* that of 4B to query 'made/3' \(scores"):
        ze.merge([first, last])
    for prefer, score in (("first", old), ("last", 1 - old)):
        report = ze.merge([first, last], prefer=prefer)
        assert (report.n_conflicts, report.n_same) == (1, 39)
        assert report.outcomes.matrix("score")[3, 0] == score
    assert report.to_dict()["prefer"] == "last"


def test_tables_that_name_the_same_queries_differently_are_told_apart():
    small, large, _ = parts(make_outcomes(40))
    renamed = ze.Outcomes.from_frame(large.frame.assign(query_id="x" + large.frame["query_id"]))
    assert (
        "40 queries read as in the first table, but only 0 have the same query_id" in ze.merge([small, renamed]).text()
    )


def test_one_id_with_two_texts_is_refused():
    small, large, _ = parts(make_outcomes(40))
    other = ze.Outcomes.from_frame(large.frame.assign(query="Another " + large.frame["query"]))
    with pytest.raises(OutcomesError, match="stands for two different queries"):
        ze.merge([small, other])


def test_one_table_or_the_same_file_twice_is_refused(tmp_path):
    make_outcomes(10).save(tmp_path / "a.parquet")
    with pytest.raises(InvalidInputError, match="give at least two"):
        ze.merge([tmp_path / "a.parquet"])
    with pytest.raises(InvalidInputError, match="there twice"):
        ze.merge([tmp_path / "a.parquet", tmp_path / "a.parquet"])
    with pytest.raises(InvalidInputError, match="never changed in place"):
        ze.merge([tmp_path / "a.parquet", make_outcomes(10)], out=tmp_path / "a.parquet")


def test_orders_join_and_a_circle_falls_back():
    assert joined_order([("b", "a"), ("a", "c")], ("a", "b", "c")) == ("b", "a", "c")
    assert joined_order([("b", "a"), ("a", "b")], ("a", "b")) == ("a", "b")


def test_runs_that_were_measured_apart_are_named():
    small, large, _ = parts(make_outcomes(20))
    other = ze.Outcomes.from_frame(large.frame.assign(run_id="another"))
    assert "The rows are of 2 runs; compare their gpu_s" in ze.merge([small, other]).text()
    assert isinstance(ze.merge([small, other]).conflicts, pd.DataFrame)
