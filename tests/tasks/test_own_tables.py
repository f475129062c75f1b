import json

import pytest
from table_layouts import CAPITALS, CITIES, LAYOUTS, ROWS, delimited, lines, parquet, renamed, shards, whole

from zeta_eval.cli import main
from zeta_eval.exceptions import HubAccessError, InvalidInputError, UnknownNameError
from zeta_eval.inference.run.runner import run
from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
from zeta_eval.outcomes import Outcomes
from zeta_eval.tasks import Score, get_task, resolve_tasks
from zeta_eval.tasks import registry as registry_module
from zeta_eval.tasks.base import hash_id
from zeta_eval.tasks.scorers import choice_match
from zeta_eval.testing import ScriptedGenerator

ONE = Ladder(name="one", models=(ModelSpec(size="1B", model="small"),))


@pytest.fixture(autouse=True)
def registered():
    before = dict(registry_module._TASKS)
    yield
    registry_module._TASKS.clear()
    registry_module._TASKS.update(before)


def only(spec, **settings):
    (task,) = resolve_tasks(str(spec), **settings)
    return task


def guide(prompt):
    """A model that knows the capitals of all countries but Cuba."""
    country = next(c for c in CAPITALS if c in prompt)
    return f"The answer is {CAPITALS[country] if country != 'Cuba' else 'Santiago'}."


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_of_a_table_gives_the_same_queries_and_scores(layout, tmp_path):
    write, columns = LAYOUTS[layout]
    task = only(write(tmp_path), columns=columns or None)
    queries = task.load()
    assert sorted((q.prompt, q.target) for q in queries) == sorted((r["question"], r["answer"]) for r in ROWS)
    assert task.note.startswith(str(tmp_path))
    assert "\n" not in task.note and "prompt from " in task.note and "left out" not in task.note
    report = run(
        ONE,
        queries,
        task.score,
        out=tmp_path / "run",
        generators=lambda spec: ScriptedGenerator(spec.size, guide),
        progress=False,
    )
    scores = report.outcomes.frame.set_index("target")["score"].to_dict()
    assert scores == {city: float(city != "Havana") for city in CITIES}


def test_the_layouts_are_at_least_twenty():
    assert len(LAYOUTS) >= 20


@pytest.mark.parametrize("layout", ["a name with a comma and spaces", "shards in a folder", "nested"])
def test_the_command_line_benchmarks_a_table_as_it_is(layout, tmp_path, capsys):
    write, columns = LAYOUTS[layout]
    out = tmp_path / "run"
    words = ["bench", "--ladder", "embedded", "--tasks", str(write(tmp_path)), "--out", str(out), "--mlflow", "none"]
    words += ["--max-new-tokens", "2", "--json", str(tmp_path / "made.json")]
    assert main(words + (["--columns", columns] if columns else [])) == 0
    frame = Outcomes.load(out).frame
    assert set(frame["target"]) == set(CITIES) and len(frame) == 3 * len(ROWS)
    (note,) = json.loads((tmp_path / "made.json").read_text())["read"]
    assert note in capsys.readouterr().out.splitlines()


def test_a_line_says_what_was_recognised(tmp_path):
    rows = [{**row, "id": i, "topic": "maps"} for i, row in enumerate(ROWS)]
    task = only(lines(tmp_path / "maps.jsonl", rows))
    assert task.note == (
        f"{tmp_path / 'maps.jsonl'}: 6 rows; prompt from question, target from answer, id from id; not used: topic."
    )
    folder = only(shards(tmp_path / "capitals"))
    assert "6 rows of split test" in folder.note


def test_names_of_files_become_names_of_tasks(tmp_path):
    task = only(delimited(tmp_path / "my capitals, 2nd.csv"))
    assert task.name == "my_capitals_2nd"
    both = resolve_tasks(f"{tmp_path / 'my capitals, 2nd.csv'},{parquet(tmp_path / 'b.parquet')}, add")
    assert [t.name for t in both] == ["my_capitals_2nd", "b", "add"]


def test_a_split_is_named_behind_a_colon_and_another_gives_examples(tmp_path):
    folder = shards(tmp_path / "capitals")
    assert [q.target for q in only(f"{folder}:train").load()] == ["no"]
    task = only(folder, fewshot=1)
    assert "1 examples from split train, seed 0" in task.note
    assert all(q.prompt.startswith("No?\n\nAnswer: no\n\nWhat is the capital of ") for q in task.load())
    with pytest.raises(InvalidInputError, match=r"has no split 'dev'; it has: test, train"):
        resolve_tasks(f"{folder}:dev")


