import threading

import pytest

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.tasks import Query, Score, Task, get_scorer
from zeta_eval.tasks.math_grader import MathGrader
from zeta_eval.tasks.scorers import (
    UNPARSED,
    answer_match,
    auto_match,
    choice_match,
    compact_match,
    exact_match,
    math_match,
    number_match,
)

RIGHT, WRONG = Score(1.0), Score(0.0)


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("The answer is (B).", "B"),
        ("the answer is b.", "B"),
        ("The correct answer is **B**", "B"),
        ("**Answer:** B", "B"),
        ("Answer:\nB. Paris", "B"),
        ("The answer is option (b)", "B"),
        ("The best choice is B, since it rains.", "B"),
        ("Final answer: $\\boxed{B}$", "B"),
        ("\\boxed{\\text{(B)}}", "B"),
        ("\\boxed{\\textbf{B. Paris}}", "B"),
        ("The answer is \\(\\boxed{B}\\).", "B"),
        ("The answer is (A). No, wait: the answer is (B).", "B"),
        ("The answer is (A). On reflection \\boxed{B}", "B"),
        ("The answer is (B), not (A).", "B"),
        ("The answer is A because it rains.", "A"),
        ("B", "B"),
        ("(B)", "B"),
        ("b)", "B"),
        ("B\nThis is because Paris is large.", "B"),
        ("Let us see.\nB. Paris", "B"),
        ("A. Rome\nB. Paris\nC. Lima\n\nB", "B"),
        ("The answer is (J)", "J"),
        ("Option B", "B"),
        ("option (b).", "B"),
        ("Option B: Paris", "B"),
        ("It rains.\nOption B", "B"),
        ("B is correct.", "B"),
        ("Therefore, B is correct.", "B"),
        ("It rains. Hence option (B) is the best answer, as shown.", "B"),
        ("A. Rome\nB. Paris\n\nThus **B** is the right choice because of the river.", "B"),
        ("A is wrong. We conclude that B is the answer.", "B"),
        ("I would choose B.", "B"),
        ("I'll go with option (B)", "B"),
        ("The correct one is B", "B"),
        ("**Final Answer:**\n\nB\n\nI checked A in 3 ways.", "B"),
    ],
)
def test_a_choice_is_read_where_the_rule_says(response, letter):
    assert choice_match(letter, response) == RIGHT
    assert choice_match(f"({letter})", response) == RIGHT
    assert choice_match("D", response) == WRONG


@pytest.mark.parametrize(
    "response",
    [
        "",
        "I don't know.",
        "The answer is A dog.",
        "The answer is I think unknowable",
        "The answer is a large city",
        "The answer is either A or B.",
        "The answer is A or B.",
        "The answer is not clear",
        "A. Rome\nB. Paris\nC. Lima\nD. Oslo",
        "Because (A) is false and (B) is false as well, I stop here",
        "The answer is Because",
        "\\boxed{Because}",
        "\\boxed{12}",
        "The answer to this is unknown to me, and",
        "A is a vowel",
        "A is correct in winter.",
        "A student is correct.",
        "A is right of B.",
        "A is not correct.",
        "A is correct?",
        "A is correct. B is correct.",
        "It rains. (A) is the correct answer. Then again, it rains, and (B) is the correct answer.",
        "It is unclear whether A is correct.",
        "If A is correct, we are done",
        "Neither B nor A is correct.",
        "Plan A is correct.",
        "I am right.",
        "I choose A students.",
        "Option A is wrong.",
        "Option A: Rome\nOption B: Paris",
    ],
)
def test_a_response_that_chooses_nothing_is_unparsed(response):
    assert choice_match("A", response) == UNPARSED


