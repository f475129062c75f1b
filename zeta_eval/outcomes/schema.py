"""The columns of an outcomes table, and the conversion and checks of a frame that comes from elsewhere."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from zeta_eval.exceptions import OutcomesError, value_shown
from zeta_eval.files import LARGEST, is_unicode
from zeta_eval.outcomes.bounds import BOUNDS, MOST
from zeta_eval.outcomes.conversations import with_messages
from zeta_eval.outcomes.too_long import too_long

Kind = Literal["string", "float", "int", "bool"]

SCHEMA_VERSION: Final = 2
"""Version written into every saved table. Version 2 has the columns of `ADDED`, which are null in older tables."""

READABLE: Final = (1, 2)
"""Versions that can be read; tables of another version are refused."""

ADDED: Final = ("attempt", "target", "context", "messages", "agreement")
"""Columns that version 2 added."""

COLUMNS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "dataset": "string",
        "task": "string",
        "query_id": "string",
        "query": "string",
        "messages": "string",
        "model": "string",
        "model_revision": "string",
        "attempt": "int",
        "score": "float",
        "response": "string",
        "target": "string",
        "error": "string",
        "context": "int",
        "prompt_tokens": "int",
        "completion_tokens": "int",
        "latency_s": "float",
        "ttft_s": "float",
        "latency_source": "string",
        "gpu_s": "float",
        "cost_usd": "float",
        "mean_logprob": "float",
        "min_logprob": "float",
        "confidence": "float",
        "agreement": "float",
        "prefill_margin": "float",
        "prefill_entropy": "float",
        "prefill_gpu_s": "float",
        "truncated": "bool",
        "unparsed": "bool",
        "prompt_hash": "string",
        "run_id": "string",
        "source": "string",
        "created_at": "string",
    }
)
"""Name and kind of every column: one row per query, model, attempt and run. Units are in the names.