def test_an_example_is_never_the_query_itself(tmp_path):
    path = delimited(tmp_path / "capitals.csv")
    task = only(path, fewshot=3, seed=1)
    assert "3 examples from the other rows, seed 1" in task.note
    for query in task.load():
        *shots, last = [part for part in query.prompt.split("\n\n") if part.startswith("What")]
        assert len(set(shots)) == 3
        assert last not in shots
        assert query.prompt.endswith(last)
    assert only(path, fewshot=3, seed=1).load() == task.load()
    assert only(path, fewshot=3, seed=2).load() != task.load()
    with pytest.raises(InvalidInputError, match="There are 6 rows to draw 6 examples from; ask for fewer"):
        resolve_tasks(str(path), fewshot=6)


def test_choices_become_a_multiple_choice_query_in_each_way_to_name_the_right_one(tmp_path):
    question, options = "Which is a colour?", ["dog", "red", "two"]
    for i, row in enumerate(
        [
            {"choices": options, "answer": 1},
            {"choices": options, "answer": "B"},
            {"choices": options, "answer": "red"},
            {"options": {"text": options, "label": ["1", "2", "3"]}, "answerKey": "2"},
            {"A": "dog", "B": "red", "C": "two", "answer": "B"},
            {"option_1": "dog", "option_2": "red", "option_3": "two", "label": "red"},
            {"options": json.dumps(options), "label": "(B)"},
        ]
    ):
        task = only(lines(tmp_path / f"colours{i}.jsonl", [{"question": question, **row}]))
        (query,) = task.load()
        assert (query.target, query.options, task.scorer) == ("B", 3, choice_match)
        assert query.prompt.endswith("Which is a colour?\n\nA. dog\nB. red\nC. two")
        assert task.score(query, "The answer is (B).") == Score(1.0)


def test_indices_count_from_one_where_one_is_the_number_of_options(tmp_path):
    rows = [{"question": f"{i}?", "choices": ["x", "y"], "answer": i} for i in (1, 2)]
    assert {q.target for q in only(lines(tmp_path / "ones.jsonl", rows)).load()} == {"A", "B"}
    rows = [{"question": f"{i}?", "choices": ["x", "y"], "answer": i} for i in (0, 1)]
    assert {q.target for q in only(lines(tmp_path / "zeros.jsonl", rows)).load()} == {"A", "B"}


@pytest.mark.parametrize(
    ("row", "targets"),
    [
        ({"sentence": "It fits, for _ is small.", "option1": "cup", "option2": "box"}, [("1", "A"), ("2", "B")]),
        ({"sentence": "It fits, for _ is small.", "option1": "cup", "option2": "box"}, [("1", "A")]),
        ({"question": "Which?", "option1": "x", "option2": "y"}, [("option1", "A"), ("Option 2", "B")]),
        ({"question": "Which?", "option1": "x", "option2": "y", "option3": "z"}, [(0, "A"), (1, "B"), (2, "C")]),
        ({"goal": "Open it.", "sol1": "Turn it.", "sol2": "Eat it."}, [(0, "A"), (1, "B")]),
        ({"goal": "Open it.", "sol1": "Turn it.", "sol2": "Eat it."}, [("0", "A"), ("1", "B")]),
        ({"goal": "Open it.", "sol1": "Turn it.", "sol2": "Eat it."}, [("sol1", "A"), ("sol2", "B")]),
        ({"ctx": "She runs", "endings": ["off.", "out."]}, [("0", "A"), ("1", "B")]),
        ({"question": "Which?", "opa": "x", "opb": "y"}, [(0, "A"), (1, "B")]),
        ({"question": "Which?", "ending0": "x", "ending1": "y"}, [(0, "A"), (1, "B")]),
    ],
)
def test_columns_of_options_and_their_labels_are_known_as_data_sets_write_them(row, targets, tmp_path):
    prompt = next(iter(row))
    rows = [{**row, prompt: f"{row[prompt]} {i}", "label": target} for i, (target, _) in enumerate(targets)]
    queries = sorted(only(lines(tmp_path / "options.jsonl", rows)).load(), key=lambda q: q.prompt)
    assert [q.target for q in queries] == [letter for _, letter in targets]


@pytest.mark.parametrize("label", [-1, "3", "option3", "sol1"])
def test_a_label_that_names_no_option_leaves_its_row_out(label, tmp_path):
    row = {"question": "Which?", "option1": "x", "option2": "y"}
    task = only(lines(tmp_path / "options.jsonl", [{**row, "label": "1"}, {**row, "label": label}]))
    assert "1 left out: 1 whose target is none of its choices" in task.note


