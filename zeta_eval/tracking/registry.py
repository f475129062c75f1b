"""Versions of a policy as a registered model of MLflow: register, promote, roll back, read."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zeta_eval.exceptions import InvalidInputError, PolicyError, masked
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tracking.store import answering, connect, quiet, sqlite_file, store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

MODEL: Final = "ZetaDynamicRouter"
"""Name of the registered model."""
CHAMPION: Final = "champion"
"""Alias of the version that is in use."""
CHALLENGER: Final = "challenger"
"""Alias of the newest version."""
PREFIX: Final = "models:/"
"""What the name of a registered policy begins with: models:/ZetaDynamicRouter@champion, models:/ZetaDynamicRouter/3."""

_FILES: Final = ("policy.json", "model/artifacts/policy.json")
"""Where a version's run has the policy file; versions that were registered by the first releases, in the second."""
_REIGNS: Final = "champions"
"""Tag of the registered model: the versions that were champion, oldest first."""
_MOST_REIGNS: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Promotion:
    """Which version is champion now, and which one was."""

    version: str
    """Version that is champion."""
    earlier: str | None
    """Version that was champion before; None if there was none."""
    policy: RoutingPolicy
    """The champion's policy."""
    content: bytes
    """The champion's file, byte for byte."""

    def text(self) -> str:
        """Say it in a line."""
        before = f"; before: version {self.earlier}" if self.earlier not in (None, self.version) else ""
        checksum = self.policy.checksum[:8]
        return f"{PREFIX}{MODEL}@{CHAMPION} is version {self.version} ({self.policy.name}@{checksum}){before}"

    def to_dict(self) -> dict[str, str | None]:
        """Say it as JSON data."""
        return {"version": self.version, "earlier": self.earlier, "checksum": self.policy.checksum}

    def __repr__(self) -> str:
        return self.text()


class Registry:
    """The versions of the registered model in an MLflow store; one that is not there is refused with a PolicyError."""

    def __init__(self, uri: str | None = None) -> None:
        """Name the store; nothing is opened yet. None takes MLFLOW_TRACKING_URI, else mlruns/mlflow.db here."""
        self.uri = store_uri(uri)

    def upload(self, model: str, content: bytes) -> None:
        """Put a policy file's content into a logged model.

        It is a pyfunc from code: `predict` takes a frame with `query` (and `task`), see `router_model`.
        """
        with tempfile.TemporaryDirectory() as folder, quiet():
            _save_model(Path(folder, "model"), content)
            self.client.log_model_artifacts(model, str(Path(folder, "model")))

    def register(self, run: str, model: str, content: bytes, *, note: str, tags: Mapping[str, str]) -> ModelVersion:
        """Register a logged model as a version, unless its run is one; the newest version is the challenger."""
        client = self.client
        with quiet():
            self._create_model()
            known = client.search_model_versions(f"name = '{MODEL}' and run_id = '{run}'")
            made = known[0] if known else self._make(run, model, content, note, tags)
            newest = max(client.search_model_versions(f"name = '{MODEL}'"), key=lambda v: int(v.version))
            client.set_registered_model_alias(MODEL, CHALLENGER, newest.version)
        return made

    def _make(self, run: str, model: str, content: bytes, note: str, tags: Mapping[str, str]) -> ModelVersion:
        source = self.client.get_logged_model(model).artifact_location
        tags = {**tags, "policy_sha256": _sha256(content)}
        return self.client.create_model_version(
            MODEL, source, run_id=run, tags=dict(tags), description=note, model_id=model
        )

    def find(self, policy_path: Path) -> str | None:
        """The newest version with exactly this file, None where there is none."""
        digest = _sha256(policy_path.read_bytes())
        with answering(self.uri):
            found = self.client.search_model_versions(f"name = '{MODEL}' and tags.policy_sha256 = '{digest}'")
        return max((str(v.version) for v in found), key=int, default=None)

    def promote(self, wanted: str) -> Promotion:
        """Make a version (a number, "challenger", or "models:/...") the champion."""
        chosen = str(self._find(wanted).version)
        content = self.content(chosen)
        earlier, reigns = self._reigns()
        return self._crown(chosen, [*reigns, chosen] if chosen != earlier else reigns, earlier, content)

    def rollback(self) -> Promotion:
        """Make the version that was champion before the present one champion again."""
        current, reigns = self._reigns()
        if current is not None:
            reigns.pop()
        if not reigns:
            raise PolicyError(f"No version of {MODEL} was champion before; `zeta promote VERSION` makes one champion.")
        return self._crown(reigns[-1], reigns, current, self.content(reigns[-1]))

    def content(self, wanted: str) -> bytes:
        """The policy file of a version, byte for byte."""
        from mlflow.exceptions import MlflowException

        found = self._find(wanted)
        for path in _FILES:
            with tempfile.TemporaryDirectory() as folder, quiet(), suppress(MlflowException, OSError):
                content = Path(self.client.download_artifacts(str(found.run_id), path, folder)).read_bytes()
                if found.tags.get("policy_sha256", _sha256(content)) == _sha256(content):
                    return content
        raise PolicyError(f"Version {found.version} of {MODEL} has no policy file in {masked(self.uri)}.")

    def version(self, wanted: str) -> str:
        """The number of a version."""
        return str(self._find(wanted).version)

    def load(self, wanted: str) -> RoutingPolicy:
        """The policy of a version."""
        return _policy(self.content(wanted))

    @cached_property
    def client(self) -> MlflowClient:
        """The opened store."""
        return connect(self.uri)

    @cached_property
    def reader(self) -> MlflowClient:
        """The client, where there is a store: asking for a version makes none."""
        if (file := sqlite_file(self.uri)) and not file.is_file():
            raise PolicyError(f"No MLflow store at {file}; `zeta tune` makes one, or name another with --mlflow.")
        return self.client

    def _create_model(self) -> None:
        from mlflow.exceptions import MlflowException

        words = "Chooses the smallest language model that is worth its cost for a query."
        try:
            self.client.create_registered_model(MODEL, description=words)
        except MlflowException:  # it is there already
            self.client.get_registered_model(MODEL)

    def _find(self, wanted: str) -> ModelVersion:
        from mlflow.exceptions import MlflowException

        number, alias = _parse(wanted)
        client = self.reader
        with quiet():
            try:
                if number is not None:
                    return client.get_model_version(MODEL, number)
                return client.get_model_version_by_alias(MODEL, str(alias))
            except MlflowException as e:
                name = f"version {number}" if number is not None else f"version with alias '{alias}'"
                todo = " `zeta promote NUMBER` makes one the champion." if alias == "champion" else ""
                raise PolicyError(f"{MODEL} has no {name} in {masked(self.uri)}; it has {self._known()}.{todo}") from e

    def versions(self) -> list[str]:
        """The numbers of all versions, oldest first."""
        found = self.reader.search_model_versions(f"name = '{MODEL}'")
        return sorted((str(v.version) for v in found), key=int)

    def _known(self) -> str:
        versions = self.versions()
        return f"versions {', '.join(versions)}" if versions else "none yet: `zeta tune` registers one"

    def _reigns(self) -> tuple[str | None, list[str]]:
        """The champion, and the versions that were champion, oldest first; the present one last."""
        from mlflow.exceptions import MlflowException

        with quiet():
            try:
                model = self.reader.get_registered_model(MODEL)
            except MlflowException:
                return None, []
        champion = str(model.aliases[CHAMPION]) if CHAMPION in model.aliases else None
        reigns = [v for v in model.tags.get(_REIGNS, "").split(",") if v]
        # A process that died between tag and alias, or a person, may have left later ones: they don't count.
        while champion in reigns and reigns[-1] != champion:
            reigns.pop()
        return champion, reigns if champion is None or champion in reigns else [*reigns, champion]

    def _crown(self, version: str, reigns: list[str], earlier: str | None, content: bytes) -> Promotion:
        policy = _policy(content)
        with answering(self.uri):
            # The alias last: if the process dies in between, the champion is still the one that was.
            self.client.set_registered_model_tag(MODEL, _REIGNS, ",".join(reigns[-_MOST_REIGNS:]))
            self.client.set_registered_model_alias(MODEL, CHAMPION, version)
        return Promotion(version=version, earlier=earlier, policy=policy, content=content)


