"""MLflow's page: the light server that shows it, and the address of what is to be seen first."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from zeta_eval.exceptions import InvalidInputError, masked
from zeta_eval.tracking.registry import Registry
from zeta_eval.tracking.store import ARTIFACTS, answering, experiment_name, sqlite_file, store_uri

UI_ENV: Final[Mapping[str, str]] = MappingProxyType(
    {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
)
"""Environment that keeps the MLflow server light: half a gigabyte instead of two."""

COMPARED: Final = 4
"""Most versions that stand side by side when the page opens."""


def ui_command(uri: str | None = None, port: int = 5000, *, artifact_root: str | Path = ARTIFACTS) -> list[str]:
    """Return the command of the MLflow page on this machine.

    Run it with `UI_ENV` added to the environment. A store's URI with a password is not in the command, which every user
    of the machine could read: add it as MLFLOW_BACKEND_STORE_URI.

    Raises:
        InvalidInputError: the store isn't there yet, or the port can't be had.
    """
    uri = store_uri(uri)
    if (file := sqlite_file(uri)) and not file.is_file():
        raise InvalidInputError(
            f"No MLflow store at {masked(str(file))}; run a benchmark first, or name another store with --mlflow."
        )
    if not 1 <= port <= 65535:
        raise InvalidInputError(f"Port {port} is none; give one from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as e:
            raise InvalidInputError(f"Port {port} can't be had ({e.strerror}); give another one.") from e
    store = [*(["--backend-store-uri", uri] if masked(uri) == uri else [])]
    store += ["--default-artifact-root", Path(artifact_root).resolve().as_uri()]
    place = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "mlflow", "server", "--workers", "1", *store, *place]


def ui_address(base: str, uri: str | None = None, experiment: str | None = None) -> str:
    """Return the address below a server's at which the newest versions of an experiment are compared.

    That is MLflow's comparison of their runs: settings, numbers, figures and tags side by side. With fewer than two
    versions it is the experiment's list of runs; where there is no such experiment, the server's own page.
    """
    registry = Registry(uri)
    with answering(registry.uri):
        found = registry.reader.get_experiment_by_name(experiment_name(experiment))
        if found is None:
            return base
        place = [found.experiment_id]
        runs = registry.reader.search_runs(place, "tags.kind = 'policy'", max_results=COMPARED)
    if len(runs) < 2:
        return f"{base}/#/experiments/{found.experiment_id}/runs"
    words = {"runs": [run.info.run_id for run in runs], "experiments": place}
    return f"{base}/#/compare-runs?{'&'.join(f'{name}={quote(json.dumps(ids))}' for name, ids in words.items())}"