def test_a_number_that_is_an_option_too_is_an_index_where_others_can_only_be_that(tmp_path):
    rows = [
        {"question": "How many?", "choices": ["3", "1", "0"], "answer": 1},
        {"question": "Which?", "choices": ["x", "y"], "answer": 0},
    ]
    assert {q.target for q in only(lines(tmp_path / "mixed.jsonl", rows)).load()} == {"A", "B"}


def test_a_conversation_is_asked_with_all_its_turns(tmp_path):
    turns = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Where is Lima?"},
        {"role": "assistant", "content": "In Peru."},
        {"role": "user", "content": [{"type": "text", "text": "And Oslo?"}]},
    ]
    task = only(lines(tmp_path / "talk.jsonl", [{"messages": turns, "target": "Norway"}]), system="You know maps.")
    (query,) = task.load()
    assert query.system == "You know maps.\n\nBe short."
    assert query.prompt == "User: Where is Lima?\n\nAssistant: In Peru.\n\nUser: And Oslo?"
    assert [m.as_dict() for m in query.prompt.messages] == [*turns[1:3], {"role": "user", "content": "And Oslo?"}]
    sharegpt = [{"from": "human", "value": "And Oslo?"}, {"from": "gpt", "value": "Norway"}]
    (query,) = only(lines(tmp_path / "shared.jsonl", [{"conversations": sharegpt}])).load()
    assert (query.prompt, query.target, query.system) == ("And Oslo?", "Norway", "")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "a", "target": ""}, "with an empty target"),
        ({"prompt": " ", "target": "b"}, "with an empty prompt"),
        ({"prompt": "a", "target": {"text": "b"}}, r"whose target is an object \(text\), no text"),
        ({"prompt": "a", "target": [{"text": "b"}]}, r"whose target is a list of an object \(text\), no text"),
        ({"prompt": {"en": "a"}, "target": "b"}, r"whose prompt is an object \(en\), no text"),
        ({"prompt": "[{'role': 'user', 'content': 'a'}]", "target": "b"}, "whose prompt is a message list as Python"),
        ({"prompt": [{"role": "robot", "content": "a"}], "target": "b"}, "A message has the role 'robot'"),
        ({"prompt": [{"role": "user", "content": [{"image": "x"}]}], "target": "b"}, "have a part that is no text"),
        (
            {"prompt": [{"role": "system", "content": "a"}], "target": "b"},
            "ask nothing .The messages have no user's turn",
        ),
        (
            {"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}], "target": "b"},
            "whose messages end with another answer than the target",
        ),
        ({"prompt": "a", "target": "d", "choices": ["x", "y"]}, "whose target is none of its choices"),
        (
            {"prompt": "a", "target": 1, "choices": ["1", "2"]},
            "whose target is both an option and the index of another",
        ),
        ({"prompt": "a", "target": "b", "choices": "x"}, "with fewer than 2 or more than 26 choices"),
    ],
)
def test_rows_that_cannot_be_asked_are_counted_with_the_reason(row, reason, tmp_path):
    good = {"prompt": "Is it?", "target": "x", **({"choices": ["x", "y"]} if "choices" in row else {})}
    task = only(whole(tmp_path / "mixed.json", [good, row]))
    assert len(task.load()) == 1
    with pytest.raises(InvalidInputError, match=rf"None of 1 rows of .*bad\.json can be asked: 1 .*{reason}"):
        resolve_tasks(str(whole(tmp_path / "bad.json", [row])))
    assert "; 1 left out: 1 " in task.note


def test_empty_targets_of_a_csv_file_are_counted(tmp_path, caplog):
    path = delimited(tmp_path / "gaps.csv", [*ROWS, {"question": "Who?", "answer": ""}])
    assert "1 left out: 1 with an empty target" in only(path).note
    words = ["bench", "--ladder", "embedded", "--tasks", str(path), "--out", str(tmp_path / "run"), "--mlflow", "none"]
    assert main([*words, "--max-new-tokens", "1"]) == 0
    assert [r.levelname for r in caplog.records if "1 with an empty target" in r.message] == ["WARNING"]


