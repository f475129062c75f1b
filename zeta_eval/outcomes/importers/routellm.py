"""RouteLLM's response tables: `prompt`, one column of truth values per model, `<model>_response` where kept.

One CSV, or a folder of them (`routellm/evals/mmlu/responses`); the task is the file's name without `_responses`.
https://github.com/lm-sys/RouteLLM/tree/0d78f127ffcda70413e36abe404b4f6c4cc10576/routellm/evals: `gsm8k_responses.csv`
and `mmlu_<subject>.csv` are written by `generate_responses.py` and read by `benchmarks.py`. Prompts that RouteLLM lists
as contaminated are in its tables, and are imported.
"""

from pathlib import Path

import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.rows import read_wide


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per query and model."""
    files = [path] if path.is_file() else sorted(path.rglob("*.csv"))
    if not files:
        raise OutcomesError(f"Folder {path} holds no CSV file; give RouteLLM's response tables.")
    return pd.concat([_long(file) for file in files], ignore_index=True)


def _long(file: Path) -> pd.DataFrame:
    wide = read_wide(file)
    columns = [str(c) for c in wide.columns]
    answers = {c for c in columns if c.endswith("_response") and c.removesuffix("_response") in columns}
    # A column without a name is the index that pandas writes.
    models = [c for c in columns if c != "prompt" and c not in answers and not c.startswith("Unnamed: ")]
    if "prompt" not in columns or not models:
        raise OutcomesError(
            f"{file} has the columns {', '.join(columns) or 'none'}; RouteLLM's tables have prompt and one column of "
            "truth values per model."
        )
    task = file.stem.removesuffix("_responses")
    shared = {"task": task, "query_id": [f"{task}:{i}" for i in range(len(wide))], "query": wide["prompt"]}
    return pd.concat(
        [
            pd.DataFrame(
                shared
                | {"model": model, "score": wide[model]}
                | ({"response": wide[f"{model}_response"]} if f"{model}_response" in answers else {})
            )
            for model in models
        ],
        ignore_index=True,
    )
