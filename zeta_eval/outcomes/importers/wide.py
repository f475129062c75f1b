"""Wide tables: one row per query, and a column of scores for each model.

A column is a model if its values are scores (numbers, truth values or words like "correct") and its name isn't that of
something else about a query. `<model>_response` and `<model>_cost` beside it are its answers and its costs in USD. The
models are noted, for a reader to see what was taken for one. The query may be a list of messages.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes.conversations import with_messages
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.folder import read_each, table_files
from zeta_eval.outcomes.importers.rows import read_wide
from zeta_eval.outcomes.importers.texts import digest
from zeta_eval.outcomes.importers.values import as_score

_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "query": ("query", "prompt", "question", "instruction", "messages", "conversation", "input"),
        "task": ("task", "eval_name", "benchmark"),
        "dataset": ("dataset", "data_set", "source"),
        "query_id": ("query_id", "sample_id", "question_id", "prompt_id", "id", "idx", "index"),
        "target": ("target", "answer", "reference", "label", "gold"),
    }
)
"""Names, in any case, of the columns that are about a query, most telling first."""
_OTHERS: Final = (
    "split",
    "fold",
    "category",
    "subject",
    "difficulty",
    "level",
    "length",
    "tokens",
    "n_tokens",
    "weight",
)
"""Further names that are no model's, however number-like their values."""
_BESIDE: Final[Mapping[str, str]] = MappingProxyType(
    {"_response": "response", "_cost": "cost_usd", "|model_response": "response", "|total_cost": "cost_usd"}
)
"""Ends of the columns beside a model's."""


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per query and model."""
    files = table_files(path, ".csv", ".parquet", ".pq", ".jsonl", ".ndjson")
    if not files:
        raise OutcomesError(f"Folder {path} holds no .csv, .parquet or .jsonl table; give a wide table.")
    return pd.concat(read_each(files, path, account, lambda file: [_long(file, account)]), ignore_index=True)


def _long(file: Path, account: Account) -> pd.DataFrame:
    wide = read_wide(file)
    known = {name: c for name, names in _NAMES.items() if (c := _column(wide, names)) is not None}
    taken = {c for names in _NAMES.values() for c in wide.columns if str(c).lower() in names}
    models = [c for c in wide.columns if c not in taken and _is_model(str(c), wide)]
    if "query" not in known or not models:
        columns = ", ".join(map(str, wide.columns)) or "none"
        lacks = "a column of scores per model" if "query" in known else "a column query"
        raise OutcomesError(f"{file} lacks {lacks} (columns found: {columns}).")
    shared = _shared(wide, known, file)
    for task in shared["task"].unique():
        account.note(str(task), f"the columns of models are {', '.join(map(str, models))}")
    return pd.concat([_rows(wide, str(model), shared) for model in models], ignore_index=True)


def _column(wide: pd.DataFrame, names: tuple[str, ...]) -> Any:
    """The column with the first of the names that the table has."""
    lowered = {str(c).lower(): c for c in reversed(wide.columns)}
    return next((lowered[name] for name in names if name in lowered), None)


def _is_model(name: str, wide: pd.DataFrame) -> bool:
    if name.lower() in _OTHERS or name.startswith("Unnamed: ") or name.endswith(tuple(_BESIDE)):
        return False
    read = [as_score(value) for value in wide[name]]
    numbers = sum(x is not None and not math.isnan(x) for x in read)
    return numbers > 0 and read.count(None) * 10 <= len(read)


def _shared(wide: pd.DataFrame, known: Mapping[str, Any], file: Path) -> pd.DataFrame:
    """Columns about the queries; the task is the file's name, and the id the query's hash, where there is none."""
    shared = pd.DataFrame({name: wide[column] for name, column in known.items()})
    shared = with_messages(shared, texts=True)
    if "task" not in shared:
        shared["task"] = shared.get("dataset", file.stem)
    number = shared["query_id"].astype("str") if "query_id" in shared else shared["query"].map(lambda q: digest(str(q)))
    return shared.assign(query_id=shared["task"].astype("str") + ":" + number)


def _rows(wide: pd.DataFrame, model: str, shared: pd.DataFrame) -> pd.DataFrame:
    beside = {column: wide[model + end] for end, column in _BESIDE.items() if model + end in wide.columns}
    if "cost_usd" in beside:
        beside["cost_usd"] = beside["cost_usd"].replace("", None)
    return shared.assign(model=model, score=wide[model], **beside)
