"""The one writer into MLflow: runs with their settings, metrics, tags and files, and traces of routed queries."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.models import Ladder
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.tracking.items import Artifact, LogItem, Metric, Param, Tag, iter_benchmark, iter_versions
from zeta_eval.tracking.registry import Registry
from zeta_eval.tracking.store import ARTIFACTS, URI, connect, sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

_T = TypeVar("_T")


class MlflowTracker:
    """Logs benchmarks, tunings and policies into an MLflow store, which is made where it is missing.

    >>> tracker = MlflowTracker("sqlite:///mlruns/mlflow.db", experiment="my models")  # opens nothing yet
    >>> tracker.uri
    'sqlite:///mlruns/mlflow.db'
    """

    def __init__(self, uri: str = URI, artifact_root: str | Path = ARTIFACTS, experiment: str = "zeta-eval") -> None:
        """Name the store; nothing is opened yet.

        A server (http, https) or another database keeps artifacts where it is set up to; `artifact_root` is for sqlite.

        Raises:
            InvalidInputError: the URI is a folder, which MLflow no longer keeps runs in.
        """
        if "://" not in uri or uri.startswith("file:"):
            raise InvalidInputError(f"MLflow can't keep runs in '{uri}'; give a database or server such as {URI}.")
        self.uri = uri
        self.artifact_root = Path(artifact_root)
        self.experiment = experiment

    def open(self) -> None:
        """Make the store and the experiment now (7-12 s the first time), so that a long run can't fail on it later."""
        _ = self._experiment_id

    def log_benchmark(self, outcomes: Outcomes, ladder: Ladder, folder: Path) -> str:
        """Log a benchmark as one run with a child run per size; return the parent's run id.

        The parent gets the data sets as inputs, the outcomes table and the folder's run.json as artifacts.
        """
        parts: dict[str | None, list[LogItem]] = {None: []}
        for size, item in iter_benchmark(outcomes, ladder):
            parts.setdefault(size, []).append(item)
        with self._run(f"benchmark {ladder.name}", kind="benchmark") as parent:
            self._client.log_inputs(parent, _dataset_inputs(outcomes))
            with tempfile.TemporaryDirectory() as temp:
                table = Path(temp) / "outcomes.parquet"
                outcomes.save(table)
                files = [Artifact(p) for p in (table, folder / "run.json") if p.is_file()]
                self._write(parent, [*parts.pop(None), *files])
            for size, items in parts.items():
                with self._run(str(size), kind="size", parent=parent) as child:
                    self._write(child, items)
        return parent

    def log_tuning(
        self,
        *,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        best_curve: Sequence[float],
        artifacts: Sequence[Path],
        tags: Mapping[str, str],
    ) -> str:
        """Log a tuning as one run, with the best value so far after each trial as a curve; return its run id."""
        items: list[LogItem] = [*_items(params, metrics, tags), *map(Artifact, artifacts), *iter_versions()]
        items += [Metric("best_so_far", value, step) for step, value in enumerate(best_curve)]
        with self._run("tuning", kind="tuning") as run:
            self._write(run, items)
        return run

    def log_policy(
        self,
        policy_path: Path,
        *,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        artifacts: Sequence[Path] = (),
    ) -> str:
        """Log a policy as one run, with its file, and register it as the newest version; return its run id.

        Args:
            policy_path: The policy file.
            metrics: What was measured of it.
            tags: What else is known of it; the version gets them too.
            artifacts: More files, such as its test report.

        Raises:
            InvalidInputError: there is no such file.
        """
        if not policy_path.is_file():
            raise InvalidInputError(f"No policy file at {policy_path}; save the policy first.")
        digest = hashlib.sha256(policy_path.read_bytes()).hexdigest()
        items = [*_items({}, metrics, tags), Tag("policy_sha256", digest), *map(Artifact, (policy_path, *artifacts))]
        with self._run(f"policy {digest[:8]}", kind="policy") as run:
            self._write(run, items)
            self.registry.register(run, policy_path, tags=tags)
        return run

    @cached_property
    def registry(self) -> Registry:
        """The versions of the policy in this store."""
        return Registry(self.uri)

    @cached_property
    def _client(self) -> MlflowClient:
        return connect(self.uri)

    @cached_property
    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        client = self._client
        root = None
        if sqlite_file(self.uri):
            self.artifact_root.mkdir(parents=True, exist_ok=True)
            root = self.artifact_root.resolve().as_uri()
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return client.create_experiment(self.experiment, artifact_location=root)
            except MlflowException:  # another process was quicker
                found = client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return found.experiment_id

    @contextmanager
    def _run(self, name: str, *, kind: str, parent: str | None = None) -> Iterator[str]:
        """Make a run, hand out its id, and end it: FINISHED, or FAILED where the body raises."""
        tags = {"kind": kind, "mlflow.source.name": "zeta-eval"} | ({"mlflow.parentRunId": parent} if parent else {})
        experiment = self._experiment_id
        run = self._client.create_run(experiment, tags=tags, run_name=name).info.run_id
        try:
            yield run
        except BaseException:
            self._client.set_terminated(run, "FAILED")
            raise
        self._client.set_terminated(run, "FINISHED")

    def _write(self, run: str, items: Iterable[LogItem]) -> None:
        """Write items into a run; numbers that are not finite are left out."""
        from mlflow import entities

        now = int(time.time() * 1000)
        metrics, params, tags = [], [], []
        for item in items:
            match item:
                case Metric(name, value, step) if math.isfinite(value):
                    metrics.append(entities.Metric(_key(name), float(value), now, step))
                case Param(name, value):
                    params.append(entities.Param(_key(name), str(value)[:6000]))
                case Tag(name, text):
                    tags.append(entities.RunTag(_key(name), str(text)[:8000]))
                case Artifact(path):
                    self._client.log_artifact(run, str(path))
        # MLflow takes at most 100 params, 100 tags and 1,000 items at once.
        for batch in zip_longest(_chunks(metrics, 800), _chunks(params, 100), _chunks(tags, 100), fillvalue=()):
            self._client.log_batch(run, *batch)


