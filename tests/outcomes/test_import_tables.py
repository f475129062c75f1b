"""Imports of any table: other scales, wide tables, message lists."""

import json

import numpy as np
import pandas as pd
import pytest
from importing import accounted

from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.outcomes.importers import import_outcomes
from zeta_eval.outcomes.importers.account import Wanted, scales


def table(path, scores, task="t"):
    """Write a tidy table: scores by model, a list with one per query."""
    rows = [
        {"task": task, "query_id": f"{task}{i}", "query": f"Query {task}{i}", "model": model, "score": score}
        for model, its in scores.items()
        for i, score in enumerate(its)
    ]
    old = pd.read_csv(path).to_dict("records") if path.exists() else []
    pd.DataFrame(old + rows).to_csv(path, index=False)
    return path


def imported(format, path, **wanted):
    return accounted(import_outcomes(format, path, wanted=Wanted(**wanted)))


# Scales


@pytest.mark.parametrize(
    ("small", "large", "scale", "expected"),
    [
        ([0, 0, 100], [100, 100, 100], "0:100", [[0, 1], [0, 1], [1, 1]]),
        ([1, 4, 10], [10, 10, 7], "1:10", [[0, 1], [1 / 3, 1], [1, 2 / 3]]),
        ([1, 2, 3], [5, 5, 4], "1:5", [[0, 1], [0.25, 1], [0.5, 0.75]]),
        ([-1, 0, 1], [1, 1, 0], "-1:1", [[0, 1], [0.5, 1], [1, 0.5]]),
    ],
)
def test_a_table_on_another_scale_is_refused_as_a_whole_until_its_scale_is_named(
    tmp_path, small, large, scale, expected
):
    path = table(tmp_path / "t.csv", {"small-1B": small, "large-9B": large})
    with pytest.raises(OutcomesError, match=rf"so none is taken; .* as in --scale {scale} "):
        imported("tidy", path)
    report = imported("tidy", path, scale=scales(scale))
    np.testing.assert_allclose(report.outcomes.matrix("score"), expected)
    assert report.outcomes.sizes == ("small-1B", "large-9B") and "became 0 to 1" in report.notes[0]


def test_one_task_on_another_scale_refuses_the_table_and_can_be_given_its_own(tmp_path):
    path = table(tmp_path / "t.csv", {"small-1B": [0, 1], "large-9B": [1, 1]})
    table(path, {"small-1B": [1, 4], "large-9B": [9, 10]}, task="judged")
    with pytest.raises(OutcomesError, match=r"of task 'judged' reach from 1 to 10, and 3 are outside \[0, 1\]"):
        imported("tidy", path)
    report = imported("tidy", path, scale=scales({"judged": "1:10"}))
    np.testing.assert_allclose(report.outcomes.matrix("score"), [[0, 1], [1, 1], [0, 8 / 9], [1 / 3, 1]])
    everywhere = imported("tidy", path, scale=scales({"": "0:10"}))
    assert any(
        "no score of large-9B, small-1B is above 1; is 0:10 the scale of these too?" in n for n in everywhere.notes
    )
    with pytest.raises(OutcomesError, match="--scale names task 'jugded', which isn't there"):
        imported("tidy", path, scale=scales({"jugded": "1:10"}))


def test_scores_outside_the_scale_that_was_named_are_refused_too(tmp_path):
    path = table(tmp_path / "t.csv", {"small-1B": [0, 40], "large-9B": [60, 100]})
    with pytest.raises(OutcomesError, match=r"2 are outside \[0, 50\] \(first that of model 'large-9B'\)"):
        imported("tidy", path, scale=scales("0:50"))


@pytest.mark.parametrize("scale", ["100", "10:1", "0:0", "a:b", "0:inf", ""])
def test_what_is_no_scale_is_refused_with_an_example(scale):
    with pytest.raises(InvalidInputError, match="as in 0:100 or 1:10"):
        scales(scale)


