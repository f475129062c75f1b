import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

import zeta_eval as ze
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.feedback import History
from zeta_eval.feedback.history import new_id
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import Step, ZetaDynamicRouter

ROUTER = ZetaDynamicRouter()


def step(size, latency_s, error=None, p_right=0.5):
    return Step(size=size, text="an answer", latency_s=latency_s, p_right=p_right, error=error)


@pytest.fixture
def history(tmp_path):
    with History(tmp_path / "h.db") as opened:
        yield opened


def routed(history, text, **settings):
    decision = ROUTER.route(text)
    return decision, history.record(decision, text, **settings)


def test_a_decision_comes_back_as_it_was_made(history):
    decision, key = routed(
        history,
        "What is 2 + 3?",
        task="sums",
        steps=[step("7B", 0.25), step("14B", 0.5)],
        propensity=np.float32(0.5),
        prompt_tokens=np.int64(7),
        completion_tokens=3,
        gpu_s=0.1,
        cost_usd=0.002,
    )
    (row,) = history.frame().to_dict("records")
    assert len(key) == 32 and row["decision_id"] == key
    assert (row["query"], row["task"], row["size"], row["final_size"]) == (
        "What is 2 + 3?",
        "sums",
        decision.size,
        "14B",
    )
    assert (row["p"], row["cost"], row["features"]) == (decision.p, decision.cost, decision.complexity.features)
    assert (row["difficulty"], row["label"]) == (decision.complexity.score, decision.complexity.label)
    assert (row["policy"], row["cost_weight"], row["propensity"]) == (decision.policy, decision.cost_weight, 0.5)
    assert row["steps"][1] == {"size": "14B", "latency_s": 0.5, "p_right": 0.5, "error": None}
    assert (row["latency_s"], row["prompt_tokens"], row["gpu_s"], row["cost_usd"]) == (0.75, 7, 0.1, 0.002)
    assert row["created_at"].endswith("+00:00") and np.isnan(row["score"])


def test_a_decision_is_recorded_with_its_own_propensity(history):
    router = ZetaDynamicRouter(explore=0.6, seed=0)
    decisions = [router.route("What is 2 + 3?") for _ in range(20)]
    for decision in decisions:
        history.record(decision, "What is 2 + 3?")
    assert sorted(history.frame()["propensity"]) == sorted(d.propensity for d in decisions)
    assert history.frame()["propensity"].min() == pytest.approx(0.2)


def test_ratings_are_the_newest_of_each_source(history):
    unread = step("7B", 0.25, p_right=ROUTER.route("What is 2 + 3?").p["7B"])
    _, first = routed(history, "What is 2 + 3?", steps=[unread], propensity=0.5, gpu_s=0.1)
    _, second = routed(history, "What is 2 + 4?", steps=[step("4B", 0.25), step("7B", 0.5)])
    for key, score, source in (
        (first, 0.0, "person"),
        (first, 0.25, "judge"),
        (first, 1.0, "person"),
        (second, 0.5, "person"),
    ):
        history.feedback(key, score=score, source=source)
    history.feedback(text="What is 2 + 3?", size="7B", right=False, source="judge")
    history.feedback(text="What is 2 + 3?", size="4B", answer="5")
    labels = history.ratings().sort_values(["query", "source"])
    assert labels[["source", "score", "propensity", "selected"]].to_numpy().tolist() == [
        ["judge", 0.0, 0.5, False],
        ["person", 1.0, 0.5, False],
        ["person", 0.5, 1.0, True],
    ]
    assert list(labels["model"]) == ["7B"] * 3 and labels["gpu_s"].tolist()[1] == 0.1


def test_an_answer_that_its_own_signals_kept_is_selected_and_replaces_no_rating_that_is_not(history):
    text = "What is 2 + 3?"
    for score, p_right in ((0.0, ROUTER.route(text).p["7B"]), (1.0, 0.99)):
        _, key = routed(history, text, steps=[step("7B", 0.25, p_right=p_right)], propensity=0.5)
        history.feedback(key, score=score)
    rows = history.ratings().sort_values("score")
    assert rows[["score", "selected", "propensity"]].to_numpy().tolist() == [[0.0, False, 0.5], [1.0, True, 0.5]]


def test_a_query_that_comes_often_has_the_propensity_of_its_first_draw_alone(history):
    text = "What is 2 + 3?"
    for size, propensity, score in (("7B", 0.9, 0.0), ("4B", 0.05, 1.0), ("7B", 0.9, 1.0)):
        key = history.record(replace(ROUTER.route(text), size=size), text, propensity=propensity)
        history.feedback(key, score=score)
    rows = history.ratings().set_index("model")
    assert rows["propensity"].to_dict() == {"7B": 0.9, "4B": 1.0} and rows["score"]["7B"] == 1.0


