"""Sample logs of lm-evaluation-harness, written with `lm_eval --log_samples --output_path FOLDER`.

FOLDER holds one folder per model with `samples_<task>_<time>.jsonl` and `results_<time>.json`; each line is a document
under one filter, with its metrics as further keys:
https://github.com/EleutherAI/lm-evaluation-harness/blob/034ab03621186e68aa1f73ee1508370580ea77b5/lm_eval/loggers/evaluation_tracker.py
and `lm_eval/evaluator.py`; `filter` and `metrics` are named in the sample since
https://github.com/EleutherAI/lm-evaluation-harness/pull/2517. Releases up to 0.4.2 wrote `results.json` and, beside it,
`<model arguments>_<task>.jsonl`, which holds one JSON list with the documents of one filter after those of another.

- Score: one filter and metric per task, see `choice`. Whether lower is better is taken from the results file, and from
  the names of the usual error rates where that says nothing.
- Query: see `lm_eval_query`. Model: `model_name` in the results file, else what its arguments name, else the folder's
  name. Token counts aren't logged.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.files import from_foreign_json, read_bytes
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.choice import Answer, Kinds, Name, scored
from zeta_eval.outcomes.importers.folder import read_each, read_lines
from zeta_eval.outcomes.importers.lm_eval_query import asked_prompt, identity, query, target
from zeta_eval.outcomes.importers.texts import columns_of, digest
from zeta_eval.outcomes.targets import target_text

_NAME: Final = re.compile(r"samples_(?P<task>.+?)(?:_(?P<time>\d{4}-\d\d-\d\dT[\d.-]+))?\.jsonl")
_KEYS: Final = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")
_INVALID: Final = "[invalid]"
"""What `lm_eval/filters/extraction.py` puts for an answer it can't find."""
_ERRORS: Final = (
    *("wer", "cer", "ter", "mae", "mse", "rmse", "brier_score"),
    *("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte"),
)
"""Metrics that are better when lower, for results files that don't say it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """What the files of a run say about it."""

    task: str
    model: str
    time: str | None
    lower: frozenset[str]
    """Metrics that are better when lower."""
    filters: tuple[str, ...]
    """Filters in their order, for samples that don't name theirs."""


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per document and model."""
    files = [path] if path.is_file() else _files(path)
    if not files:
        raise OutcomesError(
            f"Folder {path} holds no samples_<task>_<time>.jsonl; give the --output_path of lm_eval --log_samples."
        )
    texts: dict[str, str | None] = {}
    lower: set[tuple[str, str]] = set()

    def log(file: Path) -> list[Answer]:
        run, samples = _run(file), _samples(file, account)
        lower.update((run.task, metric) for metric in run.lower)
        return list(_answers(samples, run, texts))

    answers = read_each(files, path, account, log)
    return pd.DataFrame(scored(answers, Kinds(group="filter"), account, lower=lower))


def _files(path: Path) -> list[Path]:
    """Sample logs of a folder; those of old releases are beside a results.json."""
    old = [f for r in path.rglob("results.json") for f in r.parent.glob("*.jsonl")]
    return sorted({*path.rglob("samples_*.jsonl"), *old})


def _run(file: Path) -> _Run:
    """Read what the results file beside a sample log says."""
    name = _NAME.fullmatch(file.name)
    time = name["time"] if name else None
    results = _json(file.with_name(f"results_{time}.json" if time else "results.json"))
    task = name["task"] if name else _old_task(file, results)
    higher = (results.get("higher_is_better") or {}).get(task)
    higher = higher if isinstance(higher, dict) else _higher(results, task)
    config = results.get("config") or {}
    model = results.get("model_name") or _named(config.get("model_args"))
    return _Run(
        task=task,
        model=model or file.resolve().parent.name,
        time=time,
        lower=frozenset({m for m, up in higher.items() if up is False} | {m for m in _ERRORS if m not in higher}),
        filters=_filters(results, task),
    )


def _json(file: Path) -> dict[str, Any]:
    """Return what a results file says; nothing where there is none."""
    try:
        found = from_foreign_json(read_bytes(file))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _old_task(file: Path, results: Mapping[str, Any]) -> str:
    """The task at the end of an old log's name: the longest that the results file knows."""
    known = [t for t in results.get("configs") or {} if file.stem.endswith(f"_{t}")]
    if not known:
        raise OutcomesError(f"{file} is no sample log by its name; lm_eval writes samples_<task>_<time>.jsonl.")
    return str(max(known, key=len))


