"""Conversations that were pasted into one text."""

import pytest

from zeta_eval.router import Conversation, ZetaDynamicRouter, request_of
from zeta_eval.router.complexity import TextView
from zeta_eval.router.complexity.transcripts import turns_in

SYSTEM = "You are a careful expert. Prove every claim step by step and justify each lemma. " * 10


def said(role, text):
    return {"role": role, "content": text}


@pytest.mark.parametrize(
    "text",
    [
        f"System: {SYSTEM}\n\nUser: What is 2 + 2?",
        f"SYSTEM:\n{SYSTEM}\nUSER:\nWhat is 2 + 2?\n\nASSISTANT:",
        f"System prompt: {SYSTEM}\nHuman: What is 2 + 2?\n\nAssistant:",
        f"**System:** {SYSTEM}\n\n**User:** What is 2 + 2?",
        f"### System:\n{SYSTEM}\n\n### User:\nWhat is 2 + 2?\n\n### Assistant:\n",
        "\n\nHuman: What is 2 + 2?\n\nAssistant: ",
        "Human: Hello!\nAI: Hi, what is it?\nHuman: What is 2 + 2?\nAI:",
    ],
)
def test_what_is_asked_in_a_transcript_is_what_the_user_says_last(text):
    assert request_of(text) == "What is 2 + 2?" == TextView.of(text).text
    assert request_of([said("user", text)]) == "What is 2 + 2?"


def test_a_transcript_is_read_as_the_same_turns_in_messages_are():
    turns = [
        said("user", "Write a function that reverses a list."),
        said("assistant", "```python\nreturn items[::-1]\n```"),
        said("user", "fix it"),
    ]
    text = "\n\n".join(f"{m['role'].capitalize()}: {m['content']}" for m in [said("system", SYSTEM), *turns])
    assert request_of(text) == request_of(turns) and "reverses" in request_of(text) and "::-1" in request_of(text)
    assert request_of(str(Conversation.of(turns))) == request_of(turns)


def test_turns_after_a_first_message_that_is_a_transcript_go_on_with_it():
    first = said("user", f"System: {SYSTEM}\n\nUser: Name a prime above 90.")
    assert request_of([first, said("assistant", "97"), said("user", "continue")]) == "Name a prime above 90."
    assert request_of([first, said("assistant", "97"), said("user", "What is the capital of Peru?")]).endswith("Peru?")


@pytest.mark.parametrize(
    "text",
    [
        "User: root",
        "user: root\nassistant: none\nuser: what is wrong with these settings?",
        "Summarise this:\n\nUser: Hi\nAssistant: Hello\nUser: Bye",
        "User: I want to eat\nSystem: Which food?\nUser: Thai",  # a system that answers: who is asked?
        "User: Hi\nAssistant: Hello!\n\nHow polite was the assistant?",
        "System: two masses on a spring. Find the period.",
        "System: Be short.\nUser:",
        "Assistant: How can I help?\nUser: What is 2 + 2?",
        "Systems: what are they?\nUser: a person",
        "",
    ],
)
def test_any_other_text_is_left_as_it_is(text):
    assert turns_in(text) == [] and request_of(text) == text


def test_a_name_within_its_own_turn_is_a_part_of_it():
    text = "System: Be short.\nUser: Mend this:\nUser: bob\nGroup: staff"
    assert turns_in(text) == [("system", "Be short."), ("user", "Mend this:\nUser: bob\nGroup: staff")]


def test_a_system_prompt_in_the_text_moves_no_decision():
    router = ZetaDynamicRouter()
    for query in (
        "Hi",
        "Translate 'cat' into French",
        "Prove that sqrt(2) is irrational",
        "Embed this sentence: hello",
    ):
        pasted = f"System: {SYSTEM}\n\nUser: {query}"
        before, after = router.route(query), router.route(pasted)
        assert (before.size, before.p, before.complexity) == (after.size, after.p, after.complexity)
