"""Logs of Inspect AI: `.eval` (a zip of JSON files) and `.json`; one log per task and model, a folder may hold many.

`header.json` (`_journal/start.json` in a log that didn't finish) has `eval` with task, model and dataset, and
`samples/<id>_epoch_<n>.json` one `EvalSample` each; the `.json` format is the same in one object with `samples`:
https://github.com/UKGovernmentBEIS/inspect_ai/blob/020dd018841a2e70f4f11198bae184d1c8b01948/src/inspect_ai/log/_log.py
and https://inspect.aisi.org.uk/eval-logs.html. Archives are compressed with Zstandard by default.

- Score: one scorer per task, see `choice`; the parts of a score that is an object or a list are named by key or place.
- Epochs are attempts, which count with their mean, or the first that a log has. A sample that failed is a row with its
  error and no score.
- prompt_tokens are all input tokens, those read from or written to a cache too, which `input_tokens` leaves out since
  https://github.com/UKGovernmentBEIS/inspect_ai/pull/3341. latency_s is the time of the model's last call.
"""

import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import pandas as pd

from zeta_eval.exceptions import OutcomesError, one_line
from zeta_eval.files import from_foreign_json, read_bytes
from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.choice import Answer, Kinds, Name, scored
from zeta_eval.outcomes.importers.folder import BROKEN, read_each
from zeta_eval.outcomes.importers.texts import asked, columns_of, content_text, digest, query_of, with_choices
from zeta_eval.outcomes.importers.zips import member
from zeta_eval.outcomes.targets import target_text

_VERSION: Final = 2
"""Newest `version` of the log format that is known."""
_CUT: Final = ("max_tokens", "model_length")
_ATTACHMENT: Final = re.compile(r"attachment://(\w+)")


def read(path: Path, account: Account) -> pd.DataFrame:
    """Return one row per sample, epoch and log."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix in (".eval", ".json"))
    if not files:
        raise OutcomesError(f"Folder {path} holds no .eval or .json log; give Inspect's log folder.")
    texts: dict[str, str] = {}
    answers = read_each(files, path, account, lambda file: _log(file, texts, account))
    rows = scored(_epochs(answers, account), Kinds(group="scorer"), account)
    return pd.DataFrame(rows)


def _log(file: Path, texts: dict[str, str], account: Account) -> list[Answer]:
    """Read one log."""
    try:
        documents = _documents(file, account)
        head = next(documents)
        spec = head.get("eval") if isinstance(head, dict) else None
        if not (isinstance(spec, dict) and "task" in spec and "model" in spec):
            raise OutcomesError(f"{file} is no Inspect log; give an .eval or .json log, or a folder of them.")
        if head.get("version", _VERSION) > _VERSION:
            raise OutcomesError(
                f"{file} has Inspect's log version {head['version']}, this release reads up to {_VERSION}; update it."
            )
        answers = []
        for sample in documents:
            try:
                answers.append(_answer(sample, spec, texts))
            except BROKEN as e:
                account.skipped["a sample that is not laid out as Inspect's"] += 1
                account.fault(file, f"a sample is not laid out as Inspect's ({one_line(e)})")
    except BROKEN as e:
        if isinstance(e, OutcomesError):
            raise
        raise OutcomesError(
            f"{file} can't be read as an Inspect log ({one_line(e)}); write it again with `inspect log convert`."
        ) from e
    if not answers:
        account.skipped["a log without samples"] += 1
    return answers


def _documents(file: Path, account: Account) -> Iterator[Any]:
    """Yield a log's header, then its samples one by one: with their events they can be large."""
    if file.suffix != ".eval":
        whole = from_foreign_json(read_bytes(file))
        yield whole
        yield from whole.get("samples") or []
        return
    with ZipFile(file) as archive:
        infos = {i.filename: i for i in archive.infolist()}
        head = next((n for n in ("header.json", "_journal/start.json") if n in infos), None)
        yield head and from_foreign_json(member(archive, infos[head]))
        for name, info in infos.items():
            if name.startswith("samples/") and name.endswith(".json"):
                try:
                    yield from_foreign_json(member(archive, info))
                except (BadZipFile, ValueError, zlib.error) as e:
                    account.skipped["a sample that is damaged"] += 1
                    account.fault(file, f"sample {name} is damaged ({one_line(e)})")


