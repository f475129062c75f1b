"""Conversations in other tools' logs: their turns stay messages."""

import json

from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.importers import import_outcomes
from zeta_eval.router import Conversation, request_of

SYSTEM = {"role": "system", "content": "Be exact."}
TALK = [
    {"role": "user", "content": "Prove that there are infinitely many primes."},
    {"role": "assistant", "content": "Suppose there were finitely many."},
    {"role": "user", "content": "continue"},
]
TEXT = "\n\n".join(f"{m['role'].capitalize()}: {m['content']}" for m in TALK)


def inspect_logs(folder, given, **sample):
    for model, score in (("a-1B", "I"), ("b-9B", "C")):
        one = {"id": 1, "epoch": 1, "input": given, "target": "x", "scores": {"match": {"value": score}}, **sample}
        log = {"version": 2, "eval": {"task": "talks", "model": model, "run_id": model}, "samples": [one]}
        (folder / f"{model}.json").write_text(json.dumps(log))
    return import_outcomes("inspect", folder).outcomes


def messages_in(outcomes):
    (query,) = outcomes.queries
    assert isinstance(query, Conversation)
    return query, [(m.role, m.text) for m in query.messages]


def test_inspect_inputs_keep_their_turns_and_are_routed_as_the_request_they_go_on_with(tmp_path):
    outcomes = inspect_logs(tmp_path, [m | {"id": "x1", "source": "input"} for m in [SYSTEM, *TALK]])
    query, told = messages_in(outcomes)
    assert query == TEXT and told == [(m["role"], m["content"]) for m in [SYSTEM, *TALK]]
    assert request_of(query) == TALK[0]["content"]
    outcomes.save(tmp_path / "table.parquet")
    assert messages_in(Outcomes.load(tmp_path / "table.parquet")) == (query, told)


def test_choices_and_long_contents_stand_in_the_turn_that_they_belong_to(tmp_path):
    given = [TALK[0] | {"content": [{"type": "text", "text": "attachment://abc"}]}, *TALK[1:]]
    outcomes = inspect_logs(tmp_path, given, attachments={"abc": "A long text."}, choices=["yes", "no"])
    _, told = messages_in(outcomes)
    assert [text for _, text in told] == ["A long text.", TALK[1]["content"], "continue\nA. yes\nB. no"]


def evalscope_logs(folder, turns_of):
    for model, score in (("a-1B", 0.0), ("b-9B", 1.0)):
        value = {"value": {"acc": score}, "main_score_name": "acc", "prediction": "So."}
        review = {"index": 0, "messages": turns_of(model), "sample_score": {"score": value, "group_id": 0}}
        file = folder / "20261127_005253" / "reviews" / model / "talks.jsonl"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(review) + "\n")
    return import_outcomes("evalscope", folder).outcomes


def test_evalscope_messages_are_kept_up_to_the_user_s_last_turn(tmp_path):
    answer = [{"role": "assistant", "content": "So."}, {"role": "tool", "content": "4"}, TALK[1]]
    outcomes = evalscope_logs(tmp_path, lambda model: [SYSTEM, *TALK, *answer])
    query, told = messages_in(outcomes)
    assert query == TEXT and len(told) == 4 and outcomes.matrix("score").tolist() == [[0, 1]]


def test_evalscope_queries_stay_the_same_where_models_answered_between_the_turns(tmp_path):
    outcomes = evalscope_logs(tmp_path, lambda model: [TALK[0], {"role": "assistant", "content": model}, TALK[2]])
    _, told = messages_in(outcomes)
    assert told[1] == ("assistant", "a-1B") and outcomes.matrix("score").tolist() == [[0, 1]]


def test_lm_eval_prompts_of_several_messages_keep_their_turns(tmp_path):
    for model, score in (("a-1B", 0.0), ("b-9B", 1.0)):
        arguments = {"gen_args_0": {"arg_0": json.dumps([SYSTEM, *TALK, TALK[1]]), "arg_1": {}}}
        sample = {"doc_id": 0, "doc": {"id": 5}, "target": "x", "arguments": arguments, "resps": [["So."]]}
        sample |= {"filtered_resps": ["So."], "filter": "none", "metrics": ["acc"], "acc": score, "doc_hash": "d"}
        (tmp_path / model).mkdir()
        (tmp_path / model / "samples_talks_2026-03-01T10-20-30.123456.jsonl").write_text(json.dumps(sample))
    outcomes = import_outcomes("lm-eval", tmp_path).outcomes
    query, told = messages_in(outcomes)
    assert query == TEXT and len(told) == 4 and outcomes.matrix("score").tolist() == [[0, 1]]


def test_a_single_turn_stays_a_text(tmp_path):
    outcomes = inspect_logs(tmp_path, [TALK[0]])
    assert outcomes.queries.tolist() == [TALK[0]["content"]] and outcomes.frame["messages"].isna().all()
