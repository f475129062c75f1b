"""Imports of lighteval's, EvalScope's, AlpacaEval's and RouterArena's files."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from importing import LOGS, accounted

from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.outcomes.importers import import_outcomes
from zeta_eval.outcomes.importers.account import Wanted


def imported(format, path=None, **wanted):
    path = path or LOGS / format.replace("-", "_")
    return accounted(import_outcomes(format, path, wanted=Wanted(**wanted)))


def scores(report, task, sizes):
    outcomes = report.outcomes.with_order(sizes)
    return outcomes.matrix("score")[outcomes.tasks == task].T.tolist()


# lighteval


def test_lighteval_details_are_read_with_one_metric_per_task():
    report = imported("lighteval")
    assert report.notes == ("Task own_open|0: metric em (for another: --metric f1).",)
    assert scores(report, "own_open|0", ("17K", "456K")) == [[1, 1, 1, 1], [1, 0, 1, 1]]
    frame = report.outcomes.frame.set_index(["model", "query"])
    row = frame.loc["456K", "Write PQ again."]
    assert (row["response"], row["target"], row["created_at"]) == ("PQQ", "PQ", "2026-11-27T00:54:15.108832")
    assert ("17K", "Write KLM again.\nA. BMLK\nB. KLM") in frame.index
    assert frame["prompt_tokens"].isna().all()  # what is logged is padded


def test_lighteval_details_of_releases_before_0_11_have_other_columns(tmp_path):
    for model, right in (("a-1B", 0), ("b-9B", 1)):
        folder = tmp_path / "details" / "org" / model / "2024-02-03T04-05-06.789"
        folder.mkdir(parents=True)
        rows = [
            {"example": f"Question {i}?", "full_prompt": f"Be short. Question {i}?", "predictions": "['said']"}
            | {"metrics": str({"wer": 0.25, "em": right}), "gold": "['x']"}
            for i in range(2)
        ]
        pd.DataFrame(rows).to_parquet(folder / "details_custom|quiz|0_2024-02-03T04-05-06.789.parquet")
        results = {
            "config_general": {"model_name": f"org/{model}"},
            "config_tasks": {"custom|quiz": {"metrics": [{"metric_name": "wer", "higher_is_better": False}]}},
        }
        path = tmp_path / "results" / "org" / model / "results_2024-02-03T04-05-06.789.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(results))
    report = imported("lighteval", tmp_path)
    assert scores(report, "custom|quiz|0", ("org/a-1B", "org/b-9B")) == [[0, 0], [1, 1]]
    assert report.outcomes.queries.tolist() == ["Question 0?", "Question 1?"]
    turned = imported("lighteval", tmp_path, metric={"": "wer"})
    assert scores(turned, "custom|quiz|0", ("org/a-1B", "org/b-9B")) == [[0.75] * 2] * 2


# EvalScope


def test_evalscope_reviews_are_read_with_their_main_score():
    report = imported("evalscope")
    assert report.notes[0].startswith("Task general_qa_own: metric Rouge-L-R (for another: --metric Rouge-1-R or")
    sizes = ("small-1B", "large-9B")
    assert scores(report, "general_qa_own", sizes) == [[1, 0, 0], [1, 1, 1]]
    assert scores(report, "general_mcq_own", sizes) == [[1, 0, 0], [1, 1, 1]]
    row = report.outcomes.frame.iloc[0]
    assert (row["query"], row["target"]) == ("What is the capital of the moon base?", "Luna")
    precise = imported("evalscope", metric={"general_qa_own": "Rouge-L-P"})
    assert scores(precise, "general_qa_own", sizes)[1][2] == pytest.approx(1 / 3)
    with pytest.raises(UnknownNameError, match="Unknown metric 'Rouge-L-S'"):
        imported("evalscope", metric={"": "Rouge-L-S"})


def test_evalscope_answers_whose_grading_failed_are_unscored_and_a_cut_line_is_counted(tmp_path):
    shutil.copytree(LOGS / "evalscope", tmp_path / "out")
    file = next((tmp_path / "out").glob("*/reviews/small-1B/general_qa_own.jsonl"))
    first, second, third = file.read_text().splitlines()
    review = json.loads(first)
    review["sample_score"]["score"]["status"] = "error"
    file.write_text("\n".join((json.dumps(review), second, third[:100])))
    report = imported("evalscope", tmp_path / "out")
    assert report.outcomes.n_unscored == 1 and report.skipped == {"a line that is cut or damaged": 1}


# AlpacaEval


def test_alpaca_eval_preferences_are_scores_beside_those_of_the_reference():
    report = imported("alpaca-eval")
    sizes = ("small-1B", "reference-3B", "large-9B")
    assert scores(report, "alpaca_eval", sizes) == [[0, 1, 0.5], [0.5] * 3, [1, 1, 1]]
    assert report.notes == (
        "Task alpaca_eval: scores are preferences to the answers of reference-3B, which scores .5 itself.",
    )
    assert report.outcomes.queries[0] == "Name a colour of our door."


def test_alpaca_eval_annotations_against_another_reference_are_left_out(tmp_path):
    shutil.copytree(LOGS / "alpaca_eval", tmp_path / "results")
    file = tmp_path / "results" / "small-1B" / "annotations.json"
    pairs = json.loads(file.read_text())
    file.write_text(json.dumps([p | {"generator_1": "other-70B", "preference": 0} for p in pairs]))
    report = imported("alpaca-eval", tmp_path / "results")
    assert set(report.outcomes.sizes) == {"large-9B", "reference-3B"}
    assert report.notes[-1] == f"Not read: {file}: compares with other-70B, not with reference-3B; import it by itself."
    alone = imported("alpaca-eval", file)  # 0 is a draw in old files
    np.testing.assert_array_equal(alone.outcomes.matrix("score"), [[0.5, 0.5]] * 3)


# RouterArena, by its documented layout: it comes as a repository, not as a package


def entry(index, model, accuracy, **other):
    result = {"generated_answer": "It is A", "success": True, "token_usage": {"input_tokens": 20, "output_tokens": 5}}
    return {
        "global index": index,
        "prompt": f"Question {index}?",
        "prediction": model,
        "generated_result": result | {"error": None},
        "cost": 0.001,
        "accuracy": accuracy,
    } | other


def test_routerarena_predictions_have_several_models_per_query(tmp_path):
    entries = [
        entry(f"MMLU_{i}", model, float(i < right), for_optimality=model == "b-9B")
        for model, right in (("a-1B", 1), ("b-9B", 2))
        for i in range(3)
    ]
    entries[2]["accuracy"] = None
    entries[2]["generated_result"] |= {"success": False, "error": "timed out"}
    (tmp_path / "mine.json").write_text(json.dumps(entries))
    report = imported("routerarena", tmp_path / "mine.json")
    assert scores(report, "MMLU", ("a-1B", "b-9B")) == [[1, 0], [1, 1]]
    frame = report.outcomes.frame
    assert report.outcomes.n_unscored == 1 and frame["error"].dropna().tolist() == ["timed out"]
    assert (frame["cost_usd"][0], frame["prompt_tokens"][0], frame["completion_tokens"][0]) == (0.001, 20, 5)


def test_routerarena_cached_results_whose_evaluation_failed_are_unscored(tmp_path):
    for model, values in (("a-1B", [(1.0, "mcq"), (0.0, "error")]), ("b-9B", [(1.0, "mcq"), (1.0, "mcq")])):
        lines = [
            {"global_index": f"ArcMMLU_{i}", "question": f"Which {i}?", "llm_selected": model, "generated_answer": "A"}
            | {"token_usage": {"input_tokens": 9, "output_tokens": 2}, "success": True, "error": None}
            | {"evaluation_result": {"score": score, "metric": metric, "inference_cost": 0.002}}
            for i, (score, metric) in enumerate(values)
        ]
        lines.append(lines[0] | {"global_index": "ArcMMLU_7", "question": "Which 7?", "evaluation_result": None})
        (tmp_path / f"{model}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "cost.json").write_text("{}")
    report = imported("routerarena", tmp_path)
    assert scores(report, "ArcMMLU", ("a-1B", "b-9B")) == [[1], [1]] and report.outcomes.n_unscored == 3
    assert "cost.json: is no list of predictions" in report.notes[-1]


@pytest.mark.parametrize("format", ["lighteval", "evalscope", "alpaca-eval", "routerarena"])
def test_a_file_of_another_tool_is_refused_in_one_line(tmp_path, format):
    path = tmp_path / "other.json"
    path.write_text('[{"a": 1}]')
    with pytest.raises(OutcomesError) as e:
        import_outcomes(format, path)
    assert str(path) in str(e.value) and "\n" not in str(e.value)
