import pytest

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.tasks import Query, Score, Task, get_task, groups, register, resolve_tasks, task, task_names
from zeta_eval.tasks import registry as registry_module


@pytest.fixture(autouse=True)
def registered():
    """Leave the registry as it was."""
    before = dict(registry_module._TASKS)
    yield
    registry_module._TASKS.clear()
    registry_module._TASKS.update(before)


def names(tasks):
    return [t.name for t in tasks]


def test_every_shipped_task_says_where_it_comes_from():
    for name in task_names():
        t = get_task(name)
        if t.group == "own":  # another test's
            continue
        assert t.name == name
        assert t.dataset
        assert t.source.startswith("https://") or t.dataset == t.name  # its queries are the package's own
        assert t.licence
        assert t.description.endswith(".")
    assert {"gsm8k", "math_500", "mmlu", "mmlu_pro", "arc_challenge", "truthfulqa_mc", "embedding"} < set(task_names())


def test_groups_stand_for_their_tasks():
    assert set(groups()) == {"embedded", "bbh"}
    assert names(resolve_tasks("embedded")) == list(groups()["embedded"])
    assert len(groups()["embedded"]) == 9
    assert len(resolve_tasks("bbh")) == 27
    assert get_task("bbh/boolean_expressions").config == "boolean_expressions"


def test_names_groups_and_tasks_mix_and_count_once():
    assert names(resolve_tasks("gsm8k, mmlu,gsm8k")) == ["gsm8k", "mmlu"]
    assert names(resolve_tasks(["add", "embedded"]))[0] == "add"
    assert len(resolve_tasks(["add", "embedded"])) == 9
    assert names(resolve_tasks([get_task("mmlu"), "add"])) == ["mmlu", "add"]
    assert names(resolve_tasks(get_task("mmlu"))) == ["mmlu"]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("gsm8", "Unknown task 'gsm8'. Did you mean 'gsm8k'?"),
        ("embeded", "Did you mean 'embedded'?"),
        ("bbh/boolean_expression", "Did you mean 'bbh/boolean_expressions'?"),
        ("mmlu-pro", "Did you mean 'mmlu_pro'?"),
        ("qqqqq", "Known: add, arc_challenge, bbh, chain"),
    ],
)
def test_an_unknown_task_is_answered_with_the_nearest_name(name, suggestion):
    with pytest.raises(UnknownNameError) as e:
        resolve_tasks(name)
    assert suggestion in str(e.value)
    assert "A data file, a folder, a hub id as openai/gsm8k, or FILE.py works too." in str(e.value)
    assert "\n" not in str(e.value)
    with pytest.raises(UnknownNameError):
        get_task(name)


def test_nothing_asked_for_is_an_error():
    for spec in ("", " , ", []):
        with pytest.raises(InvalidInputError, match=r"No tasks asked for; name some of: .*embedded"):
            resolve_tasks(spec)


def test_a_misspelt_path_is_told_at_once(tmp_path):
    with pytest.raises(InvalidInputError, match=r"No file or folder /nowhere/at/all: /nowhere/at is not there"):
        resolve_tasks("gsm8k=/nowhere/at/all")
    with pytest.raises(InvalidInputError, match=r"No file or folder .*none\.jsonl; check the path"):
        resolve_tasks(str(tmp_path / "none.jsonl"))


def test_a_task_from_two_places_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="'mmlu' is asked for twice, from different places"):
        resolve_tasks(["mmlu", f"mmlu={tmp_path}"])


def test_a_local_copy_of_a_group_serves_every_member(tmp_path):
    tasks = resolve_tasks(f"bbh={tmp_path}")
    assert len(tasks) == 27
    assert {t.local for t in tasks} == {tmp_path}
    assert get_task("bbh/snarks").local is None


def test_an_own_task_is_a_decorated_function():
    @task(name="capitals", scorer="answer")
    def capitals():
        """Capitals of countries."""
        for country, city in {"France": "Paris", "Peru": "Lima", "Norway": "Oslo"}.items():
            yield Query(prompt=f"What is the capital of {country}?", target=city)

    assert isinstance(capitals, Task)
    assert get_task("capitals") is capitals
    assert resolve_tasks("capitals") == [capitals]
    assert capitals.description == "Capitals of countries."
    queries = capitals.load()
    assert {q.target for q in queries} == {"Paris", "Lima", "Oslo"}
    assert {(q.task, q.dataset) for q in queries} == {("capitals", "capitals")}
    assert capitals.load(limit=2, seed=3) == capitals.load(seed=3)[:2]
    assert get_task("capitals").score(queries[0], f"The answer is {queries[0].target}.") == Score(1.0)


def test_an_own_function_may_draw_from_a_seed_and_grade_itself():
    def near(target, response):
        return Score(1.0 if target in response else 0.5)

    @task(name="draw", scorer=near)
    def draw(seed):
        n = seed
        while True:
            yield Query(prompt=f"Say {n}", target=str(n))
            n += 1

    assert [q.target for q in draw.load(limit=3, seed=7)] == ["7", "8", "9"]
    assert draw.score(draw.load(limit=1)[0], "none") == Score(0.5)


def test_an_own_task_may_be_defined_again_but_takes_no_shipped_name():
    def ask():
        yield Query(prompt="a", target="b")

    first = task(name="mine")(ask)
    second = task(name="mine", scorer="exact")(ask)
    assert first != second
    assert get_task("mine") is second
    for name in ("gsm8k", "embedded", "bbh"):
        with pytest.raises(InvalidInputError, match=f"'{name}' belongs to a shipped task"):
            task(name=name)(ask)
    assert register(get_task("gsm8k")).group == "hub"


def test_a_task_that_makes_no_queries_says_so():
    @task(name="void")
    def void():
        return []

    @task(name="strings")
    def strings():
        return ["a"]

    @task(name="clash")
    def clash():
        return [Query(prompt="a", target="1", query_id="x"), Query(prompt="b", target="1", query_id="x")]

    with pytest.raises(InvalidInputError, match="Task 'void' has no queries"):
        void.load()
    with pytest.raises(InvalidInputError, match="Task 'strings' made a str; make Query values"):
        strings.load()
    with pytest.raises(InvalidInputError, match="two queries with the id 'x'; make ids unique"):
        clash.load()
    with pytest.raises(InvalidInputError, match="limit of task 'void' is 0; give at least 1"):
        void.load(limit=0)


def test_a_task_needs_a_plain_name_and_one_source_of_queries():
    with pytest.raises(InvalidInputError, match="Task name 'a b' won't do"):
        Task(name="a b", scorer=lambda t, r: Score(0.0), generate=lambda seed: [])
    with pytest.raises(InvalidInputError, match="must set one of `build` and `generate`"):
        Task(name="a", scorer=lambda t, r: Score(0.0))


def test_queries_that_repeat_are_taken_once():
    @task(name="echo")
    def echo():
        return [Query(prompt="a", target="1")] * 3 + [Query(prompt="b", target="1")]

    assert sorted(q.prompt for q in echo.load()) == ["a", "b"]
    assert len({q.query_id for q in echo.load()}) == 2
