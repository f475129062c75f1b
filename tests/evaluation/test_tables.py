import math
import re

import pandas as pd
import pytest

from zeta_eval.evaluation.reports.tables import Page, cell, html_table, printed, text_table

FRAME = pd.DataFrame([("policy", "0.9"), ("<4B> alone", "0.75")], columns=["strategy", "[95 %]"])


def test_the_first_column_is_set_to_the_left_and_the_others_to_the_right():
    assert text_table(FRAME) == "strategy    [95 %]\npolicy         0.9\n<4B> alone    0.75"


def test_html_cells_are_escaped():
    assert "&lt;4B&gt;" in html_table(FRAME) and "<4B>" not in html_table(FRAME)


@pytest.mark.parametrize(
    ("value", "form", "written"),
    [
        ("4B", "", "4B"),
        (None, ".3f", "-"),
        (math.nan, ".3f", "-"),
        (-0.0001, "+.3f", "+0.000"),
        (0.0001, "p", "<0.001"),
        (0, "", "0"),
        ((0.25, 0.5), ".2f", "[0.25, 0.50]"),
        ((math.nan, math.nan), ".2f", "-"),
        ({"4B": 0.25, "7B": 0.75}, "", "25/75"),
    ],
)
def test_a_cell_writes_what_it_holds(value, form, written):
    assert cell(value, form) == written


def test_a_column_is_printed_beside_its_interval():
    frame = pd.DataFrame({"gain": [0.5], "gain_low": [0.25], "gain_high": [1.0], "n": [3]})
    table = printed(frame, {"gain": ("gain", "+.2f"), "queries": ("n", "")})
    assert table.to_dict("records") == [{"gain": "+0.50 [+0.25, +1.00]", "queries": "3"}]


def test_text_and_html_say_the_same():
    page = Page(title="title", tables=(("heading", FRAME),), remarks=("remark",), conclusions=("conclusion",))
    for words in ("title", "heading", "remark", "conclusion"):
        assert words in page.text() and words in page.html()
    assert page.text().splitlines()[-1] == "conclusion"


WHOLE = re.compile(r"<span style='white-space:nowrap'>(.*?)</span>")


def test_in_a_html_table_sentences_alone_are_wrapped():
    frame = pd.DataFrame({"what": ["the cost", "verdict"], "value": ["5 s", "proven " * 20]})
    figure, sentence = html_table(frame).split("<tr>")[2:]
    assert "white-space:nowrap'>the cost</td>" in figure and figure.count("nowrap") == 2
    assert "proven proven" in sentence and sentence.count("nowrap") == 1


def test_a_html_table_with_intervals_breaks_before_them_and_between_the_words_of_names():
    frame = pd.DataFrame([["a [x]", "0.5", "[0.4, 0.6]"], ["b", "0.7", "-"]], columns=["what", "gain", "[95 %]"])
    head, one, none = html_table(frame).split("<tr>")[1:]
    assert head.count("<th") == 2 and "gain [95 %]" in head
    assert WHOLE.findall(one) == ["a", "[x]", "0.5", "[0.4, 0.6]"] and ">0.7</td>" in none
