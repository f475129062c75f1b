import csv
import gzip
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeta_eval.exceptions import HubAccessError, InvalidInputError
from zeta_eval.tasks import Query, Score, get_task, resolve_tasks, task
from zeta_eval.tasks import registry as registry_module
from zeta_eval.tasks.base import hash_id

ROWS = {
    "gsm8k": [{"question": f"Eggs {i}?", "answer": f"1 + {i} = <<1+{i}>>\n#### {i},000"} for i in range(12)],
    "math_500": [
        {
            "problem": "Half?",
            "solution": "s",
            "answer": "\\frac{1}{2}",
            "subject": "a",
            "level": 1,
            "unique_id": "test/1",
        }
    ],
    "mmlu": [{"question": "Which?", "subject": "abstract_algebra", "choices": ["p", "q", "r", "s"], "answer": 2}],
    "mmlu_pro": [
        {
            "question_id": 71,
            "question": "Which?",
            "options": [f"option {i}" for i in range(10)],
            "answer": "J",
            "answer_index": 9,
            "category": "business",
        }
    ],
    "arc_challenge": [
        {
            "id": "Mercury_1",
            "question": "Which?",
            "choices": {"text": ["p", "q", "r"], "label": ["1", "2", "3"]},
            "answerKey": "2",
        }
    ],
    "bbh/date_understanding": [{"input": "Which?\nOptions:\n(A) 1\n(B) 2", "target": "(B)"}],
    "bbh/dyck_languages": [{"input": "Close [ (", "target": ") ]"}],
    "truthfulqa_mc": [
        {
            "question": f"Which {i}?",
            "mc1_targets": {"choices": ["right", "p", "q", "r"], "labels": [1, 0, 0, 0]},
            "mc2_targets": {"choices": ["right", "p"], "labels": [1, 0]},
        }
        for i in range(8)
    ],
    "embedding": [{"split": "test", "sentence1": "A man eats.", "sentence2": "Someone eats.", "score": 4.2}],
}
RESPONSES = {"gsm8k": "\\boxed{%s}", "math_500": "\\boxed{%s}"}


@pytest.fixture(autouse=True)
def registered():
    before = dict(registry_module._TASKS)
    yield
    registry_module._TASKS.clear()
    registry_module._TASKS.update(before)


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="utf-8") as f:
            f.write(lines)
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text(lines, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ROWS)
def test_each_hub_task_loads_a_local_copy(tmp_path, name):
    t = get_task(name)
    folder = tmp_path / t.dataset / t.config if t.config else tmp_path / t.dataset
    write(folder / f"{t.split}.parquet", ROWS[name])
    queries = t.load(local=tmp_path)
    assert len(queries) == len(ROWS[name])
    for q in queries:
        assert (q.task, q.dataset) == (name, t.dataset)
        assert q.query_id
        if t.kind == "generate":
            assert t.score(q, RESPONSES.get(name, "The answer is %s") % q.target) == Score(1.0)
            assert t.score(q, "") == Score(0.0, unparsed=True)


def test_prompts_hold_the_question_and_targets_the_answer(tmp_path):
    first = {}
    for name, rows in ROWS.items():
        first[name] = get_task(name).load(local=write(tmp_path / f"{name.replace('/', '-')}.parquet", rows))[0]
    gsm = first["gsm8k"]
    assert gsm.target in {f"{i}000" for i in range(12)}
    assert gsm.query_id == hash_id("openai/gsm8k", gsm.prompt)
    assert first["math_500"].query_id == "math_500/test/1"
    assert first["mmlu"].target == "C"
    assert "about abstract algebra" in first["mmlu"].prompt
    assert "C. r" in first["mmlu"].prompt
    assert (first["mmlu_pro"].target, first["mmlu_pro"].query_id) == ("J", "mmlu_pro/71")
    assert "J. option 9" in first["mmlu_pro"].prompt
    assert (first["arc_challenge"].target, first["arc_challenge"].query_id) == ("B", "arc_challenge/Mercury_1")
    assert first["bbh/date_understanding"].target == "(B)"
    assert first["embedding"].prompt.endswith("similarity: A man eats.")
    assert first["embedding"].target == ("Someone eats.", "4.2")


def test_the_right_option_of_truthfulqa_moves_but_stays_with_its_question(tmp_path):
    path = write(tmp_path / "validation.parquet", ROWS["truthfulqa_mc"])
    queries = get_task("truthfulqa_mc").load(local=path)
    assert len({q.target for q in queries}) > 1
    assert all(f"{q.target}. right" in q.prompt for q in queries)
    again = get_task("truthfulqa_mc").load(local=path, seed=5)
    assert {q.query_id for q in again} == {q.query_id for q in queries}


@pytest.mark.parametrize(
    "place",
    [
        "openai/gsm8k/main/test.parquet",
        "openai/gsm8k/main/test-00000-of-00001.parquet",
        "openai/gsm8k/test.jsonl",
        "main/test.parquet",
        "data/test-00000-of-00001.parquet",
        "test.csv",
        "test.json",
        "test.jsonl.gz",
    ],
)
def test_a_folder_may_be_laid_out_in_several_ways(tmp_path, place):
    write(tmp_path / place, ROWS["gsm8k"])
    write(tmp_path / "other" / "test.parquet", ROWS["mmlu"])
    expected = {q.query_id for q in get_task("gsm8k").load(local=write(tmp_path / "x" / "y.parquet", ROWS["gsm8k"]))}
    assert {q.query_id for q in get_task("gsm8k").load(local=tmp_path)} == expected


