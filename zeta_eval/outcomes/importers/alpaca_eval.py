"""Annotations of AlpacaEval and its like: a judge prefers one of two answers to each instruction.

`annotations.json` is a list with `instruction`, `generator_1`, `output_1`, `generator_2`, `output_2` and `preference`,
from 1 (the first answer) to 2 (the second); 1.5, and 0 in old files, is a draw:
https://github.com/tatsu-lab/alpaca_eval, `src/alpaca_eval/metrics/winrate.py`. One file per model, against the same
reference; a folder may hold many.

- Score: how far the model's answer was preferred to the reference's, 0 to 1. The reference scores .5 on every query, as
  it does against itself.
- A file with another reference than the first one's is left out: win rates against two references aren't on one scale.
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
from zeta_eval.outcomes.importers.values import as_score

_TASK = "alpaca_eval"
_KEYS = {"instruction", "generator_1", "generator_2", "preference"}


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per instruction and model, the reference among the models."""
    files = [f for f in table_files(path, ".json", ".jsonl") if path.is_file() or f.stem.startswith("annotations")]
    if not files:
        raise OutcomesError(f"Folder {path} holds no annotations.json; give AlpacaEval's annotations.")
    reference: dict[str, str] = {}

    def rows(file: Path) -> Iterator[dict[str, Any]]:
        pairs = _pairs(file, account)
        first = reference.setdefault("", str(pairs[0]["generator_1"]))
        if others := {str(p["generator_1"]) for p in pairs} - {first}:
            raise OutcomesError(f"{file} compares with {sorted(others)[0]}, not with {first}; import it by itself.")
        for pair in pairs:
            yield _row(pair, "2", _preferred(pair["preference"]))
            yield _row(pair, "1", 0.5)

    frame = pd.DataFrame(read_each(files, path, account, rows))
    account.note(_TASK, f"scores are preferences to the answers of {reference['']}, which scores .5 itself")
    return frame.drop_duplicates(["query_id", "model", "response"], ignore_index=True)


def _pairs(file: Path, account: Account) -> list[dict[str, Any]]:
    pairs = from_foreign_json(read_bytes(file)) if file.suffix.lower() == ".json" else read_lines(file, account)
    if not isinstance(pairs, list) or not pairs or not all(isinstance(p, dict) and set(p) >= _KEYS for p in pairs):
        raise OutcomesError(f"{file} is no list of annotations with {', '.join(sorted(_KEYS))}.")
    return pairs


def _row(pair: dict[str, Any], place: str, score: Any) -> dict[str, Any]:
    query = "\n".join(filter(None, (pair["instruction"], pair.get("input"))))
    return {
        "dataset": pair.get("dataset"),
        "task": _TASK,
        "query_id": f"{_TASK}:{digest(query)}",
        "query": query,
        "model": pair[f"generator_{place}"],
        "score": score,
        "response": pair.get(f"output_{place}"),
    }


def _preferred(preference: Any) -> Any:
    """How far the second answer was preferred; anything else than a preference is kept for the check to count."""
    number = as_score(preference)
    if number is None:
        return preference
    return 0.5 if number == 0 else number - 1
