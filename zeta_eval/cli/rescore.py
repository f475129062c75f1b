"""`zeta rescore`: grade stored answers again."""

from argparse import Namespace

from zeta_eval.cli.options import INTERVALS, JSON, SCORER, TABLE, new_file
from zeta_eval.cli.verb import Result, verb


@verb(
    "rescore",
    "grade stored answers again, without a model, and say what changes",
    example="rescore outcomes --scorer number --out rescored.parquet --changes changes.csv",
    arguments={
        **TABLE,
        **SCORER,
        "--tasks": {"metavar": "A,B", "help": "tasks with the targets, for a table without"},
        "--out": {"type": new_file, "metavar": "NEW", "help": "Parquet file of the new table"},
        "--changes": {
            "type": new_file,
            "metavar": "FILE",
            "help": "write the changed rows as .parquet, .csv or .jsonl",
        },
        **INTERVALS,
        **JSON,
    },
)
def _rescore(args: Namespace) -> Result:
    from zeta_eval import api

    report = api.rescore(
        args.table, scorer=args.scorer, tasks=args.tasks, out=args.out, changes=args.changes, seed=args.seed
    )
    return Result.of(report).written("Outcomes", args.out).written("Changes", args.changes)
