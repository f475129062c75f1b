"""Sends a kept record to MLflow. Whatever was sent before is found by its tag, so that nothing is there twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeVar

from zeta_eval.tracking.items import Data
from zeta_eval.tracking.record import POLICY, Record, Run
from zeta_eval.tracking.registry import MODEL, Registry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, RunTag
    from mlflow.entities import Run as Found
    from mlflow.entities.model_registry import ModelVersion

_T = TypeVar("_T")

SENT: Final = "zeta_record"
"""Tag of a run and a version: the record that they come from, and the place in it."""
_NOTE: Final = "mlflow.note.content"


class Sender:
    """Sends the runs of one record into an experiment."""

    def __init__(self, record: Record, registry: Registry, client: MlflowClient, experiment: str) -> None:
        """Send to an experiment by its id; nothing is sent yet."""
        self._record, self._registry, self._client, self._experiment = record, registry, client, experiment
        self._ids: dict[str, str] = {}

    def send(self) -> dict[str, str]:
        """Send what MLflow does not have yet; returns the runs' ids by their keys."""
        for number, run in enumerate(self._record.runs):
            found = self._find(f"tags.{SENT} = '{self._record.id}/{number}'")
            self._ids[run.key] = found.info.run_id if found else self._start(number, run)
            if found and found.info.status == "FINISHED":
                continue
            try:
                self._fill(number, run)
            except BaseException:
                self._fail(run)
                raise
            self._client.set_terminated(self._ids[run.key], "FINISHED")
        return self._ids

    def _find(self, query: str) -> Found | None:
        found = self._client.search_runs(
            [self._experiment], query, max_results=1, order_by=["attributes.start_time DESC"]
        )
        return found[0] if found else None

    def _start(self, number: int, run: Run) -> str:
        tags = {"kind": run.kind, "mlflow.source.name": "zeta-eval", SENT: f"{self._record.id}/{number}"}
        if run.parent is not None:
            tags["mlflow.parentRunId"] = self._ids[run.parent]
        made = self._client.create_run(
            self._experiment, start_time=self._record.time_ms + number, tags=tags, run_name=_unnumbered(run.name)
        )
        return str(made.info.run_id)

    def _fail(self, run: Run) -> None:
        """Mark a run that could not be filled, if the server still answers."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.set_terminated(self._ids[run.key], "FAILED")
        except (MlflowException, OSError):
            return

    def _fill(self, number: int, run: Run) -> None:
        """Write everything of a run; what is there already is written again as it is."""
        own, client = self._ids[run.key], self._client
        if run.data:
            client.log_inputs(own, [_dataset(data) for data in run.data])
        self._files(number, own)
        sources = self._sources(run)
        model = self._model(number, run) if run.registers else None
        self._numbers(run, model)
        tags = {_key(k): v[:8000] for k, v in run.tags.items()} | {f"{kind}_run": i for kind, (i, _) in sources.items()}
        note = "\n\n".join([run.note, *([self._links(sources)] if sources else [])])
        name = run.name
        if model is not None:
            tags["model_id"] = model
            tags["version"] = number_of = str(self._version(number, run, model, note, tags).version)
            name = run.name.replace("{version}", number_of)
            registered = json.dumps([{"name": MODEL, "version": number_of}])
            client.set_logged_model_tags(model, tags | {"run_name": name, "mlflow.modelVersions": registered})
        client.log_batch(own, tags=_tags(tags | {_NOTE: note, "mlflow.runName": name}))
        self._link_back(run, name, sources)

    def _files(self, number: int, own: str) -> None:
        if any(self._record.files(number).iterdir()):
            self._client.log_artifacts(own, str(self._record.files(number)))
        there = {f.path for f in self._client.list_artifacts(own)}
        for name, frame in self._record.tables(number).items():
            if f"{name}.json" not in there:  # else its rows would be appended
                self._client.log_table(own, frame, f"{name}.json")

    def _sources(self, run: Run) -> dict[str, tuple[str, str]]:
        """The runs that this one was made from, as (id, name) by kind."""
        kinds = {other.key: other for other in self._record.runs}
        found = {kinds[key].kind: (self._ids[key], kinds[key].name) for key in run.sources}
        if run.outcomes is not None:
            query = f"tags.kind = 'benchmark' and params.outcomes_sha256 = '{run.outcomes}'"
            if (bench := self._find(query)) is not None:
                found["benchmark"] = (bench.info.run_id, bench.info.run_name)
        return found

    def _links(self, sources: dict[str, tuple[str, str]]) -> str:
        """Links to the runs that a run was made from, in Markdown."""
        links = (f"[{name}](#/experiments/{self._experiment}/runs/{i})" for i, name in sources.values())
        return f"Made from: {', '.join(links)}"

    def _link_back(self, run: Run, name: str, sources: dict[str, tuple[str, str]]) -> None:
        """Tell the runs that this one was made from of it: one tag for each, so that two clients don't collide."""
        for source, _ in sources.values():
            self._client.set_tag(source, f"{run.kind}_run/{self._ids[run.key]}", name)

    def _numbers(self, run: Run, model: str | None) -> None:
        """Write metrics and parameters; metrics of a version are its model's and its data set's, too."""
        from mlflow import entities

        data = run.data[0] if model is not None and run.data else None
        where = (model, data.name if data else None, data.digest if data else None)
        metrics = [
            entities.Metric(_key(name), value, self._record.time_ms, step, *where) for name, value, step in run.metrics
        ]
        params = [entities.Param(_key(name), value[:6000]) for name, value in run.params.items()]
        # MLflow takes at most 100 params and 1,000 items at once.
        for batch in zip_longest(_chunks(metrics, 800), _chunks(params, 100), fillvalue=()):
            self._client.log_batch(self._ids[run.key], *batch)

    def _model(self, number: int, run: Run) -> str:
        """Make the model of a run, or find the one that was made; returns its id."""
        from mlflow.entities import LoggedModelOutput

        own, client = self._ids[run.key], self._client
        known = client.search_logged_models([self._experiment], f"source_run_id = '{own}'", max_results=1)
        if known and str(known[0].status) == "READY":
            return str(known[0].model_id)
        content = (self._record.files(number) / POLICY).read_bytes()
        name = re.sub(r"[/:.%\"']", "", run.name.partition(" v{version}")[0])
        digest = hashlib.sha256(content).hexdigest()
        params = {_key(k): v[:500] for k, v in run.params.items()}
        made = client.create_logged_model(
            self._experiment, f"{name} {digest[:8]}", own, params=params, model_type="router"
        ).model_id
        self._registry.upload(made, content)
        client.finalize_logged_model(made, "READY")
        client.log_outputs(own, [LoggedModelOutput(made, 0)])
        return str(made)

    def _version(self, number: int, run: Run, model: str, note: str, tags: dict[str, str]) -> ModelVersion:
        mark = f"{self._record.id}/{number}"
        content = (self._record.files(number) / POLICY).read_bytes()
        return self._registry.register(self._ids[run.key], model, content, note=note, tags=tags | {SENT: mark})


def _dataset(data: Data) -> DatasetInput:
    """Data as MLflow's dataset input: name, digest, source, number of rows."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.huggingface_dataset_source import HuggingFaceDatasetSource
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = HuggingFaceDatasetSource(data.name) if data.hub else CodeDatasetSource({"dataset": data.name})
    dataset = Dataset(
        name=data.name[:500],
        digest=data.digest,
        source_type=source._get_source_type(),
        source=source.to_json(),
        profile=json.dumps({"num_rows": data.rows}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", data.context)])


def _unnumbered(name: str) -> str:
    """The name of a run whose version has no number yet."""
    return name.replace(" v{version}", "")


def _tags(tags: dict[str, str]) -> list[RunTag]:
    from mlflow import entities

    return [entities.RunTag(name, value) for name, value in tags.items()]


def _key(name: str) -> str:
    """Make a name one that MLflow takes: letters, digits, `_-. :/`, no empty or dotted steps between slashes."""
    clean = re.sub(r"[^\w\-. :/]", "_", name)
    return "/".join(step for step in clean.split("/") if step.strip(". "))[:250] or "_"


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[i : i + size] for i in range(0, len(items), size))