@pytest.mark.parametrize(
    ("target", "response", "score"),
    [
        ("18", "She makes 9 * 2 = $18.", RIGHT),
        ("18", "#### 18", RIGHT),
        ("18", "The answer is 18.00 dollars, as 9 + 9 shows", RIGHT),
        ("18", "The answer is 9 + 9 = 18 eggs", RIGHT),
        ("1000", "\\boxed{1,000}", RIGHT),
        ("1000", "\\boxed{1{,}000}", RIGHT),
        ("1,000,000", "1000000", RIGHT),
        ("70000", "It is $70,000", RIGHT),
        ("-3", "so x = -3", RIGHT),
        ("-3", "so x = \u22123", RIGHT),
        ("2", "5-3 leaves 2", RIGHT),
        ("3", "x is 5-3", WRONG),
        ("0.75", "\\boxed{\\frac{3}{4}}", RIGHT),
        ("3/4", "0.75", RIGHT),
        ("25", "25%", RIGHT),
        (".5", "1/2", RIGHT),
        ("42", "**Final Answer:**\n\n42\n\nI checked it in 3 ways.", RIGHT),
        ("42", "### Final Answer\n\n$$\n42\n$$\n\nI checked it in 3 ways.", RIGHT),
        ("3", "**Final Answer:**\n\n42\n\nI checked it in 3 ways.", WRONG),
        ("13", "To find the answer:\n\nJanet has 16 eggs and eats 3.\n\nSo she sells 13.", RIGHT),
        ("18", "First 18, then 19", WRONG),
        ("18", "\\boxed{19} after 18", WRONG),
        ("1000", "1,0", WRONG),
        ("1/0", "1", WRONG),
        ("18", "eighteen", UNPARSED),
        ("18", "", UNPARSED),
        ("18", "1/0", UNPARSED),
    ],
)
def test_numbers_are_compared_by_value(target, response, score):
    assert number_match(target, response) == score


@pytest.mark.parametrize(
    ("target", "response", "score"),
    [
        ("valid", "The answer is **Valid**.", RIGHT),
        ("Yes", "yes", RIGHT),
        ("Yes", "Step by step ...\nAnswer: Yes.", RIGHT),
        ("Yes", "**Answer**\n\nYes.\n\nNo other reading fits.", RIGHT),
        ("apple pear", "The answer is apple, pear", RIGHT),
        ("] ) }", "The answer is: ])}", RIGHT),
        ("True", "\\boxed{\\text{True}}", RIGHT),
        ("O'Neil", "\u201cO\u2019Neil\u201d", RIGHT),
        ("new york", "newyork", WRONG),
        ("valid", "The answer is invalid.", WRONG),
        ("valid", " \n", UNPARSED),
        ("valid", "word " * 60, UNPARSED),
    ],
)
def test_texts_are_compared_without_their_form(target, response, score):
    assert answer_match(target, response) == score


@pytest.mark.parametrize(
    ("target", "response", "score"),
    [
        ("18", "The answer is \\boxed{18}.", RIGHT),
        ("18", "The answer is $18.00.", RIGHT),
        ("70000", "She has 70,000 dollars.", RIGHT),
        ("10,\\!080", "\\boxed{10080}", RIGHT),
        ("\\frac{3}{4}", "so $\\dfrac34$", RIGHT),
        ("\\frac{3}{4}", "The final answer is 0.75", RIGHT),
        ("3\\sqrt{13}", "\\boxed{\\sqrt{117}}", RIGHT),
        ("p - q", "\\boxed{-q+p}", RIGHT),
        ("\\left( 3, \\frac{\\pi}{2} \\right)", "\\boxed{(3, \\pi/2)}", RIGHT),
        ("\\text{Evelyn}", "\\boxed{\\text{Evelyn}}", RIGHT),
        ("y = 2x + 3", "\\boxed{2x + 3}", RIGHT),
        ("5", "\\boxed{x = 5}", RIGHT),
        ("132", '{"reasoning": "16 / 4 = 4", "answer": "132"}', RIGHT),
        ("4", "28 days / 7 days/week = <<28/7=4>>4 weeks\n#### 4", RIGHT),
        ("42", "**Final Answer:**\n\n42\n\nI checked it in 3 ways.", RIGHT),
        ("\\frac{1}{2}", "**Final Answer:**\n\n\\[\n\\frac{1}{2}\n\\]\n\nI checked it in 3 ways.", RIGHT),
        ("3", "**Final Answer:**\n\n42\n\nI checked it in 3 ways.", WRONG),
        ("13", "To find the answer:\n\nJanet has 16 eggs and eats 3.\n\nSo she sells 13.", RIGHT),
        ("p - q", "\\boxed{q - p}", WRONG),
        ("\\frac{3}{4}", "\\boxed{\\frac{4}{3}}", WRONG),
        ("18", "\\boxed{19}", WRONG),
        ("18", "I do not know", UNPARSED),
        ("18", "", UNPARSED),
    ],
)
def test_mathematical_answers_are_compared_as_mathematics(target, response, score):
    assert math_match(target, response) == score


