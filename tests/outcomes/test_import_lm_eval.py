import json
import shutil

import numpy as np
import pytest
from importing import LOGS, accounted

from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.outcomes.importers import import_outcomes
from zeta_eval.outcomes.importers.account import Wanted

# Logs that lm-eval wrote, see logs/README.md


def imported(name, **wanted):
    return accounted(import_outcomes("lm-eval", LOGS / "lm_eval" / name, wanted=Wanted(**wanted)))


def scores(report, task):
    return report.outcomes.matrix("score")[report.outcomes.tasks == task].T.tolist()


def test_one_filter_and_metric_count_per_task_for_all_models_and_are_printed():
    report = imported("current")
    assert report.notes == (
        "Task own_errors: metric wer as 1 - error, since lower is better (for another: --metric seconds).",
        "Task own_last: metric acc (for another: --metric perplexity).",
        "Task own_mc: metric acc (for another: --metric acc_norm or brier_score).",
        "Task own_open: filter strict, metric exact_match (for another: --filter loose).",
    )
    assert report.outcomes.sizes == ("17K", "456K")
    assert scores(report, "own_open") == [[1, 1, 0, 1], [1, 0, 0, 1]]
    assert scores(report, "own_mc") == [[0, 1, 0, 1], [1, 0, 1, 1]]
    assert all(note in report.text() for note in report.notes) and report.to_dict()["notes"] == list(report.notes)


def test_another_filter_or_metric_can_be_chosen_for_all_tasks_or_one():
    report = imported("current", filter={"": "loose"}, metric={"own_mc": "acc_norm"})
    assert scores(report, "own_open") == [[1, 1, 1, 1], [1, 0, 1, 1]]
    assert scores(report, "own_mc") == [[0, 1, 0, 1], [0, 0, 0, 0]]
    assert "Tasks own_errors, own_last, own_mc: it has no filter 'loose'." in report.notes
    frame = report.outcomes.frame
    assert not frame["unparsed"][frame["task"] == "own_open"].any()


@pytest.mark.parametrize("kind", ["filter", "metric"])
def test_a_filter_or_metric_that_no_task_has_is_refused(kind):
    with pytest.raises(UnknownNameError, match=f"Unknown {kind} 'strikt'"):
        imported("current", **{kind: {"": "strikt"}})


def test_error_rates_are_turned_and_those_that_can_not_be_are_refused():
    assert scores(imported("current"), "own_errors") == [[1, 1, 0.75, 1], [1, 1, 0.75, 1]]
    report = imported("current", metric={"own_errors": "seconds"})
    assert report.skipped == {
        "of task 'own_errors', whose seconds reaches from 12.5 to 12.5, outside [0, 1]; say --scale "
        "own_errors=LOW:HIGH": 8
    }
    report = imported("current", metric={"own_errors": "seconds"}, scale={"own_errors": (0.0, 50.0)})
    assert scores(report, "own_errors") == [[0.75] * 4, [0.75] * 4]


def test_metrics_of_a_whole_corpus_are_no_scores_of_its_documents():
    with pytest.raises(OutcomesError, match=r"4 of task 'own_bleu', which has no number that can be a score"):
        imported("bleu")


def test_the_word_to_find_is_not_in_the_query():
    for name in ("current", "up_to_0.4.2"):
        outcomes = imported(name).outcomes
        queries = outcomes.queries[outcomes.tasks == "own_last"]
        assert queries[0] == "Our cat is called KLM and so we call" and len(queries) == 4
        assert not any(q.endswith(("KLM", "PQ", "RSTUV", "HAT")) for q in queries)


SAYS = "The cat is called Tom and we call him Tom"


