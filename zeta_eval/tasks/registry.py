"""The registry of tasks: names, groups, and the @task decorator."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Literal

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.tasks.base import Query, Row, Scorer, Task, shuffled
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
            "task", name, names, hint="A data file, a folder, a hub id as openai/gsm8k, or FILE.py works too."
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


def hub_names() -> Iterable[str]:
    """Names of the shipped tasks whose data are on the hub."""
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