def test_one_prompt_with_several_targets_is_several_queries(tmp_path):
    rows = [{"prompt": "Name a prime.", "target": t} for t in ("2", "3", "3")] + [{"prompt": "1 + 1?", "target": "2"}]
    task = only(whole(tmp_path / "primes.json", rows))
    queries = task.load()
    assert sorted((q.prompt, q.target) for q in queries) == [
        ("1 + 1?", "2"),
        ("Name a prime.", "2"),
        ("Name a prime.", "3"),
    ]
    assert "1 prompts with several targets, each row a query; 1 rows that repeat another count once" in task.note
    assert next(q.query_id for q in queries if q.prompt == "1 + 1?") == hash_id("primes.json", "1 + 1?")
    assert task.load(seed=3) != queries and {q.query_id for q in task.load(seed=3)} == {q.query_id for q in queries}


def test_every_pair_of_the_embedding_task_is_a_query(tmp_path):
    rows = [{"sentence1": f"One {i % 10}.", "sentence2": f"Two {i}.", "score": i / 4} for i in range(16)]
    assert len(get_task("embedding").load(local=lines(tmp_path / "pairs.jsonl", rows))) == 16


class Judge:
    """A scorer that takes answers without a right one."""

    needs_target = False

    def __call__(self, query, response):
        return 1.0


def test_a_scorer_that_needs_no_target_grades_rows_without_one(tmp_path):
    path = lines(tmp_path / "open.jsonl", [{"prompt": "Tell a joke."}, {"prompt": "Sing."}])
    with pytest.raises(InvalidInputError, match="no column that is known as the target"):
        resolve_tasks(str(path))
    task = only(path, scorer=Judge())
    assert [(q.target, task.score(q, "La.")) for q in task.load()] == [("", Score(1.0))] * 2


def test_splits_may_lie_beside_other_values_and_rows_may_have_fewer_options(tmp_path):
    data = {"version": "2", "train": ROWS[:1], "test": ROWS, "note": {"by": "us"}}
    assert len(only(whole(tmp_path / "both.json", data)).load()) == len(ROWS)
    rows = [
        {"question": "Which?", "choices": ["x", "y", None], "answer": 1},
        {"question": "What?", "choices": ["x", "y", "z"], "answer": 2},
    ]
    assert sorted((q.target, q.options) for q in only(parquet(tmp_path / "few.parquet", rows)).load()) == [
        ("B", 2),
        ("C", 3),
    ]


def test_an_object_as_target_is_answered_with_the_name_of_a_part(tmp_path):
    path = lines(tmp_path / "squad.jsonl", [{"question": "Wet?", "answers": {"text": ["yes"], "answer_start": [3]}}])
    with pytest.raises(InvalidInputError, match=r"Name a part of it, as --columns target=answers\.text\.$"):
        resolve_tasks(str(path))


def test_a_worked_solution_is_graded_by_what_stands_behind_its_mark(tmp_path):
    task = only(lines(tmp_path / "sums.jsonl", [{"question": "3 + 4?", "answer": "3 and 4 make 7.\n#### 7"}]))
    (query,) = task.load()
    assert query.target == "7" and task.score(query, "So it is 7.") == Score(1.0)


def test_an_instruction_comes_with_its_input(tmp_path):
    rows = [
        {"instruction": "Translate to French.", "input": "dog", "output": "chien"},
        {"instruction": "Say hello.", "input": "", "output": "Hello"},
    ]
    prompts = {q.prompt for q in only(whole(tmp_path / "alpaca.json", rows)).load()}
    assert prompts == {"Translate to French.\n\ndog", "Say hello."}


def test_columns_may_be_joined_and_are_suggested_where_they_are_wrong(tmp_path):
    path = whole(tmp_path / "squad.json", [{"context": "It rains.", "question": "Wet?", "answer": "yes"}])
    (query,) = only(path, columns="prompt=context+question").load()
    assert query.prompt == "It rains.\n\nWet?"
    with pytest.raises(InvalidInputError, match=r"squad\.json has no column 'q'; it has: context, question, answer\."):
        resolve_tasks(str(path), columns="prompt=q")
    with pytest.raises(UnknownNameError, match=r"Unknown kind of column 'promt'\. Did you mean 'prompt'\?"):
        resolve_tasks(str(path), columns={"promt": "question"})
    with pytest.raises(InvalidInputError, match=r"no column that is known as the target; .* --columns target=COLUMN"):
        resolve_tasks(str(whole(tmp_path / "b.json", [{"question": "Wet?", "verdict": "yes"}])))
    with pytest.raises(InvalidInputError, match=r"Columns 'question' won't do; write them as prompt=question,"):
        resolve_tasks(str(path), columns="question")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("empty.csv", "", "has no rows; give a file with a row for each query"),
        ("head.csv", "prompt,target\n", "has no rows"),
        ("empty.jsonl", "\n", "has no rows"),
        ("empty.json", "[]", "has no rows"),
        ("torn.jsonl", '{"prompt": "a", "target": "b"}\n{"prompt"', r"line 2 is no JSON"),
        (
            "unquoted.csv",
            "prompt,target\nHi, you,b\nHi, me,c\n",
            "its rows have more fields than its first line",
        ),
        ("ragged.csv", "prompt,target\na,b\na,b,c,d\n", "Expected 2 fields in line 3, saw 4"),
        ("latin.csv", "prompt,target\n\udce9,b\n", "it is no UTF-8 text, see byte 14; save it as UTF-8"),
        ("texts.json", '["a", "b"]', "row 0 is a str, no object of columns"),
        ("packed.csv.gz", "prompt,target\na,b\n", "Not a gzipped file"),
    ],
)
def test_a_file_without_rows_or_of_another_form_is_told_in_one_line(name, text, says, tmp_path):
    path = tmp_path / name
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises((InvalidInputError, HubAccessError), match=says) as e:
        resolve_tasks(str(path))
    assert str(path) in str(e.value) and "\n" not in str(e.value)


