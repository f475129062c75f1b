"""The words that stand for tasks on the command line: names, groups, tables, hub ids, task files, Python files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import is_folder, is_there
from zeta_eval.tasks.base import Scorer, Task
from zeta_eval.tasks.files.reader import READERS, ending
from zeta_eval.tasks.harness.settings import PREFIX, HarnessSettings
from zeta_eval.tasks.python_file import tasks_from_file
from zeta_eval.tasks.registry import get_task, groups, hub_names, register, task_names
from zeta_eval.tasks.scorers import get_scorer
from zeta_eval.tasks.tables.columns import parse_columns
from zeta_eval.tasks.tables.own import OwnQueries, Reading, own_queries
from zeta_eval.tasks.tables.places import Place, find_place, missing
from zeta_eval.tasks.tables.task_file import read_task_file


def resolve_tasks(
    spec: str | Task | Sequence[str | Task],
    *,
    scorer: str | Scorer | None = None,
    columns: str | Mapping[str, str] | None = None,
    system: str = "",
    fewshot: int | None = None,
    seed: int = 0,
    harness: HarnessSettings | None = None,
) -> list[Task]:
    """Find the tasks that names, groups, tables, hub ids or files stand for, each task once.

    >>> [task.name for task in resolve_tasks("add,copy")]
    ['add', 'copy']

    Args:
        spec: items in a list or between commas. An item is a task's name, a group's name ("embedded", "bbh"),
            `NAME=PATH` for a task or group with a local copy of its data set, the path of a table of your own (a file,
            a folder, or a data set that was saved to disk), a hub id with `@revision`, `:config` and `:split`, a task
            file (.toml), a Python file with tasks under @task, or one of them as `FILE.py:NAME`, a task or group of
            lm-evaluation-harness as `lm-eval:NAME`, or a Task.
        scorer: what grades the tasks that come from tables, as `task` takes it; None takes "auto", or "choice" where
            there are choices.
        columns: the columns of tables where they are not recognised: "prompt=question,target=answer", or a mapping.
        system: text of the system message before every prompt; "" for none.
        fewshot: examples with their answers before each prompt of a table, drawn from another split where there is
            one, or of a task of lm-evaluation-harness, drawn by itself; None takes none, or that task's own number.
        seed: seed that draws the examples of tables.
        harness: how tasks of lm-evaluation-harness are asked and scored.

    Raises:
        UnknownNameError: a name that is no task and no group.
        HubAccessError: a data set that can't be read.
        InvalidInputError: nothing is asked for, a path where nothing lies, a table that can't be used, one task twice
            from two places, or a scorer, columns or examples for none but tasks that have their own.
    """
    named = parse_columns(columns) if isinstance(columns, str) else dict(columns or {})
    grading = None if scorer is None else get_scorer(scorer)
    needs_target = bool(getattr(grading, "needs_target", True))
    reading = Reading(columns=named, fewshot=fewshot or 0, seed=seed, needs_target=needs_target)
    items = [spec] if isinstance(spec, Task) else _items(spec) if isinstance(spec, str) else list(spec)
    found: dict[str, Task] = {}
    for item in items:
        if isinstance(item, Task):
            made = [item]
        elif item.strip().startswith(PREFIX):
            made = _harness(item.strip(), harness or HarnessSettings(), system, fewshot)
        else:
            made = _resolve(item.strip(), reading)
        for t in made:
            if found.setdefault(t.name, t) != t:
                raise InvalidInputError(f"Task '{t.name}' is asked for twice, from different places; keep one.")
    if not found:
        raise InvalidInputError(f"No tasks asked for; name some of: {', '.join([*groups(), *hub_names()])}.")
    if grading is not None:
        found = _graded(found, grading)
    takers = [t for t in found.values() if _of_table(t) or (fewshot is not None and not named and _of_harness(t))]
    if (named or fewshot) and not takers:
        raise InvalidInputError(
            f"Columns or examples are given, but {', '.join(found)} has its own; give them for tasks of tables only."
        )
    if harness not in (None, HarnessSettings()) and not any(map(_of_harness, found.values())):
        raise InvalidInputError(
            f"Settings of lm-evaluation-harness are given, but {', '.join(found)} is none of its tasks; name one as "
            f"{PREFIX}gsm8k, or leave them out."
        )
    return [replace(t, system=system) if system and not _of_harness(t) else t for t in found.values()]


def _items(spec: str) -> list[str]:
    """Items between commas; a comma in the name of a path that exists, or in a word's columns, parts nothing."""
    pieces, found, start = spec.split(","), [], 0
    while start < len(pieces):
        ends = range(len(pieces), start, -1)
        whole = (end for end in ends if _exists(",".join(pieces[start:end]).strip()))
        end = next(whole, start + 1)
        found.append(",".join(pieces[start:end]))
        start = end
    return found


