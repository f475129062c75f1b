"""The MLflow store: made whole or not at all, opened quietly, and shown by a light server."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from zeta_eval.exceptions import InvalidInputError

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI: Final = "sqlite:///mlruns/mlflow.db"
"""Where runs are kept where nothing else is said, relative to the working directory."""
ARTIFACTS: Final = "mlruns/artifacts"
"""Where files of runs are kept where nothing else is said, relative to the working directory."""

UI_ENV: Final[Mapping[str, str]] = MappingProxyType(
    {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
)
"""Environment that keeps the MLflow server light: half a gigabyte instead of two."""

_SQLITE: Final = "sqlite:///"


def ui_command(uri: str = URI, port: int = 5000, *, artifact_root: str | Path = ARTIFACTS) -> list[str]:
    """Return the command of the MLflow page on this machine; run it with `UI_ENV` added to the environment.

    Raises:
        InvalidInputError: the store isn't there yet, or the port can't be had.
    """
    if (file := sqlite_file(uri)) and not file.is_file():
        raise InvalidInputError(
            f"No MLflow store at {file}; run a benchmark first, or name another store with --mlflow."
        )
    if not 1 <= port <= 65535:
        raise InvalidInputError(f"Port {port} is none; give one from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as e:
            raise InvalidInputError(f"Port {port} can't be had ({e.strerror}); give another one.") from e
    store = ["--backend-store-uri", uri, "--default-artifact-root", Path(artifact_root).resolve().as_uri()]
    place = ["--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "mlflow", "server", "--workers", "1", *store, *place]


def create_store(file: Path) -> None:
    """Make an empty sqlite store where there is none; it is there whole or not at all."""
    if file.exists():
        return
    logging.getLogger(__name__).info("Making the MLflow store %s (about ten seconds, once)", file)
    file.parent.mkdir(parents=True, exist_ok=True)
    # MLflow migrates step by step, and two processes doing so break the file: make it aside, the first one counts.
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".store-") as temp:
        made = Path(temp) / "mlflow.db"
        with quiet():
            _client(f"{_SQLITE}{made}").search_experiments(max_results=1)
        try:
            os.link(made, file)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            made.rename(file)


def connect(uri: str) -> MlflowClient:
    """Open a store, and make it first where it is a sqlite file that isn't there.

    Raises:
        InvalidInputError: MLflow can't open it.
    """
    with quiet():
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if file := sqlite_file(uri):
                create_store(file)
            client = _client(uri)
            client.search_experiments(max_results=1)
        except (MlflowException, SQLAlchemyError, OSError) as e:
            reason = str(e).partition("\n")[0].rstrip(".")
            raise InvalidInputError(f"MLflow can't open {uri}: {reason}. Mend or move it, or give another URI.") from e
    return client


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow from telemetry, progress bars, log lines on its own work, and warnings about its own code."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    loggers = [logging.getLogger(n) for n in ("mlflow.store.db.utils", "mlflow.pyfunc", "alembic")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a sqlite store, None for any other store."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None
