"""Tasks of lm-evaluation-harness as tasks: what is asked, what is the score, and what is refused."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
from harness_tasks import WRITTEN, metric, write, write_tasks

from zeta_eval.exceptions import HubAccessError, InvalidInputError, UnknownNameError
from zeta_eval.tasks import HarnessSettings, resolve_tasks

lm_eval = pytest.importorskip("lm_eval", reason="the extra lm-eval is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tasks(tmp_path_factory.mktemp("harness") / "tasks", n=12)


@pytest.fixture
def found(folder):
    def resolve(names, fewshot=None, system="", **more):
        words = ",".join(f"lm-eval:{name}" for name in names.split(","))
        return resolve_tasks(
            words, fewshot=fewshot, system=system, harness=HarnessSettings(include_path=folder, **more)
        )

    return resolve


@pytest.fixture
def refused(tmp_path, folder, found):
    def why(**more):
        write(folder, "zt_bad", "add", **(WRITTEN | more))
        with pytest.raises(InvalidInputError) as e:
            found("zt_bad")
        return str(e.value)

    yield why
    (folder / "zt_bad.yaml").unlink(missing_ok=True)


def of_the_harness(folder, name, fewshot, chat):
    """The harness's own requests, as its `evaluate` builds them."""
    from lm_eval.tasks import TaskManager

    task = TaskManager(include_path=str(folder), include_defaults=False).load([name])["tasks"][name]
    task.set_config(key="num_fewshot", value=fewshot)
    task.set_fewshot_seed(seed=1234)
    render = (
        (lambda messages, add_generation_prompt: repr([(m["role"], m["content"]) for m in messages])) if chat else None
    )
    task.build_all_requests(
        limit=None, apply_chat_template=chat, fewshot_as_multiturn=True, chat_template=render, system_instruction="Be."
    )
    return [i.args for i in task.instances]


@pytest.mark.parametrize("name", ["zt_add", "zt_pick", "zt_word"])
@pytest.mark.parametrize("fewshot", [0, 3])
def test_each_text_that_is_read_or_weighed_is_the_harness_s_own(found, folder, name, fewshot):
    (task,) = found(name, fewshot=fewshot, system="Be.")
    asked = [q.asked for q in task.load()]
    for chat in (False, True):
        pieces = [p for a in asked for p in (a.chat if chat else a.plain)]
        for piece, args in zip(pieces, of_the_harness(folder, name, fewshot, chat), strict=True):
            assert (repr(list(piece.turns)) if chat else piece.text) == args[0]
            assert piece.ending == (args[1] if name != "zt_add" else "")


def test_limit_and_stop_texts_are_the_task_s_own(found):
    query = found("zt_add")[0].load(limit=1)[0]
    assert (query.stop, query.max_new_tokens, query.asked.weighs) == (("\n", "0"), 12, False)


def test_a_limit_takes_the_first_documents_whatever_the_seed(found):
    (task,) = found("zt_add", fewshot=2)
    whole = task.load()
    assert [q.query_id.split(":")[1] for q in whole] == [str(i) for i in range(12)]
    assert task.load(limit=5, seed=7) == whole[:5]


def test_a_group_becomes_its_tasks_with_one_line_for_those_that_are_alike(found):
    tasks = found("zt_picks")
    assert [t.name for t in tasks] == ["zt_pick_add", "zt_pick_sort"]
    assert {t.note for t in tasks} == {
        "lm-eval:zt_picks, 2 tasks: 0 examples; score is metric acc (for another: --metric acc_norm)."
    }


def test_the_first_filter_and_metric_are_the_score_and_others_can_be_named(found):
    gold = "Well, it is 38"
    (strict,), (loose,) = found("zt_add"), found("zt_add", filter={"zt_add": "loose"})
    query = strict.load()[0]
    assert "metric exact_match under filter strict (for another: --filter loose)" in strict.note
    assert "filter loose" in loose.note
    assert strict.score(query, query.target).value == 1.0
    lost = strict.score(query, gold)
    assert (lost.value, lost.unparsed) == (0.0, True)
    assert not loose.score(loose.load()[0], gold).unparsed


def test_likelihoods_are_scored_by_the_chosen_metric(found, folder):
    (plain,), (norm,) = found("zt_pick"), found("zt_pick", metric="acc_norm")
    query = next(q for q in plain.load() if len({len(p.ending) for p in q.asked.plain}) > 1)
    norm.load()
    endings = [p.ending for p in query.asked.plain]
    right = endings.index(query.target)
    longest = max(range(4), key=lambda i: len(endings[i]))
    said = [[-float(len(e)), False] for e in endings]  # alike per character
    said[right][0] += 0.5
    said[longest][0] += 0.4 if longest != right else 0
    shortest = min(range(4), key=lambda i: len(endings[i]))
    assert plain.score(query, json.dumps(said)).value == float(max(range(4), key=lambda i: said[i][0]) == right)
    by_length = [total / len(e) for (total, _), e in zip(said, endings, strict=True)]
    assert norm.score(query, json.dumps(said)).value == float(int(np.argmax(by_length)) == right)
    assert len(endings[shortest]) < len(endings[longest])


def test_a_metric_over_all_queries_is_left_aside_with_the_reason_and_refused_by_name(found, folder):
    assert "score is metric acc; not scores: perplexity counts over all queries together" in found("zt_word")[0].note
    with pytest.raises(InvalidInputError, match=r"has no score per query .perplexity counts over all queries together"):
        found("zt_word", metric="perplexity")


def test_a_metric_that_is_better_when_lower_is_turned(found, folder):
    write(folder, "zt_error", "add", **(WRITTEN | {"metric_list": [metric("exact_match", higher=False)]}))
    (task,) = found("zt_error")
    query = task.load()[0]
    assert "1 less metric exact_match" in task.note and task.score(query, query.target).value == 0.0


