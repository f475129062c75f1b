import os
import re
import subprocess
import sys

import pytest

from zeta_eval.tasks import Score, get_task
from zeta_eval.tasks.everyday import LONGEST, mention_match
from zeta_eval.tasks.everyday_queries import QUERIES

TASK = get_task("everyday")
LOADED = TASK.load()


def test_there_are_many_queries_in_many_languages():
    assert len(LOADED) >= 280 and len(QUERIES) >= 8
    assert len({q.query_id for q in LOADED}) == len({q.prompt for q in LOADED}) == len(LOADED)
    lines = [line for text in QUERIES.values() for line in text.strip().splitlines()]
    assert len(lines) == len(LOADED)
    assert all(len(text.strip().splitlines()) >= 15 for text in QUERIES.values())


def test_the_order_is_the_seeds_and_a_limit_takes_its_beginning():
    assert [q.prompt for q in TASK.load(limit=20)] == [q.prompt for q in LOADED[:20]]
    assert [q.prompt for q in TASK.load(seed=1)] != [q.prompt for q in LOADED]
    assert {q.query_id for q in TASK.load(seed=1)} == {q.query_id for q in LOADED}


@pytest.mark.parametrize("query", LOADED, ids=lambda q: q.prompt)
def test_every_accepted_answer_is_right_alone_and_in_a_sentence(query):
    for gold in query.target:
        for answer in (gold, f"{gold}.", f"**{gold}**", f"→ {gold} 🙂"):
            assert TASK.score(query, answer) == Score(1.0), (gold, answer)


@pytest.mark.parametrize("query", LOADED, ids=lambda q: q.prompt)
def test_a_wrong_an_overlong_and_an_empty_answer_are_not_right(query):
    for answer in ("xyzzy", "88888", "¯_(ツ)_/¯", query.target[0] + " xyzzy" * int(LONGEST + 1)):
        assert TASK.score(query, answer) == Score(0.0), answer
    assert TASK.score(query, " ") == Score(0.0, unparsed=True)


def test_no_answer_is_right_for_most_other_queries():
    for query in LOADED[::7]:
        others = [TASK.score(q, query.target[0]).value for q in LOADED if not set(q.target) & set(query.target)]
        assert sum(others) / len(others) < 0.05, query.target[0]


@pytest.mark.parametrize(
    ("target", "response", "right"),
    [
        ("7", "The answer is 7.", True),
        ("7", "17", False),
        ("7", "It is 7.5", False),
        ("7", "٧", True),
        ("7", "The answer is 70", False),
        ("3000", "3,000 metres", True),
        ("3000", "3.000 m", True),
        ("3000", "13000", False),
        ("25", "25.0", True),
        (("6", "six"), "An insect has six legs.", True),
        ("no", "No, 15 is odd.", True),
        ("no", "I do not know", False),
        ("no", "Yes. No other answer.", False),
        ("yes", "yes or no", False),
        ("negative", "That is positive, not negative", False),
        ("不是", "不是", True),
        ("Oslo", "The capital of Norway is Oslo.", True),
        ("Oslo", "OSLO!", True),
        ("Oslo", "Oslofjord", False),
        ("África", "Egipto está en Africa.", True),
        ("서울", "서울입니다", True),
        ("曼谷", "泰国的首都是曼谷。", True),
        ("len(xs)", "```python\nlen( xs )\n```", True),
        ("select * from users", "SELECT *\nFROM users;", True),
        ("hello", "Hello, but I cannot help with that.", False),
        ("hello", "Hello! I'm unable to do that.", False),
    ],
)
def test_a_mention_counts_where_it_stands_for_itself(target, response, right):
    assert mention_match(target, response) == Score(float(right))


def test_reasoning_of_a_model_does_not_count():
    query = next(q for q in LOADED if q.target == ("Oslo",))
    assert TASK.score(query, "<think>Is it Oslo?</think>Bergen") == Score(0.0)


def test_every_prompt_and_answer_is_clean():
    for query in LOADED:
        assert query.prompt == query.prompt.strip() and "|" not in query.prompt
        assert query.target and all(gold and gold == gold.strip() and ";" not in gold for gold in query.target)
        assert not re.search(r"\s{2,}", query.prompt)


def test_the_task_loads_offline_and_without_heavy_packages():
    code = (
        "import sys; from zeta_eval.tasks import get_task; print(len(get_task('everyday').load()), "
        "[m for m in ('numpy', 'torch', 'datasets', 'pandas', 'math_verify') if m in sys.modules])"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=offline).stdout
    assert out == f"{len(LOADED)} []\n"
