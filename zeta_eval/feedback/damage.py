"""Finds rows of a history that can't be right, so that one of them never keeps the others from being read.

SQLite takes any value in any column, and a hand, a broken disk or another program may have put it there.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from zeta_eval.exceptions import value_shown
from zeta_eval.files import LARGEST


class _Damaged:
    """Stands for JSON that can't be read."""

    def __repr__(self) -> str:
        return "no JSON"


DAMAGED: Final = _Damaged()
"""What a cell of JSON becomes that can't be read."""

_SHARES: Final = ("score",)
_AMOUNTS: Final = ("cost_weight", "latency_s", "gpu_s", "cost_usd")
_COUNTS: Final = ("prompt_tokens", "completion_tokens")
_TEXTS: Final = ("query_hash", "size", "policy", "source")
_OPTIONAL_TEXTS: Final = ("query", "task", "final_size", "label", "given_by", "answer")
_MAPPINGS: Final = ("p", "cost", "features")


def decoded(text: str | bytes) -> Any:
    """Data of a cell of JSON; `DAMAGED` where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError, TypeError):
        return DAMAGED


def sound(rows: Iterable[dict[str, Any]], found: dict[str, str]) -> list[dict[str, Any]]:
    """The rows without damage; `found` gets, by their ids, what is wrong with the others."""
    kept = []
    for row in rows:
        if (why := damage_of(row)) is None:
            kept.append(row)
        else:
            found[value_shown(row.get("decision_id") or row.get("id"))] = why
    return kept


def damage_of(row: Mapping[str, Any]) -> str | None:
    """Say which value of a decision or feedback can't be right; None where all can."""
    for name, value in row.items():
        if not _fits(name, value):
            return f"{name} is {value_shown(value)}"
    return None


def _fits(name: str, value: Any) -> bool:
    """Whether a value can stand in a column."""
    if name in _TEXTS:
        return (isinstance(value, str) and bool(value)) or (name == "source" and value is None)
    if name in _OPTIONAL_TEXTS:
        return isinstance(value, str | None)
    if name in ("created_at", "judged_at"):
        return _is_time(value) or (name == "judged_at" and value is None)
    if name == "messages":
        return value is None or (isinstance(value, str) and isinstance(decoded(value), list))
    if name in _MAPPINGS:
        return isinstance(value, Mapping) and all(x is None or _within(x, -LARGEST, LARGEST) for x in value.values())
    if name == "steps":
        return isinstance(value, list) and all(map(_is_step, value))
    if name == "propensity":
        return _within(value, 0, 1) and value > 0
    return value is None or _in_range(name, value)


def _in_range(name: str, value: Any) -> bool:
    """Whether a value that is known can stand in a column of numbers."""
    if name in _SHARES:
        return _within(value, 0, 1)
    if name == "difficulty":  # a share since chances are calibrated, a log-odds before
        return _within(value, -LARGEST, LARGEST)
    if name in _COUNTS:
        return _within(value, 0, 2**53) and value % 1 == 0
    return _within(value, 0, LARGEST) if name in _AMOUNTS else True


def _is_step(step: Any) -> bool:
    """Whether a value is a call of a size as `Recorded` notes it."""
    if not isinstance(step, Mapping) or not isinstance(step.get("size"), str):
        return False
    known = _within(step.get("latency_s"), 0, LARGEST) and _within(step.get("p_right"), 0, 1)
    return known and isinstance(step.get("error"), str | None)


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
