"""A scorer of one's own in a Python file, named as `FILE.py:NAME`."""

from pathlib import Path

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.tasks.base import Scorer
from zeta_eval.tasks.python_file import run_file


def scorer_from_file(spec: str) -> Scorer:
    """Run a Python file of the user's and return the function that `FILE.py:NAME` names.

    Raises:
        InvalidInputError: no such file, a file that fails, or a name that is no function of it.
    """
    place, _, name = spec.rpartition(":")
    path = Path(place)
    if not path.is_file():
        raise InvalidInputError(f"No file {path} for the scorer '{spec}'; give FILE.py:NAME.")
    module = run_file(path)
    functions = {n: f for n, f in vars(module).items() if callable(f) and not n.startswith("_")}
    if name not in functions:
        raise UnknownNameError(f"scorer in {path}:", name, functions)
    scorer: Scorer = functions[name]
    return scorer
