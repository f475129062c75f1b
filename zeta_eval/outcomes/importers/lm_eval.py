"""Sample logs of lm-evaluation-harness, written with `lm_eval --log_samples --output_path FOLDER`.

FOLDER holds one folder per model with `samples_<task>_<time>.jsonl` and `results_<time>.json`; each line is a document
under one filter, with its metrics as further keys:
https://github.com/EleutherAI/lm-evaluation-harness/blob/034ab03621186e68aa1f73ee1508370580ea77b5/lm_eval/loggers/evaluation_tracker.py
and `lm_eval/evaluator.py`; `filter` and `metrics` are named in the sample since
https://github.com/EleutherAI/lm-evaluation-harness/pull/2517.

- Score: the task's first metric that lies in [0, 1] on every sample and isn't marked as better when lower.
- Filter: a task's first; the same documents under its other filters are left out and counted.
- Query: the document's own text with its passage and choices, since prompts differ among models by chat template and
  examples; for documents without a known text column, the prompt of the first model that has it.
- Model: `model_name` in the results file, else the folder's name. Token counts aren't logged.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.outcomes.files import read_rows

_NAME: Final = re.compile(r"samples_(?P<task>.+?)(?:_(?P<time>\d{4}-\d\d-\d\dT[\d.-]+))?\.jsonl")
_KEYS: Final = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")
_PASSAGES: Final = ("passage", "context", "article", "story")
_TEXTS: Final = ("question", "problem", "query", "prompt", "input", "text", "ctx", "goal", "sentence")
_TRUTH: Final = {"True": 1.0, "False": 0.0}
_INVALID: Final = "[invalid]"
"""What `lm_eval/filters/extraction.py` puts for an answer it can't find."""


def read(path: Path, skipped: Counter[str]) -> pd.DataFrame:
    """Return one row per document and model."""
    files = [path] if path.is_file() else sorted(path.rglob("samples_*.jsonl"))
    if not files:
        raise OutcomesError(
            f"Folder {path} holds no samples_<task>_<time>.jsonl; give the --output_path of lm_eval --log_samples."
        )
    texts: dict[str, str | None] = {}
    return pd.DataFrame([row for file in files for row in _rows(file, texts, skipped)])


def _rows(file: Path, texts: dict[str, str | None], skipped: Counter[str]) -> Iterator[dict[str, Any]]:
    name = _NAME.fullmatch(file.name)
    if name is None:
        raise OutcomesError(f"{file} is no sample log by its name; lm_eval writes samples_<task>_<time>.jsonl.")
    task, time = name["task"], name["time"]
    samples, results = read_rows(file), _results(file, time)
    if not samples:
        return
    first = samples[0].get("filter")
    kept = [s for s in samples if s.get("filter") == first]
    for sample in samples:
        if sample.get("filter") != first:
            skipped[f"under filter '{sample.get('filter')}' (the task's first, '{first}', is taken)"] += 1
    metric = _metric(kept, (results.get("higher_is_better") or {}).get(task) or {})
    if metric is None:
        skipped[f"of task '{task}', which has no metric in [0, 1]"] += len(kept)
        return
    for sample in kept:
        text = _text(sample.get("doc"))
        key = text or sample.get("doc_hash") or _prompt(sample) or ""
        query_id = f"{task}:{sample.get('doc_id')}:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"
        answer, extracted = _first(sample.get("resps")), _first(sample.get("filtered_resps"))
        yield {
            "task": task,
            "query_id": query_id,
            "query": texts.setdefault(query_id, text or _prompt(sample)),
            "model": results.get("model_name") or file.resolve().parent.name,
            "score": _number(sample.get(metric)),
            "response": answer,
            "unparsed": None if answer is None else extracted == _INVALID,
            "prompt_hash": sample.get("prompt_hash"),
            "run_id": time,
            "created_at": time and time[:10] + time[10:].replace("-", ":"),
        }


def _results(file: Path, time: str | None) -> dict[str, Any]:
    """Return what the run's results file says; nothing where there is none."""
    try:
        found = json.loads(file.with_name(f"results_{time}.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _metric(samples: list[dict[str, Any]], higher_is_better: Mapping[str, Any]) -> str | None:
    """Return the first metric that can be a score on all samples."""
    listed = samples[0].get("metrics")
    names = (
        listed if isinstance(listed, list) else [k for k in samples[0] if k not in _KEYS and not k.endswith("_hash")]
    )
    for name in names:
        values = [_number(s.get(name)) for s in samples]
        if higher_is_better.get(name) is not False and all(v is not None and not (v < 0 or v > 1) for v in values):
            return str(name)
    return None


def _number(value: Any) -> float | None:
    """Return a metric's value as a number; what JSON doesn't know (numpy's truth values) is logged as text."""
    if isinstance(value, str):
        return _TRUTH.get(value)
    return float(value) if isinstance(value, (bool, int, float)) else None


def _text(doc: Any) -> str | None:
    """Return a document's own text: passage, question, choices."""
    if not isinstance(doc, dict):
        return None
    question = next((doc[k] for k in _TEXTS if isinstance(doc.get(k), str) and doc[k]), None)
    if question is None:
        return None
    passages = [doc[k] for k in _PASSAGES if isinstance(doc.get(k), str) and doc[k]]
    choices = doc.get("choices") or doc.get("options") or []
    choices = choices.get("text") if isinstance(choices, dict) else choices
    choices = choices if isinstance(choices, list) and all(isinstance(c, str) for c in choices) else []
    return "\n".join([*passages, question, *(f"{chr(ord('A') + i)}. {c}" for i, c in enumerate(choices))])


def _prompt(sample: Mapping[str, Any]) -> str | None:
    """Return the prompt of a sample: arguments are {"gen_args_0": {"arg_0": prompt}}, once [[prompt, ...]]."""
    arguments = sample.get("arguments")
    if isinstance(arguments, dict):
        arguments = (arguments.get("gen_args_0") or {}).get("arg_0")
    return _first(arguments)


def _first(values: Any) -> str | None:
    """Return the text in a nest of lists if there is one alone or in front; log-likelihoods are pairs, and none."""
    while isinstance(values, list) and values:
        if len(values) == 2 and values[1] in ("True", "False", True, False):
            return None
        values = values[0]
    return values if isinstance(values, str) else None
