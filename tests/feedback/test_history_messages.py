"""Queries of several messages in a history, and histories of a release that had none."""

import sqlite3

import pytest

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback import History
from zeta_eval.feedback.judged import Judged
from zeta_eval.router import Conversation, ZetaDynamicRouter

TURNS = [
    {"role": "user", "content": "Prove that the square root of 2 is irrational."},
    {"role": "assistant", "content": "Suppose p/q ..."},
    {"role": "user", "content": "continue"},
]
ROUTER = ZetaDynamicRouter()


def test_a_recorded_conversation_comes_back_with_its_turns(tmp_path):
    with History(tmp_path / "h.db") as history:
        history.feedback(history.record(ROUTER.route(TURNS), TURNS), right=True)
        history.feedback(text=TURNS, size="4B", right=False)
        history.feedback(history.record(ROUTER.route("Hi"), "Hi"), right=True)
        frame, outcomes = history.frame(), history.outcomes()
        judged = Judged.of(history, ROUTER.policy.sizes)
    assert frame["query"][0] == Conversation.of(TURNS) and frame["messages"].notna().tolist() == [True, False]
    kept = outcomes.frame.set_index("query").loc[str(Conversation.of(TURNS))]
    assert kept["messages"].notna().all() and kept["query_id"].nunique() == 1
    texts = {str(q): q for q in judged.texts}
    assert texts[Conversation.of(TURNS)].request == TURNS[0]["content"] and type(texts["Hi"]) is str


def test_a_history_without_texts_keeps_no_messages(tmp_path):
    with History(tmp_path / "h.db", keep_text=False) as history:
        history.record(ROUTER.route(TURNS), TURNS)
        frame = history.frame()
    assert frame[["query", "messages"]].isna().all(axis=None) and frame["query_hash"].notna().all()


def test_a_query_that_is_neither_text_nor_messages_is_refused(tmp_path):
    with History(tmp_path / "h.db") as history, pytest.raises(InvalidInputError, match="no user's turn"):
        history.record(ROUTER.route("Hi"), [])


def test_an_older_history_is_read_and_written(tmp_path):
    path = tmp_path / "h.db"
    with History(path) as history:
        history.feedback(history.record(ROUTER.route("Hi"), "Hi"), right=True)
    connection = sqlite3.connect(path)
    for table in ("zeta_decisions", "zeta_feedback"):
        connection.execute(f"alter table {table} drop column messages")
    connection.commit()
    connection.close()
    with History(path) as history:
        history.feedback(history.record(ROUTER.route(TURNS), TURNS), right=True)
        assert history.frame()["messages"].notna().tolist() == [False, True]
        assert len(history.outcomes().frame) == 2