def test_an_answer_kept_for_what_it_said_is_not_recorded_without_its_steps(history):
    decision = replace(ROUTER.route("What is 2 + 3?"), selected=True)
    with pytest.raises(InvalidInputError, match=r"give steps=routed\.steps"):
        history.record(decision, "What is 2 + 3?")


def test_the_final_size_is_the_last_that_gave_an_answer(history):
    chosen, _ = routed(history, "one")
    routed(history, "two", steps=[step("4B", 1.0), step("7B", 1.0, error="out of memory")])
    routed(history, "three", steps=[step("4B", 1.0, error="out of memory")])
    assert list(history.frame()["final_size"].astype(object).where(lambda s: s.notna(), None)) == [
        chosen.size,
        "4B",
        None,
    ]


def test_the_newest_feedback_counts_and_none_is_lost(history):
    _, key = routed(history, "What is 2 + 3?")
    _, other = routed(history, "What is 2 + 4?")
    history.feedback(key, right=True, by="ann")
    history.feedback(key, score=0.25, source="judge")
    history.feedback(key, answer="5", by="bob")
    first, second = history.frame().to_dict("records")
    assert (first["score"], first["source"], first["answer"]) == (0.25, "judge", "5")
    assert second["decision_id"] == other and np.isnan(second["score"])
    (of_people, _) = history.frame(source="person").to_dict("records")
    assert (of_people["score"], of_people["given_by"]) == (1.0, "ann")
    history.feedback(key, right=False)
    assert history.frame(source="person")["score"][0] == 0.0
    assert "2 decisions, 4 feedbacks" in repr(history)


def test_a_decision_can_be_judged_at_once_after_it_was_recorded(history):
    for i in range(30):
        _, key = routed(history, f"query {i}")
        history.feedback(key, right=i % 2 == 0)
    assert history.frame()["score"].mean() == 0.5


def test_judged_answers_become_outcomes(history, tmp_path):
    _, cascade = routed(history, "What is 2 + 3?", steps=[step("4B", 0.25), step("14B", 0.5)], gpu_s=0.1)
    _, single = routed(history, "What is 2 + 4?", task="sums", steps=[step("7B", 0.25)], gpu_s=0.2)
    routed(history, "never judged")
    history.feedback(cascade, score=0.75)
    history.feedback(single, right=True)
    history.feedback(text="What is 2 + 3?", size="4B", right=False, source="scorer")
    frame = history.export(tmp_path / "judged.parquet").frame.set_index("model")
    assert dict(frame["score"]) == {"14B": 0.75, "7B": 1.0, "4B": 0.0}
    assert frame.loc["14B", "query_id"] == frame.loc["4B", "query_id"] != frame.loc["7B", "query_id"]
    assert dict(frame["task"]) == {"14B": "untold", "7B": "sums", "4B": "untold"}
    assert (frame.loc["14B", "latency_s"], frame.loc["7B", "gpu_s"], frame.loc["7B", "run_id"]) == (0.5, 0.2, single)
    assert np.isnan(frame.loc["14B", "gpu_s"])  # two sizes share it
    assert set(frame["source"]) == {"feedback"}
    assert Outcomes.load(tmp_path / "judged.parquet").sha256 == history.outcomes().sha256
    assert set(history.outcomes(source="scorer").frame["model"]) == {"4B"}


def test_of_one_query_on_one_size_the_newest_answer_is_the_outcome(history):
    for right in (True, False):
        _, key = routed(history, "What is 2 + 3?")
        history.feedback(key, right=right)
    assert list(history.outcomes().frame["score"]) == [0.0]


def test_without_texts_only_hash_and_features_are_kept(tmp_path):
    with History(tmp_path / "h.db", keep_text=False) as history:
        _, key = routed(history, "the secret question")
        history.feedback(key, right=True)
        history.feedback(text="the secret question", size="4B", right=True)
        with pytest.raises(InvalidInputError, match="keeps no text"):
            history.feedback(key, answer="the secret answer")
        (row,) = history.frame().to_dict("records")
        assert row["features"] and row["score"] == 1.0
        with pytest.raises(OutcomesError, match="2 scored ones have no text"):
            history.outcomes()
    assert b"secret" not in (tmp_path / "h.db").read_bytes()


def test_texts_no_database_can_hold_are_kept_as_well_as_can_be(history):
    _, key = routed(history, "half \ud800 a pair and \0 zero", task="odd\0")
    history.feedback(key, right=True, by="\udfff")
    assert history.frame()["query"][0] == "half ? a pair and \N{REPLACEMENT CHARACTER} zero"
    assert len(history.outcomes().frame) == 1 and history.lost == 0


def test_numbers_no_json_has_are_null(history):
    decision = replace(ROUTER.route("text"), p={"4B": float("nan"), "7B": 0.5})
    history.record(decision, "text")
    assert history.frame()["p"][0] == {"4B": None, "7B": 0.5}