def _exists(item: str) -> bool:
    """Whether an item, or what it says behind "=", is a path that exists."""
    return bool(item) and any(path and is_there(path) for path in (item, item.partition("=")[2]))


def _resolve(item: str, reading: Reading) -> list[Task]:
    """Tasks that one word stands for."""
    if not item:
        return []
    name, sign, path = item.partition("=")
    if name in task_names() or name in groups():
        tasks = [get_task(n) for n in groups().get(name, (name,))]
        if sign and not is_there(path):
            raise missing(path)
        return [replace(t, local=Path(path)) for t in tasks] if sign else tasks
    file, _, function = item.partition(".py:")
    if item.endswith(".py") or function:
        script = Path(item if item.endswith(".py") else f"{file}.py")
        if not script.is_file():
            raise missing(str(script))
        return tasks_from_file(script, function)
    if item.endswith(".toml"):
        return [_task_of_file(Path(item), reading)]
    if name.partition("/")[0] not in groups() and (place := find_place(item)) is not None:
        return _tasks_at(place, reading)
    if ending(Path(item)) in READERS or ("/" in item and is_folder(item.partition("/")[0] or "/")):
        raise missing(item)
    return [get_task(name)]


def _harness(item: str, settings: HarnessSettings, system: str, fewshot: int | None) -> list[Task]:
    """The tasks of lm-evaluation-harness that a word stands for."""
    from zeta_eval.tasks.harness.tasks import harness_tasks  # late: it needs more modules than other tasks do

    return harness_tasks(item, settings, system=system, fewshot=fewshot)


def _tasks_at(place: Place, reading: Reading) -> list[Task]:
    """The shipped tasks of a data set on the hub, if it has some and nothing is named; else the task of its table."""
    shipped = [t for t in map(get_task, task_names()) if t.group != "own" and place.hub and t.dataset == place.hub]
    wanted = [t for t in shipped if place.config in (None, t.config)]
    if wanted and not (reading.columns or reading.fewshot):
        return [replace(t, split=place.split or t.split, local=place.path, revision=place.revision) for t in wanted]
    if shipped and place.config is None:
        place = replace(place, config=shipped[0].config)
    return [_own_task(place, reading)]


def _own_task(
    place: Place, reading: Reading, *, name: str = "", scorer: str = "", system: str = "", limit: int | None = None
) -> Task:
    """The task of a user's table, registered under the table's name."""
    asked = own_queries(place, reading)
    chosen = "choice" if all(q.options for q in asked.queries) else "auto"
    made = Task(
        name=name or place.name,
        scorer=get_scorer(scorer or chosen),
        generate=asked,
        dataset=place.dataset,
        description=f"Queries of {place}.",
        system=system,
        default_limit=limit,
    )
    known = task_names()
    if (made.name in known and get_task(made.name).group != "own") or made.name in groups():
        raise InvalidInputError(
            f"File {place} has the name of a shipped task; rename it, or write {made.name}={place} "
            "if it is a local copy of that task's data set."
        )
    return register(made)


def _task_of_file(path: Path, reading: Reading) -> Task:
    """The task of a task file."""
    read = read_task_file(path)
    if reading.columns or reading.fewshot:
        raise InvalidInputError(f"Task file {path} says its own columns and examples; write them there.")
    place = find_place(read.data)
    if place is None:
        raise missing(read.data)
    return _own_task(place, read.reading, name=read.name, scorer=read.scorer, system=read.system, limit=read.limit)


def _graded(found: dict[str, Task], scorer: Scorer) -> dict[str, Task]:
    """The tasks, with those of tables graded by a scorer; at least one must be of a table."""
    if not any(_of_table(t) for t in found.values()):
        raise InvalidInputError(
            f"A scorer is given, but {', '.join(found) or 'none'} has its own; give one for tasks of files only, or "
            "grade stored answers again with `zeta rescore --scorer`."
        )
    return {n: register(replace(t, scorer=scorer)) if _of_table(t) else t for n, t in found.items()}


def _of_harness(t: Task) -> bool:
    """Whether a task is one of lm-evaluation-harness, whose prompts hold system message and examples already."""
    return bool(getattr(t.generate, "asking", None))


def _of_table(t: Task) -> bool:
    """Whether a task is that of a user's own table."""
    return isinstance(t.generate, OwnQueries)
