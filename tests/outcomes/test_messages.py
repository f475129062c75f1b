"""Tables whose queries are messages: read, told apart, tuned on, and read alike by replay and router."""

import json

import numpy as np
import pandas as pd
import pytest

from zeta_eval.evaluation.decisions import decisions
from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import Conversation, ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.testing import make_outcomes

TURNS = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Where is Lima?"},
    {"role": "assistant", "content": "In Peru."},
    {"role": "user", "content": "And Oslo?"},
]
TEXT = "User: Where is Lima?\n\nAssistant: In Peru.\n\nUser: And Oslo?"


def rows(**columns):
    return pd.DataFrame({"task": "t", "query_id": "1", "model": ["1B", "9B"], "score": [0, 1]} | columns)


def talks(table):
    """The table with every query as the answer to a question, after a system message."""
    frame = table.frame
    made = [
        json.dumps(
            [
                {"role": "system", "content": "You are kind."},
                {"role": "user", "content": "I have a question."},
                {"role": "assistant", "content": "Which?"},
                {"role": "user", "content": text},
            ]
        )
        for text in frame["query"]
    ]
    return Outcomes.from_frame(frame.assign(messages=made)).with_order(table.sizes)


@pytest.mark.parametrize("column", ["messages", "query"])
def test_messages_are_read_from_lists(column):
    (query,) = Outcomes.from_frame(rows(**{column: [TURNS, TURNS]})).queries
    assert query == TEXT and isinstance(query, Conversation) and query.system == "Be short."


def test_a_query_text_that_is_json_stays_as_it_is():
    (query,) = Outcomes.from_frame(rows(query=json.dumps(TURNS))).queries
    assert query == json.dumps(TURNS) and type(query) is str


def test_messages_that_ask_nothing_are_refused_with_their_row():
    with pytest.raises(OutcomesError, match="Row 1 has messages that are no query: The messages have no user's turn"):
        Outcomes.from_frame(rows(messages=[TURNS[:1], TURNS]))


def test_a_saved_table_keeps_its_messages(tmp_path):
    made = Outcomes.from_frame(rows(messages=[TURNS, TURNS]))
    made.save(tmp_path / "t.parquet")
    again = Outcomes.load(tmp_path / "t.parquet")
    assert again.queries[0].messages == made.queries[0].messages and again.sha256 == made.sha256


def test_a_table_without_messages_keeps_its_hash_and_its_texts():
    table = make_outcomes(30)
    assert "messages" in table.frame and all(type(q) is str for q in table.queries)
    told = Outcomes.from_frame(table.frame.drop(columns="messages"))
    assert told.sha256 == table.sha256


def test_replay_and_router_read_the_same_of_conversations():
    policy, table = RoutingPolicy.seed(), talks(make_outcomes(60))
    router = ZetaDynamicRouter(policy)
    made = decisions(policy, table, way="route")
    assert [router.route(json.loads(q.to_json())).size for q in table.queries] == made["final"].tolist()


def test_a_policy_tuned_on_conversations_judges_their_requests():
    import zeta_eval as ze

    plain = make_outcomes(300)
    settings = ze.TuningSettings(n_trials=2, seed=0, estimator="heuristic")
    texts, turns = (ze.tune(table, settings=settings).policy for table in (plain, talks(plain)))
    made = [[texts.estimate(str(q)).p for q in plain.queries], [turns.estimate(q).p for q in talks(plain).queries]]
    # Rows are split by the whole text, so the fits differ; what they read of a query does not.
    assert np.corrcoef(np.ravel(made[0]), np.ravel(made[1]))[0, 1] > 0.9
    assert turns.estimate(talks(plain).queries[0]).p == turns.estimate(str(plain.queries[0])).p
