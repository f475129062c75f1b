"""`zeta ui`: say what server shows the page of all runs, or of an Optuna study; whoever asks starts the server."""

import shutil
import socket
import sys
from argparse import Namespace
from pathlib import Path

from zeta_eval.cli.options import STORE
from zeta_eval.cli.verb import Result, WebPage, verb
from zeta_eval.exceptions import InvalidInputError


@verb(
    "ui",
    "open the MLflow page of all runs, or a study's page",
    example="ui",
    arguments={
        "--port": {"type": int, "default": 5000, "metavar": "N", "help": "loopback port (5000, or a free one)"},
        "--mlflow": {"default": STORE, "metavar": "URI", "help": "MLflow store (%(default)s)"},
        "--optuna": {"metavar": "URL", "help": "open optuna-dashboard on this Optuna storage instead"},
        "--json": {"action": "store_const", "const": "-", "help": "print address and command, start nothing"},
    },
)
def _ui(args: Namespace) -> Result:
    from zeta_eval.tracking import UI_ENV, ui_command

    address = f"http://127.0.0.1:{args.port}"
    if args.optuna is None:
        command = ui_command(args.mlflow, args.port)
        page = WebPage(title="MLflow page", address=address, command=command, env=dict(UI_ENV))
    else:
        command = _dashboard_command(args.optuna, args.port)
        page = WebPage(title="Optuna page", address=address, command=command)
    data = {"address": address, "command": command}
    return Result(report=page, text=f"{page!r} (Ctrl-C stops it)", data=data)


def _dashboard_command(storage: str, port: int) -> list[str]:
    """Return the command that shows an Optuna storage; optuna-dashboard is an optional package."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("optuna-dashboard", path=beside) or shutil.which("optuna-dashboard")
    if program is None:
        raise InvalidInputError("optuna-dashboard is not installed; run `pip install 'zeta-eval[dashboard]'`.")
    socket.create_server(("127.0.0.1", port)).close()  # says so here if the port can't be had
    return [program, storage, "--host", "127.0.0.1", "--port", str(port)]
