"""`zeta promote`: make a version of the registered policy its champion."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.cli.options import TRACKED, new_file
from zeta_eval.cli.verb import Result, verb

if TYPE_CHECKING:
    from zeta_eval.tracking import Promotion

CHAMPION = {"--out": {"type": new_file, "metavar": "POLICY", "help": "file to write the champion to"}, **TRACKED}
"""Arguments that `promote` and `rollback` share."""


@verb(
    "promote",
    "make a version of the registered policy its champion",
    example="promote 3",
    arguments={"policy": {"metavar": "VERSION|POLICY", "help": "version, challenger, or a policy file"}, **CHAMPION},
)
def _promote(args: Namespace) -> Result:
    from zeta_eval import api

    return champion(api.promote(args.policy, store=args.mlflow, out=args.out), args.out)


def champion(made: Promotion, out: Path | None) -> Result:
    """A new champion as the result of a verb."""
    data = {"version": made.version, "earlier": made.earlier, "checksum": made.policy.checksum}
    return Result(report=made, text=made.text(), data=data).written("Policy", out)