def test_shards_are_read_together(tmp_path):
    for i in range(3):
        write(tmp_path / f"test-{i:05}-of-00003.parquet", ROWS["gsm8k"][4 * i : 4 * i + 4])
    assert len(get_task("gsm8k").load(local=tmp_path)) == 12


def test_a_limit_is_a_seeded_sample_that_grows(tmp_path):
    path = write(tmp_path / "test.parquet", ROWS["gsm8k"])
    gsm8k = resolve_tasks(f"gsm8k={path}")[0]
    all_of_them = gsm8k.load(seed=1)
    assert gsm8k.load(limit=5, seed=1) == all_of_them[:5]
    assert gsm8k.load(limit=99, seed=1) == all_of_them
    assert gsm8k.load(limit=5, seed=2) != all_of_them[:5]
    head = {f"{i}000" for i in range(5)}
    assert {q.target for q in gsm8k.load(limit=5, seed=1)} != head


def test_without_the_hub_one_line_names_the_local_copy(tmp_path):
    # A process of its own, because the hub's client reads the offline switch when it is imported.
    code = (
        "from zeta_eval.tasks import get_task\n"
        "from zeta_eval.exceptions import HubAccessError\n"
        "try: get_task('gsm8k').load(limit=1)\n"
        "except HubAccessError as e: print(e)\n"
    )
    env = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert out.count("\n") == 1
    assert "Can't load openai/gsm8k, config main, split test" in out
    assert "gsm8k=FOLDER_OR_FILE" in out


def test_a_local_copy_that_cannot_serve_is_told_in_one_line(tmp_path):
    gsm8k = get_task("gsm8k")
    with pytest.raises(HubAccessError, match=r"No file or folder .*nowhere; check the path"):
        gsm8k.load(local=tmp_path / "nowhere")
    with pytest.raises(HubAccessError, match=r"No openai/gsm8k/main/test.parquet or test.parquet in "):
        gsm8k.load(local=tmp_path)
    write(tmp_path / "main" / "train.parquet", ROWS["gsm8k"])
    with pytest.raises(HubAccessError, match=r"it holds main/train\.parquet; name a data file itself"):
        gsm8k.load(local=tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(HubAccessError, match=r"notes\.txt: use a file that ends in \.parquet, \.jsonl"):
        gsm8k.load(local=tmp_path / "notes.txt")
    (tmp_path / "bad.parquet").write_text("no parquet")
    with pytest.raises(HubAccessError, match=r"Can't read .*bad\.parquet .*Export it again"):
        gsm8k.load(local=tmp_path / "bad.parquet")
    with pytest.raises(InvalidInputError, match=r"has no column 'answer' that task 'gsm8k' needs; it has: a, b\."):
        gsm8k.load(local=write(tmp_path / "foreign.parquet", [{"a": 1, "b": 2}]))
    with pytest.raises(InvalidInputError, match=r"Row 0 of .* is no row of task 'mmlu'"):
        get_task("mmlu").load(local=write(tmp_path / "odd.jsonl", [ROWS["mmlu"][0] | {"answer": "C"}]))
    with pytest.raises(InvalidInputError, match="'add' makes its own queries"):
        get_task("add").load(local=tmp_path)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_own_file_is_a_task(tmp_path, ending):
    rows = [
        {"prompt": 'Say "seven", please', "target": "007"},
        {"prompt": "Not applicable?", "target": "NA"},
        {"prompt": "Pick\nA. x\nB. y", "target": "B"},
    ]
    own = resolve_tasks(str(write(tmp_path / f"my_own.{ending}", rows)))[0]
    assert own.name == "my_own"
    queries = {q.target: q for q in own.load()}
    assert set(queries) == {"007", "NA", "B"}
    assert {(q.task, q.dataset) for q in queries.values()} == {("my_own", f"my_own.{ending}")}
    score = get_task("my_own").score
    assert score(queries["007"], "The answer is 7") == Score(1.0)
    assert score(queries["NA"], "na") == Score(1.0)
    assert score(queries["B"], "(A)") == Score(0.0)


def test_an_own_file_may_bring_ids_numbers_and_several_targets(tmp_path):
    rows = [{"prompt": "a", "target": 18, "id": 1}, {"prompt": "b", "target": ["x", "y"], "id": 2}]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    queries = {q.query_id: q.target for q in resolve_tasks(str(tmp_path / "mine.jsonl"))[0].load()}
    assert queries == {"mine/1": "18", "mine/2": ("x", "y")}


def test_an_own_file_that_cannot_be_a_task_says_why(tmp_path):
    with pytest.raises(InvalidInputError, match=r"has the name of a shipped task; rename it, or write gsm8k="):
        resolve_tasks(str(write(tmp_path / "gsm8k.jsonl", ROWS["gsm8k"])))
    with pytest.raises(InvalidInputError, match=r"no column that is known as the prompt; it has: sentence1, "):
        resolve_tasks(str(write(tmp_path / "rows.jsonl", [{"sentence1": "A man eats.", "answer": "4.2"}])))
    with pytest.raises(
        InvalidInputError, match=r"None of 1 rows of .*gaps\.jsonl can be asked: 1 with an empty target"
    ):
        resolve_tasks(str(write(tmp_path / "gaps.jsonl", [{"prompt": "a", "target": None}])))


def test_a_decorated_function_may_read_a_data_set(tmp_path):
    @task(name="half", scorer="number", dataset="someone/halves")
    def half(row):
        return Query(prompt=f"Half of {row['n']}?", target=str(row["n"] / 2))

    queries = half.load(local=write(tmp_path / "someone" / "halves" / "test.jsonl", [{"n": 3}, {"n": 4}]).parents[2])
    assert {q.target for q in queries} == {"1.5", "2.0"}
    assert queries[0].dataset == "someone/halves"
