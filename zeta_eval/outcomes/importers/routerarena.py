"""Files of RouterArena: a router's predictions, or the cached results of the models.

`router_inference/predictions/<router>.json` is a list with `global index`, `prompt`, `prediction` (the model),
`generated_result`, and `accuracy` and `cost` once evaluated; `cached_results/<model>.jsonl` has one object a line with
`global_index`, `question`, `llm_selected`, `generated_answer` and `evaluation_result`:
https://github.com/RouteWorks/RouterArena/blob/21664560da40176b066d8821a708bc14857c9bd0/llm_evaluation/evaluate_models.py
and `llm_evaluation/run.py`. A router asks one model per query, and others for queries marked `for_optimality`.

- Task: the data set's name in the index. Costs are USD per query.
- An answer that was not evaluated, or whose evaluation failed (metric `error`, score 0), is unscored.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.files import from_foreign_json, read_bytes
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.folder import read_each, read_lines, table_files
from zeta_eval.outcomes.importers.texts import digest


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per answer."""
    files = table_files(path, ".json", ".jsonl")
    if not files:
        raise OutcomesError(f"Folder {path} holds no .json or .jsonl file; give RouterArena's predictions or results.")
    return pd.DataFrame(read_each(files, path, account, lambda file: _rows(file, account)))


def _rows(file: Path, account: Account) -> Iterator[dict[str, Any]]:
    entries = from_foreign_json(read_bytes(file)) if file.suffix.lower() == ".json" else read_lines(file, account)
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise OutcomesError(f"{file} is no list of predictions; give RouterArena's predictions or cached results.")
    for entry in entries:
        index = entry.get("global index") or entry["global_index"]
        query = entry.get("prompt") or entry["question"]
        yield {
            "task": index.rpartition("_")[0] or index,
            "query_id": f"{index}:{digest(query)}",
            "query": query,
            **(_prediction(entry) if "prediction" in entry else _cached(entry)),
        }


def _prediction(entry: dict[str, Any]) -> dict[str, Any]:
    result = entry.get("generated_result") or {}
    return {
        "model": entry["prediction"],
        "score": entry.get("accuracy") if result.get("success") else None,
        "cost_usd": entry.get("cost"),
        **_answer(result),
    }


def _cached(entry: dict[str, Any]) -> dict[str, Any]:
    result = entry.get("evaluation_result") or {}
    graded = bool(entry.get("success")) and result.get("metric") != "error"
    return {
        "model": entry["llm_selected"],
        "score": result.get("score") if graded else None,
        "cost_usd": result.get("inference_cost") if graded else None,
        **_answer(entry),
    }


def _answer(result: dict[str, Any]) -> dict[str, Any]:
    usage = result.get("token_usage") or {}
    return {
        "response": result.get("generated_answer"),
        "error": result.get("error"),
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
    }
