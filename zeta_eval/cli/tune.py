"""`zeta tune`: search a routing policy."""

from argparse import Namespace

from zeta_eval.cli.options import TABLE, TRACKED, TUNING, new_file, settings, tracker
from zeta_eval.cli.verb import Result, verb


def _kept(args: Namespace) -> str:
    if args.storage is None:
        return "no policy is written; with --storage sqlite:///study.db a search goes on where it stopped"
    return "the trials so far are kept in the study; the same command goes on there"


@verb(
    "tune",
    "search a routing policy on a table of outcomes",
    example="tune outcomes --out policy.json",
    kept=_kept,
    arguments={
        **TABLE,
        "--out": {"type": new_file, "required": True, "metavar": "POLICY", "help": "policy file to write"},
        **TUNING,
        **TRACKED,
    },
)
def _tune(args: Namespace) -> Result:
    from zeta_eval import api

    report = api.tune(args.table, settings=settings(args), tracker=tracker(args))
    if args.out is not None:
        report.policy.save(args.out)
    said = report.policy.verdict.text
    return Result(report=report, text=report.text(), data=report.to_dict(), said=said).written("Policy", args.out)
