"""Checks that a policy's parts hold what their fields say: types, and numbers that fit. Standard library only.

A policy file is written by hand at times, and by strangers: whatever passes here can be routed by.
"""

import types
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from zeta_eval.exceptions import PolicyError, value_shown
from zeta_eval.files import LARGEST

WHOLE = 2**53
"""Largest whole number, of either sign, of a policy: from there on a float can't tell neighbours apart."""


def check_shapes(part: Any) -> None:
    """Refuse a dataclass, of a policy, with a field whose value is not of the field's type, or out of range.

    Raises:
        PolicyError: names the field and its value.
    """
    made: Any = type(part)
    for name, kind in _kinds(made):
        value = getattr(part, name)
        if not _is(value, kind):
            raise PolicyError(
                f"`{name}` of the policy's {type(part).__name__} is {value_shown(value)}; export it again with "
                "`zeta tune`."
            )


@cache
def _kinds(made: Hashable) -> tuple[tuple[str, Any], ...]:
    """Names and types of a dataclass's fields."""
    of: Any = made
    hints = get_type_hints(of)
    return tuple((field.name, hints[field.name]) for field in fields(of))


def _is(value: Any, kind: Any) -> bool:
    """Whether a value is of a type; of a dataclass its own fields are checked too."""
    if kind is Any:
        return True
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(_is(value, part) for part in parts)
    if origin is tuple:
        own = parts[:1] * len(value) if isinstance(value, tuple) and parts[-1] is ... else parts
        return isinstance(value, tuple) and len(value) == len(own) and all(map(_is, value, own))
    if origin is not None:
        return isinstance(value, Mapping) and all(_is(k, parts[0]) and _is(x, parts[1]) for k, x in value.items())
    if not isinstance(value, kind if kind is not float else int | float):
        return False
    if is_dataclass(value):
        check_shapes(value)
    return not isinstance(value, int | float) or _in_range(value, kind)


def _in_range(value: float, kind: Any) -> bool:
    """Whether a number is one of its kind; a truth is no number."""
    if kind is bool:
        return True
    return not isinstance(value, bool) and abs(value) <= (WHOLE if kind is int else LARGEST)
