"""`zeta compare`: compare policies on the same queries."""

from argparse import Namespace

from zeta_eval.cli.options import INTERVALS, POLICY, SPLIT, TABLE, TRACKED
from zeta_eval.cli.verb import Result, verb


@verb(
    "compare",
    "compare policies with the first of them, query by query",
    example="compare old.json new.json outcomes",
    arguments={
        "policies": {"nargs": "+", "metavar": "POLICY", "help": f"at least two, each a {POLICY['policy']['help']}"},
        **TABLE,
        **SPLIT,
        "--cost-weight": {"type": float, "metavar": "X", "help": "one cost weight for all (each policy's own)"},
        **INTERVALS,
        **TRACKED,
    },
)
def _compare(args: Namespace) -> Result:
    from zeta_eval import api

    weight, store = args.cost_weight, args.mlflow
    made = api.compare(args.policies, args.table, split=args.split, cost_weight=weight, seed=args.seed, store=store)
    return Result.of(made)
