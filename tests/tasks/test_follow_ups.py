from collections import Counter
from itertools import islice

import pytest

from zeta_eval.router import Conversation, request_of
from zeta_eval.router.complexity.languages import LANGUAGES
from zeta_eval.router.complexity.turns import turn_of
from zeta_eval.tasks import Query, arithmetic, embedded, resolve_tasks
from zeta_eval.tasks.follow_ups import FORMS, GOING_ON, POINTING, follow_ups


@pytest.fixture(scope="module")
def queries():
    return [q for kind in arithmetic.KINDS for q in islice(embedded.queries(kind, 0), 20)]


def test_every_form_asks_for_the_request_that_it_names(queries):
    made = list(follow_ups(queries))
    assert Counter(f.form for f in made) == dict.fromkeys(FORMS, len(queries))
    for follow_up in made:
        talk = follow_up.query.prompt
        assert isinstance(talk, Conversation) and talk.messages[-1].role == "user"
        assert follow_up.request.prompt in [m.text for m in talk.messages]
        assert follow_up.query.target == follow_up.request.target


def test_what_is_judged_of_a_follow_up_is_its_request(queries):
    for follow_up in follow_ups(queries):
        asked = request_of(follow_up.query.prompt)
        assert asked.startswith(follow_up.request.prompt)
        assert follow_up.form == "pointed" or asked == follow_up.request.prompt


@pytest.mark.parametrize("text", GOING_ON)
def test_the_words_that_go_on_are_known(text):
    assert turn_of(text) == "goes on"


@pytest.mark.parametrize("text", POINTING)
def test_the_words_that_point_back_are_known(text):
    assert turn_of(text) in ("is about", "points back")


def test_the_words_are_of_the_most_used_languages():
    assert len(GOING_ON) >= len(POINTING) >= len(LANGUAGES) - 1


def test_the_task_asks_every_form_and_its_answers_are_graded():
    (task,) = resolve_tasks("follow_ups")
    made = task.load(limit=90)
    assert len({q.query_id for q in made}) == 90 and all(isinstance(q.prompt, Conversation) for q in made)
    assert [q.prompt for q in made] == [q.prompt for q in task.load(limit=90)]
    assert all(task.score(q, str(q.target)).value == 1 for q in made)
    assert len({len(q.prompt.messages) for q in made}) > 1


def test_another_seed_words_follow_ups_otherwise():
    queries = [Query(prompt=f"Add {i} and {i}.", target=str(2 * i)) for i in range(9)]
    first, again, other = ([str(f.query.prompt) for f in follow_ups(queries, seed=s)] for s in (0, 0, 1))
    assert first == again != other
