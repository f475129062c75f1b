"""`zeta import`: turn another tool's table into a table of outcomes."""

from argparse import Namespace
from importlib import import_module

from zeta_eval.cli.options import JSON, new_file
from zeta_eval.cli.parser import Choices
from zeta_eval.cli.verb import Result, verb
from zeta_eval.exceptions import InvalidInputError

_FORMATS = Choices(lambda: import_module("zeta_eval.outcomes.importers").FORMATS)


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
    return Result.of(api.import_table(args.format, args.path, out=args.out, cost=cost)).written("Outcomes", args.out)