class TracedRouter(ZetaDynamicRouter):
    """A router whose `generate` leaves a trace in an MLflow store, which takes about 2 ms a query.

    The trace's root span "zeta" holds the query, the answer kept and the reason after each step. Below it are "route"
    with size, chances and reasons, and a span "generate SIZE" for every call.
    """

    def __init__(self, router: ZetaDynamicRouter, tracker: MlflowTracker) -> None:
        """Trace what a router does into the tracker's store and experiment; opens them."""
        import mlflow

        tracker.open()
        mlflow.set_tracking_uri(tracker.uri)
        mlflow.set_experiment(tracker.experiment)
        self.__dict__.update(router.__dict__)

    @contextmanager
    def _span(self, name: str, inputs: Mapping[str, object]) -> Iterator[Callable[[Mapping[str, object]], None]]:
        import mlflow

        with mlflow.start_span(name, span_type="LLM" if name.startswith("generate ") else "UNKNOWN") as span:
            span.set_inputs(dict(inputs))
            yield lambda outputs: span.set_outputs(dict(outputs))


def _dataset_inputs(outcomes: Outcomes) -> list[DatasetInput]:
    """Return each data set of a table as an MLflow dataset input: name, digest of its queries, source, profile."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.huggingface_dataset_source import HuggingFaceDatasetSource
    from mlflow.entities import Dataset, DatasetInput, InputTag

    queries = outcomes.frame.drop_duplicates("query_id")[["dataset", "query_id", "query"]].sort_values("query_id")
    inputs = []
    for name, rows in queries.groupby("dataset"):
        on_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) is not None
        source = HuggingFaceDatasetSource(str(name)) if on_hub else CodeDatasetSource({"dataset": str(name)})
        dataset = Dataset(
            name=str(name)[:500],
            digest=hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()[:16],
            source_type=source._get_source_type(),
            source=source.to_json(),
            profile=json.dumps({"num_rows": len(rows)}),
        )
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")]))
    return inputs


def _items(params: Mapping[str, object], metrics: Mapping[str, float], tags: Mapping[str, str]) -> Iterator[LogItem]:
    yield from (Param(name, value) for name, value in params.items())
    yield from (Metric(name, value) for name, value in metrics.items())
    yield from (Tag(name, value) for name, value in tags.items())


def _key(name: str) -> str:
    """Make a name one that MLflow takes: letters, digits, `_-. :/`, no empty or dotted steps between slashes."""
    clean = re.sub(r"[^\w\-. :/]", "_", name)
    return "/".join(step for step in clean.split("/") if step.strip(". "))[:250] or "_"


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[i : i + size] for i in range(0, len(items), size))
