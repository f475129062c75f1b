import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from table_layouts import ROWS, lines, parquet

from zeta_eval.exceptions import HubAccessError, InvalidInputError
from zeta_eval.tasks import get_task, resolve_tasks
from zeta_eval.tasks import registry as registry_module
from zeta_eval.tasks.loading import hub_splits
from zeta_eval.tasks.tables.places import Place, default_split, find_place


@pytest.fixture(autouse=True)
def registered():
    before = dict(registry_module._TASKS)
    yield
    registry_module._TASKS.clear()
    registry_module._TASKS.update(before)


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("some/maps", Place(hub="some/maps")),
        ("some/maps:capitals", Place(hub="some/maps", config="capitals")),
        ("some/maps:train", Place(hub="some/maps", split="train")),
        ("some/maps:capitals:dev", Place(hub="some/maps", config="capitals", split="dev")),
        ("some/maps::extra", Place(hub="some/maps", split="extra")),
        ("some/maps@v1.0:capitals", Place(hub="some/maps", revision="v1.0", config="capitals")),
        ("maps", None),
        ("some/maps.csv", None),
    ],
)
def test_a_hub_id_may_name_a_revision_a_configuration_and_a_split(word, place):
    assert find_place(word) == place


def test_the_test_split_is_taken_where_none_is_named():
    assert default_split(["train", "validation", "test"]) == "test"
    assert default_split(["train", "validation"]) == "validation"
    assert default_split(["Train", "other"]) == "Train"
    assert default_split(["easy", "hard"]) == "easy"


def test_the_hub_id_of_a_shipped_task_is_that_task():
    (task,) = resolve_tasks("openai/gsm8k")
    assert task == get_task("gsm8k")
    (task,) = resolve_tasks("openai/gsm8k@0123abc:main:train")
    assert (task.name, task.revision, task.split) == ("gsm8k", "0123abc", "train")
    assert len(resolve_tasks("lukaemon/bbh")) == 27


def test_a_local_copy_of_a_hub_id_lies_in_any_folder_of_copies(tmp_path):
    parquet(tmp_path / "some" / "maps" / "capitals" / "test.parquet")
    (task,) = resolve_tasks(f"some/maps:capitals={tmp_path}")
    assert (task.name, task.dataset) == ("some/maps.capitals", "some/maps")
    assert len(task.load()) == len(ROWS)
    (task,) = resolve_tasks(f"some/maps={lines(tmp_path / 'rows.jsonl')}")
    assert len(task.load()) == len(ROWS)
    with pytest.raises(InvalidInputError, match=r"No file or folder .*none: .*nothing is not there"):
        resolve_tasks(f"some/maps={tmp_path / 'nothing' / 'none'}")


def test_columns_or_examples_ask_the_rows_of_a_shipped_tasks_data_set(tmp_path):
    for split, n in (("train", 5), ("test", 3)):
        rows = [{"question": f"{split} {i} + 0?", "answer": f"Nothing is added.\n#### {i}"} for i in range(n)]
        parquet(tmp_path / "main" / f"{split}.parquet", rows)
    (task,) = resolve_tasks(f"openai/gsm8k={tmp_path}", fewshot=2)
    assert (task.name, task.dataset) == ("openai/gsm8k.main", "openai/gsm8k")
    queries = task.load()
    assert sorted(q.target for q in queries) == ["0", "1", "2"]
    assert all(q.prompt.count("Answer: Nothing is added.\n#### ") == 2 for q in queries)


def cached(home, config, splits):
    """A data set as the hub's client keeps it once it was loaded."""
    folder = home / "datasets" / "some___maps" / config / "0.0.0" / "0123456789abcdef0123456789abcdef01234567"
    folder.mkdir(parents=True)
    for split, rows in splits.items():
        table = pa.Table.from_pylist(rows)
        with pa.ipc.new_stream(folder / f"maps-{split}.arrow", table.schema) as f:
            f.write_table(table)
    info = {
        "builder_name": "parquet",
        "dataset_name": "maps",
        "config_name": config,
        "version": {"version_str": "0.0.0", "major": 0, "minor": 0, "patch": 0},
        "features": {name: {"dtype": "string", "_type": "Value"} for name in ("question", "answer")},
        "splits": {
            split: {"name": split, "num_bytes": 1, "num_examples": len(rows), "dataset_name": "maps"}
            for split, rows in splits.items()
        },
    }
    (folder / "dataset_info.json").write_text(json.dumps(info))


def test_a_hub_id_is_loaded_by_the_hubs_client_with_examples_from_another_split(tmp_path):
    # A process of its own, because the hub's client reads its folder and the offline switch when it is imported.
    cached(tmp_path, "default", {"train": ROWS[:3], "test": ROWS[3:]})
    code = (
        "from zeta_eval.tasks import resolve_tasks\n"
        "(t,) = resolve_tasks('some/maps', fewshot=1)\n"
        "print(t.note)\n"
        "print(sorted(q.target for q in t.load()), t.load()[0].prompt.count('Answer: '))\n"
        "(t,) = resolve_tasks('some/maps:train')\n"
        "print(sorted(q.target for q in t.load()))\n"
        "try: resolve_tasks('some/maps:dev')\n"
        "except Exception as e: print(e)\n"
        "try: resolve_tasks('some/other')\n"
        "except Exception as e: print(e)\n"
    )
    env = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    note, tests, train, split, unknown = ran.stdout.splitlines()
    assert note == (
        "some/maps: 3 rows of split test; prompt from question, target from answer; "
        "1 examples from split train, seed 0."
    )
    assert tests == f"{sorted(r['answer'] for r in ROWS[3:])} 1"
    assert train == f"{sorted(r['answer'] for r in ROWS[:3])}"
    assert "some/maps has no split 'dev'; it has: train, test" in split
    assert unknown.startswith("Can't load some/other from the Hugging Face hub (")
    assert unknown.endswith("or use a local copy: some/other=FOLDER_OR_FILE.")


def test_a_configuration_is_asked_for_where_there_are_several(tmp_path, monkeypatch):
    repository = tmp_path / "some" / "maps"
    for config in ("capitals", "rivers"):
        (repository / config).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(ROWS), repository / config / "test.parquet")
    listed = "".join(f"- config_name: {c}\n  data_files: {c}/*.parquet\n" for c in ("capitals", "rivers"))
    (repository / "README.md").write_text(f"---\nconfigs:\n{listed}---\n")
    monkeypatch.chdir(tmp_path)  # the client takes a folder of that name for the repository
    with pytest.raises(InvalidInputError, match=r"has several configurations; name one, as some/maps:capitals \("):
        hub_splits("some/maps", None, None)
    with pytest.raises(InvalidInputError, match=r"has no configuration 'seas'; name one, as some/maps:capitals"):
        hub_splits("some/maps", "seas", None)
    assert list(hub_splits("some/maps", "rivers", None)) == ["train"]


def test_without_the_hub_one_line_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HubAccessError, match=r"Can't load some/maps@v1 from the Hugging Face hub \(.*\), and no file"):
        resolve_tasks("some/maps@v1")
