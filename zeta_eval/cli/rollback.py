"""`zeta rollback`: make the earlier champion champion again."""

from argparse import Namespace

from zeta_eval.cli.promote import CHAMPION
from zeta_eval.cli.verb import Result, verb


@verb(
    "rollback",
    "make the earlier champion champion again",
    example="rollback --out policy.json",
    kept=lambda args: "one version is champion, the earlier or the later one; `zeta ui` shows which",
    arguments=CHAMPION,
)
def _rollback(args: Namespace) -> Result:
    from zeta_eval import api

    return Result.of(api.rollback(store=args.mlflow, out=args.out)).written("Policy", args.out)