def is_registered_name(name: object) -> bool:
    """Whether a value names a registered policy (models:/...), not a file."""
    return isinstance(name, str) and name.startswith(PREFIX)


def is_version(name: object) -> bool:
    """Whether a value names a version of the registered model, also in short: 3, champion or challenger."""
    return is_registered_name(name) or (isinstance(name, str) and (name.isdigit() or name in (CHAMPION, CHALLENGER)))


def _parse(wanted: str) -> tuple[str | None, str | None]:
    """Return the version or the alias that is named; the other is None."""
    found = re.fullmatch(rf"(?:{PREFIX}{MODEL}[/@])?(?:(\d+)|([A-Za-z][\w-]*))", wanted)
    if found is None:
        raise InvalidInputError(
            f"'{wanted}' names no version; give {PREFIX}{MODEL}@{CHAMPION}, {PREFIX}{MODEL}/3, or a number."
        )
    return found[1], found[2]


def _save_model(folder: Path, content: bytes) -> None:
    """Write the model: the code, the policy, signature and input example."""
    import mlflow.pyfunc
    import pandas as pd

    with tempfile.TemporaryDirectory() as beside:
        file = Path(beside, "policy.json")
        file.write_bytes(content)
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(Path(__file__).with_name("router_model.py")),
            artifacts={"policy": str(file)},
            signature=_signature(),
            input_example=pd.DataFrame({"query": ["What is 2 + 2?", "Prove that the square root of 2 is irrational."]}),
            pip_requirements=[f"mlflow=={version('mlflow')}", f"zeta-eval=={version('zeta-eval')}"],
        )


def _signature() -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Map

    text = DataType.string
    asked = Schema([ColSpec(text, "query"), ColSpec(text, "task", required=False)])
    chosen = (ColSpec(text, "size"), ColSpec(DataType.double, "score"))
    grounds = (ColSpec(Map(DataType.double), "p"), ColSpec(Array(text), "reasons"))
    return ModelSignature(inputs=asked, outputs=Schema([*chosen, *grounds]))


def _policy(content: bytes) -> RoutingPolicy:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "policy.json")
        file.write_bytes(content)
        return RoutingPolicy.load(file)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
