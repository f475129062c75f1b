import json
import shutil
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from importing import LOGS, accounted

from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.outcomes.importers import import_outcomes
from zeta_eval.outcomes.importers.account import Wanted

# Logs that Inspect wrote, see logs/README.md


def imported(name, **wanted):
    return accounted(import_outcomes("inspect", LOGS / "inspect" / name, wanted=Wanted(**wanted)))


def scores(report):
    """Scores by model, the small one first, whatever the latencies of that day say."""
    return report.outcomes.with_order(["mockllm/small-1B", "mockllm/large-9B"]).matrix("score").T.tolist()


def test_archives_of_the_current_release_are_compressed_with_zstandard_and_read():
    with ZipFile(LOGS / "inspect" / "several" / "small-1B.eval") as archive:
        assert {info.compress_type for info in archive.infolist()} == {93}
    report = imported("several")
    assert report.notes == ("Task several: scorer partly (for another: --scorer match or words or f1).",)
    assert scores(report) == [[1, 0, 0], [1, 1, 0.5]]
    row = report.outcomes.frame.iloc[0]
    assert row["query"] == "What is the capital of the moon base?" and row["response"] == row["target"] == "Luna"
    assert row["query_id"].startswith("several:1:") and row["completion_tokens"] == 4


@pytest.mark.parametrize(
    ("scorer", "large"), [("partly", [1, 1, 0.5]), ("match", [1, 1, 1]), ("words", [1, 1, 1]), ("f1", [1, 1, 0.5])]
)
def test_one_of_several_scorers_can_be_chosen(scorer, large):
    assert scores(imported("several", scorer={"": scorer})) == [[1, 0, 0], large]


def test_a_scorer_that_no_task_has_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Unknown scorer 'matsh'\. Did you mean 'match'"):
        imported("several", scorer={"": "matsh"})


@pytest.mark.parametrize("name", ["words", "yesno", "mc", "chat"])
def test_letters_and_words_are_scores(name):
    report = imported(name)
    assert scores(report) == [[1, 0, 0], [1, 1, 1]] and report.notes == ()


def test_the_choices_of_a_question_are_in_its_query_and_the_system_message_is_not():
    assert imported("mc").outcomes.queries[1] == "How many legs has a table of ours?\nA. Luna\nB. 4\nC. red"
    assert imported("chat").outcomes.queries[1] == "How many legs has a table of ours?"


def test_a_score_of_several_parts_counts_with_its_first_and_another_can_be_chosen():
    report = imported("dicts")
    assert report.notes == ("Task dicts: metric clear (for another: --metric short).",)
    assert scores(report) == [[0.5] * 3, [0.5] * 3]
    assert scores(imported("dicts", metric={"": "short"})) == [[1, 1, 1], [1, 1, 0]]
    report = imported("lists")
    assert report.notes == ("Task lists: metric 1 (for another: --metric 2).",)
    assert scores(report) == [[1, 0, 0], [1, 1, 1]]
    assert scores(imported("lists", metric={"lists": "2"})) == [[0.25] * 3, [0.25] * 3]


def test_epochs_count_with_their_mean_or_the_first_one_alone():
    report = imported("epochs")
    assert report.outcomes.n_attempts == 4 and len(report.outcomes.attempts) == 24
    assert report.notes == ("Task epochs: the mean of a sample's epochs (for the first: --epochs first).",)
    attempts = report.outcomes.attempts
    means = attempts.groupby(["model", "query_id"], sort=False)["score"].mean()
    assert scores(report) == [means["mockllm/small-1B"].tolist(), means["mockllm/large-9B"].tolist()]
    first = imported("epochs", epochs="first")
    assert first.skipped == {"of a further epoch (--epochs first)": 18} and first.outcomes.n_attempts == 1
    assert scores(first) == [[1, 0, 0], [1, 1, 1]] != scores(report)


def test_a_log_with_the_fourth_epoch_alone_is_read():
    fourth = imported("fourth")
    assert len(fourth.outcomes) == 3 and fourth.outcomes.n_attempts == 1 and fourth.skipped == {}
    assert scores(fourth) == scores(imported("fourth", epochs="first"))
    with pytest.raises(UnknownNameError, match="way to take epochs 'last'"):
        imported("fourth", epochs="last")


