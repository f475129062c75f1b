"""The MLflow store: named, made whole or not at all, and opened quietly."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from zeta_eval.exceptions import InvalidInputError, TrackingError, ZetaError, masked

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI: Final = "sqlite:///mlruns/mlflow.db"
"""Where runs are kept where nothing else is said, relative to the working directory."""
ARTIFACTS: Final = "mlruns/artifacts"
"""Where files of runs are kept where nothing else is said, relative to the working directory."""

EXPERIMENT: Final = "zeta-eval"
"""Experiment that runs belong to where nothing else is said."""

_SQLITE: Final = "sqlite:///"
_PORTS: Final = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def store_uri(uri: str | None = None) -> str:
    """Return the store that is named, else that of MLFLOW_TRACKING_URI, else the one of this folder.

    Raises:
        InvalidInputError: it is no address, or a folder, which MLflow no longer keeps runs in.
    """
    found = uri or os.environ.get("MLFLOW_TRACKING_URI") or URI
    try:
        _ = urlsplit(found).port  # read, so that it is checked
    except ValueError:  # neither it nor the address is repeated, since a password may stand in them
        raise InvalidInputError(
            "The MLflow store's address is none: its port is no number. Mend --mlflow or MLFLOW_TRACKING_URI, as in "
            f"{URI}; in a password write / as %2F and @ as %40."
        ) from None
    if ("://" not in found and found != "databricks") or found.startswith("file:"):
        raise InvalidInputError(f"MLflow can't keep runs in '{found}'; give a database or server such as {URI}.")
    return found


def experiment_name(name: str | None = None) -> str:
    """Return the experiment that is named, else that of MLFLOW_EXPERIMENT_NAME, else "zeta-eval"."""
    return name or os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT


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
    """Open a store, and make it first where it is a sqlite file that isn't there; takes 10 s at most to find it dead.

    Raises:
        TrackingError: the server does not answer, or refuses.
        InvalidInputError: MLflow can't open it.
    """
    with quiet(timeout_s=8, retries=0):
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if file := sqlite_file(uri):
                create_store(file)
            elif not is_server(uri):
                _reach(uri)
            client = _client(uri)
            client.search_experiments(max_results=1)
        except (MlflowException, SQLAlchemyError, OSError) as e:
            if is_server(uri) or isinstance(e, OSError):
                raise TrackingError(f"The MLflow server {masked(uri)} {reason(e, uri)}.") from e
            raise InvalidInputError(
                f"MLflow can't open {masked(uri)}: {reason(e, uri)}. Mend or move it, or give another URI."
            ) from e
    return client


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Work with an open store, quietly; what it refuses, or does not answer, is a TrackingError in one line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with quiet():
            yield
    except (MlflowException, SQLAlchemyError, OSError) as e:
        if isinstance(e, ZetaError):
            raise
        raise TrackingError(f"MLflow at {masked(uri)} {reason(e, uri)}.") from e


def reason(error: BaseException, uri: str) -> str:
    """Say in a few words why MLflow failed, without a password."""
    text = masked(str(error), uri)
    if "401" in text or "You are not authenticated" in text:
        return "wants a name and a password: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    if "403" in text or "Permission denied" in text:
        return "does not let you do this: ask its administrator for the permission"
    if any(word in text for word in ("Max retries", "timed out", "timeout exception", "refused", "Name or service")):
        return "does not answer: start it, or name another with --mlflow"
    return " ".join(text.partition("\n")[0].split()).rstrip(".")


def _reach(uri: str) -> None:
    """Open a connection to a database's host: its own driver would wait for minutes."""
    place = urlsplit(uri)
    port = place.port or _PORTS.get(place.scheme.partition("+")[0])
    if place.hostname and port:
        socket.create_connection((place.hostname, port), timeout=8).close()


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


@contextmanager
def quiet(*, timeout_s: int = 30, retries: int = 1) -> Iterator[None]:
    """Keep MLflow from telemetry, progress bars, log lines on its own work, and warnings about its own code.

    A server is waited for `timeout_s` seconds and asked again `retries` times, unless the environment says otherwise.
    """
    wanted = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout_s), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries)}
    wanted["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.update(added)
    names = ("mlflow.store.db.utils", "mlflow.pyfunc", "mlflow.tracking", "alembic", "urllib3.connectionpool")
    loggers = [logging.getLogger(n) for n in names]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            for name in added:
                os.environ.pop(name, None)


def is_server(uri: str) -> bool:
    """Whether a store is an MLflow server, not a database."""
    return uri.startswith(("http://", "https://", "databricks"))


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a sqlite store, None for any other store."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None
