"""`zeta route`: choose a size for a text."""

import dataclasses
import sys
from argparse import Namespace

from zeta_eval.cli.options import COST_WEIGHT, POLICY, STORE, TASK, policy
from zeta_eval.cli.verb import Result, verb


@verb(
    "route",
    "choose a size for a text",
    example='route policy.json "What is 7 * 8?"',
    arguments={
        **POLICY,
        "text": {"metavar": "TEXT", "help": "the query; - reads it from standard input"},
        **TASK,
        **COST_WEIGHT,
        "--mlflow": {"default": STORE, "metavar": "URI", "help": "MLflow store (%(default)s)"},
        "--json": {"action": "store_const", "const": "-", "help": "print the decision as JSON"},
    },
)
def _route(args: Namespace) -> Result:
    from zeta_eval.router import ZetaDynamicRouter

    text = sys.stdin.read() if args.text == "-" else args.text
    chooser = policy(args)
    decision = ZetaDynamicRouter(chooser).route(text, task=args.task, cost_weight=args.cost_weight)
    way = "route with task" if args.task else "route"
    text = f"{decision!r}\n  this policy on its test queries, {chooser.verdict.of(way)}"
    return Result(report=decision, text=text, data=dataclasses.asdict(decision) | {"verdict": chooser.verdict.of(way)})
