"""Python files of the user's own, which are run as such: the tasks under @task in them."""

import importlib.util
from pathlib import Path
from types import ModuleType

from zeta_eval.exceptions import InvalidInputError, UnknownNameError, ZetaError, one_line
from zeta_eval.tasks.base import Task


def run_file(path: Path) -> ModuleType:
    """Run a Python file and return its module.

    Raises:
        InvalidInputError: a file that fails.
    """
    made = importlib.util.spec_from_file_location(f"zeta_own_{path.stem}", path)
    assert made is not None and made.loader is not None  # a file that ends in .py has a loader
    module = importlib.util.module_from_spec(made)
    try:
        made.loader.exec_module(module)
    except ZetaError:
        raise
    except Exception as e:  # the user's code may raise anything
        raise InvalidInputError(f"{path} can't be run ({one_line(e)}); mend it.") from e
    return module


def tasks_from_file(path: Path, name: str = "") -> list[Task]:
    """Run a Python file and return its tasks, or the one of a name.

    Raises:
        InvalidInputError: a file that fails or has no task, or none of that name.
    """
    module = run_file(path)
    found = {value.name: value for value in vars(module).values() if isinstance(value, Task)}
    if not found:
        raise InvalidInputError(f"{path} has no task; write a function under @task(name=...) in it.")
    if not name:
        return list(found.values())
    if isinstance(own := getattr(module, name, None), Task):
        return [own]
    if name not in found:
        raise UnknownNameError(f"task in {path}:", name, found)
    return [found[name]]
