"""Items to log as plain data: settings, metrics, tags and files of a benchmark. MLflow plays no part here."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zeta_eval.models import Ladder
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.summary import size_metrics

if TYPE_CHECKING:
    import pandas as pd

_PACKAGES: Final = ("zeta-eval", "torch", "transformers")
"""Packages whose version goes with every run."""


@dataclass(frozen=True, slots=True)
class Param:
    """A setting of a run."""

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured number of a run."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True, slots=True)
class Tag:
    """A word on a run to search by."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file to keep with a run."""

    path: Path


LogItem = Param | Metric | Tag | Artifact


def iter_benchmark(outcomes: Outcomes, ladder: Ladder) -> Iterator[tuple[str | None, LogItem]]:
    """Yield what a benchmark logs as (size, item); size None is the benchmark as a whole."""
    frame = outcomes.frame
    sizes = dict.fromkeys((*outcomes.sizes, *frame["model"].unique()))
    yield None, Param("ladder", ladder.name)
    yield None, Param("sizes", " < ".join(outcomes.sizes))
    yield None, Param("tasks", ", ".join(sorted(frame["task"].unique())))
    yield None, Param("max_new_tokens", ladder.max_new_tokens)
    yield None, Param("outcomes_sha256", outcomes.sha256)
    if outcomes.truncation_note:
        yield None, Tag("warning/truncated", outcomes.truncation_note)
    yield None, Metric("n_queries", frame["query_id"].nunique())
    yield None, Metric("n_complete", len(outcomes))
    yield None, Metric("n_incomplete", outcomes.n_incomplete)
    if len(outcomes):
        yield None, Metric("accuracy_oracle", outcomes.matrix("score").max(axis=1).mean())
    for tag in iter_versions():
        yield None, tag
    specs = {spec.size: spec for spec in ladder.models}
    for size in sizes:
        if size in specs:
            for name, value in asdict(specs[size]).items():
                yield size, Param(name, value)
        for item in _iter_size(frame[frame["model"] == size]):
            yield size, item
        for tag in iter_versions():
            yield size, tag


def _iter_size(rows: pd.DataFrame) -> Iterator[LogItem]:
    """Yield the numbers of one size from its rows; NaN where the table has no values."""
    for name, value in size_metrics(rows).items():
        yield Metric(name, value)
    by_task = rows["score"].astype("float64").groupby(rows["task"]).agg(["mean", "sem", "count"])
    for task, mean, error, n in by_task.itertuples():
        yield Metric(f"accuracy/{task}", mean)
        yield Metric(f"accuracy_se/{task}", error)
        yield Metric(f"n_scored/{task}", n)


def iter_versions() -> Iterator[Tag]:
    """Yield the versions of what ran, without importing it."""
    yield Tag("version/python", platform.python_version())
    for name in _PACKAGES:
        try:
            yield Tag(f"version/{name}", version(name))
        except PackageNotFoundError:
            continue
