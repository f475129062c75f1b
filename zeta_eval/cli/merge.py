"""`zeta merge`: join tables of the same queries."""

from argparse import Namespace
from importlib import import_module

from zeta_eval.cli.options import JSON, new_file
from zeta_eval.cli.parser import Choices
from zeta_eval.cli.verb import Result, verb

_PREFER = Choices(lambda: import_module("zeta_eval.outcomes.merging").PREFER)


@verb(
    "merge",
    "join tables of the same queries: other sizes, other runs",
    example="merge small.parquet large.parquet --out both.parquet",
    arguments={
        "tables": {"nargs": "+", "metavar": "TABLE", "help": "at least two tables: files, or benchmarks' folders"},
        "--out": {"type": new_file, "required": True, "metavar": "NEW", "help": "Parquet file to write"},
        "--prefer": {
            "choices": _PREFER,
            "default": "error",
            "metavar": "RULE",
            "help": "whose answer is kept where tables disagree: %(choices)s (%(default)s)",
        },
        **JSON,
    },
)
def _merge(args: Namespace) -> Result:
    from zeta_eval import api

    return Result.of(api.merge(args.tables, out=args.out, prefer=args.prefer)).written("Outcomes", args.out)
