"""Rows of JSON texts, in the layouts in which programs write tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.tasks.files.table import Row

SPLITS = {"train", "training", "test", "validation", "valid", "val", "dev", "eval"}
"""Names of splits, beside which an object may hold other values."""

Splits = dict[str, list[Row]]
"""Rows by split; "" where the text names none."""


def read_json(text: str) -> Splits:
    """Read a JSON text: a list of rows, lines of rows, pandas' layouts, or rows under the names of splits.

    Raises:
        InvalidInputError: no JSON, or a layout that is no table.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as e:
        if "\n" not in text.strip() or not text.lstrip().startswith("{"):
            raise InvalidInputError(f"it is no JSON: {e.msg} in line {e.lineno}") from e
        return {"": read_lines(text)}
    if isinstance(data, list):
        return {"": _checked(data)}
    if isinstance(data, dict):
        return _of_object(data)
    raise InvalidInputError(f"it holds one {type(data).__name__}, no rows")


def read_lines(text: str) -> list[Row]:
    """Read a text with one JSON object a line; empty lines don't count."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as e:
                if number == 1:
                    return _whole(text, e)
                raise InvalidInputError(f"line {number} is no JSON: {e.msg}") from e
    return _checked(rows) if len(rows) != 1 or isinstance(rows[0], dict) else _checked(rows[0])


def _whole(text: str, first: json.JSONDecodeError) -> list[Row]:
    """Rows of a text that has the ending of lines and is one JSON value over several lines."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        raise InvalidInputError(f"line 1 is no JSON: {first.msg}") from first
    return _checked(data) if isinstance(data, list) else _of_object(data)[""]


def _of_object(data: Mapping[str, Any]) -> Splits:
    """Rows of one JSON object, by the layouts of `pandas.DataFrame.to_json` and of lists under names."""
    values = list(data.values())
    if isinstance(data.get("columns"), list) and all(isinstance(row, list) for row in data.get("data") or [None]):
        return {"": [dict(zip(map(str, data["columns"]), row, strict=True)) for row in data["data"]]}
    lists = {name: rows for name, rows in data.items() if _is_rows(rows)}
    if len(lists) == 1:
        return {"": _checked(next(iter(lists.values())))}
    if lists and (len(lists) == len(data) or SPLITS.issuperset(map(str.lower, lists))):
        return {name: _checked(rows) for name, rows in lists.items()}
    if values and all(isinstance(v, dict) and v for v in values):
        return {"": _of_objects(data)}
    if values and all(isinstance(v, list) for v in values):
        if len({len(v) for v in values}) > 1:
            raise InvalidInputError("its columns are lists of different lengths")
        return {"": [dict(zip(data, row, strict=True)) for row in zip(*values, strict=True)]}
    return {"": [data] if data else []}


def _of_objects(data: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Rows of an object of objects: columns with the rows' numbers, or rows under their numbers or names."""
    inner = list(dict.fromkeys(key for value in data.values() for key in value))
    numbered = all(key.isdigit() for key in inner) and not all(key.isdigit() for key in data)
    if not numbered:
        return [dict(row) for row in data.values()]
    return [{column: values.get(key) for column, values in data.items()} for key in inner]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _checked(rows: Sequence[Any]) -> list[Row]:
    """The rows, each of which must be an object."""
    odd = next((i for i, row in enumerate(rows) if not isinstance(row, dict)), None)
    if odd is not None:
        raise InvalidInputError(f"row {odd} is a {type(rows[odd]).__name__}, no object of columns")
    return list(rows)
