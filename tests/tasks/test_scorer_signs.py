"""Numbers with signs around them: absolute values, bases and prices; each right answer beside the wrong one like it."""

import pytest

from zeta_eval.tasks import Score
from zeta_eval.tasks.scorers import UNPARSED, answer_match, auto_match, choice_match, math_match, number_match

RIGHT, WRONG = Score(1.0), Score(0.0)
NUMBERS = pytest.mark.parametrize("grade", [number_match, math_match, auto_match])


@NUMBERS
@pytest.mark.parametrize(
    ("response", "right", "wrong"),
    [
        (r"\boxed{|-6|}", "6", "-6"),
        (r"\boxed{\left|-6\right|}", "6", "-6"),
        (r"\boxed{\lvert -6 \rvert}", "6", "-6"),
        (r"\boxed{|{-6}|}", "6", "-6"),
        ("The answer is $|-6|$.", "6", "-6"),
        ("The distance is |-6|", "6", "-6"),
        ("The answer is |-2.5|.", "2.5", "-2.5"),
        (r"The answer is $\left|-\frac{1}{2}\right|$", "0.5", "-0.5"),
        ("The answer is -|-6|.", "-6", "6"),
        ("| step | value |\n| --- | --- |\n| answer |-6|", "-6", "6"),
        (r"\boxed{1010_2}", "10", "1010"),
        (r"\boxed{1010_{2}}", "10", "1010"),
        ("The answer is 52₈.", "42", "52"),
        ("The result is $0FF_{16}$.", "255", "16"),
        ("The answer is 42_{10}.", "42", "10"),
        ("The answer is 1.200 €.", "1200", "1.2"),
        ("It costs 1.200 € today.", "1200", "1.2"),
        ("It costs 12.500 euros.", "12500", "12.5"),
        ("The price is 1.200,50 €.", "1200.5", "1.2"),
        ("The answer is 1.200 km.", "1.2", "1200"),
        ("The answer is $1.200", "1.2", "1200"),
        ("The answer is 0.500 €.", "0.5", "500"),
        ("The answer is 1.20 €.", "1.2", "120"),
    ],
)
def test_a_number_with_signs_around_it_is_its_value_and_no_other(grade, response, right, wrong):
    assert grade(right, response) == RIGHT
    assert grade(wrong, response) == WRONG


@NUMBERS
@pytest.mark.parametrize(
    ("target", "response"),
    [
        ("6", r"\boxed{|-6|^2}"),
        ("6", r"\boxed{2|-6|}"),
        ("6", r"\boxed{|-6x|}"),
        ("6", r"\boxed{|-6| + 1}"),
        ("4", r"\boxed{|-6 + 2| + 1}"),
        ("5", r"\boxed{5_2}"),
        ("10", r"\boxed{1010_{2} + 1}"),
        ("1200", r"\boxed{1.200 - 5}"),
    ],
)
def test_a_number_that_is_part_of_a_formula_with_such_signs_is_wrong(grade, target, response):
    assert grade(target, response) == WRONG


@pytest.mark.parametrize(
    ("target", "response", "score"),
    [
        ("1010_2", r"\boxed{1010_{2}}", RIGHT),
        ("1010_2", "$1010_2$", RIGHT),
        ("1010_2", r"\boxed{101_2}", WRONG),
        ("1010_2", r"\boxed{10}", WRONG),
        ("1010_2", r"\boxed{1010}", WRONG),
        ("1010_2", r"\boxed{12_8}", WRONG),
        ("|-6|", r"\boxed{6}", RIGHT),
        ("|-6|", r"\boxed{-6}", WRONG),
    ],
)
def test_a_target_in_a_base_asks_for_that_base(target, response, score):
    assert math_match(target, response) == number_match(target, response) == score


def test_a_price_is_the_same_in_each_way_to_write_it():
    for text in ("1200 €", "€1,200", "1.200,00 €", "1 200 euros"):
        assert answer_match("1.200 €", text) == RIGHT
    for text in ("1.2 €", "$1200", "1.200", "12.00 €"):
        assert answer_match("1.200 €", text) == WRONG


@pytest.mark.parametrize("tag", ["answer", "final_answer", "choice", "option"])
def test_a_small_letter_in_a_tag_is_a_choice(tag):
    for text in (f"<{tag}>b</{tag}>", f"B or C?\n<{tag}> b </{tag}>\nDone."):
        assert choice_match("B", text) == auto_match("B", text) == RIGHT
        assert choice_match("C", text) == WRONG
    assert choice_match("A", f"<{tag}>a</{tag}>") == RIGHT


@pytest.mark.parametrize("content", ["a mammal", "", "b c", "ab", "?"])
def test_a_tag_without_one_letter_chooses_none(content):
    assert choice_match("A", f"<answer>{content}</answer>") == UNPARSED
