"""What counts as a number in settings from a file or a caller."""

import sys
from typing import Any, Final

from zeta_eval.exceptions import InvalidInputError

UNBOUNDED: Final = 2**31
"""Context of a model that names none, in tokens; a larger number is no context."""


def check_count(name: str, value: Any) -> None:
    """Refuse a value that is no whole number of at least 1."""
    if not is_count(value):
        raise InvalidInputError(f"{name} is {value!r}; give a whole number of at least 1.")


def is_count(value: Any) -> bool:
    """Whether a value is a whole number of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that fits a float, as a whole number of TOML need not; true is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
