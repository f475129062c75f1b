"""`zeta route`: choose a size for a text."""

import dataclasses
import sys
from argparse import Namespace
from collections.abc import Sequence
from difflib import get_close_matches

from zeta_eval.cli.options import COST_WEIGHT, POLICY, STORE, TASK, policy
from zeta_eval.cli.verb import Result, verb

LISTED = 12
"""Most tasks that a hint lists."""


@verb(
    "route",
    "choose a size for a text",
    example='route policy.json "What is 7 * 8?"',
    arguments={
        **POLICY,
        "text": {
            "metavar": "TEXT",
            "help": "the query, or chat messages as JSON; - reads standard input",
        },
        **TASK,
        **COST_WEIGHT,
        **STORE,
        "--json": {"action": "store_const", "const": "-", "help": "print the decision as JSON"},
    },
)
def _route(args: Namespace) -> Result:
    from zeta_eval.router import ZetaDynamicRouter
    from zeta_eval.router.complexity.message_lists import conversation_of, message_list

    text = sys.stdin.read() if args.text == "-" else args.text
    if (messages := message_list(text)) is not None:
        text = conversation_of(messages)
    chooser = policy(args)
    decision = ZetaDynamicRouter(chooser).route(text, task=args.task, cost_weight=args.cost_weight)
    verdict = chooser.verdict.of("route with task" if args.task in chooser.tasks else "route")
    hint = None if args.task is None or args.task in chooser.tasks else _unknown(args.task, chooser.tasks)
    if messages is None and text.lstrip()[:1] in ("[", "{") and '"role"' in text:
        hint = "hint: this looks like messages, but is no JSON list of {role, content}; it was routed as a plain text"
    data = dataclasses.asdict(decision) | {"verdict": verdict} | ({} if hint is None else {"hint": hint})
    whose = (
        "this policy on its test queries"
        if decision.familiarity > 0.5
        else "on test queries, which are unlike this one"
    )
    text = f"{decision!r}\n  {whose}, {verdict}"
    return Result(report=decision, text=text, data=data, hint=hint)


def _unknown(task: str, known: Sequence[str]) -> str:
    """Say that a policy was not tuned on a task, and on which ones it was."""
    if not known:
        return f"hint: this policy does not say what tasks it was tuned on; '{task}' may change nothing"
    near = get_close_matches(task, known, n=1)
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    advice = f"Did you mean '{near[0]}'? " if near else ""
    return (
        f"hint: this policy was not tuned on a task '{task}', so the name changes nothing. {advice}"
        f"Known: {', '.join(sorted(known)[:LISTED])}{more}."
    )
