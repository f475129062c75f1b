"""A scorer of one's own in a Python file, named as `FILE.py:NAME`."""

import importlib.util
from pathlib import Path

from zeta_eval.exceptions import InvalidInputError, UnknownNameError, one_line
from zeta_eval.tasks.base import Scorer


def scorer_from_file(spec: str) -> Scorer:
    """Run a Python file of the user's and return the function that `FILE.py:NAME` names.

    Raises:
        InvalidInputError: no such file, a file that fails, or a name that is no function of it.
    """
    place, _, name = spec.rpartition(":")
    path = Path(place)
    if not path.is_file():
        raise InvalidInputError(f"No file {path} for the scorer '{spec}'; give FILE.py:NAME.")
    made = importlib.util.spec_from_file_location(f"zeta_scorers_{path.stem}", path)
    assert made is not None and made.loader is not None  # a file that ends in .py has a loader
    module = importlib.util.module_from_spec(made)
    try:
        made.loader.exec_module(module)
    except Exception as e:  # the user's code may raise anything
        raise InvalidInputError(f"{path} can't be run ({one_line(e)}); mend it.") from e
    functions = {n: f for n, f in vars(module).items() if callable(f) and not n.startswith("_")}
    if name not in functions:
        raise UnknownNameError(f"scorer in {path}:", name, functions)
    scorer: Scorer = functions[name]
    return scorer