def test_scores_of_another_scale_are_refused_until_the_scale_is_named():
    with pytest.raises(
        OutcomesError, match=r"whose onten reaches from 3 to 10, outside \[0, 1\]; say --scale ten=LOW:HIGH"
    ):
        imported("ten")
    report = imported("ten", scale={"": (0.0, 10.0)})
    assert scores(report) == [[1, 0.3, 0.3], [1, 1, 1]]
    assert report.notes == ("Task ten: scores from 0 to 10 became 0 to 1.",)


def test_a_folder_of_many_tasks_is_read_though_one_of_them_has_no_score():
    report = accounted(import_outcomes("inspect", LOGS / "inspect"))
    assert len(set(report.outcomes.tasks)) == 8 and sum(report.skipped.values()) > 0
    assert any("of task 'ten'" in reason for reason in report.skipped)


def test_a_damaged_log_is_named_and_the_others_are_read(tmp_path):
    logs = tmp_path / "logs"
    shutil.copytree(LOGS / "inspect" / "several", logs)
    shutil.copy(LOGS / "inspect" / "mc" / "small-1B.eval", logs / "mc.eval")
    whole = (logs / "mc.eval").read_bytes()
    (logs / "cut.eval").write_bytes(whole[: len(whole) // 2])
    (logs / "later.json").write_text(json.dumps({"version": 9, "eval": {"task": "t", "model": "m"}}))
    with ZipFile(logs / "mc.eval") as archive:
        start = archive.getinfo("samples/1_epoch_1.json").header_offset + 200
    (logs / "mc.eval").write_bytes(whole[:start] + b"garbage" + whole[start + 7 :])
    report = accounted(import_outcomes("inspect", logs))
    assert report.skipped == {"a sample that is damaged": 1} and len(report.outcomes) == 3
    said = "\n".join(report.notes)
    assert f"Not read: {logs / 'cut.eval'}: can't be read as an Inspect log" in said
    assert f"Not read: {logs / 'later.json'}: has Inspect's log version 9" in said
    assert f"Not read: {logs / 'mc.eval'}: sample samples/1_epoch_1.json is damaged" in said


# EvalLog as JSON, and the files of an .eval archive, made here


def inspect_log(model, scores):
    samples = [
        {
            "id": i,
            "epoch": epoch,
            "input": [{"role": "system", "content": "Be short."}, {"role": "user", "content": f"Question {i}?"}],
            "choices": ["yes", "no"],
            "target": "A",
            "output": {
                "model": model,
                "choices": [
                    {
                        "message": {"role": "assistant", "content": [{"type": "text", "text": "ANSWER: A"}]},
                        "stop_reason": "max_tokens" if i == 1 else "stop",
                        "logprobs": {"content": [{"token": "A", "logprob": -0.5}, {"token": "B", "logprob": -1.5}]},
                    }
                ],
                "completion": "ANSWER: A",
                "time": 0.75,
            },
            "model_usage": {
                "grader/big": {"input_tokens": 999, "output_tokens": 999, "total_tokens": 1998},
                model: {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30, "input_tokens_cache_read": 5},
            },
            **({"error": {"message": "timed out", "traceback": "..."}} if value is None else {}),
            **({} if value is None else {"scores": {"choice": {"value": value, "answer": "A"}, "f1": {"value": 0}}}),
        }
        for epoch in (1, 2)
        for i, value in enumerate(scores)
    ]
    spec = {"eval_id": f"e-{model}", "run_id": "r", "created": "2026-03-01T10:00:00-05:00", "task": "quiz"}
    spec |= {"dataset": {"name": "quiz-data", "samples": len(scores)}, "model": model, "config": {"epochs": 2}}
    return {"version": 2, "status": "success", "eval": spec, "plan": {}, "results": {}, "samples": samples}


def write_eval(path, log, head="header.json"):
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", json.dumps({k: log[k] for k in ("version", "eval", "plan")}))
        if head == "header.json":
            archive.writestr("header.json", json.dumps({k: v for k, v in log.items() if k != "samples"}))
        archive.writestr("_journal/summaries/1.json", "[]")
        for sample in log["samples"]:
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))