@pytest.mark.parametrize(
    ("doc", "target", "prompts", "query"),
    [
        # the answer ends the text, with or without a chat template and examples around what was shown
        ({"text": SAYS}, " Tom", ["The cat is called Tom and we call him"], "The cat is called Tom and we call him"),
        ({"text": SAYS}, "Tom", [f"<user>A B\n\n{SAYS[:-4]}\n<model>"], "The cat is called Tom and we call him"),
        # the answer stands in the middle of a text that was not shown: what was shown is the query
        ({"text": "Q: 2 + 2? A: 4. Easy."}, "4", ["2 + 2?"], "2 + 2?"),
        # it stands in the question as it was asked
        ({"question": "Which is larger, 3 or 4"}, "4", ["Q: Which is larger, 3  or 4\nA:"], "Which is larger, 3 or 4"),
        # of several texts that is taken which was shown, and the passage with the answer is not
        (
            {"context": "A Tom came. He ate.", "question": "Who came?", "text": "A cat came, called"},
            "Tom",
            ["A cat came, called"],
            "A cat came, called",
        ),
        ({"passage": "Tom came.", "question": "Who?"}, "Tom", ["Tom came.\nWho?"], "Tom came.\nWho?"),
        # a request per choice: the target is a place, or what follows the choice
        ({"question": "What is 1 + 1?"}, "1", ["What is one plus one?"] * 2, "What is 1 + 1?"),
        ({"sentence": "He fed _ as it was hungry."}, "as it was hungry.", ["He fed A", "He fed B"], None),
    ],
)
def test_a_query_holds_no_answer_that_the_model_was_not_shown(tmp_path, doc, target, prompts, query):
    arguments = {f"gen_args_{i}": {"arg_0": p, "arg_1": target} for i, p in enumerate(prompts)}
    sample = lm_sample(0, "none", "", acc=1.0) | {"doc": doc, "target": target, "arguments": arguments}
    lm_folder(tmp_path, "m-1B", [sample])
    assert import_outcomes("lm-eval", tmp_path).outcomes.queries.tolist() == [query or doc["sentence"]]


def test_documents_are_the_same_for_models_that_were_shown_more_or_less(tmp_path):
    doc = {"passage": "Tom came.", "question": "Who came?"}
    for model, prompt in (("a-1B", "Who came?"), ("b-9B", "Tom came.\nWho came?")):
        arguments = {"gen_args_0": {"arg_0": prompt, "arg_1": {}}}
        sample = lm_sample(0, "none", "", acc=1.0) | {"doc": doc, "target": "Tom", "arguments": arguments}
        lm_folder(tmp_path, model, [sample])
    assert len(import_outcomes("lm-eval", tmp_path).outcomes) == 1


def test_the_layout_up_to_release_0_4_2_has_one_list_with_all_filters():
    report = imported("up_to_0.4.2")
    assert report.outcomes.sizes == ("17K", "456K") and len(report.outcomes) == 12
    assert report.notes[2] == "Task own_open: filter strict, metric exact_match (for another: --filter loose)."
    assert scores(report, "own_mc") == [[1] * 4, [1] * 4]
    unparsed = report.outcomes.matrix("unparsed")[report.outcomes.tasks == "own_open"]
    assert unparsed.T.tolist() == [[1, 1, 1, 1], [0, 1, 1, 0]]
    loose = imported("up_to_0.4.2", filter={"own_open": "loose"})
    assert not loose.outcomes.matrix("unparsed")[loose.outcomes.tasks == "own_open"].any()


def test_a_cut_last_line_costs_that_line_alone(tmp_path):
    shutil.copytree(LOGS / "lm_eval" / "current", tmp_path / "logs")
    file = next((tmp_path / "logs" / "17K").glob("samples_own_last_*"))
    file.write_bytes(file.read_bytes()[:-200])
    report = accounted(import_outcomes("lm-eval", tmp_path / "logs"))
    assert report.skipped == {"a line that is cut or damaged": 1} and report.outcomes.n_incomplete == 1
    assert report.notes[-1] == f"Not read: {file}: line 4 is cut or damaged, the others are taken."


def test_a_file_that_can_not_be_read_is_named_and_the_others_are_read(tmp_path):
    shutil.copytree(LOGS / "lm_eval" / "up_to_0.4.2", tmp_path / "logs")
    file = next((tmp_path / "logs" / "17K").glob("*own_last.jsonl"))
    file.write_bytes(file.read_bytes()[:-20])
    report = accounted(import_outcomes("lm-eval", tmp_path / "logs"))
    assert report.notes[-1] == f"Not read: {file}: is cut or damaged." and len(report.outcomes) == 8


# The layout of EvaluationTracker.save_results_samples

TIME = "2026-03-01T10-20-30.123456"


def lm_sample(doc_id, filter, prompt, **metrics):
    doc = {"question": f"What is {doc_id} + 1?", "answer": f"#### {doc_id + 1}"}
    return {
        "doc_id": doc_id,
        "doc": doc,
        "target": doc["answer"],
        "arguments": {"gen_args_0": {"arg_0": prompt + doc["question"], "arg_1": {"until": ["Question:"]}}},
        "resps": [[f"I say {doc_id}"]],
        "filtered_resps": ["[invalid]" if doc_id == 2 else str(doc_id)],
        "filter": filter,
        "metrics": list(metrics),
        "doc_hash": f"d{doc_id}",
        "prompt_hash": f"p{doc_id}",
        "target_hash": f"t{doc_id}",
        **metrics,
    }