def _higher(results: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Whether higher is better, by metric, as the task's configuration has it."""
    listed = ((results.get("configs") or {}).get(task) or {}).get("metric_list") or []
    return {m["metric"]: m["higher_is_better"] for m in listed if isinstance(m, dict) and "higher_is_better" in m}


def _named(arguments: Any) -> str | None:
    """The model that a run's arguments name: "pretrained=NAME,dtype=float32", or an object of the same."""
    if isinstance(arguments, str):
        arguments = dict(pair.split("=", 1) for pair in arguments.split(",") if "=" in pair)
    if not isinstance(arguments, dict):
        return None
    return next((str(arguments[k]) for k in ("pretrained", "model", "path") if arguments.get(k)), None)


def _filters(results: Mapping[str, Any], task: str) -> tuple[str, ...]:
    """Filters of a task in their order: "exact_match,strict-match" is a key of its results."""
    keys = (results.get("results") or {}).get(task) or {}
    return tuple(dict.fromkeys(k.rpartition(",")[2] for k in keys if "," in k))


def _samples(file: Path, account: Account) -> list[dict[str, Any]]:
    """Read a log's samples: one a line, or all in one list."""
    with file.open("rb") as opened:
        one_list = opened.read(1) == b"["
    if not one_list:
        return read_lines(file, account)
    try:
        listed = from_foreign_json(read_bytes(file))
    except ValueError as e:
        raise OutcomesError(f"{file} is cut or damaged.") from e
    return [s for s in listed if isinstance(s, dict)]


def _answers(samples: list[dict[str, Any]], run: _Run, texts: dict[str, str | None]) -> Iterator[Answer]:
    """Make one answer of the samples that a document has under several filters."""
    found: dict[Any, Answer] = {}
    seen: dict[Any, int] = {}
    for sample in samples:
        doc = json.dumps([sample.get("doc_id"), sample.get("doc_hash") or sample.get("doc")], sort_keys=True)
        place = seen[doc] = seen.get(doc, -1) + 1
        name = sample.get("filter") or (run.filters[place] if place < len(run.filters) else "none")
        answer = found.setdefault(doc, Answer(row=_row(sample, run, texts), values={}))
        answer.values.update({Name(name, metric): sample.get(metric) for metric in _metrics(sample)})
        said = answer.row["response"]
        answer.of_group[name] = {"unparsed": None if said is None else _first(sample.get("filtered_resps")) == _INVALID}
    yield from found.values()


def _row(sample: dict[str, Any], run: _Run, texts: dict[str, str | None]) -> dict[str, Any]:
    query_id = f"{run.task}:{sample.get('doc_id')}:{digest(identity(sample))}"
    return {
        "task": run.task,
        "query_id": query_id,
        **columns_of(texts.setdefault(query_id, query(sample) or asked_prompt(sample))),
        "model": run.model,
        "response": _first(sample.get("resps")),
        "target": None if (right := target(sample)) is None else target_text(right),
        "prompt_hash": sample.get("prompt_hash"),
        "run_id": run.time,
        "created_at": run.time and run.time[:10] + run.time[10:].replace("-", ":"),
    }


def _metrics(sample: Mapping[str, Any]) -> list[str]:
    listed = sample.get("metrics")
    return listed if isinstance(listed, list) else [k for k in sample if k not in _KEYS and not k.endswith("_hash")]


def _first(values: Any) -> str | None:
    """Return the text in a nest of lists if there is one alone or in front; log-likelihoods are pairs, and none."""
    while isinstance(values, list) and values:
        if len(values) == 2 and values[1] in ("True", "False", True, False):
            return None
        values = values[0]
    return values if isinstance(values, str) else None
