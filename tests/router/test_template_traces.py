"""Thinking blocks and end tokens that a chat template leaves in an answer's text."""

import pytest

from zeta_eval.router.signals import read_answer
from zeta_eval.router.signals.template import THINKING, answer_text, without_thinking


@pytest.mark.parametrize(("opening", "closing"), THINKING)
def test_every_thinking_block_is_no_answer(opening, closing):
    assert without_thinking(f"{opening}Is it 3?{closing}\nIt is 4") == "\nIt is 4"
    assert without_thinking(f"Is it 3?{closing}It is 4") == "It is 4"
    assert without_thinking(f"{opening}Is it 3?") == ""
    assert without_thinking(f"{opening}3{closing}{opening}4{closing}5") == "5"
    assert without_thinking(f"The answer is 4.{opening}Is it 3?{closing}") == "The answer is 4."


@pytest.mark.parametrize(
    "text",
    [
        "<|channel|>analysis<|message|>Is it 3?<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>",
        "<|start|>assistant<|channel|>analysis<|message|>3?<|end|><|start|>assistant<|channel|>final<|message|>4",
        "<|channel|>commentary<|message|>3<|end|><|channel|>final <|constrain|>json<|message|>4",
        "analysisThe user wants 3?assistantfinal4",
        "4<|im_end|>\n<|im_start|>user\nAnd 3?",
        "<|begin_of_text|>4<|eot_id|>",
        "4</s>",
        "4<end_of_turn>\n3",
        "4<\uff5cend\u2581of\u2581sentence\uff5c>",
        "4",
    ],
)
def test_channels_and_end_tokens_leave_the_answer(text):
    assert answer_text(text).strip() == "4"


@pytest.mark.parametrize(
    "text",
    [
        "<|channel|>analysis<|message|>The answer is 3",
        "<|start|>assistant<|channel|>analysis<|message|>The answer is 3<|end|>",
        "analysisThe answer is 3, as",
        "<think>The answer is 3.</think>",
        "<think>The answer is 3.</think><think>Or 4",
        "<THINK>The answer is 3.",
    ],
)
def test_a_text_that_is_all_thinking_has_no_answer(text):
    assert answer_text(text).strip() == "" and read_answer(text).final == ""


@pytest.mark.parametrize(
    "text", ["analysis of 3 shows 4", "The final answer: a <b> c", "a < b | c > d", "x[think]", "\\[3\\]"]
)
def test_other_brackets_are_left_alone(text):
    assert answer_text(text) == text


def test_a_long_answer_after_a_thinking_block_keeps_its_final_answer():
    assert read_answer("<think>3?</think>" + "So be it.\n" * 2000 + "The answer is 4.").final == "4"
