"""`zeta learn`: tune a policy again on feedback."""

from argparse import Namespace
from dataclasses import replace

from zeta_eval.cli.options import ESTIMATOR, POLICY, SEARCH, TRACKED, new_file, settings, tracker
from zeta_eval.cli.verb import Result, verb


@verb(
    "learn",
    "tune a policy again on feedback; the new version is promoted only if it is shown to be better",
    example="learn policy.json zeta-history.db --outcomes outcomes --out new.json",
    arguments={
        **POLICY,
        "history": {"metavar": "HISTORY", "help": "file or database URL of the history"},
        "--out": {"type": new_file, "required": True, "metavar": "NEW", "help": "file for a promoted version"},
        "--outcomes": {"metavar": "TABLE", "help": "a benchmark to tune and compare on as well"},
        "--trust": {
            "nargs": "+",
            "default": (),
            "metavar": "SOURCE",
            "help": "sources of feedback whose ratings count in full, such as scorer",
        },
        "--force": {"action": "store_true", "help": "promote the new version whatever the comparison says"},
        **SEARCH,
        **ESTIMATOR,
        **TRACKED,
    },
)
def _learn(args: Namespace) -> Result:
    from zeta_eval import api

    report = api.learn(
        args.policy,
        args.history,
        out=args.out,
        outcomes=args.outcomes,
        trusted=args.trust,
        force=args.force,
        settings=settings(args),
        tracker=tracker(args),
    )
    made = replace(Result.of(report), said=report.conclusion())
    return made.written("Policy", args.out if report.promoted else None)
