"""Task files: a TOML file that says where a task's data lie and how they are asked and graded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zeta_eval.exceptions import InvalidInputError, UnknownNameError, value_shown
from zeta_eval.files import is_there, read_toml
from zeta_eval.tasks.files.reader import READERS, ending
from zeta_eval.tasks.tables.own import Reading

KINDS: Final[Mapping[str, type[Any]]] = {
    "data": str,
    "name": str,
    "columns": dict,
    "template": str,
    "system": str,
    "examples": list,
    "fewshot": int,
    "seed": int,
    "scorer": str,
    "stop": list,
    "max_new_tokens": int,
    "limit": int,
}
"""Keys of a task file, and the kinds of their values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFile:
    """The contents of a task file."""

    data: str
    """Where the rows lie, as `--tasks` takes it; a path is relative to the file."""
    name: str
    """Name of the task."""
    reading: Reading
    """How rows are made into queries."""
    system: str
    """The system prompt; "" for none."""
    scorer: str
    """Name of the scorer, or FILE.py:NAME; "" leaves it to the data."""
    limit: int | None
    """Most queries unless a run says otherwise."""


def read_task_file(path: Path) -> TaskFile:
    """Read a task file.

    Raises:
        InvalidInputError: no TOML, an unknown key, a value of another kind, or no `data`.
    """
    if not path.is_file():
        raise InvalidInputError(f"No task file {path}; check the path.")
    try:
        found = read_toml(path)
    except ValueError as e:
        raise InvalidInputError(f"Task file {path} is no TOML: {e}. Mend that line.") from e
    except OSError as e:
        raise InvalidInputError(f"Task file {path} can't be read: {e.strerror}.") from e
    _check(path, found)
    columns = found.get("columns", {})
    reading = Reading(
        columns={key: "+".join(map(str, v)) if isinstance(v, list) else str(v) for key, v in columns.items()},
        template=found.get("template", ""),
        fewshot=found.get("fewshot", 0),
        seed=found.get("seed", 0),
        examples=tuple(_example(path, e) for e in found.get("examples", [])),
        stop=tuple(map(str, found.get("stop", []))),
        max_new_tokens=found.get("max_new_tokens"),
    )
    return TaskFile(
        data=_data(path, found["data"]),
        name=found.get("name", path.stem),
        reading=reading,
        system=found.get("system", ""),
        scorer=_scorer(path, found.get("scorer", "")),
        limit=found.get("limit"),
    )


def _check(path: Path, found: Mapping[str, Any]) -> None:
    """Refuse unknown keys, values of another kind, and a file without data."""
    for key, value in found.items():
        if key not in KINDS:
            raise UnknownNameError(f"key of task file {path}:", key, KINDS)
        if not isinstance(value, KINDS[key]) or isinstance(value, bool):
            raise InvalidInputError(f"Task file {path} has {key} = {value_shown(value)}; give a {KINDS[key].__name__}.")
        if key in ("max_new_tokens", "limit") and value < 1:
            raise InvalidInputError(f"Task file {path} has {key} = {value_shown(value)}; give at least 1.")
    if not found.get("data"):
        raise InvalidInputError(f'Task file {path} says no data; add data = "FILE_OR_HUB_ID".')


def _example(path: Path, example: Any) -> tuple[str, str]:
    """Prompt and target of an example."""
    if not isinstance(example, dict) or set(example) != {"prompt", "target"}:
        raise InvalidInputError(
            f"Task file {path} has the example {value_shown(example)}; give it a prompt and a target."
        )
    return str(example["prompt"]), str(example["target"])


def _data(path: Path, data: str) -> str:
    """The data's place: a path beside the task file, with selectors behind it or not, or as it is written."""
    head = data.partition(":")[0]
    for name in (data, head):
        if name and is_there(path.parent / name):
            return f"{path.parent / name}{data[len(name) :]}"
    return str(path.parent / data) if ending(Path(head)) in READERS else data


def _scorer(path: Path, scorer: str) -> str:
    """The scorer, with a Python file beside the task file by its path."""
    place, sign, name = scorer.rpartition(":")
    return f"{path.parent / place}:{name}" if sign and is_there(path.parent / place) else scorer
