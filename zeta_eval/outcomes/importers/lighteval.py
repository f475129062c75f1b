"""Details of lighteval, written with `lighteval ... --save-details --output-dir FOLDER`.

FOLDER/details/<model>/<time>/details_<task>_<time>.parquet has one row per document with the columns `doc`, `metric`
and `model_response`; FOLDER/results/<model>/results_<time>.json says of each metric whether higher is better:
https://github.com/huggingface/lighteval, `logging/evaluation_tracker.py` and `logging/info_loggers.py` of release 0.13.
Releases before 0.11 wrote the columns `example` or `full_prompt`, `metrics`, `predictions` and `gold`.

- Score: one metric per task, see `choice`. Query: the document's query, with its choices where it doesn't show them.
- Token counts are left out: the logged tokens are padded to the longest of a batch.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from zeta_eval.exceptions import OutcomesError, one_line
from zeta_eval.files import from_foreign_json, read_bytes
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.choice import Answer, Kinds, Name, scored
from zeta_eval.outcomes.importers.folder import first_text, read_each
from zeta_eval.outcomes.importers.texts import digest, with_choices
from zeta_eval.outcomes.targets import target_text

_NAME: Final = re.compile(r"details_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT[\d.-]+)\.parquet")


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per document and model."""
    files = [path] if path.is_file() else sorted(path.rglob("details_*.parquet"))
    if not files:
        raise OutcomesError(
            f"Folder {path} holds no details_<task>_<time>.parquet; give the --output-dir of lighteval --save-details."
        )
    lower: set[tuple[str, str]] = set()
    answers = read_each(files, path, account, lambda file: _details(file, lower))
    return pd.DataFrame(scored(answers, Kinds(group="filter"), account, lower=lower))


def _details(file: Path, lower: set[tuple[str, str]]) -> Iterator[Answer]:
    name = _NAME.fullmatch(file.name)
    if name is None:
        raise OutcomesError(f"{file} is no details file by its name; lighteval writes details_<task>_<time>.parquet.")
    try:
        rows = pq.read_table(file).to_pylist()
    except (pa.ArrowException, OSError) as e:
        raise OutcomesError(f"{file} can't be read as Parquet ({one_line(e)}).") from e
    results = _results(file, name["time"])
    task = name["task"]
    lower.update((task, metric) for metric in _lower(results, task))
    run = {"task": task, "model": _model(file, results), "run_id": name["time"], "created_at": _time(name["time"])}
    for row in rows:
        yield _current(row, run) if isinstance(row.get("doc"), dict) else _old(row, run)


def _current(row: Mapping[str, Any], run: Mapping[str, Any]) -> Answer:
    doc, said = row["doc"], row["model_response"]
    generated = "GENERATIVE" in (doc.get("sampling_methods") or [])
    query = doc.get("original_query") or doc["query"]
    choices = doc.get("choices") or []
    if not generated and any(str(c).strip() not in query for c in choices):
        query = with_choices(query, choices)
    gold = doc.get("gold_index")
    right = [choices[i] for i in (gold if isinstance(gold, list) else [gold]) if i is not None]
    columns = {
        **run,
        "query_id": f"{run['task']}:{doc.get('id')}:{digest(query)}",
        "query": query,
        "response": first_text(said.get("text_post_processed")) or first_text(said.get("text")),
        "target": target_text(right[0] if len(right) == 1 else tuple(right)) if generated and right else None,
    }
    return Answer(row=columns, values=_values(row["metric"]))


def _old(row: Mapping[str, Any], run: Mapping[str, Any]) -> Answer:
    query = row.get("example") or row["full_prompt"]
    columns = {
        **run,
        "query_id": f"{run['task']}:{digest(query)}",
        "query": query,
        "response": first_text(_listed(row.get("predictions"))),
    }
    return Answer(row=columns, values=_values(row["metrics"]))


def _values(metrics: Any) -> dict[Name, Any]:
    """Metrics by name; those of other documents are null in the same column."""
    found = _listed(metrics)
    return {Name("", name): value for name, value in found.items() if value is not None}


def _listed(value: Any) -> Any:
    """A list or object that an old release has written as text."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return value
    return value


def _results(file: Path, time: str) -> dict[str, Any]:
    """What the results file of the same model and run says; nothing where there is none."""
    parts = file.resolve().parts
    if "details" not in parts:
        return {}
    place = len(parts) - 1 - parts[::-1].index("details")
    try:
        path = Path(*parts[:place], "results", *parts[place + 1 : -2], f"results_{time}.json")
        found = from_foreign_json(read_bytes(path))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _lower(results: Mapping[str, Any], task: str) -> list[str]:
    tasks = results.get("config_tasks") or {}
    listed = (tasks.get(task) or tasks.get(task.rpartition("|")[0]) or {}).get("metrics") or []
    return [m["metric_name"] for m in listed if isinstance(m, dict) and m.get("higher_is_better") is False]


def _model(file: Path, results: Mapping[str, Any]) -> str:
    """The model's name as the run has it, else as the folders below `details` have it."""
    config = results.get("config_general") or {}
    named = (config.get("model_config") or {}).get("model_name") or config.get("model_name")
    parts = file.resolve().parts[:-2]
    below = parts[parts.index("details") + 1 :] if "details" in parts else parts[-1:]
    return str(named or "/".join(below))


def _time(time: str) -> str:
    return time[:10] + time[10:].replace("-", ":")
