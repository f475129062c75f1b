"""`zeta replay`: test a policy and every baseline."""

from argparse import Namespace

from zeta_eval.cli.options import COST_WEIGHT, INTERVALS, POLICY, SPLIT, TABLE, TRACKED, WAY, new_file, policy
from zeta_eval.cli.verb import Result, verb
from zeta_eval.files import loaded


@verb(
    "replay",
    "test a policy and every baseline on a table of outcomes",
    example="replay policy.json outcomes --split test",
    arguments={
        **POLICY,
        **TABLE,
        **SPLIT,
        **COST_WEIGHT,
        **WAY,
        **INTERVALS,
        "--decisions": {"type": new_file, "metavar": "FILE", "help": "write each query's steps as .parquet"},
        "--curve": {"action": "store_true", "help": "with --decisions: at every point of the curve"},
        **TRACKED,
    },
)
def _replay(args: Namespace) -> Result:
    from zeta_eval import api
    from zeta_eval.evaluation.decisions import decisions, save_decisions
    from zeta_eval.outcomes import Outcomes

    chooser, table = policy(args), loaded(Outcomes, args.table)
    report = api.replay(chooser, table, split=args.split, cost_weight=args.cost_weight, seed=args.seed, way=args.way)
    if args.decisions is not None:
        made = decisions(chooser, table.split(args.split), cost_weight=args.cost_weight, curve=args.curve, way=args.way)
        save_decisions(made, args.decisions)
    return Result.of(report)