def test_inspect_logs_of_both_formats_and_several_models_become_one_table(tmp_path):
    (tmp_path / "logs").mkdir()
    a, b = inspect_log("hf/a-4B", ["C", "I", "P", None, 0.5]), inspect_log("hf/b-9B", ["C", True, "N", "C", 1])
    (tmp_path / "logs" / "2026_quiz_a.json").write_text(json.dumps(a))
    write_eval(tmp_path / "logs" / "2026_quiz_b.eval", b)
    (tmp_path / "logs" / "logs.json").write_text(json.dumps({"2026_quiz_a.json": {}}))
    report = accounted(import_outcomes("inspect", tmp_path, cost={"hf/a-4B": "1/Mtok", "hf/b-9B": "3/Mtok"}))
    assert report.skipped == {} and len(report.outcomes.attempts) == 20
    assert report.notes[0] == "Task quiz: the mean of a sample's epochs (for the first: --epochs first)."
    assert report.notes[1] == "Task quiz: scorer choice (for another: --scorer f1)."
    assert "logs.json: is no Inspect log" in report.notes[2] and len(report.notes) == 3
    outcomes = report.outcomes
    assert outcomes.sizes == ("hf/a-4B", "hf/b-9B") and outcomes.n_unscored == 1
    np.testing.assert_array_equal(outcomes.matrix("score"), [[1, 1], [0, 1], [0.5, 0], [0.5, 1]])
    np.testing.assert_allclose(outcomes.matrix("cost_usd")[0], [35e-6, 105e-6])
    row = outcomes.frame.iloc[1]
    assert row["query"] == "Question 1?\nA. yes\nB. no" and row["dataset"] == "quiz-data" and row["truncated"]
    assert (row["response"], row["prompt_tokens"], row["completion_tokens"]) == ("ANSWER: A", 25, 10)
    assert (row["mean_logprob"], row["min_logprob"], row["latency_s"]) == (-1.0, -1.5, 0.75)
    assert row["latency_source"] == "imported" and row["created_at"] == "2026-03-01T15:00:00+00:00"
    assert outcomes.frame["error"].dropna().tolist() == ["timed out"]


def test_inspect_logs_that_did_not_finish_and_odd_scores_are_read(tmp_path):
    log = inspect_log("hf/a-4B", ["C", "maybe", "I"])
    log["samples"][0] |= {"input": "attachment://abc", "attachments": {"abc": "A long text"}, "choices": None}
    write_eval(tmp_path / "a.eval", log, head="_journal/start.json")
    report = accounted(import_outcomes("inspect", tmp_path / "a.eval", wanted=Wanted(scorer={"": "choice"})))
    assert report.skipped == {"whose score is no number": 2}
    assert sorted(report.outcomes.queries) == [
        "A long text",
        "Question 0?\nA. yes\nB. no",
        "Question 2?\nA. yes\nB. no",
    ]


def test_the_grade_c_is_not_right_where_other_letters_are_grades(tmp_path):
    log = inspect_log("hf/a-4B", ["A", "B", "C", "D"])
    for sample in log["samples"]:
        del sample["scores"]["f1"]
    (tmp_path / "a.json").write_text(json.dumps(log))
    with pytest.raises(OutcomesError, match="which has no number that can be a score"):
        import_outcomes("inspect", tmp_path / "a.json")


def test_models_without_a_common_scorer_are_not_compared(tmp_path):
    for model, scorer in (("a-1B", "match"), ("b-9B", "judge")):
        log = inspect_log(model, ["C", "I"])
        for sample in log["samples"]:
            sample["scores"] = {scorer: sample["scores"]["choice"]}
        (tmp_path / f"{scorer}.json").write_text(json.dumps(log))
    with pytest.raises(OutcomesError, match="8 of task 'quiz', whose models have no scorer and metric in common"):
        import_outcomes("inspect", tmp_path)


def test_what_is_no_inspect_log_is_refused(tmp_path):
    path = tmp_path / "a.eval"
    path.write_text("no zip")
    with pytest.raises(OutcomesError, match="can't be read as an Inspect log"):
        import_outcomes("inspect", path)
    path = tmp_path / "b.json"
    for content, words in (("{}", "is no Inspect log"), ("[1]", "is no Inspect log"), ("{", "can't be read")):
        path.write_text(content)
        with pytest.raises(OutcomesError, match=words):
            import_outcomes("inspect", path)
    path.write_text(json.dumps(inspect_log("m", ["C"]) | {"samples": ["C", "I"]}))
    with pytest.raises(OutcomesError, match="a sample is not laid out as Inspect's"):
        import_outcomes("inspect", path)
    path.write_text(json.dumps(inspect_log("m", ["C"]) | {"version": 3}))
    with pytest.raises(OutcomesError, match="version 3, this release reads up to 2"):
        import_outcomes("inspect", path)
