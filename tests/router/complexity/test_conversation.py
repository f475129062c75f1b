import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models import Completion
from zeta_eval.router import Conversation, ZetaDynamicRouter, request_of
from zeta_eval.router.complexity import TextView, messages_of

PROVE = "Prove that the square root of 2 is irrational, step by step."


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


def test_a_single_turn_is_the_text_that_it_says():
    talk = Conversation.of([user("Hi")])
    assert talk == talk.request == talk.whole == "Hi" and hash(talk) == hash("Hi")
    assert Conversation.of([system("Be short."), user("Hi")]) == "Hi"


def test_turns_are_told_with_their_speakers_and_system_messages_apart():
    talk = Conversation.of([system("Be short."), user("Hi"), said("Hello!"), user("Who are you?")])
    assert talk == "User: Hi\n\nAssistant: Hello!\n\nUser: Who are you?"
    assert talk.whole == f"System: Be short.\n\n{talk}" and talk.system == "Be short."
    assert talk.without_system == talk and talk.without_system.messages == talk.messages[1:]


def test_what_estimators_read_is_the_request_with_what_it_refers_to():
    assert request_of([user(PROVE), said("Suppose p/q ..."), user("continue")]) == PROVE
    assert request_of([user("I have a question."), said("Which?"), user(PROVE)]) == PROVE
    assert request_of([user(PROVE), said("Done."), user("and in German?")]) == f"{PROVE}\n\nand in German?"
    assert request_of([system(PROVE), user("Hi")]) == request_of("Hi") == "Hi"
    assert TextView.of(Conversation.of([user(PROVE), said("x"), user("continue")])).text == PROVE


def test_code_that_a_turn_points_at_is_read():
    code = "```python\ndef f(x): return x +\n```"
    assert request_of([user("Write f."), said(f"Here:\n{code}\nDone."), user("fix it")]) == f"Write f.\n\n{code}"
    asked = f"Why does this fail?\n{code}"
    assert request_of([user(asked), said("A syntax error."), user("fix it")]) == asked


def test_what_tools_return_belongs_to_the_request():
    call = {"id": "1", "type": "function", "function": {"name": "read", "arguments": '{"file": "log"}'}}
    turns = [
        user("Sum up the log."),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "disk full"},
    ]
    talk = Conversation.of(turns)
    assert talk.request == "Sum up the log.\n\ndisk full"
    assert '[calls read {"file": "log"}]' in talk
    assert [m.as_dict() for m in talk.messages] == [turns[0], turns[1] | {"content": ""}, turns[2]]
    assert request_of([*turns, said("The disk is full."), user("Since when?")]) == "Sum up the log.\n\nSince when?"


def test_parts_are_text_and_other_parts_are_kept_for_servers():
    image = {"type": "image_url", "image_url": {"url": "data:,x"}}
    talk = Conversation.of([user([{"type": "text", "text": "What is"}, {"type": "text", "text": "this?"}, image])])
    assert talk == "What is\nthis?\n[image_url]" and not talk.messages[0].plain
    assert talk.messages[0].as_dict()["content"][2] == image
    assert Conversation.of([user([{"type": "text", "text": "Hi"}])]).messages[0].as_dict() == user("Hi")


def test_other_spellings_of_messages_are_read():
    talk = Conversation.of([{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}, user("Bye")])
    assert [m.role for m in talk.messages] == ["user", "assistant", "user"]
    assert Conversation.of([{"role": "developer", "content": "x"}, user("Hi")]).system == "x"


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "no user's turn"),
        ([system("x")], "no user's turn"),
        ([user("Hi"), said("Hello")], "end with the assistant's turn"),
        ([{"role": "robot", "content": "x"}], "the role 'robot'"),
        ([{"content": "x"}], "the role ''"),
        (["Hi"], "A message is a str"),
        ([user(None)], "content is None"),
        ([user(7)], "content is a int"),
        ([user([7])], "A part of a message is a int"),
        ([user("Hi") | {"at": object()}], "holds what no JSON can"),
        (7, "must be text, got int"),
        ({"role": "user", "content": "x"}, "must be text, got dict"),
    ],
)
def test_what_is_no_query_is_refused_in_a_line(messages, words):
    with pytest.raises(InvalidInputError, match=words) as e:
        Conversation.of(messages)
    assert "\n" not in str(e.value)


def test_a_conversation_is_copied_pickled_and_written_with_its_turns():
    talk = Conversation.of([system("Be short."), user("Hi"), said("Hello"), user("Bye")])
    for again in (copy.deepcopy(talk), pickle.loads(pickle.dumps(talk)), Conversation.from_json(talk.to_json())):
        assert again == talk and again.messages == talk.messages and again.whole == talk.whole


def test_messages_of_a_query_take_another_system_message_before_their_own():
    talk = Conversation.of([system("Be short."), user("Hi"), said("Hello"), user("Bye")])
    assert messages_of(talk, "Be kind.")[0] == system("Be kind.\n\nBe short.")
    assert messages_of(talk) == [system("Be short."), user("Hi"), said("Hello"), user("Bye")]


def test_what_answers_gets_every_turn():
    got = []
    talk = [system("Be short."), user(PROVE), said("Suppose p/q ..."), user("continue")]
    answers = {s: lambda text: got.append(text) or Completion(text="Done.") for s in ("4B", "7B", "14B")}
    routed = ZetaDynamicRouter().generate(talk, answers)
    assert routed.size == ZetaDynamicRouter().route(PROVE).size and messages_of(got[0]) == talk


TEXTS = st.text(max_size=60)
TALKS = st.lists(st.tuples(TEXTS, TEXTS), max_size=4)


@given(TALKS, TEXTS, TEXTS)
def test_a_system_message_moves_no_decision(turns, last, instruction):
    talk = [m for asked, told in turns for m in (user(asked), said(told))] + [user(last)]
    router = ZetaDynamicRouter()
    with_it, without = router.route([system(instruction), *talk]), router.route(talk)
    assert with_it.size == without.size and with_it.p == without.p and with_it.complexity == without.complexity


@given(TEXTS)
def test_a_text_and_its_single_message_are_routed_alike(text):
    router = ZetaDynamicRouter()
    assert router.route(text).p == router.route([user(text)]).p
    assert router.evaluate_complexity([user(text)]) == router.evaluate_complexity(text)
    assert router.dynamic_model_sizing([user(text)]) == router.dynamic_model_sizing(text)
