"""The registry of tasks: names, groups, the @task decorator, and the words that stand for tasks on the command line."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from zeta_eval.exceptions import HubAccessError, InvalidInputError, UnknownNameError
from zeta_eval.tasks.base import Query, Row, Scorer, Task, shuffled
from zeta_eval.tasks.loading import BUILDERS
from zeta_eval.tasks.scorers import get_scorer

_TASKS: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Add a task to the registry; a task of your own may be defined again, a shipped one may not."""
    known = _TASKS.get(task.name)
    if (known and known.group != "own" and known != task) or task.name in groups():
        raise InvalidInputError(f"The name '{task.name}' belongs to a shipped task; choose another for yours.")
    _TASKS[task.name] = task
    return task


def task(
    *, name: str, scorer: str | Scorer = "auto", dataset: str = "", config: str | None = None, split: str = "test"
) -> Callable[[Callable[..., Any]], Task]:
    """Make a task of your own from the decorated function, which makes its queries.

    Without `dataset` the function yields Query values: all of them if it takes no argument, or random ones if it takes
    a `seed`. With `dataset` (a hub id) the function takes one row of the data set and returns its Query.

    >>> @task(name="capitals", scorer="answer")
    ... def capitals():
    ...     for country, city in {"France": "Paris", "Peru": "Lima"}.items():
    ...         yield Query(prompt=f"What is the capital of {country}?", target=city)
    >>> len(capitals.load())
    2

    Args:
        name: name of the task.
        scorer: a scorer's name ("answer", "choice", "exact", "math", "number", "auto"), or a function of query and
            response that returns a Score or a number in [0, 1]; one whose first parameter is not called `query` gets
            the target instead.
        dataset: hub id of a data set, if the queries come from one.
        config: the data set's configuration on the hub.
        split: the data set's split.
    """

    def decorate(function: Callable[..., Any]) -> Task:
        made = Task(
            name=name,
            scorer=get_scorer(scorer),
            build=function if dataset else None,
            generate=None if dataset else _generator(function),
            dataset=dataset or name,
            config=config,
            split=split,
            description=_summary(function),
        )
        return register(made)

    return decorate


def hub_task(
    *,
    name: str,
    scorer: Scorer,
    dataset: str,
    licence: str,
    config: str | None = None,
    split: str = "test",
    kind: Literal["generate", "embed"] = "generate",
) -> Callable[[Callable[[Row], Query]], Task]:
    """Make a shipped task from a function of one row of a data set on the hub; its docstring describes the task.

    The arguments are the fields of `Task`.
    """

    def decorate(build: Callable[[Row], Query]) -> Task:
        made = Task(
            name=name,
            scorer=scorer,
            build=build,
            dataset=dataset,
            config=config,
            split=split,
            source=f"https://huggingface.co/datasets/{dataset}",
            licence=licence,
            description=_summary(build),
            group="hub",
            kind=kind,
        )
        return register(made)

    return decorate


def get_task(name: str) -> Task:
    """Look a task up."""
    if name not in _TASKS:
        # The members of a group would drown the list; they are suggested to who names one.
        names = [n for n in _TASKS if "/" in name or "/" not in n] + list(groups())
        raise UnknownNameError(
            "task", name, names, hint="A .csv, .jsonl or .parquet file with prompt and target columns works too."
        )
    return _TASKS[name]


def task_names() -> tuple[str, ...]:
    """Names of all tasks, in the order of registration."""
    return tuple(_TASKS)


def groups() -> dict[str, tuple[str, ...]]:
    """Names that stand for several tasks, and those tasks' names."""
    found: dict[str, list[str]] = {}
    for t in _TASKS.values():
        if t.group not in ("own", "hub"):
            found.setdefault(t.group, []).append(t.name)
    return {group: tuple(names) for group, names in found.items()}


