"""`zeta vote`: sizes that answer with the majority of several attempts."""

from argparse import Namespace

from zeta_eval.cli.options import JSON, new_file
from zeta_eval.cli.verb import Result, verb


@verb(
    "vote",
    "add sizes that are asked several times and answer with the majority",
    example="vote outcomes/warm --sizes 17K,45K --out voted.parquet",
    arguments={
        "outcomes": {"metavar": "OUTCOMES", "help": "a table with several attempts (`zeta bench --attempts`)"},
        "--out": {"type": new_file, "required": True, "metavar": "NEW", "help": "Parquet file to write"},
        "--sizes": {"metavar": "A,B", "help": "sizes to ask several times (all that have several attempts)"},
        **JSON,
    },
)
def _vote(args: Namespace) -> Result:
    from zeta_eval import api

    sizes = None if args.sizes is None else [s.strip() for s in args.sizes.split(",") if s.strip()]
    return Result.of(api.vote(args.outcomes, sizes=sizes, out=args.out)).written("Outcomes", args.out)
