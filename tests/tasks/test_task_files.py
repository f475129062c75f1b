import pytest
from table_layouts import ROWS, delimited, lines

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.tasks import Score, get_task, resolve_tasks
from zeta_eval.tasks import registry as registry_module
from zeta_eval.tasks.scorers import exact_match


@pytest.fixture(autouse=True)
def registered():
    before = dict(registry_module._TASKS)
    yield
    registry_module._TASKS.clear()
    registry_module._TASKS.update(before)


FILE = """
data = "rows.csv"
template = "Say in one word: {prompt} (Topic: {topic})"
system = "You know maps."
scorer = "exact"
stop = ["\\n"]
max_new_tokens = 5
limit = 4

[columns]
prompt = "q"
target = "city"

[[examples]]
prompt = "Say in one word: What is the capital of Chad? (Topic: maps)"
target = "N'Djamena"
"""


def task_of(tmp_path, text=FILE):
    rows = [{"q": r["question"], "city": r["answer"], "topic": "maps"} for r in ROWS]
    delimited(tmp_path / "rows.csv", rows)
    (tmp_path / "my_task.toml").write_text(text)
    (task,) = resolve_tasks(str(tmp_path / "my_task.toml"))
    return task


def test_a_task_file_says_where_rows_lie_and_how_they_are_asked_and_graded(tmp_path):
    task = task_of(tmp_path)
    assert (task.name, task.scorer, task.dataset) == ("my_task", exact_match, "rows.csv")
    queries = task.load()
    assert len(queries) == 4 and len(task.load(limit=6)) == 6
    assert {(q.stop, q.max_new_tokens, q.system) for q in queries} == {(("\n",), 5, "You know maps.")}
    peru = next(q for q in task.load(limit=6) if q.target == "Lima")
    assert peru.prompt == (
        "Say in one word: What is the capital of Chad? (Topic: maps)\n\nAnswer: N'Djamena\n\n"
        "Say in one word: What is the capital of Peru, please? (Topic: maps)"
    )
    assert "prompt from q, target from city; 1 examples given." in task.note
    assert get_task("my_task") == task


def test_examples_may_be_drawn_and_a_scorer_may_be_a_function_beside_the_file(tmp_path):
    (tmp_path / "mine.py").write_text("def half(query, response):\n    return 0.5\n")
    text = 'data = "rows.csv"\nname = "maps"\nfewshot = 2\nseed = 3\nscorer = "mine.py:half"\n'
    text += 'columns = {prompt = ["topic", "q"], target = "city"}\n'
    task = task_of(tmp_path, text)
    query = task.load()[0]
    assert task.name == "maps" and task.score(query, "x") == Score(0.5)
    assert query.prompt.count("Answer: ") == 2 and query.prompt.count("maps\n\nWhat is") == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", 'says no data; add data = "FILE_OR_HUB_ID"'),
        ('data = "rows.csv"\ntemplat = "x"', "Did you mean 'template'?"),
        ('data = "rows.csv"\nfewshot = "2"', "has fewshot = '2'; give a int"),
        ('data = "rows.csv"\nlimit = 0', "has limit = 0; give at least 1"),
        ('data = "rows.csv"\nexamples = ["a"]', "has the example 'a'; give it a prompt and a target"),
        ('data = "row.csv"', "No file or folder .*row.csv; did you mean .*rows.csv"),
        ("data =", "is no TOML: .* Mend that line"),
        (
            'data = "rows.csv"\ntemplate = "{topics}"\ncolumns = {prompt = "q", target = "city"}',
            "names {topics}, and a row",
        ),
    ],
)
def test_a_task_file_that_cannot_be_used_says_why(text, says, tmp_path):
    with pytest.raises(InvalidInputError, match=says):
        task_of(tmp_path, text)


def test_options_of_the_command_are_refused_beside_a_task_file(tmp_path):
    task_of(tmp_path)
    with pytest.raises(InvalidInputError, match="says its own columns and examples; write them there"):
        resolve_tasks(str(tmp_path / "my_task.toml"), fewshot=1)
    with pytest.raises(InvalidInputError, match=r"No task file .*none\.toml; check the path"):
        resolve_tasks(str(tmp_path / "none.toml"))


CODE = '''
from zeta_eval.tasks import Query, task

@task(name="capitals", scorer="answer")
def towns():
    """Capitals."""
    yield Query(prompt="What is the capital of Peru?", target="Lima")

@task(name="sums")
def sums():
    """Sums."""
    yield Query(prompt="1 + 1?", target="2")
'''


def test_the_tasks_of_a_python_file_are_named_by_the_file_or_one_by_one(tmp_path):
    path = tmp_path / "my_tasks.py"
    path.write_text(CODE)
    assert [t.name for t in resolve_tasks(str(path))] == ["capitals", "sums"]
    assert [t.name for t in resolve_tasks(f"{path}:sums,{path}:towns,add")] == ["sums", "capitals", "add"]
    assert get_task("capitals").load()[0].target == "Lima"
    with pytest.raises(UnknownNameError, match=r"Unknown task in .*my_tasks\.py: 'sum'\. Did you mean 'sums'"):
        resolve_tasks(f"{path}:sum")


def test_a_python_file_that_has_no_tasks_or_fails_is_told_in_one_line(tmp_path):
    (tmp_path / "none.py").write_text("x = 1\n")
    with pytest.raises(InvalidInputError, match=r"none\.py has no task; write a function under @task"):
        resolve_tasks(str(tmp_path / "none.py"))
    (tmp_path / "fails.py").write_text("1 / 0\n")
    with pytest.raises(InvalidInputError, match=r"fails\.py can't be run \(ZeroDivisionError: division by zero\)"):
        resolve_tasks(str(tmp_path / "fails.py"))
    with pytest.raises(InvalidInputError, match=r"No file or folder .*nons\.py; check the path"):
        resolve_tasks(f"{tmp_path / 'nons.py'}:x")


def test_no_code_but_a_python_file_of_the_users_is_run(tmp_path):
    folder = tmp_path / "maps"
    lines(folder / "test.jsonl")
    (folder / "maps.py").write_text("raise SystemExit('run')\n")
    assert len(resolve_tasks(str(folder))[0].load()) == len(ROWS)
