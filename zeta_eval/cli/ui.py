"""`zeta ui`: say what server shows the page of all runs, or of an Optuna study; whoever asks starts the server."""

import os
import signal
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Final

from zeta_eval.cli.options import STORE
from zeta_eval.cli.verb import Result, WebPage, verb
from zeta_eval.exceptions import GenerationError, InvalidInputError, masked
from zeta_eval.inference.server.guard import guard

STOP_S: Final = 2.0
"""Time that a page's server has to stop by itself, in seconds, before it is killed."""
POLL_S: Final = 0.2
"""Time between two looks whether a page answers, in seconds."""
STORAGE: Final = "ZETA_OPTUNA_STORAGE"
"""Environment variable that tells the server of an Optuna page its storage."""
DASHBOARD: Final = f"""
import os, sys
from importlib.metadata import entry_points
sys.argv.insert(1, os.environ.pop({STORAGE!r}))
(start,) = entry_points(group="console_scripts", name="optuna-dashboard")
start.load()()
"""
"""What the server of an Optuna page runs."""


@verb(
    "ui",
    "open the MLflow page of all runs, or a study's page",
    example="ui",
    kept=lambda args: "all that the page shows is kept; the same command opens it again",
    arguments={
        "--port": {"type": int, "default": 5000, "metavar": "N", "help": "loopback port (5000, or a free one)"},
        **STORE,
        "--optuna": {"metavar": "URL", "help": "open optuna-dashboard on this Optuna storage instead"},
        "--json": {"action": "store_const", "const": "-", "help": "print address and command, start nothing"},
    },
)
def _ui(args: Namespace) -> Result:
    page = _mlflow(args.mlflow, args.port) if args.optuna is None else _optuna(args.optuna, args.port)
    env = {name: masked(value) for name, value in page.env.items()}
    data = {"address": page.address, "command": [masked(word) for word in page.command], "env": env}
    stops = " (Ctrl-C stops it)" if page.command else ""
    return Result(report=page, text=f"{page!r}{stops}", data=data)


def serve(page: WebPage, tell: Callable[[], None]) -> None:
    """Run the server of a page until it ends, or a signal ends this command; `tell` is called once the page answers.

    Raises:
        GenerationError: the server ended by itself with a failure.
    """
    server = subprocess.Popen(page.command, env=os.environ | page.env, start_new_session=True)
    held = guard(server.pid)
    try:
        while server.poll() is None and not page.answers():
            time.sleep(POLL_S)
        if server.poll() is None:
            tell()
        status = server.wait()
    finally:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(server.pid, kind)
                server.wait(STOP_S)
        held.kill()
        held.communicate()
    if status:
        raise GenerationError(f"The server of the {page.title} ended with status {status}; its lines above say why.")


def _mlflow(named: str | None, port: int) -> WebPage:
    """MLflow's page: a server's own, or one that is started for a database."""
    from zeta_eval.tracking import UI_ENV, is_server, store_uri, ui_address, ui_command

    store = store_uri(named)
    if is_server(store):
        return WebPage(title="MLflow page", address=ui_address(store.rstrip("/"), store), command=[])
    command = ui_command(store, port)
    address = ui_address(f"http://127.0.0.1:{port}", store)
    env = {**UI_ENV, "MLFLOW_BACKEND_STORE_URI": store}
    return WebPage(title="MLflow page", address=address, command=command, env=env)


def _optuna(storage: str, port: int) -> WebPage:
    """The page of an Optuna storage; optuna-dashboard is an optional package.

    All users of a machine see the words of a command, so the storage, which may hold a password, is none of them.
    """
    from zeta_eval.tuning.search import check_storage

    if find_spec("optuna_dashboard") is None:
        raise InvalidInputError("optuna-dashboard is not installed; run `pip install 'zeta-eval[dashboard]'`.")
    socket.create_server(("127.0.0.1", port)).close()  # says so here if the port can't be had
    if "://" in storage:  # not a file of a journal
        check_storage(storage)  # else the server ends with a traceback
    command = [sys.executable, "-c", DASHBOARD, "--host", "127.0.0.1", "--port", str(port)]
    return WebPage(title="Optuna page", address=f"http://127.0.0.1:{port}", command=command, env={STORAGE: storage})
