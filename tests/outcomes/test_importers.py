import json

import numpy as np
import pandas as pd
import pytest
from importing import accounted

from zeta_eval.exceptions import InvalidInputError, OutcomesError, UnknownNameError
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.importers import FORMATS, import_outcomes

# tidy

TIDY = [
    {
        "task": "t",
        "query_id": f"q{q}",
        "query": f"query {q}",
        "model": m,
        "score": float(q > i),
        "prompt_tokens": 10 * q,
    }
    | {"completion_tokens": 5, "response": "r"}
    for q in range(3)
    for i, m in enumerate(("small-1B", "large-9B"))
]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_tidy_table_is_taken_as_it_is_from_every_kind_of_file(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    frame = pd.DataFrame(TIDY)
    match suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, TIDY)))
        case ".parquet":
            frame.to_parquet(path)
    report = accounted(import_outcomes("tidy", path))
    assert report.skipped == {} and report.n_rows == 6
    pd.testing.assert_frame_equal(report.outcomes.frame, Outcomes.from_frame(frame).frame)
    assert "Read 6 rows, kept 6, skipped 0." in report.text() and "Costs: none; give --cost" in report.text()


def test_rows_that_can_not_be_used_are_counted_with_their_reason(tmp_path):
    bad = [
        {"task": "t", "query_id": "q0", "query": "query 0", "model": "small-1B", "score": 1},
        {"task": "t", "query_id": "b1", "query": None, "model": "small-1B", "score": 1},
        {"task": "t", "query_id": "b3", "query": "x", "model": "small-1B", "score": "great"},
        {"task": "t", "query_id": "b4", "query": "unscored", "model": "small-1B", "score": None},
        {"task": "t", "query_id": "b5", "query": "", "model": "small-1B", "score": 0.5},
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, TIDY + bad)))
    report = accounted(import_outcomes("tidy", path))
    assert report.skipped == {
        "without query": 2,
        "whose score is no number": 1,
        "that repeat a query and model (the first is kept)": 1,
    }
    assert report.outcomes.n_unscored == 1 and len(report.outcomes) == 3
    assert "         2  without query" in report.text()
    assert report.to_dict()["n_skipped"] == 4


def test_a_later_run_of_a_query_replaces_the_older_and_is_counted(tmp_path):
    path = tmp_path / "t.jsonl"
    old = [row | {"run_id": "a", "created_at": "2025-01-01"} for row in TIDY]
    new = [TIDY[0] | {"run_id": "b", "created_at": "2025-02-01", "score": 0.25}]
    path.write_text("\n".join(map(json.dumps, new + old)))
    report = accounted(import_outcomes("tidy", path))
    assert report.skipped == {"an older run of the same query and model": 1}
    assert report.outcomes.matrix("score")[0, 0] == 0.25


# costs


@pytest.fixture
def tidy(tmp_path):
    path = tmp_path / "t.csv"
    pd.DataFrame(TIDY).to_csv(path, index=False)
    return path


def test_a_cost_is_per_query_or_per_million_tokens(tidy):
    report = import_outcomes("tidy", tidy, cost={"small-1B": "0.5/Mtok", "large-9B": 0.002})
    assert report.outcomes.sizes == ("small-1B", "large-9B")
    expected = [[(10 * q + 5) * 0.5 / 1e6, 0.002] for q in range(3)]
    np.testing.assert_allclose(report.outcomes.matrix("cost_usd"), expected)
    assert report.text().endswith("Costs: cost_usd")


@pytest.mark.parametrize("value", ["cheap", "-1", "nan", "0.1/token", "", float("inf")])
def test_what_is_no_cost_is_refused_with_the_two_forms(tidy, value):
    with pytest.raises(InvalidInputError, match=r"small-1B=0.002, or per million tokens, as in small-1B=0.24/Mtok"):
        import_outcomes("tidy", tidy, cost={"small-1B": value})


def test_a_cost_needs_a_model_and_token_counts(tidy, tmp_path):
    with pytest.raises(UnknownNameError, match=r"Unknown model 'small-2B'\. Did you mean 'small-1B'"):
        import_outcomes("tidy", tidy, cost={"small-2B": 1})
    bare = tmp_path / "bare.csv"
    pd.DataFrame(TIDY).drop(columns="prompt_tokens").to_csv(bare, index=False)
    with pytest.raises(InvalidInputError, match="3 of 3 rows of model 'small-1B' have no token counts"):
        import_outcomes("tidy", bare, cost={"small-1B": "1/Mtok"})


# RouterBench