def test_gold_and_answer_keep_their_places():
    # An equation may be answered by its right side; a bare value is no equation's answer the other way round.
    assert math_match("2x + 3", "\\boxed{y = 2x + 3}") == math_match("y = 2x + 3", "\\boxed{2x + 3}") == RIGHT
    assert math_match("1 < x < 2", "\\boxed{(1, 2)}") == RIGHT
    assert math_match("(1, 2)", "\\boxed{1 < x < 2}") == WRONG


def test_mathematics_is_graded_off_the_main_thread():
    scores = {}
    threads = [
        threading.Thread(target=lambda i=i: scores.__setitem__(i, math_match(str(i), f"\\boxed{{{i}.0}}")))
        for i in range(8)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert scores == dict.fromkeys(range(8), RIGHT)


def test_a_comparison_that_hangs_is_ended_and_the_next_one_works():
    grader = MathGrader(limit_s=0.5)
    try:
        assert grader.grade("1", "10^{10^{10}} + 1") is None
        assert grader.grade("\\frac12", "0.5") == (True, True)
    finally:
        grader.close()


def test_where_the_helper_cannot_run_numbers_and_texts_are_compared(monkeypatch, tmp_path, caplog):
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit(1)")
    monkeypatch.setattr("zeta_eval.tasks.math_grader.WORKER", broken)
    grader = MathGrader()
    monkeypatch.setattr("zeta_eval.tasks.scorers.mathematics.grader", lambda: grader)
    assert math_match("18", "\\boxed{18.0}") == RIGHT
    assert math_match("18", "\\boxed{19}") == WRONG
    assert math_match("x + 1", "\\boxed{x + 1}") == RIGHT
    assert math_match("x + 1", "\\boxed{1 + x}") == math_match("x", "\\boxed{x + 0}") == WRONG
    assert math_match("18", "none") == UNPARSED
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("target", "response", "score"),
    [
        ("B", "The answer is (B)", RIGHT),
        ("(B)", "The answer is (A)", WRONG),
        ("42", "6 * 7 = 42", RIGHT),
        ("$1,200", "1200 dollars", RIGHT),
        ("\\frac{1}{2}", "\\boxed{0.5}", RIGHT),
        ("$x^2$", "\\boxed{x \\cdot x}", RIGHT),
        ("Paris", "The answer is Paris.", RIGHT),
        (("Paris", "Lutetia"), "Lutetia", RIGHT),
        ("B", "Perhaps", UNPARSED),
    ],
)
def test_the_target_chooses_the_scorer(target, response, score):
    assert auto_match(target, response) == score


def test_whole_responses_are_compared():
    assert exact_match("a b", " a b\n") == RIGHT
    assert exact_match("a b", "ab") == WRONG
    assert exact_match(("x", "y"), "y") == RIGHT
    assert exact_match("a", " ") == UNPARSED
    assert compact_match("AB12", " A B\n1 2") == RIGHT
    assert compact_match("AB12", "AB21") == WRONG
    assert compact_match("AB12", "") == UNPARSED
    assert compact_match("AB12", "AB-12") == UNPARSED
    assert compact_match("AB12", "\u0660AB12") == UNPARSED


def test_reasoning_is_no_part_of_the_answer():
    task = Task(name="t", scorer=choice_match, generate=lambda seed: [])
    query = Query(prompt="p", target="B")
    assert task.score(query, "<think>The answer is (A)</think>\nThe answer is (B)") == RIGHT
    assert task.score(query, "The answer is (B), I guess</think>\nThe answer is (A)") == WRONG
    assert task.score(query, "[THINK]The answer is (A)[/THINK]The answer is (B)") == RIGHT
    assert task.score(query, "<think>The answer is (B) but let me") == UNPARSED
    assert task.score(query, "<|channel|>analysis<|message|>The answer is (B)") == UNPARSED


def test_scorers_are_looked_up_by_name():
    assert get_scorer("choice") is choice_match
    assert get_scorer(exact_match) is exact_match
    with pytest.raises(UnknownNameError, match=r"Unknown scorer 'chioce'\. Did you mean 'choice'"):
        get_scorer("chioce")


def test_a_score_outside_its_range_is_refused():
    with pytest.raises(InvalidInputError, match=r"1\.5; a scorer must return one in \[0, 1\]"):
        Score(1.5)
    with pytest.raises(InvalidInputError):
        Score(float("nan"))
