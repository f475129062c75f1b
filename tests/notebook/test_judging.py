import pytest

from zeta_eval.feedback import History
from zeta_eval.notebook.judging import Judge, buttons, hint
from zeta_eval.router import Step, ZetaDynamicRouter

TEXT = "What is 3 + 4?"


@pytest.fixture
def judge(tmp_path):
    with History(tmp_path / "h.db") as history:
        yield Judge(history)


def given(*answers):
    decision = ZetaDynamicRouter().route(TEXT)
    return [(decision, (Step(size="7B", text=a, latency_s=0.1, p_right=0.5, error=None),)) for a in answers]


def pressed(widget, description):
    button = next(b for b in every(widget) if getattr(b, "description", "") == description)
    button.click()


def every(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


def test_a_press_on_right_or_wrong_is_a_row_in_the_history(judge):
    answers = judge.record(TEXT, None, given("7", "8"))
    for answer, word in zip(answers, ("right", "wrong"), strict=True):
        widget = buttons(judge, [answer])
        pressed(widget, word)
        assert any(f"7B: {word}" in getattr(w, "value", "") for w in every(widget))
    assert list(judge.history.frame()["score"]) == [1.0, 0.0]


def test_the_correct_answer_scores_every_answer_given(judge):
    widget = buttons(judge, judge.record(TEXT, None, given("The answer is 7.", "8")))
    field = next(w for w in every(widget) if getattr(w, "placeholder", "") == "the correct answer")
    pressed(widget, "save")
    assert any("is empty" in getattr(w, "value", "") for w in every(widget))
    field.value = "7"
    pressed(widget, "save")
    frame = judge.history.frame()
    assert list(frame["score"]) == [1.0, 0.0] and list(frame["answer"]) == ["7", "7"]


def test_words_do_what_the_buttons_do(notebook):
    notebook.run(f"%%zeta\n{TEXT}")
    (answer,) = notebook.magics._judging()._answers.values()
    assert hint([answer]).count(answer.id[-8:]) == 1
    assert "wrong" in repr(notebook.run(f"%zeta feedback {answer.id[-8:]} wrong").result.result)
    assert list(notebook.magics._judging().history.frame()["score"]) == [0.0]
    notebook.run(f'%zeta feedback {answer.id} "the number 7"')
    assert list(notebook.magics._judging().history.frame()["answer"]) == ["the number 7"]
    notebook.fails("%zeta feedback nothing right", "Unknown decision id")


def test_a_word_that_stands_for_two_answers_is_refused(judge):
    judge.record(TEXT, None, given("7", "8"))
    with pytest.raises(ValueError, match="stands for 2 answers"):
        judge.say("", "right")


def test_every_line_of_the_hint_judges_its_own_answer(judge):
    answers = judge.record(TEXT, None, given("7", "8", "9"))  # at the same time, as those of --compare
    words = [line.split()[3] for line in hint(answers).splitlines()[1:]]
    for word in words[:2]:
        judge.say(word, "right")
    scores = judge.history.frame().set_index("decision_id")["score"]
    assert [scores.get(a.id) == 1.0 for a in answers] == [True, True, False]


def test_a_history_that_can_not_be_opened_leaves_the_answer(notebook, tmp_path):
    (tmp_path / "h.db").write_text("no database")
    notebook.run("%config ZetaMagics.history = 'h.db'")
    done = notebook.run(f"%%zeta\n{TEXT}")
    assert "Nothing was kept for feedback" in done.outputs[-1].data["text/plain"]
