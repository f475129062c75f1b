"""Logs of Inspect AI: `.eval` (a zip of JSON files) and `.json`; one log per task and model, a folder may hold many.

`header.json` (`_journal/start.json` in a log that didn't finish) has `eval` with task, model and dataset, and
`samples/<id>_epoch_<n>.json` one `EvalSample` each; the `.json` format is the same in one object with `samples`:
https://github.com/UKGovernmentBEIS/inspect_ai/blob/020dd018841a2e70f4f11198bae184d1c8b01948/src/inspect_ai/log/_log.py
and https://inspect.aisi.org.uk/eval-logs.html.

- Score: the sample's first scorer; C, P, I and N are 1, 0.5, 0 and 0, as `value_to_float` of `inspect_ai/scorer` has.
- Of several epochs the first is taken. A sample that failed is a row with its error and no score.
- prompt_tokens are all input tokens, those read from or written to a cache too, which `input_tokens` leaves out since
  https://github.com/UKGovernmentBEIS/inspect_ai/pull/3341. latency_s is the time of the model's last call.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import pandas as pd

from zeta_eval.exceptions import OutcomesError

_VERSION: Final = 2
"""Newest `version` of the log format that is known."""
_LETTERS: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "no": 0.0}
_CUT: Final = ("max_tokens", "model_length")


def read(path: Path, skipped: Counter[str]) -> pd.DataFrame:
    """Return one row per sample and log."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix in (".eval", ".json"))
    if not files:
        raise OutcomesError(f"Folder {path} holds no .eval or .json log; give Inspect's log folder.")
    rows: list[dict[str, Any]] = []
    for file in files:
        log = _documents(file)
        head = next(log)
        spec = head.get("eval") if isinstance(head, dict) else None
        if not (isinstance(spec, dict) and "task" in spec and "model" in spec):
            if file == path:
                raise OutcomesError(f"{file} is no Inspect log; give an .eval or .json log, or a folder of them.")
            skipped["a file that is no Inspect log"] += 1
            continue
        if head.get("version", _VERSION) > _VERSION:
            raise OutcomesError(
                f"{file} has Inspect's log version {head['version']}, this release reads up to {_VERSION}; update it."
            )
        n = len(rows)
        for sample in log:
            if sample.get("epoch", 1) > 1:
                skipped["of a further epoch (the first is taken)"] += 1
            else:
                rows.append(_row(sample, spec))
        if n == len(rows):
            skipped["a log without samples"] += 1
    return pd.DataFrame(rows)


def _documents(file: Path) -> Iterator[Any]:
    """Yield a log's header, then its samples one by one: with their events they can be large."""
    try:
        if file.suffix != ".eval":
            whole = json.loads(file.read_bytes())
            yield whole
            yield from whole.get("samples") or []
            return
        with ZipFile(file) as archive:
            names = archive.namelist()
            head = next((n for n in ("header.json", "_journal/start.json") if n in names), None)
            yield head and json.loads(archive.read(head))
            for name in names:
                if name.startswith("samples/") and name.endswith(".json"):
                    yield json.loads(archive.read(name))
    except (BadZipFile, NotImplementedError, ValueError) as e:
        raise OutcomesError(
            f"{file} can't be read as an Inspect log ({e}); write it again with `inspect log convert --to json`."
        ) from e


def _row(sample: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    output = sample.get("output") or {}
    choice: dict[str, Any] = next(iter(output.get("choices") or []), {})
    usage = (sample.get("model_usage") or {}).get(spec["model"]) or output.get("usage") or {}
    scored: dict[str, Any] = next(iter((sample.get("scores") or {}).values()), {})
    score = scored.get("value")
    logprobs = [t["logprob"] for t in (choice.get("logprobs") or {}).get("content") or []]
    inputs = [usage.get(f"input_tokens{kind}") for kind in ("", "_cache_read", "_cache_write")]
    return {
        "dataset": (spec.get("dataset") or {}).get("name"),
        "task": spec["task"],
        "query_id": f"{spec['task']}:{sample.get('id')}",
        "query": _query(sample),
        "model": spec["model"],
        "score": _LETTERS.get(score, score) if isinstance(score, str) else score,
        "response": output.get("completion") or _content((choice.get("message") or {}).get("content")),
        "error": (sample.get("error") or {}).get("message"),
        "prompt_tokens": sum(n or 0 for n in inputs) if usage else None,
        "completion_tokens": usage.get("output_tokens"),
        "cost_usd": usage.get("total_cost"),
        "latency_s": output.get("time"),
        "mean_logprob": sum(logprobs) / len(logprobs) if logprobs else None,
        "min_logprob": min(logprobs, default=None),
        "truncated": choice["stop_reason"] in _CUT if "stop_reason" in choice else None,
        "run_id": spec.get("eval_id") or spec.get("run_id"),
        "created_at": _utc(spec.get("created")),
    }


def _query(sample: dict[str, Any]) -> str:
    """Return what the user asks: the input, or its user messages, and the choices."""
    asked = sample.get("input")
    if isinstance(asked, list):
        asked = "\n".join(_content(m.get("content")) for m in asked if m.get("role") == "user")
    # Long contents are kept apart from the messages that refer to them.
    text = (sample.get("attachments") or {}).get(str(asked).removeprefix("attachment://"), asked) or ""
    return "\n".join([text, *(f"{chr(ord('A') + i)}. {c}" for i, c in enumerate(sample.get("choices") or []))])


def _content(content: Any) -> str:
    """Return a message's text: a string, or a list of parts of which some are text."""
    if isinstance(content, list):
        return "\n".join(part.get("text") or "" for part in content if part.get("type") == "text")
    return content or ""


def _utc(time: str | None) -> str | None:
    try:
        return time and datetime.fromisoformat(time).astimezone(UTC).isoformat()
    except ValueError:
        return time
