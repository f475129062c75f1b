"""`zeta track`: send runs to MLflow that could not be sent when they were made."""

from argparse import Namespace
from pathlib import Path

from zeta_eval.cli.options import JSON, STORE
from zeta_eval.cli.verb import Result, verb


@verb(
    "track",
    "send runs to MLflow that were kept because it did not answer; what it has already is not sent again",
    example="track mlruns/unsent",
    kept=lambda args: "what was sent is not sent again; the same command sends the rest",
    arguments={
        "folder": {"nargs": "?", "type": Path, "metavar": "FOLDER", "help": "where runs are kept (mlruns/unsent)"},
        **STORE,
        **JSON,
    },
)
def _track(args: Namespace) -> Result:
    from zeta_eval import api

    sent = api.track(args.folder, store=args.mlflow)
    lines = [f"Sent {name}: {', '.join(runs)}." for name, runs in sent.items()]
    return Result(report=sent, text="\n".join(lines) or "Nothing is left to send.", data={"sent": sent})
