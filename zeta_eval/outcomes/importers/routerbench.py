"""RouterBench's wide tables: one row per query, three columns per model.

Columns `sample_id`, `prompt`, `eval_name`, and for each model `<model>` (score), `<model>|model_response` and
`<model>|total_cost` (USD); `oracle_model_to_route_to` and others are left out. A model is a column with a response or a
cost column beside it, as `get_models_to_route` has it:
https://github.com/withmartian/routerbench/blob/8ef22cfbcbe8182d6da12514f5475ea032b49b2a/utils.py

The published files (https://huggingface.co/datasets/withmartian/routerbench) are pickles, which are refused.
"""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.rows import read_wide


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per query and model, model by model."""
    wide = read_wide(path)
    missing = [c for c in ("sample_id", "prompt", "eval_name") if c not in wide.columns]
    models = [c for c in wide.columns if {f"{c}|model_response", f"{c}|total_cost"} & set(wide.columns)]
    if missing or not models:
        lacks = ", ".join(missing) or "a column <model> with <model>|model_response or <model>|total_cost"
        raise OutcomesError(f"{path} lacks {lacks}; give RouterBench's wide table.")
    shared = {"task": wide["eval_name"], "query_id": wide["sample_id"], "query": wide["prompt"].map(_text)}
    return pd.concat([_rows(wide, model, shared) for model in models], ignore_index=True)


def _rows(wide: pd.DataFrame, model: str, shared: dict[str, pd.Series]) -> pd.DataFrame:
    rows = pd.DataFrame(shared | {"model": model, "score": wide[model]})
    if (answers := f"{model}|model_response") in wide.columns:
        rows["response"] = wide[answers]
    if (costs := f"{model}|total_cost") in wide.columns:
        rows["cost_usd"] = wide[costs].replace("", None)
    return rows


def _text(prompt: Any) -> Any:
    """Join a prompt that is a list of parts, or such a list written as text."""
    if isinstance(prompt, str) and prompt.startswith("["):
        try:
            parts = ast.literal_eval(prompt)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return prompt
        return _text(parts) if isinstance(parts, list) else prompt
    if isinstance(prompt, (Sequence, np.ndarray)) and not isinstance(prompt, str):
        return "\n".join(map(str, prompt))
    return prompt
