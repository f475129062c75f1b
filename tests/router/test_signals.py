import math
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeta_eval.router.signals import SIGNALS, AnswerView, agree, read_answer

PLAIN = "The train leaves at noon and arrives before dark.\nSo the answer is (B)."
LONG = "He walks from the house to the shop and then on to the river, where he waits for the boat that goes to"


def final(text):
    return read_answer(text).final


def signals(text):
    return dict(zip(SIGNALS, read_answer(text).values, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B", "b"),
        ("(b)", "b"),
        ("42", "42"),
        ("Paris", "paris"),
        ("```\n42\n```", "42"),
        ("We add both.\n\n7", "7"),
        ("2 + 2 makes 4.\n#### 4", "4"),
        ('{"reasoning": "20 * 7", "answer": "140"}', "140"),
        ('```json\n{"reasoning": "20 * 7", "answer": 140}\n```', "140"),
        ('{"final_answer": true}', "true"),
        ('{"answer": ["a", "b"]}', "['a','b']"),
        ("{'answer': '[\"a\", \"b\"]'}", "['a','b']"),
        ('{"answer": "140', "140"),
        ('{"answer": ""}', "''"),
        ('{"answer": "."}', "."),
        (r'{"answer": "\frac{1}{2}"}', "0.5"),
        (r'{"answer": "2\overline{6}"}', r"2\overline{6}"),
        ("<answer>C</answer>", "c"),
        ("<think>The answer is 3.</think>The answer is 4.", "4"),
        ("The answer is (G) the sun. I hope that helps!", "g"),
        ("**Answer:** B", "b"),
        ("Answer:\nB", "b"),
        ("Best option: D", "d"),
        ("Therefore, the correct choice is **(D)** iron.", "d"),
        (r"Hence $x = \boxed{\frac{3}{4}}$ holds.", "0.75"),
        (r"Hence \[\boxed{x^{2}}\]", "x^{2}"),
        ("The answer to your question is 12 apples, because 3 * 4 = 12.", "12"),
        ("She has 3 cats. In all she pays 3 * $4 = $12 a day.\nLet me know if you have 2 more questions!", "12"),
        ("The first fails, and the second too, which leaves (C) as the only one.", "c"),
        ("It is 3, and not 2.\nThe first answer is 2.\nThe answer is 3.", "3"),
    ],
)
def test_a_final_answer_is_read_in_each_of_its_forms(text, expected):
    assert final(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", " \n", "```", '{"answer": null}', '{"answer": "___"}', "It is hard to say anything about a thing like that."],
)
def test_a_text_without_an_answer_has_no_final_one(text):
    assert final(text) == "" and signals(text)["final_missing"] == 1.0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("1,000", "1000"),
        ("1,000,000.50", "1000000.5"),
        ("34.0", "34"),
        ("007", "7"),
        (".5", "0.5"),
        ("-0.0", "0"),
        ("+5", "5"),
        ("\u22125", "-5"),
        ("$1,234.50", "1234.5"),
        ("50 %", "50"),
        ("5 miles per hour", "5"),
        ("12pm", "12"),
        ("1/4", "0.25"),
        (r"-\frac{1}{2}", "-0.5"),
        (r"\dfrac12", "0.5"),
        ("1/0", "1/0"),
        ("0/0aa", "0/0aa"),
        ("1/\u0660", "1/\u0660"),
        ("x = y = 5", "5"),
        ("1,2", "1,2"),
        ("12/11/1937", "12/11/1937"),
        ("1oe-errbzz", "1oe-errbzz"),
        ("(G) foo", "g"),
        ("G) foo", "g"),
        ("g) foo", "g"),
        ("option g", "g"),
        (r"\text{(A)}", "a"),
        ("A dog", "a dog"),
        ("'TRUE'.", "true"),
        ("[1,  2]", "[1,2]"),
        (r"$2 \sqrt{3}$", r"2\sqrt{3}"),
    ],
)
def test_an_answer_is_compared_in_one_form(answer, expected):
    assert final(answer) == expected == final(f"The work is done.\n#### {answer}")


def test_agreement_is_one_zero_or_unknown():
    a, b, c = (read_answer(x) for x in ("The answer is 1,000.", r"So \boxed{1000.0}", "#### 10"))
    nothing = read_answer("Nobody can say.\nIt is an open matter until today.")
    assert agree(a, b) == agree(b, a) == 1.0
    assert agree(a, c) == 0.0
    assert agree(a, nothing) == agree(nothing, a) == agree(nothing, nothing) == 0.5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("numbers", "He has 3 of 8. The answer is (B)."),
        ("decimals", "It weighs 3.1415. The answer is (B)."),
        ("equations", "With y = z it holds. The answer is (B)."),
        ("sums", "Then 3 * $4 + 2 = $14. The answer is (B)."),
        ("wrong_sums", "Then 3 * $4 + 2 = $15. The answer is (B)."),
        ("hedging", "Perhaps the answer is (B)."),
        ("approximation", "It is roughly there. The answer is (B)."),
        ("correction", "Wait, let me recheck. The answer is (B)."),
        ("refusal", "I cannot tell. The answer is (B)."),
        ("repetition", "one two three four one two three four. The answer is (B)."),
        ("cut", LONG),
        ("final_missing", LONG),
        ("final_inferred", "The first one fails, and what is left is (B) alone."),
        ("final_changed", "The answer is (A). No.\nThe answer is (B)."),
        ("final_number", "The answer is 5."),
        ("final_places", "The answer is 5.25."),
        ("final_magnitude", "The answer is 525."),
    ],
)
def test_a_signal_tells_a_text_that_shows_it_from_a_plain_one(name, text):
    assert signals(text)[name] > 0.0 == signals(PLAIN)[name]


def test_a_text_that_breaks_off_concludes_nothing():
    for text in (f"It takes 5 hours. {LONG}", "It takes 5 hours {and", "It takes 5 hours.\n```python"):
        assert signals(text)["cut"] == 1.0
    assert final(f"He has 3 cats. {LONG} and on 4 of 5 days he") == "" == final("So it ends,\nwith a brace\n}")
    assert final("To answer this question: add 2 to 3.\nThis answer is (A).\nIt comes to 5.") == "5"
    assert signals("It weighs 3.14.")["decimals"] == 0.0


def test_lengths_and_counts_are_logarithms():
    plain = signals(PLAIN)
    assert plain["characters"] == math.log1p(len(PLAIN))
    assert plain["words"] == math.log1p(14) and plain["lines"] == math.log1p(1)
    assert plain["final_letter"] == 1.0 and plain["final_length"] == math.log1p(1)
    assert signals("The answer is 17, as 17 is prime.")["final_seen"] == math.log1p(2)


@pytest.mark.parametrize(
    ("text", "sums", "wrong"),
    [
        ("2 + 3 * 4 = 14", 1, 0),
        ("8 miles * 5 days = 40 miles", 1, 0),
        ("$6.50 + $5.50 = $12, and 10 / 3 = 3.33", 2, 0),
        (r"20 \times 5 = 90", 1, 1),
        ("20% * 50 = 10", 1, 0),
        ("3 / 4 = 75%", 1, 0),
        ("7 / 0 = 7", 1, 1),
        ("x + 3 = 9 and (2 + 3) * 4 = 20", 0, 0),
        ("2 + 3 = 4 + 1", 0, 0),
    ],
)
def test_sums_that_are_written_out_are_checked(text, sums, wrong):
    found = signals(text)
    assert (found["sums"], found["wrong_sums"]) == (math.log1p(sums), math.log1p(wrong))


def test_the_whole_length_counts_and_the_end_of_a_long_text_is_read():
    text = "The river runs. " * 5000 + "The answer is 12."
    assert final(text) == "12" and signals(text)["characters"] == math.log1p(len(text))


PIECES = (
    "/0",
    "/\u0660",
    "km",
    "1,000",
    "3/0",
    " = ",
    "+",
    "$",
    "\\boxed{",
    "\\frac{",
    "}",
    "####",
    "answer",
    '"answer": ',
    "is",
    "(A)",
    "```",
)


@given(st.one_of(st.text(st.characters()), st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join)))
def test_any_text_gives_one_finite_value_a_signal(text):
    view = read_answer(text)
    assert isinstance(view, AnswerView) and len(view.values) == len(SIGNALS) == len(set(SIGNALS))
    assert all(type(value) is float and math.isfinite(value) for value in view.values)
    assert view == read_answer(text) and len(view.final) <= 200


@pytest.mark.parametrize("text", ["\ud800", 'a "answer": "\\ud800"', "The answer is \udfff.", "\udc00 = 1 + \ud800"])
def test_lone_surrogates_are_read(text):
    assert all(map(math.isfinite, read_answer(text).values))


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "1",
            "1,",
            "1.5 ",
            "1,000",
            "1/",
            "1 + ",
            "1 = 1 + ",
            "1 aa bb * ",
            " ",
            "\n",
            "a ",
            "\u0130",
            "{",
            "[",
            "(A) ",
        ),
        *(
            "\\boxed{",
            "\\frac{",
            "\\text{",
            "#### ",
            "```",
            "the answer to ",
            'answer to "a',
            '"answer": ',
            '"answer": [[',
        ),
        *('"answer": "', "<answer>", "answer * _ ", "best option is ", "**", "</think>"),
    ],
)
def test_a_hostile_text_is_read_in_no_time(piece):
    for text in (piece * (100_000 // len(piece)), "The answer is " + piece * (8_000 // len(piece)) + "!"):
        start = time.perf_counter()
        read_answer(text)
        assert time.perf_counter() - start < 0.5


def test_reading_loads_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import zeta_eval.router.signals\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['zeta_eval']"