def resolve_tasks(spec: str | Task | Sequence[str | Task], *, scorer: str | Scorer | None = None) -> list[Task]:
    """Find the tasks that names, groups or files stand for, each task once.

    >>> [task.name for task in resolve_tasks("add,copy")]
    ['add', 'copy']

    Args:
        spec: items in a list or between commas. An item is a task's name, a group's name ("embedded", "bbh"),
            `NAME=PATH` for a task or group with a local copy of its data set, the path of a file of your own with
            prompt and target columns (the file's name becomes the task's), or a Task.
        scorer: what grades the tasks that come from files, as `task` takes it; None takes "auto".

    Raises:
        UnknownNameError: a name that is no task and no group.
        HubAccessError: a path where nothing lies.
        InvalidInputError: nothing is asked for, one task twice from two places, or a scorer without a file's task.
    """
    grading = None if scorer is None else get_scorer(scorer)
    items = [spec] if isinstance(spec, Task) else spec.split(",") if isinstance(spec, str) else list(spec)
    found: dict[str, Task] = {}
    for item in items:
        for t in [item] if isinstance(item, Task) else _resolve(item.strip()):
            if found.setdefault(t.name, t) != t:
                raise InvalidInputError(f"Task '{t.name}' is asked for twice, from different places; keep one.")
    if grading is not None:
        found = _graded(found, grading)
    if not found:
        raise InvalidInputError(f"No tasks asked for; name some of: {', '.join([*groups(), *_hub_names()])}.")
    return list(found.values())


def _resolve(item: str) -> list[Task]:
    """Tasks that one word stands for."""
    if not item:
        return []
    if item not in _TASKS and (Path(item).is_file() or ("=" not in item and Path(item).suffix in BUILDERS)):
        return [_file_task(Path(item))]
    name, _, path = item.partition("=")
    tasks = [_TASKS[n] for n in groups().get(name, ())] or [get_task(name)]
    if "=" not in item:
        return tasks
    if not Path(path).exists():
        raise HubAccessError(f"No file or folder '{path}' for task '{name}'; check the path after '='.")
    return [replace(t, local=Path(path)) for t in tasks]


def _graded(found: dict[str, Task], scorer: Scorer) -> dict[str, Task]:
    """The tasks, with those of files graded by a scorer; at least one must be of a file."""
    if not any(_of_file(t) for t in found.values()):
        raise InvalidInputError(
            f"A scorer is given, but {', '.join(found) or 'none'} has its own; give one for tasks of files only, or "
            "grade stored answers again with `zeta rescore --scorer`."
        )
    return {n: register(replace(t, scorer=scorer)) if _of_file(t) else t for n, t in found.items()}


def _of_file(t: Task) -> bool:
    """Whether a task is that of a user's own file."""
    return t.build is _own_row


def _file_task(path: Path) -> Task:
    """The task of a user's own file, registered under the file's name."""
    if not path.is_file():
        raise HubAccessError(f"No file {path}; check the path, or name a task: {', '.join(_hub_names())}.")
    made = Task(
        name=path.name.removesuffix(".gz").rpartition(".")[0],
        scorer=get_scorer("auto"),
        build=_own_row,
        dataset=path.name,
        description=f"Queries of {path}.",
        local=path,
    )
    if made.name in _TASKS and _TASKS[made.name].group != "own":
        raise InvalidInputError(
            f"File {path} has the name of a shipped task; rename it, or write {made.name}={path} "
            "if it is a local copy of that task's data set."
        )
    return register(made)


def _own_row(row: Row) -> Query:
    """A row of a user's file: columns prompt and target, and id where there is one."""
    prompt, target, own_id = row["prompt"], row["target"], row.get("id")
    if prompt is None or target is None or not str(prompt).strip():
        raise InvalidInputError("`prompt` or `target` is empty; fill both or drop the row.")
    many = isinstance(target, list | tuple)
    return Query(
        prompt=str(prompt),
        target=tuple(map(str, target)) if many else str(target),
        query_id="" if own_id is None else str(own_id),
    )


def _hub_names() -> Iterable[str]:
    return [t.name for t in _TASKS.values() if t.group == "hub"]


def _summary(function: Callable[..., Any]) -> str:
    """First line of a function's docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _generator(function: Callable[..., Iterable[Query]]) -> Callable[[int], Iterable[Query]]:
    """A function of the seed, whether or not the user's takes one."""
    if inspect.signature(function).parameters:
        return function

    def generate(seed: int) -> Iterable[Query]:
        queries = list(function())
        return [queries[i] for i in shuffled(range(len(queries)), seed)]

    return generate