def test_a_wrong_path_is_answered_with_the_nearest(tmp_path, monkeypatch):
    delimited(tmp_path / "capitals.csv")
    with pytest.raises(InvalidInputError, match=r"No file or folder .*capital\.csv; did you mean .*capitals\.csv\?"):
        resolve_tasks(str(tmp_path / "capital.csv"))
    with pytest.raises(InvalidInputError, match=r"did you mean .*capitals\.csv\?"):
        resolve_tasks(str(tmp_path / "capitals.jsonl"))
    with pytest.raises(InvalidInputError, match=r"nowhere is not there; the nearest is "):
        resolve_tasks(str(tmp_path / "nowhere" / "capitals.csv"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(InvalidInputError, match="No file or folder data/mine; check the path"):
        resolve_tasks("data/mine")


def test_a_folder_of_several_data_sets_asks_for_one(tmp_path):
    for name in ("maps", "sums"):
        parquet(tmp_path / name / "test.parquet")
    with pytest.raises(InvalidInputError, match=r"holds several data sets; name one, as .*:maps \(maps, sums\)"):
        resolve_tasks(str(tmp_path))
    assert len(only(f"{tmp_path}:maps").load()) == 6
    delimited(tmp_path / "maps" / "test.csv")
    with pytest.raises(InvalidInputError, match=r"holds test as test\.csv and test\.parquet; name one of them"):
        resolve_tasks(f"{tmp_path}:maps:test")
    with pytest.raises(InvalidInputError, match=r"has no folder 'none'; it has: maps, sums"):
        resolve_tasks(f"{tmp_path}:none")


def test_options_of_tables_are_refused_for_tasks_that_have_their_own():
    with pytest.raises(InvalidInputError, match="Columns or examples are given, but add has its own"):
        resolve_tasks("add", fewshot=2)
    (task,) = resolve_tasks("add", system="Be quick.")
    assert task.load(limit=1)[0].system == "Be quick."


def bench(out, spec, **settings):
    task = only(spec, **settings)
    ladder_run = {"generators": lambda s: ScriptedGenerator(s.size, guide), "progress": False}
    return run(ONE, task.load(), task.score, out=out, **ladder_run)


def test_a_folder_of_other_tasks_or_other_words_is_refused(tmp_path):
    path = lines(tmp_path / "maps.jsonl", [{**row, "id": i} for i, row in enumerate(ROWS)])
    bench(tmp_path / "run", path)
    bench(tmp_path / "run", path)
    with pytest.raises(InvalidInputError, match=r"run holds rows of maps, not asked for now; name these tasks, too"):
        bench(tmp_path / "run", delimited(tmp_path / "capitals.csv"))
    with pytest.raises(InvalidInputError, match=r"holds an answer to query 'maps/\d' that was asked in other words"):
        bench(tmp_path / "run", path, system="Be short.")


def test_letters_are_refused_where_no_query_has_options(tmp_path):
    task = only(delimited(tmp_path / "capitals.csv"))
    with pytest.raises(InvalidInputError, match="mcq is 'logits', and no query has lettered options"):
        run(ONE, task.load(), task.score, out=tmp_path / "run", config=GenerateConfig(mcq="logits"))


def test_renamed_columns_are_found_whatever_their_case(tmp_path):
    assert len(only(delimited(tmp_path / "c.csv", renamed("Question ", "Answer"))).load()) == 6
