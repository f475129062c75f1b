"""What counts as a number in settings from a file or a caller."""

from typing import Any

from zeta_eval.exceptions import InvalidInputError


def check_count(name: str, value: Any) -> None:
    """Refuse a value that is no whole number of at least 1."""
    if not is_count(value):
        raise InvalidInputError(f"{name} is {value!r}; give a whole number of at least 1.")


def is_count(value: Any) -> bool:
    """Whether a value is a whole number of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
