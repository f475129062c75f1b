"""`zeta import`: turn another tool's table into a table of outcomes."""

from argparse import Namespace
from importlib import import_module
from typing import Any

from zeta_eval.cli.options import JSON, by_task, new_file
from zeta_eval.cli.parser import Choices
from zeta_eval.cli.verb import Result, verb
from zeta_eval.exceptions import InvalidInputError

_EPOCHS = Choices(lambda: import_module("zeta_eval.outcomes.importers.account").EPOCHS)
_FORMATS = Choices(lambda: import_module("zeta_eval.outcomes.importers").FORMATS)


def _choice(what: str) -> dict[str, Any]:
    what += "; TASK=NAME for one task (chosen once per task, and printed)"
    return {"action": "append", "default": [], "metavar": "NAME", "help": what}


@verb(
    "import",
    "turn another tool's table or logs into a table of outcomes",
    example="import lm-eval results --out outcomes.parquet --cost Qwen/Qwen3-4B=0.04/Mtok",
    arguments={
        "format": {"choices": _FORMATS, "metavar": "FORMAT", "help": "%(choices)s"},
        "path": {"metavar": "PATH", "help": "file or folder of that format"},
        "--out": {"type": new_file, "required": True, "metavar": "TABLE", "help": "Parquet file to write"},
        "--cost": {
            "action": "append",
            "default": [],
            "metavar": "NAME=VALUE",
            "help": "price of a model: USD per query, or per million tokens as NAME=VALUE/Mtok; once per model",
        },
        "--scorer": _choice("scorer whose score counts"),
        "--metric": _choice("metric that counts, or the key of a score with several parts"),
        "--filter": _choice("filter under which the answers were read"),
        "--epochs": {
            "choices": _EPOCHS,
            "default": "mean",
            "metavar": "E",
            "help": "what several epochs become: %(choices)s (%(default)s)",
        },
        "--scale": {
            "action": "append",
            "default": [],
            "metavar": "LOW:HIGH",
            "help": "lowest and highest score, where that isn't 0 and 1; TASK=LOW:HIGH for one task",
        },
        **JSON,
    },
)
def _import(args: Namespace) -> Result:
    from zeta_eval import api

    pairs = [text.rpartition("=") for text in args.cost]
    for text, (name, _, _) in zip(args.cost, pairs, strict=True):
        if not name:
            raise InvalidInputError(f"--cost is '{text}'; give NAME=VALUE or NAME=VALUE/Mtok.")
    cost = {name: value for name, _, value in pairs}
    report = api.import_table(
        args.format,
        args.path,
        out=args.out,
        cost=cost,
        scorer=by_task(args.scorer),
        metric=by_task(args.metric),
        filter=by_task(args.filter),
        epochs=args.epochs,
        scale=by_task(args.scale),
    )
    return Result.of(report).written("Outcomes", args.out)
