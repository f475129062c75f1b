"""What a benchmark records: a run for the whole, and one for each size."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from zeta_eval.evaluation.attempts import AttemptsReport
from zeta_eval.evaluation.reports import figures
from zeta_eval.models import Ladder
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.size_metrics import size_metrics
from zeta_eval.outcomes.summary import summary
from zeta_eval.tracking.items import Artifact, Data, Figure, LogItem, Metric, Param, Tag, iter_versions
from zeta_eval.tracking.record import Record, Run
from zeta_eval.tracking.words import benchmark_name

if TYPE_CHECKING:
    import pandas as pd

USED = ("max_new_tokens", "mcq", "temperature", "sampling_seed", "stop")
"""Settings in run.json with which answers were made, also where the folder is resumed."""


def benched(record: Record, outcomes: Outcomes, ladder: Ladder, folder: Path, asked: Mapping[str, object]) -> Record:
    """Add the runs of a benchmark: the whole with its table and its run.json, then each size."""
    parts: dict[str | None, list[LogItem]] = {None: []}
    manifest = folder / "run.json"
    used = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    for size, item in iter_benchmark(outcomes, ladder, used, asked):
        parts.setdefault(size, []).append(item)
    name = benchmark_name(sorted(outcomes.frame["task"].unique()), outcomes.sizes)
    with TemporaryDirectory() as temp:
        outcomes.save(table := Path(temp, "outcomes.parquet"))
        files = [Artifact(path) for path in (table, manifest) if path.is_file()]
        whole = Run(key="benchmark", name=name, kind="benchmark", note=_note(outcomes))
        record = record.adding(whole, [*parts.pop(None), *files, *_data(outcomes)])
    for size, items in parts.items():
        record = record.adding(Run(key=str(size), name=str(size), kind="size", parent="benchmark"), items)
    return record


def iter_benchmark(
    outcomes: Outcomes, ladder: Ladder, used: Mapping[str, Any], asked: Mapping[str, object]
) -> Iterator[tuple[str | None, LogItem]]:
    """Yield what a benchmark logs as (size, item); size None is the benchmark as a whole.

    `used` is what run.json holds, `asked` are settings beside it; one that is None was left to the benchmark.
    """
    frame, attempts, tried = outcomes.frame, outcomes.attempts, AttemptsReport.of(outcomes)
    sizes = dict.fromkeys((*outcomes.sizes, *frame["model"].unique()))
    tasks = ", ".join(sorted(frame["task"].unique()))
    params: dict[str, Any] = {"ladder": ladder.name, "sizes": " < ".join(outcomes.sizes), "tasks": tasks}
    params |= {"outcomes_sha256": outcomes.sha256, **asked}
    params |= {name: used[name] for name in USED if used.get(name) not in (None, [])}
    params |= {"mcq": "generate"} if "mcq" in used and used["mcq"] is None else {}
    for name, value in params.items():
        if value is not None:
            yield None, Param(name, value)
    yield None, Tag("tasks", tasks)
    if outcomes.truncation_note:
        yield None, Tag("warning/truncated", outcomes.truncation_note)
    yield None, Metric("n_queries", frame["query_id"].nunique())
    yield None, Metric("n_complete", len(outcomes))
    yield None, Metric("n_incomplete", outcomes.n_incomplete)
    if len(outcomes):
        yield None, Metric("accuracy_oracle", outcomes.matrix("score").max(axis=1).mean())
    if (frame["latency_s"] > 0).any():
        yield None, Figure("latency", lambda: figures.latency(outcomes))
    for tag in iter_versions():
        yield None, tag
    specs = {spec.size: spec for spec in ladder.models}
    for size in sizes:
        for item in _iter_params(specs[size], used.get("sizes", {}).get(size, {})) if size in specs else ():
            yield size, item
        for item in _iter_size(frame[frame["model"] == size], attempts[attempts["model"] == size]):
            yield size, item
        for name, value in tried.metrics(size).items() if tried else ():
            yield size, Metric(name, value)
        for tag in iter_versions():
            yield size, tag


def _iter_params(spec: Any, entry: Mapping[str, Any]) -> Iterator[LogItem]:
    """Yield the settings of a rung that are set, and the batch size that was used."""
    for name, value in asdict(spec).items():
        if value not in (None, "", (), {}):
            yield Param(name, value)
    if "batch_size" in entry:
        yield Param("batch_size", entry["batch_size"])


def _iter_size(rows: pd.DataFrame, attempts: pd.DataFrame) -> Iterator[LogItem]:
    """Yield the numbers of one size from its rows and its attempts; NaN where the table has no values."""
    for name, value in size_metrics(rows, attempts).items():
        yield Metric(name, value)
    by_task = rows["score"].astype("float64").groupby(rows["task"]).agg(["mean", "sem", "count"])
    for task, mean, error, n in by_task.itertuples():
        yield Metric(f"accuracy/{task}", mean)
        yield Metric(f"accuracy_se/{task}", error)
        yield Metric(f"n_scored/{task}", n)


def _note(outcomes: Outcomes) -> str:
    """The benchmark in Markdown: what each size reached."""
    lines = ["| size | queries | accuracy | p50 s | p95 s | unparsed | cut off |", "| --- " * 7 + "|"]
    for row in summary(outcomes).to_dict("records"):
        accuracy = f"{row['accuracy']:.3f} ± {row['accuracy_se']:.3f}"
        rest = (f"{row[name]:.4g}" for name in ("latency_p50_s", "latency_p95_s", "n_unparsed", "n_truncated"))
        lines.append(f"| {row['size']} | {row['n_queries']:.0f} | {accuracy} | {' | '.join(rest)} |")
    return "\n".join(lines)


def _data(outcomes: Outcomes) -> list[Data]:
    """Each data set of a table: its name, a digest of its queries, how many they are."""
    queries = outcomes.frame.drop_duplicates("query_id")[["dataset", "query_id", "query"]].sort_values("query_id")
    found = []
    for name, rows in queries.groupby("dataset"):
        digest = hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()[:16]
        on_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) is not None
        found.append(Data(name=str(name), digest=digest, rows=len(rows), context="evaluation", hub=on_hub))
    return found