def test_a_row_that_cannot_be_stored_is_counted_and_spoils_no_other(history, caplog):
    good = ROUTER.route("text")
    for decision in (good, replace(good, cost_weight=object()), good, replace(good, p={"4B": object()}), good):
        history.record(decision, "text")
    history.record(good, "text", prompt_tokens=2**70)
    history.flush()
    assert history.lost == 3 and len(history.frame()) == 3
    assert len(caplog.records) == 1 and "rows were refused" in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"is empty; give right=True or False"),
        ({"right": True, "score": 0.5}, r"give one of them"),
        ({"right": "yes"}, r"right is 'yes'; give True or False"),
        ({"score": 1.5}, r"is 1\.5; give a number in \[0, 1\]"),
        ({"score": float("nan")}, r"is nan; give a number"),
        ({"score": "good"}, r"is 'good'; give a number"),
        ({"right": True, "source": ""}, r"source of a feedback is ''"),
        ({"right": True, "text": "t"}, r"takes no text, size or task"),
        ({"right": True, "decision_id": "none"}, r"Unknown decision id 'none'; give the id of a recorded one"),
        ({"right": True, "decision_id": None}, r"needs the id that `record` returned, or the `text` and `size`"),
        ({"right": True, "decision_id": None, "text": "t"}, r"got text 't' and size None"),
    ],
)
def test_wrong_feedback_is_refused_in_a_line_and_leaves_nothing(history, settings, message):
    _, key = routed(history, "text")
    with pytest.raises(InvalidInputError, match=message) as told:
        history.feedback(**{"decision_id": key} | settings)
    assert "\n" not in str(told.value)
    assert "0 feedbacks" in repr(history)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"propensity": 0.0}, r"propensity is 0\.0; .* in \(0, 1\]"),
        ({"propensity": float("nan")}, r"propensity is nan"),
        ({"gpu_s": -1.0}, r"recorded with -1\.0 tokens, seconds or USD"),
        ({"prompt_tokens": "many"}, r"recorded with 'many'"),
        ({"text": b"bytes"}, r"must be text, got bytes"),
    ],
)
def test_a_wrong_record_is_refused(history, settings, message):
    with pytest.raises(InvalidInputError, match=message):
        history.record(ROUTER.route("text"), **{"text": "text"} | settings)


def test_decisions_are_taken_from_a_time_on(history):
    routed(history, "text")
    now = history.frame()["created_at"][0]
    assert len(history.frame(since=now)) == 1
    assert len(history.frame(since="2099-01-01")) == 0
    with pytest.raises(InvalidInputError, match="since is 'yesterday'"):
        history.frame(since="yesterday")


def test_an_empty_history_has_a_frame_and_no_outcomes(history, tmp_path):
    assert len(history.frame()) == 0 and "score" in history.frame().columns
    with pytest.raises(OutcomesError, match="no answer with a score; give feedback first"):
        history.outcomes()
    with pytest.raises(InvalidInputError, match=r"end it in \.parquet"):
        history.export(tmp_path / "table.csv")


def test_a_closed_history_says_so_and_still_lets_routing_go_on(tmp_path):
    with History(tmp_path / "h.db") as history:
        _, key = routed(history, "text")
    history.close()
    routed(history, "text")
    assert history.lost == 1 and "closed" in repr(history)
    for use in (history.frame, lambda: history.feedback(key, right=True)):
        with pytest.raises(InvalidInputError, match="is closed; open it again"):
            use()
    with History(tmp_path / "h.db") as again:
        assert len(again.frame()) == 1


def test_answers_are_not_kept_in_the_queue_or_the_store(history, tmp_path):
    routed(history, "text", steps=[step("4B", 1.0)])
    history.flush()
    rows = sqlite3.connect(tmp_path / "h.db")
    assert "an answer" not in json.dumps(rows.execute("select * from zeta_decisions").fetchall())
    rows.close()


def test_the_package_root_has_it():
    assert ze.History is History


def test_feedback_that_waits_for_the_database_leaves_an_event_loop_free(tmp_path):
    path, decision = tmp_path / "h.db", ZetaDynamicRouter().route("text")

    async def rated(history, blocker):
        key = history.record(decision, "text")
        history.flush()
        blocker.execute("begin immediate")  # nobody else can write until it ends
        waiting = asyncio.create_task(history.afeedback(key, right=True, by="me"))
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert not waiting.done()
        blocker.rollback()
        await waiting
        with pytest.raises(InvalidInputError, match="Unknown decision id 'x'"):
            await history.afeedback("x", right=True)

    with History(path) as history, closing(sqlite3.connect(path)) as blocker:
        asyncio.run(rated(history, blocker))
        assert history.frame()[["score", "given_by"]].values.tolist() == [[1.0, "me"]]


def test_ids_are_in_the_order_of_their_time_and_never_the_same():
    ids = [new_id(1e9 + i / 1000) for i in range(50)]
    assert sorted(ids) == ids and {len(i) for i in ids} == {32} and new_id(1e9) != new_id(1e9)
