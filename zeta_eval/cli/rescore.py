"""`zeta rescore`: grade stored answers again."""

from argparse import Namespace
from pathlib import Path

from zeta_eval.cli.options import INTERVALS, JSON, JUDGE, TABLE, new_file, scorer
from zeta_eval.cli.verb import Result, verb


@verb(
    "rescore",
    "grade stored answers again, and say what changes",
    example="rescore outcomes --scorer number --out rescored.parquet --changes changes.csv",
    arguments={
        **TABLE,
        "--scorer": {
            "metavar": "S",
            "help": "a scorer's name, FILE.py:NAME, judge:RUNG, or judge:MODEL@URL (that of each task)",
        },
        "--tasks": {"metavar": "A,B", "help": "tasks with the targets, for a table without"},
        "--ladder": {"metavar": "L", "help": "the ladder that has a judge's rung"},
        **JUDGE,
        "--against": {"metavar": "SIZE", "help": "let a judge compare with the answers of this size, in both orders"},
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

    grading = scorer(
        args, cache=_beside(args.table), against=None if args.against is None else (args.table, args.against)
    )
    report = api.rescore(
        args.table, scorer=grading, tasks=args.tasks, out=args.out, changes=args.changes, seed=args.seed
    )
    return Result.of(report).written("Outcomes", args.out).written("Changes", args.changes)


def _beside(table: object) -> Path:
    """File of a judge's replies beside a table, or in this folder for a variable of a notebook."""
    path = Path(table) if isinstance(table, str | Path) else Path()
    return (path if path.is_dir() else path.parent) / "judge.db"