def test_a_task_that_says_no_examples_keeps_none(found, folder):
    write(folder, "zt_none", "add", **(WRITTEN | {"num_fewshot": 0}))
    write(folder, "zt_own", "add", **(WRITTEN | {"num_fewshot": 2}))
    assert found("zt_none", fewshot=3)[0].note.startswith("lm-eval:zt_none: 0 examples")
    assert found("zt_own")[0].note.startswith("lm-eval:zt_own: 2 examples")
    assert found("zt_own", fewshot=1)[0].note.startswith("lm-eval:zt_own: 1 example;")
    assert found("zt_own", fewshot=0)[0].note.startswith("lm-eval:zt_own: 0 examples")


def test_what_has_no_answer_that_can_be_scored_is_refused(refused):
    assert "runs code that models write" in refused(unsafe_code=True)
    assert "perplexity of texts" in refused(
        output_type="loglikelihood_rolling", metric_list=[metric("word_perplexity", "weighted_perplexity", False)]
    )
    assert "asks each query 4 times" in refused(repeats=4)
    assert "draws its answers at random" in refused(generation_kwargs={"until": ["\n"], "do_sample": True})
    assert "draws its answers at random" in refused(generation_kwargs={"until": ["\n"], "temperature": 0.7})
    assert "sets num_beams for generation" in refused(generation_kwargs={"until": ["\n"], "num_beams": 3})
    assert "bleu counts over all queries together" in refused(metric_list=[metric("bleu", "bleu")])
    assert "(rouge9 is a script on the hub, which is not run)" in refused(metric_list=[metric("rouge9")])


def test_a_metric_of_the_hub_is_left_aside_and_the_others_count(found, folder):
    import evaluate

    own = evaluate.load
    listed = [{**metric("rouge9"), "hf_evaluate": True}, metric("exact_match")]
    write(folder, "zt_hub", "add", **(WRITTEN | {"metric_list": listed}))
    (task,) = found("zt_hub")
    query = task.load()[0]
    assert "not scores: rouge9 is a script on the hub" in task.note
    assert task.score(query, query.target).value == 1.0
    assert evaluate.load is own


def test_a_data_set_out_of_reach_is_told_as_such(found, folder):
    write(folder, "zt_far", "add", **(WRITTEN | {"dataset_path": "nobody/nothing", "dataset_kwargs": None}))
    with pytest.raises(HubAccessError, match=r"Can't load the data set of 'lm-eval:zt_far'"):
        found("zt_far")


def test_wrong_names_are_told_in_one_line(found, folder, tmp_path):
    with pytest.raises(
        UnknownNameError, match=r"Unknown filter of task 'lm-eval:zt_add': 'strickt'\. Did you mean 'strict'"
    ):
        found("zt_add", filter="strickt")
    with pytest.raises(UnknownNameError, match="Unknown metric of task 'lm-eval:zt_add': 'acc'"):
        found("zt_add", metric="acc")
    with pytest.raises(UnknownNameError, match="Unknown chat template setting 'on'"):
        HarnessSettings(chat_template="on")
    with pytest.raises(InvalidInputError, match=r"No folder .* for --include-path"):
        resolve_tasks("lm-eval:zt_add", harness=HarnessSettings(include_path=tmp_path / "none"))
    with pytest.raises(InvalidInputError, match="is none of its tasks; name one as lm-eval:gsm8k"):
        resolve_tasks("copy", harness=HarnessSettings(metric="acc"))
    with pytest.raises(InvalidInputError, match="Columns or examples are given, but zt_add has its own"):
        resolve_tasks("lm-eval:zt_add", columns="prompt=x", harness=HarnessSettings(include_path=folder))


def test_a_broken_task_file_or_data_set_is_one_line(refused):
    assert "can't be loaded" in refused(doc_to_text="{{question")
    assert "can't be loaded" in refused(test_split="nowhere")


def test_a_document_that_can_t_be_read_is_one_line(refused, found):
    said = refused(doc_to_text="{{1 // (place - place)}}")
    assert "can't be" in said and "ZeroDivisionError" in said and "\n" not in said
    with pytest.raises(
        InvalidInputError, match=r"Document 0 of 'lm-eval:zt_add' can't be read .* fewer examples than 99"
    ):
        found("zt_add", fewshot=99)


@pytest.mark.slow
def test_a_file_that_is_no_yaml_is_named_where_a_task_is_unknown(tmp_path):
    (tmp_path / "own.yaml").write_text("task: own\n doc: [\n")
    with pytest.raises(InvalidInputError, match=r"Task file .*own.yaml, line 2 is no YAML \(.*\); mend it"):
        resolve_tasks("lm-eval:own", harness=HarnessSettings(include_path=tmp_path))


@pytest.mark.slow
def test_a_name_that_the_harness_does_not_know_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Unknown task 'lm-eval:gsm8kk'\. Did you mean 'lm-eval:gsm8k'"):
        resolve_tasks("lm-eval:gsm8kk")


def test_random_numbers_are_the_caller_s_afterwards(found):
    random.seed(5), np.random.seed(5)
    before = random.random(), np.random.random()
    random.seed(5), np.random.seed(5)
    found("zt_add")[0].load()
    assert (random.random(), np.random.random()) == before


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(InvalidInputError, match=r"run `pip install 'zeta-eval\[lm-eval\]'`"):
        resolve_tasks("lm-eval:gsm8k")


def test_the_package_is_not_imported_before_a_task_of_it_is_asked_for():
    code = "import sys, zeta_eval as ze; ze.resolve_tasks('copy'); ze.HarnessSettings(); assert 'lm_eval' not in "
    code += "sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