def _answer(sample: dict[str, Any], spec: dict[str, Any], texts: dict[str, str]) -> Answer:
    output = sample.get("output") or {}
    choice: dict[str, Any] = next(iter(output.get("choices") or []), {})
    usage = (sample.get("model_usage") or {}).get(spec["model"]) or output.get("usage") or {}
    logprobs = [t["logprob"] for t in (choice.get("logprobs") or {}).get("content") or []]
    inputs = [usage.get(f"input_tokens{kind}") for kind in ("", "_cache_read", "_cache_write")]
    messages = _messages(sample)
    query_id = f"{spec['task']}:{sample.get('id')}:{digest(asked(messages))}"
    row = {
        "dataset": (spec.get("dataset") or {}).get("name"),
        "task": spec["task"],
        "query_id": query_id,
        **columns_of(texts.setdefault(query_id, with_choices(query_of(messages), sample.get("choices") or []))),
        "model": spec["model"],
        "attempt": int(sample.get("epoch", 1)) - 1,
        "response": output.get("completion") or content_text((choice.get("message") or {}).get("content")),
        "target": _target(sample.get("target")),
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
    return Answer(row=row, values=_values(sample))


def _values(sample: dict[str, Any]) -> dict[Name, Any]:
    """Values by scorer and part: the keys of an object, the places of a list counted from 1, or "" for one value."""
    scores = dict(sample.get("scores") or {})
    if sample.get("score"):  # logs of version 1 had one score
        scores.setdefault("score", sample["score"])
    values: dict[Name, Any] = {}
    for scorer, score in scores.items():
        value = score.get("value")
        if isinstance(value, list):
            value = {str(place): item for place, item in enumerate(value, start=1)}
        parts = value if isinstance(value, dict) else {"": value}
        values |= {Name(scorer, str(part)): item for part, item in parts.items()}
    return values


def _epochs(answers: list[Answer], account: Account) -> list[Answer]:
    """Number the epochs that a log has of a sample as attempts from 0 on, or leave the first of them."""
    found: dict[tuple[Any, ...], list[Answer]] = {}
    for answer in answers:
        found.setdefault(tuple(answer.row[c] for c in ("query_id", "model", "run_id")), []).append(answer)
    for same in found.values():
        same.sort(key=lambda a: a.row["attempt"])
        if len(same) > 1 and account.wanted.epochs == "first":
            account.skipped["of a further epoch (--epochs first)"] += len(same) - 1
            del same[1:]
        elif len(same) > 1:
            account.note(same[0].row["task"], "the mean of a sample's epochs (for the first: --epochs first)")
        for number, answer in enumerate(same):
            answer.row["attempt"] = number
    return [answer for same in found.values() for answer in same]


def _target(target: Any) -> str | None:
    if isinstance(target, list) and target and all(isinstance(t, str) for t in target):
        return target_text(tuple(target))
    return target_text(target) if isinstance(target, str) and target else None


def _messages(sample: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the input as messages of text alone."""
    given = sample.get("input")
    messages = given if isinstance(given, list) else [{"role": "user", "content": given or ""}]
    kept_apart = sample.get("attachments") or {}  # long contents

    def text(content: Any) -> str:
        return _ATTACHMENT.sub(lambda found: kept_apart.get(found[1], found[0]), content_text(content))

    return [{"role": m.get("role"), "content": text(m.get("content"))} for m in messages]


def _utc(time: str | None) -> str | None:
    try:
        return time and datetime.fromisoformat(time).astimezone(UTC).isoformat()
    except ValueError:
        return time
