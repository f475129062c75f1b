"""`zeta promote`: make a version of the registered policy its champion."""

from argparse import Namespace

from zeta_eval.cli.options import TRACKED, new_file
from zeta_eval.cli.verb import Result, verb

CHAMPION = {"--out": {"type": new_file, "metavar": "POLICY", "help": "file to write the champion to"}, **TRACKED}
"""Arguments that `promote` and `rollback` share."""


@verb(
    "promote",
    "make a version of the registered policy its champion",
    example="promote 3",
    kept=lambda args: "one version is champion, the old or the new one; the same command makes it the new one",
    arguments={"policy": {"metavar": "VERSION|POLICY", "help": "version, challenger, or a policy file"}, **CHAMPION},
)
def _promote(args: Namespace) -> Result:
    from zeta_eval import api

    return Result.of(api.promote(args.policy, store=args.mlflow, out=args.out)).written("Policy", args.out)
