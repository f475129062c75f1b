"""Loads tasks of lm-evaluation-harness by name: the only file, beside `log`, that imports `lm_eval`.

No code is loaded from the hub: data sets with scripts are refused by `datasets` itself, metrics that are scripts are
refused here, and so are tasks that run what a model writes. Python functions of task files are run, where the
files are the harness's own or lie in the user's own folder.
"""

import difflib
import functools
import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from zeta_eval.exceptions import HubAccessError, InvalidInputError, UnknownNameError, ZetaError, one_line
from zeta_eval.tasks.harness.settings import PREFIX
from zeta_eval.tasks.loading import quiet_hub

EXTRA: Final = "Tasks of lm-evaluation-harness need the package lm_eval; run `pip install 'zeta-eval[lm-eval]'`."
"""What is said where the package is not installed."""
SEEDS: Final = (0, 1234, 1234)
"""The harness's own seeds: of Python's random numbers, of numpy's, and of the examples."""


def load_tasks(name: str, include_path: str | Path | None) -> dict[str, Any]:
    """Load the harness's tasks that a name stands for (a task, a group or a tag), by their own names.

    Raises:
        HubAccessError: a data set out of reach.
        InvalidInputError: the package is missing, an unknown name, or a task that can't be asked.
    """
    folder = None if include_path is None else Path(include_path)
    if folder is not None and not folder.is_dir():
        raise InvalidInputError(f"No folder {folder} for --include-path; give one with task files (YAML).")
    with ExitStack() as stack, quiet(), _seeded(), quiet_hub():
        manager = _manager(name, folder)
        stack.enter_context(no_hub_code())
        for leaf in _leaves(name, manager.task_index):
            _check(leaf, manager.task_index[leaf].cfg or {})
        found = _load(name, manager)
    if not found:
        raise InvalidInputError(f"'{PREFIX}{name}' stands for no task; name another.")
    return found


def _load(name: str, manager: Any) -> dict[str, Any]:
    try:
        return dict(manager.load(name)["tasks"])
    except ZetaError:
        raise
    except ImportError as e:
        raise InvalidInputError(
            f"'{PREFIX}{name}' needs a package that is not installed ({one_line(e)}); install it with pip."
        ) from e
    except (OSError, ConnectionError) as e:
        raise HubAccessError(
            f"Can't load the data set of '{PREFIX}{name}' ({one_line(e)}). Go online, or fill the cache first."
        ) from e
    except Exception as e:  # task files and their functions may raise anything
        raise InvalidInputError(
            f"'{PREFIX}{name}' can't be loaded ({one_line(e)}); mend the task, or leave it out."
        ) from e


def _manager(name: str, folder: Path | None) -> Any:
    """The harness's index of tasks: of the user's folder alone where that has all that the name stands for.

    Reading the harness's own 14,000 files takes many seconds.
    """
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as e:
        raise InvalidInputError(EXTRA) from e
    if folder is not None:
        own = TaskManager(include_path=str(folder), include_defaults=False)
        if name in own.task_index and _leaves(name, own.task_index, strict=True):
            return own
    manager = _whole_index(folder, () if folder is None else tuple(f.stat().st_mtime_ns for f in _files(folder)))
    if name not in manager.task_index:
        _refuse_broken(folder)
        near = difflib.get_close_matches(name, list(manager.task_index), n=1)
        if near:
            raise UnknownNameError("task", PREFIX + name, [PREFIX + near[0]])
        raise InvalidInputError(f"Unknown task '{PREFIX}{name}'. `lm_eval ls tasks` lists what there is.")
    return manager


def _refuse_broken(folder: Path | None) -> None:
    """Name a task file that is no YAML, which the harness passes over: the task that was meant may stand in it."""
    import yaml

    for file in [] if folder is None else _files(folder):
        try:
            yaml.compose(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as e:
            mark = getattr(e, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            raise InvalidInputError(
                f"Task file {file}{line} is no YAML ({getattr(e, 'problem', e)}); mend it, or take it out."
            ) from e


@functools.lru_cache(maxsize=1)
def _whole_index(folder: Path | None, changed: tuple[int, ...]) -> Any:
    """The index of the harness's own tasks and those of a folder, whose files were changed at these times."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=None if folder is None else str(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.yaml"))


def _leaves(name: str, index: Mapping[str, Any], *, strict: bool = False) -> list[str]:
    """Names of the tasks that a name stands for; none at all where one is unknown and the index is to be whole."""
    entry = index.get(name)
    if entry is None:
        return []
    kind = entry.kind.name
    if kind in ("TASK", "PY_TASK"):
        return [name]
    listed = sorted(entry.tags) if kind == "TAG" else (entry.cfg or {}).get("task", [])
    found = []
    for item in listed if isinstance(listed, list) else []:
        child = item if isinstance(item, str) else item.get("task", item.get("group"))
        below = _leaves(child, index, strict=strict) if isinstance(child, str) else []
        if strict and not below:
            return []
        found += below
    return found


def _check(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a task that runs what a model writes, before any of its functions are loaded."""
    if config.get("unsafe_code"):
        raise InvalidInputError(f"Task '{PREFIX}{name}' runs code that models write (unsafe_code); leave it out.")


@contextmanager
def no_hub_code() -> Iterator[None]:
    """Refuse for a while to load metrics that are scripts on the hub, which the harness else looks for there."""
    import evaluate

    def load(path: str, *args: Any, **kwargs: Any) -> Any:
        raise InvalidInputError(f"Metric '{path}' is a script on the hub, which is not run; leave the task out.")

    held = evaluate.load
    evaluate.load = load
    try:
        yield
    finally:
        evaluate.load = held


@contextmanager
def _seeded() -> Iterator[None]:
    """Set the harness's seeds for a while: some tasks shuffle choices as they are loaded."""
    held, numbers = random.getstate(), np.random.get_state()
    random.seed(SEEDS[0])
    np.random.seed(SEEDS[1])
    try:
        yield
    finally:
        random.setstate(held)
        np.random.set_state(numbers)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the harness's advice about task files for a while."""
    log = logging.getLogger("lm_eval")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