def routerbench(n=3):
    prompts = [f"['Answer with a number.', 'What is {i}?']" for i in range(n)]
    frame = pd.DataFrame({"sample_id": [f"math.dev.{i}" for i in range(n)], "prompt": prompts, "eval_name": "math"})
    for k, model in enumerate(("mistralai/mistral-7b-chat", "gpt-4-1106-preview")):
        frame[model] = [float(i <= k) for i in range(n)]
        frame[f"{model}|model_response"] = [f"['{i}']" for i in range(n)]
        frame[f"{model}|total_cost"] = 0.0001 * 10**k
    return frame.assign(oracle_model_to_route_to="no_model_correct")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_routerbench_wide_tables_become_long(tmp_path, suffix):
    path = tmp_path / f"routerbench_0shot{suffix}"
    frame = routerbench()
    frame.loc[2, ["gpt-4-1106-preview", "gpt-4-1106-preview|total_cost"]] = None
    frame = pd.concat([frame, frame.iloc[:1]])  # the published table repeats samples
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    report = accounted(import_outcomes("routerbench", path))
    assert report.skipped == {"that repeat a query and model (the first is kept)": 2}
    assert report.outcomes.sizes == ("mistralai/mistral-7b-chat", "gpt-4-1106-preview")
    assert report.outcomes.queries.tolist() == [f"Answer with a number.\nWhat is {i}?" for i in range(2)]
    np.testing.assert_array_equal(report.outcomes.matrix("score"), [[1, 1], [0, 1]])
    np.testing.assert_allclose(report.outcomes.matrix("cost_usd")[0], [0.0001, 0.001])
    assert report.outcomes.frame["response"][0] == "['0']" and report.outcomes.n_unscored == 1


def test_routerbench_prompts_may_be_lists(tmp_path):
    path = tmp_path / "rb.parquet"
    routerbench().assign(prompt=[["a", str(i)] for i in range(3)]).to_parquet(path)
    assert import_outcomes("routerbench", path).outcomes.queries.tolist() == ["a\n0", "a\n1", "a\n2"]


def test_a_pickle_is_refused_and_never_opened(tmp_path):
    path = tmp_path / "routerbench_0shot.pkl"
    path.write_bytes(b"cos\nsystem\n")
    with pytest.raises(OutcomesError, match=r"is a pickle.*read_pickle\('routerbench_0shot.pkl'\).to_parquet"):
        import_outcomes("routerbench", path)


def test_a_wide_table_without_models_is_refused(tmp_path):
    path = tmp_path / "rb.csv"
    routerbench()[["sample_id", "prompt", "eval_name"]].to_csv(path, index=False)
    with pytest.raises(OutcomesError, match="lacks a column <model> with"):
        import_outcomes("routerbench", path)


# RouteLLM


def test_routellm_tables_of_a_folder_become_tasks(tmp_path):
    (tmp_path / "mmlu").mkdir()
    weak, strong = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
    (tmp_path / "gsm8k_responses.csv").write_text(
        f'prompt,{weak},{strong},{weak}_response,{strong}_response\n"A, ""b""?",False,True,no,yes\nNA,True,True,a,b\n'
    )
    (tmp_path / "mmlu" / "mmlu_anatomy.csv").write_text(
        f',prompt,{weak},{strong}\n0,"Q1\nA. 1\nAnswer:",True,True\n1,Q2,maybe,False\n'
    )
    report = accounted(import_outcomes("routellm", tmp_path, cost={weak: 0.0001, strong: 0.01}))
    assert report.skipped == {"whose score is no number": 1} and report.outcomes.n_incomplete == 1
    assert report.outcomes.sizes == (weak, strong)
    assert report.outcomes.query_ids.tolist() == ["gsm8k:0", "gsm8k:1", "mmlu_anatomy:0"]
    assert report.outcomes.queries.tolist() == ['A, "b"?', "NA", "Q1\nA. 1\nAnswer:"]
    np.testing.assert_array_equal(report.outcomes.matrix("score"), [[0, 1], [1, 1], [1, 1]])
    assert report.outcomes.frame["response"].dropna().tolist() == ["no", "a", "yes", "b"]


# mistakes that all formats share


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_there_or_an_empty_folder_is_one_line(tmp_path, format):
    for path, words in ((tmp_path / "none.csv", "Nothing at"), (tmp_path, str(tmp_path))):
        with pytest.raises(OutcomesError, match=words) as e:
            import_outcomes(format, path)
        assert "\n" not in str(e.value)


def test_an_unknown_format_names_the_nearest(tidy):
    with pytest.raises(UnknownNameError, match=r"Unknown format 'lmeval'\. Did you mean 'lm-eval'"):
        import_outcomes("lmeval", tidy)


def test_a_source_without_a_usable_row_or_a_shared_query_is_refused(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps(row | {"score": 5}) for row in TIDY))
    with pytest.raises(OutcomesError, match=r"reach from 5 to 5, and 6 are outside \[0, 1\].*--scale 1:5"):
        import_outcomes("tidy", path)
    path.write_text("\n".join(map(json.dumps, (TIDY[0], TIDY[3]))))
    with pytest.raises(OutcomesError, match="No query has a score on every size"):
        import_outcomes("tidy", path)
    path.write_text("\n".join(map(json.dumps, ({"model": "m", "query": "q"},))))
    with pytest.raises(OutcomesError, match="lacks the columns task, query_id, score"):
        import_outcomes("tidy", path)


def test_one_id_for_two_queries_is_a_mistake_and_no_repetition(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, [*TIDY, TIDY[0] | {"query": "another"}])))
    with pytest.raises(OutcomesError, match="make query_id unique"):
        import_outcomes("tidy", path)
