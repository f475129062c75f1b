"""`zeta agree`: compare scores with people's labels."""

from argparse import Namespace

from zeta_eval.cli.options import INTERVALS, JSON, TABLE
from zeta_eval.cli.verb import Result, verb


@verb(
    "agree",
    "compare the scores of a table with labels that people gave",
    example="agree judged.parquet labels.csv",
    arguments={
        **TABLE,
        "labels": {"metavar": "LABELS", "help": "CSV file with query_id and label, and model where there are several"},
        "--scale": {
            "metavar": "LOW:HIGH",
            "help": "lowest and highest label, as 1:5 (0:1, or words as right and wrong)",
        },
        **INTERVALS,
        **JSON,
    },
)
def _agree(args: Namespace) -> Result:
    from zeta_eval import api

    return Result.of(api.agree(args.table, args.labels, scale=args.scale, seed=args.seed))
