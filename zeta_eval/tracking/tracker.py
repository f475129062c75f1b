"""The one writer into MLflow: runs are kept on disk first, then sent, so that a dead server loses no work."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.exceptions import InvalidInputError, ZetaError
from zeta_eval.models import Ladder
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tracking.benched import benched
from zeta_eval.tracking.items import Artifact, Metric, Tag
from zeta_eval.tracking.made import learned, promoted, tuned
from zeta_eval.tracking.record import Record, records
from zeta_eval.tracking.registry import Registry
from zeta_eval.tracking.sender import Sender
from zeta_eval.tracking.store import ARTIFACTS, answering, connect, experiment_name, sqlite_file, store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from zeta_eval.tuning import TuningReport
    from zeta_eval.tuning.learning_report import LearningReport

_log = logging.getLogger(__name__)

UNSENT = "unsent"
"""Folder beside the artifacts in which runs are kept until MLflow has them."""
_ABOUT = (
    "Routers of zeta-eval: benchmarks of model sizes, searches, and the versions of the policy that they export. "
    "The models of this experiment are the versions."
)


class MlflowTracker:
    """Logs benchmarks, tunings and policies into an MLflow store, which is made where it is missing.

    >>> tracker = MlflowTracker("sqlite:///mlruns/mlflow.db", experiment="my models")  # opens nothing yet
    >>> tracker.uri
    'sqlite:///mlruns/mlflow.db'
    """

    def __init__(
        self, uri: str | None = None, artifact_root: str | Path = ARTIFACTS, experiment: str | None = None
    ) -> None:
        """Name the store; nothing is opened yet.

        Without a URI it is that of MLFLOW_TRACKING_URI, else mlruns/mlflow.db here; without an experiment that of
        MLFLOW_EXPERIMENT_NAME, else "zeta-eval". A server (http, https) or another database keeps artifacts where it is
        set up to; `artifact_root` is for sqlite. Runs that can't be sent are kept in the folder `unsent` beside it.

        Raises:
            InvalidInputError: the URI is a folder, which MLflow no longer keeps runs in.
        """
        self.uri = store_uri(uri)
        self.artifact_root = Path(artifact_root)
        self.experiment = experiment_name(experiment)

    @property
    def unsent(self) -> Path:
        """Folder of the runs that MLflow did not take yet; `send` sends them."""
        return self.artifact_root.parent / UNSENT

    def open(self) -> None:
        """Make the store and the experiment now (7-12 s the first time), so that a long run can't fail on it later.

        Raises:
            TrackingError: the server does not answer within 10 s, or refuses.
        """
        with answering(self.uri):
            self._experiment_id(self.experiment)

    def log_benchmark(
        self, outcomes: Outcomes, ladder: Ladder, folder: Path, *, asked: Mapping[str, object] | None = None
    ) -> dict[str, str]:
        """Log a benchmark as one run with a child run per size; returns the ids of the runs: "benchmark" and sizes.

        The parent gets the data sets as inputs, the outcomes table and the folder's run.json as artifacts. `asked` are
        settings that run.json does not hold.
        """
        return self._log(lambda record: benched(record, outcomes, ladder, folder, asked or {}))

    def log_tuning(self, report: TuningReport, outcomes: Outcomes) -> dict[str, str]:
        """Log a search on a table and the version that it exports; returns the ids of "tuning" and "policy"."""
        return self._log(lambda record: tuned(record, report, outcomes))

    def log_learning(self, report: LearningReport) -> dict[str, str]:
        """Log a version that was learned from feedback; returns the id of the run "policy"."""
        return self._log(lambda record: learned(record, report))

    def log_policy(
        self,
        policy_path: Path,
        *,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        artifacts: Sequence[Path] = (),
    ) -> dict[str, str]:
        """Log a policy file, and register it as the newest version; returns the id of the run "policy".

        Args:
            policy_path: The policy file.
            metrics: What was measured of it; None takes what the file says of itself.
            tags: What else is known of it; the version gets them too.
            artifacts: More files, such as its test report.

        Raises:
            InvalidInputError: there is no such file.
        """
        if not policy_path.is_file():
            raise InvalidInputError(f"No policy file at {policy_path}; save the policy first.")
        policy = RoutingPolicy.load(policy_path)
        items = [Tag(k, v) for k, v in (tags or {}).items()] + [Metric(k, v) for k, v in (metrics or {}).items()]
        return self._log(
            lambda record: promoted(record, policy, policy_path, [*items, *map(Artifact, artifacts)], metrics is None)
        )

    def send(self, folder: str | Path | None = None) -> dict[str, dict[str, str]]:
        """Send the runs that are kept in a folder, `unsent` where none is named, each into its own experiment.

        What MLflow has already is not sent again. Returns the ids of the runs by their keys, by record.

        Raises:
            TrackingError: the server does not answer, or refuses; what is not sent stays.
            InvalidInputError: there is no such folder, or it holds what can't be read.
        """
        found = records(self.unsent if folder is None else Path(folder))
        sent = {}
        for record in found:
            sent[record.folder.name] = self._send(record)
            record.remove()
        return sent

    @cached_property
    def registry(self) -> Registry:
        """The versions of the policy in this store."""
        return Registry(self.uri)

    @property
    def _client(self) -> MlflowClient:
        return self.registry.client

    def _log(self, make: Callable[[Record], Record]) -> dict[str, str]:
        """Keep what is to be recorded, then send it; where it can't be sent it stays, and a warning says so."""
        record = Record.start(self.unsent, self.experiment)
        try:
            record = make(record).save()
        except BaseException:
            shutil.rmtree(record.folder, ignore_errors=True)
            raise
        try:
            sent = self._send(record)
        except ZetaError as e:
            _log.warning("%s The run is kept: `zeta track %s` sends it.", e, record.folder)
            return {}
        record.remove()
        return sent

    def _send(self, record: Record) -> dict[str, str]:
        connect(self.uri)  # says within seconds that the server is dead
        with answering(self.uri):
            return Sender(record, self.registry, self._client, self._experiment_id(record.experiment)).send()

    def _experiment_id(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        client, root = self._client, None
        if sqlite_file(self.uri):
            self.artifact_root.mkdir(parents=True, exist_ok=True)
            root = self.artifact_root.resolve().as_uri()
        found = client.get_experiment_by_name(name)
        if found is None:
            # A kind of experiment whose page shows runs and models, not chats.
            tags = {"mlflow.experimentKind": "custom_model_development", "mlflow.note.content": _ABOUT}
            try:
                return client.create_experiment(name, artifact_location=root, tags=tags)
            except MlflowException:  # another process was quicker
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
