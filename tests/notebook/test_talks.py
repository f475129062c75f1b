import pytest

from zeta_eval.exceptions import UnknownNameError
from zeta_eval.notebook.talks import LAST, Talks
from zeta_eval.router import Conversation


def said(talks, text, name=None, most=10):
    """A turn that is answered."""
    turn = talks.turn(text, name, most=most)
    talks.answered(turn, f"answer to {text}")
    return turn


def test_a_cell_without_continue_stands_alone():
    talks = Talks()
    said(talks, "one")
    turn = said(talks, "two")
    assert turn.query == "two" and turn.place == "stands alone"


def test_a_continued_cell_has_the_turns_before_it():
    talks = Talks()
    said(talks, "one")
    said(talks, "two", LAST)
    turn = talks.turn("three", LAST, most=10)
    assert isinstance(turn.query, Conversation) and turn.place == "turn 3"
    assert [(m.role, m.text) for m in turn.query.messages] == [
        ("user", "one"),
        ("assistant", "answer to one"),
        ("user", "two"),
        ("assistant", "answer to two"),
        ("user", "three"),
    ]


def test_named_conversations_stay_apart_and_the_last_one_goes_on():
    talks = Talks()
    said(talks, "a1", "a")
    said(talks, "b1", "b")
    assert said(talks, "a2", "a").place == "turn 2 of 'a'"
    assert talks.turn("a3", LAST, most=10).place == "turn 3 of 'a'"
    assert talks.turn("b2", "b", most=10).number == 2


def test_as_many_turns_as_the_setting_says_are_sent():
    talks = Talks()
    for text in ("1", "2", "3"):
        said(talks, text, "a")
    turn = talks.turn("4", "a", most=1)
    assert [m.text for m in turn.query.messages] == ["3", "answer to 3", "4"]
    assert turn.place == "turn 4 of 'a', the last 1 before it sent"
    assert talks.turn("4", "a", most=0).query == "4"


def test_a_cell_that_got_no_answer_is_no_part_of_a_conversation():
    talks = Talks()
    said(talks, "one", "a")
    talks.turn("fails", None, most=10)
    assert talks.turn("two", LAST, most=10).number == 2


def test_what_is_reset_is_forgotten():
    talks = Talks()
    said(talks, "1", "a")
    said(talks, "2", "b")
    assert list(talks.reset("b")) == ["b"]
    assert talks.turn("x", LAST, most=10).place == "stands alone"
    assert talks.turn("x", "a", most=10).number == 2
    assert list(talks.reset()) == ["a"] and talks.turn("x", "a", most=10).number == 1
    with pytest.raises(UnknownNameError, match="c"):
        talks.reset("c")