# Wide tables


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_wide_table_has_a_column_of_scores_per_model(tmp_path, suffix):
    path = tmp_path / f"quiz{suffix}"
    frame = pd.DataFrame(
        {
            "Prompt": ["One?", "Two?"],
            "answer": ["1", "2"],
            "difficulty": [3, 9],
            "small-1B": [0, 1],
            "small-1B_response": ["2", "2"],
            "large-9B": [1.0, 0.5],
            "large-9B_cost": [0.25, 0.5],
            "comment": ["easy", "hard"],
        }
    )
    match suffix:
        case ".csv":
            frame.to_csv(path)
        case ".parquet":
            frame.to_parquet(path)
        case _:
            path.write_text(frame.to_json(orient="records", lines=True))
    report = imported("wide", path)
    assert report.notes == ("Task quiz: the columns of models are small-1B, large-9B.",)
    np.testing.assert_array_equal(report.outcomes.matrix("score"), [[0, 1], [1, 0.5]])
    long = report.outcomes.frame.set_index(["model", "query"])
    assert long.loc[("small-1B", "One?"), "response"] == "2" and long.loc[("large-9B", "Two?"), "cost_usd"] == 0.5
    assert long["target"].tolist() == ["1", "2", "1", "2"]


def test_a_column_that_is_no_model_shows_in_the_refusal(tmp_path):
    path = tmp_path / "quiz.csv"
    pd.DataFrame({"query": ["One?", "Two?"], "a-1B": [0, 1], "b-9B": [1, 1], "year": [1999, 2001]}).to_csv(path)
    with pytest.raises(OutcomesError, match="first that of model 'year'"):
        imported("wide", path)


def test_a_table_without_models_or_queries_is_refused_and_a_tidy_one_told_from_a_wide_one(tmp_path):
    path = tmp_path / "quiz.csv"
    for columns, words in (({"query": ["One?"]}, "a column of scores per model"), ({"a-1B": [1]}, "a column query")):
        pd.DataFrame(columns).to_csv(path, index=False)
        with pytest.raises(OutcomesError, match=f"lacks {words}"):
            imported("wide", path)
    pd.DataFrame({"query": ["One?"], "a-1B": [1]}).to_csv(path, index=False)
    with pytest.raises(OutcomesError, match="give format 'wide'"):
        imported("tidy", path)


# Message lists

MESSAGES = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Name a colour."},
    {"role": "assistant", "content": "Red."},
    {"role": "user", "content": [{"type": "text", "text": "Another one."}, {"type": "image_url", "image_url": {}}]},
]

TEXT = "User: Name a colour.\n\nAssistant: Red.\n\nUser: Another one.\n[image_url]"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_query_of_messages_is_their_text_with_the_messages_beside_it(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    simple = [*MESSAGES[:-1], {"role": "user", "content": "Another one."}]
    messages = {".csv": json.dumps(MESSAGES), ".jsonl": MESSAGES, ".parquet": simple}[suffix]
    rows = [{"task": "t", "query_id": "1", "query": messages, "model": m, "score": 1} for m in ("a-1B", "b-9B")]
    match suffix:
        case ".csv":
            pd.DataFrame(rows).to_csv(path, index=False)
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, rows)))
        case _:
            pd.DataFrame(rows).to_parquet(path)
    (query,) = imported("tidy", path).outcomes.queries
    assert query == TEXT.removesuffix("\n[image_url]") if suffix == ".parquet" else query == TEXT
    assert query.messages[0].text == "Be short." and "Red." not in query.request


def test_messages_in_a_wide_table_are_its_queries(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"messages": MESSAGES, "a-1B": 0, "b-9B": 1}))
    (query,) = imported("wide", path).outcomes.queries
    assert query == TEXT and query.messages[-1].as_dict()["content"] == MESSAGES[-1]["content"]


def test_a_text_that_only_looks_like_messages_stays_as_it_is(tmp_path):
    texts = ["[1, 2] is what?", '[{"a": 1}]', "{not json", "[]"]
    rows = [
        {"task": "t", "query_id": str(i), "query": text, "model": m, "score": 1}
        for m in ("a-1B", "b-9B")
        for i, text in enumerate(texts)
    ]
    path = tmp_path / "t.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    assert imported("tidy", path).outcomes.queries.tolist() == texts
