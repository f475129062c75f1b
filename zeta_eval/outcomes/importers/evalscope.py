"""Reviews of EvalScope: `reviews/<model>/<dataset>_<subset>.jsonl` of its output folder, one line per answer.

A review has the messages, the target and a score with several values, of which `main_score_name` names one; the file of
the same name in `predictions` has the model's output with its usage:
https://github.com/modelscope/evalscope, `api/evaluator/cache.py` of release 1.14.

- Score: the dataset's main score, or another one per task, see `choice`.
- Query: the messages up to what the user says last, in EvalScope's prompt for the data set; where a model answered
  between them, those of the first log that is read. Repetitions of a sample are attempts.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.files import from_foreign_json
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.choice import Answer, Kinds, Name, scored
from zeta_eval.outcomes.importers.folder import read_each, read_lines
from zeta_eval.outcomes.importers.texts import asked, columns_of, content_text, digest, query_of
from zeta_eval.outcomes.targets import target_text


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per answer."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*.jsonl") if f.parts[-3:-2] == ("reviews",))
    if not files:
        raise OutcomesError(f"Folder {path} holds no reviews/<model>/<dataset>.jsonl; give EvalScope's output folder.")
    texts: dict[str, str] = {}
    answers = read_each(files, path, account, lambda file: _reviews(file, texts, account))
    return pd.DataFrame(scored(answers, Kinds(group="filter"), account))


def _reviews(file: Path, texts: dict[str, str], account: Account) -> Iterator[Answer]:
    outputs = _outputs(file, account)
    run = {
        "dataset": file.stem.split("_")[0],
        "task": file.stem,
        "model": file.resolve().parent.name,
        "run_id": file.resolve().parents[2].name,
        "created_at": _time(file.resolve().parents[2].name),
    }
    seen: dict[str, int] = {}
    for review in read_lines(file, account):
        output = outputs.get(review["index"], {})
        messages = review.get("messages") or output.get("messages") or []
        said, sample = asked(messages) or review.get("input"), review["sample_score"]
        query_id = f"{run['task']}:{sample.get('group_id', review['index'])}:{digest(str(said))}"
        query = texts.setdefault(query_id, query_of(messages) or str(said or ""))
        attempt = seen[query_id] = seen.get(query_id, -1) + 1
        score = sample["score"]
        yield Answer(
            row=run
            | {"query_id": query_id, "attempt": attempt, "target": _target(review.get("target"))}
            | columns_of(query)
            | _said(score, output.get("model_output") or {}),
            values=_values(score),
        )


def _time(folder: str) -> str | None:
    """When a run began, where its folder is named so."""
    try:
        return datetime.strptime(folder, "%Y%m%d_%H%M%S").isoformat()
    except ValueError:
        return None


def _outputs(file: Path, account: Account) -> dict[Any, dict[str, Any]]:
    """The model's outputs by the sample's index; none where their file is missing."""
    found = file.resolve().parents[2] / "predictions" / file.parent.name / file.name
    if not found.is_file():
        return {}
    return {row["index"]: row for row in read_lines(found, account) if "index" in row}


def _said(score: dict[str, Any], output: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = next(iter(output.get("choices") or []), {})
    usage = output.get("usage") or {}
    said = score.get("prediction")
    return {
        "response": said if said is not None else content_text((choice.get("message") or {}).get("content")),
        "error": output.get("error"),
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "latency_s": output.get("time"),
        "truncated": choice["stop_reason"] in ("max_tokens", "model_length") if "stop_reason" in choice else None,
    }


def _values(score: dict[str, Any]) -> dict[Name, Any]:
    """The values of a score, the main one first; none where grading failed, whatever number stands there."""
    if score.get("status", "success") != "success":
        return {}
    values, main = score["value"], score.get("main_score_name")
    names = sorted(values, key=lambda name: name != main)
    return {Name("", name): values[name] for name in names}


def _target(target: Any) -> str | None:
    if isinstance(target, str) and target.startswith("["):
        try:
            target = from_foreign_json(target)
        except ValueError:
            return target_text(target)
    if isinstance(target, list) and target and all(isinstance(t, str) for t in target):
        return target_text(target[0] if len(target) == 1 else tuple(target))
    return target_text(target) if isinstance(target, str) and target else None