def lm_folder(root, model, samples, *, task="gsm8k", time=TIME, higher=None):
    folder = root / model.replace("/", "__")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"samples_{task}_{time}.jsonl").write_text("".join(json.dumps(s) + "\n" for s in samples))
    results = {"model_name": model, "higher_is_better": {task: higher or {}}}
    (folder / f"results_{time}.json").write_text(json.dumps(results, indent=2))


def test_lm_eval_models_stand_side_by_side_under_one_filter_whatever_their_prompts(tmp_path):
    for model, right in (("Qwen/Qwen3-4B", 1), ("Qwen/Qwen3-14B", 3)):
        lm_folder(
            tmp_path,
            model,
            [
                lm_sample(i, f, f"<{model}>", exact_match=float(i < right))
                for f in ("strict-match", "flexible-extract")
                for i in range(4)
            ],
        )
    report = accounted(import_outcomes("lm-eval", tmp_path))
    assert report.notes == (
        "Task gsm8k: filter strict-match, metric exact_match (for another: --filter flexible-extract).",
    )
    assert report.outcomes.sizes == ("Qwen/Qwen3-4B", "Qwen/Qwen3-14B")
    np.testing.assert_array_equal(report.outcomes.matrix("score"), [[1, 1], [0, 1], [0, 1], [0, 0]])
    np.testing.assert_array_equal(report.outcomes.matrix("unparsed")[:, 0], [0, 0, 1, 0])
    frame = report.outcomes.frame
    assert frame["query"][0] == "What is 0 + 1?" and frame["response"][0] == "I say 0"
    assert set(frame["task"]) == {"gsm8k"} and set(frame["created_at"]) == {"2026-03-01T10:20:30.123456"}


def test_lm_eval_multiple_choice_takes_the_first_metric_that_is_a_score(tmp_path):
    def sample(doc_id, likelihood, acc):
        doc = {"question": "Which?", "choices": {"text": ["red", "blue"], "label": ["A", "B"]}}
        pairs = [["-3.5", "False"], ["-1.25", "True"]]
        return {
            "doc_id": doc_id,
            "doc": doc,
            "target": "1",
            "arguments": {f"gen_args_{i}": {"arg_0": "Q", "arg_1": f" {i}"} for i in range(2)},
            "resps": [[pair] for pair in pairs],
            "filtered_resps": pairs,
            "filter": "none",
            "metrics": ["perplexity", "brier_score", "acc"],
            "perplexity": likelihood,
            "brier_score": 0.25,
            "acc": acc,
        }

    lm_folder(
        tmp_path, "m-1B", [sample(0, -2.5, 1.0), sample(1, 0.0, "True")], task="arc", higher={"brier_score": False}
    )
    report = accounted(import_outcomes("lm-eval", tmp_path))
    assert report.outcomes.matrix("score").tolist() == [[1], [1]]
    assert report.outcomes.frame["query"][0] == "Which?\nA. red\nB. blue"
    assert set(report.outcomes.frame["target"]) == {"blue"}
    assert report.outcomes.frame["response"].isna().all() and report.outcomes.frame["unparsed"].isna().all()


def test_lm_eval_tasks_without_a_score_are_counted_and_older_logs_read(tmp_path):
    lm_folder(tmp_path, "m", [lm_sample(0, "none", "", bypass=999)], task="bypassed")
    old = lm_sample(0, "none", "", acc=1.0) | {"doc": {"id": 5}, "arguments": [["The prompt", {}]]}
    for key in ("metrics", "filter"):
        del old[key]
    (tmp_path / "m" / "samples_old_task.jsonl").write_text(json.dumps(old))
    report = accounted(import_outcomes("lm-eval", tmp_path / "m"))
    assert report.skipped == {
        "of task 'bypassed', whose bypass reaches from 999 to 999, outside [0, 1]; say --scale bypassed=LOW:HIGH": 1
    }
    row = report.outcomes.frame.iloc[0]
    assert (row["task"], row["query"], row["model"]) == ("old_task", "The prompt", "m")