`attempt` counts from 0, and null means 0; `messages` are the chat messages of a query that is more than one text, as
JSON; `target` is the right answer as `zeta_eval.outcomes.targets` writes it.
`confidence` comes with one answer; `agreement` is of a row that stands for several attempts and costs as much as all.
"""

REQUIRED: Final = ("task", "query_id", "query", "model", "score")
"""Columns that a table must have; any other column may be missing or empty."""

_DTYPES: Final[Mapping[Kind, str]] = {"string": "str", "float": "float64", "int": "Int64", "bool": "boolean"}
_BOOLS: Final = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def conform(frame: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """Convert a frame to the columns above: kinds converted, nulls filled, values checked, other columns dropped.

    A query that was too long for a model's context is the model's failure, with a score of 0 where it has none. A query
    that is a list of messages becomes its text, with the messages beside it.
    """
    frame = with_messages(frame)
    if missing := [c for c in REQUIRED if c not in frame.columns]:
        have = ", ".join(map(str, frame.columns)) or "none"
        todo = "rename or add what is missing"
        todo += ", or if no model has been asked yet, ask with `zeta bench`" if "score" in missing else ""
        raise OutcomesError(
            f"The outcomes table lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; {todo} "
            f"(columns found: {have})."
        )
    if frame.empty:
        raise OutcomesError("The outcomes table has no rows; run a benchmark or import a table with outcomes.")
    out = pd.DataFrame(
        {
            name: _convert(frame[name], kind)
            if name in frame.columns
            else pd.Series(np.nan, index=frame.index, dtype=_DTYPES[kind])
            for name, kind in COLUMNS.items()
        }
    ).reset_index(drop=True)
    out["score"] = out["score"].mask(out["score"].isna() & too_long(out["error"]), 0.0)
    out["dataset"] = out["dataset"].fillna(out["task"])
    out["source"] = out["source"].fillna(source)
    out["latency_source"] = out["latency_source"].mask(
        out["latency_source"].isna() & out["latency_s"].notna(), "imported"
    )
    _check(out)
    return out


def where(frame: pd.DataFrame, row: int) -> str:
    """Name a row by its number (counted from 1), query_id and model, for a message."""
    query_id, model = frame["query_id"].iloc[row], frame["model"].iloc[row]
    return f"row {row + 1} (query_id '{query_id}', model '{model}')"


def _convert(column: pd.Series, kind: Kind) -> pd.Series:
    """Convert a column to its kind; nulls stay null."""
    if kind == "string":
        try:
            return _in_one_piece(column.astype("str"))
        except RecursionError as e:
            raise OutcomesError(f"Column '{column.name}' holds what is nested too deeply; give it texts.") from e
        except UnicodeEncodeError as e:
            row = next(i for i, value in enumerate(column) if not is_unicode(value))
            raise OutcomesError(
                f"Column '{column.name}' holds half of a surrogate pair in row {row + 1}, which is no valid Unicode; "
                "mend that text or drop the row."
            ) from e
    words = kind == "bool" and not pd.api.types.is_bool_dtype(column)
    values = column.map(_truth) if words else as_numbers(column)
    wrong = values.isna() & column.notna()
    if kind == "int":
        known = values.fillna(0)
        wrong |= (known % 1 != 0) | (known.abs() > MOST)
    if wrong.any():
        row = int(wrong.to_numpy(dtype=bool).argmax())
        expected = {"float": "a number", "int": f"a whole number of at most {MOST:.2g}", "bool": "true or false"}[kind]
        raise OutcomesError(
            f"Column '{column.name}' has {value_shown(column.iloc[row])} in row {row + 1}; give {expected} or leave it "
            "empty."
        )
    converted: pd.Series = values.astype(_DTYPES[kind])  # type: ignore[call-overload]
    return converted


def _truth(value: object) -> bool | None:
    """A value as a truth; None where it is none."""
    return _BOOLS.get(str(value).lower()) if isinstance(value, str | int | float | np.generic) else None


def as_numbers(column: pd.Series) -> pd.Series:
    """A column as numbers, NaN where a value is none or fits no float."""
    try:
        return pd.to_numeric(column, errors="coerce")
    except OverflowError:
        fitting = column.map(lambda x: None if isinstance(x, int) and abs(x) > LARGEST else x)
        return pd.to_numeric(fitting, errors="coerce")


def _in_one_piece(texts: pd.Series) -> pd.Series:
    """Join the pieces of a column that was put together: taking one row of many pieces copies all of them."""
    pieces = pa.array(texts)
    if not isinstance(pieces, pa.ChunkedArray) or pieces.num_chunks < 2:
        return texts
    return pd.Series(pd.array(pieces.combine_chunks(), dtype="str"), index=texts.index, name=texts.name)


def _check(frame: pd.DataFrame) -> None:
    """Check the values of a frame that has the declared columns."""
    for name in REQUIRED[:-1]:
        null = frame[name].isna().to_numpy()
        if name == "model":  # it names a size
            null = null | frame[name].isin([x for x in frame[name].unique() if not str(x).strip()]).to_numpy()
        if null.any():
            raise OutcomesError(f"Column '{name}' is empty in row {null.argmax() + 1}; every outcome needs it.")
    for name, (low, high) in BOUNDS.items():
        values = frame[name].to_numpy(dtype="float64", na_value=np.nan)
        wrong = (values < low) | (values > high)
        if wrong.any():
            row = int(wrong.argmax())
            least = f"give a finite number of at least {low}"
            advice = "scale it to [0, 1]" if high == 1 else least if low >= 0 else f"give one of at most {high:g}"
            raise OutcomesError(
                f"Column '{name}' is {values[row]:g} in {where(frame, row)}; {advice}, or leave it empty."
            )
    if frame["score"].isna().all():
        raise OutcomesError(f"None of the {len(frame)} outcomes has a score; score the answers first (column 'score').")
    query, text = (pd.factorize(frame[c])[0] for c in ("query_id", "query"))
    first = text[np.unique(query, return_index=True)[1]]
    mixed = text != first[query]
    if mixed.any():
        raise OutcomesError(
            f"query_id '{frame['query_id'].iloc[int(mixed.argmax())]}' stands for two different queries; "
            "make query_id unique, for example 'task:number'."
        )
