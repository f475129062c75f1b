"""`zeta serve`: say what process serves a policy; whoever asks starts it."""

import dataclasses
import json
import sys
from argparse import Namespace

from zeta_eval.cli.options import POLICY, STORE
from zeta_eval.cli.verb import Result, WebPage, verb
from zeta_eval.exceptions import masked


@verb(
    "serve",
    "serve a policy and its ladder as one OpenAI-compatible server",
    example="serve policy.json --ladder fleet.toml",
    arguments={
        **POLICY,
        "--ladder": {"required": True, "metavar": "L", "help": "TOML file of the models, or embedded"},
        "--host": {"default": "127.0.0.1", "metavar": "A", "help": "address to listen at (%(default)s)"},
        "--port": {"type": int, "default": 8080, "metavar": "N", "help": "port to listen at (%(default)s)"},
        "--history": {"metavar": "HISTORY", "help": "file or database URL that records decisions and feedback (none)"},
        "--online": {
            "metavar": "FOLDER",
            "help": "let ratings and latencies change the choice at once, and keep what they taught here",
        },
        "--no-text": {"action": "store_true", "help": "keep hashes and features of queries, no text"},
        "--keys-env": {
            "metavar": "NAME",
            "help": "environment variable with the callers' keys, divided by commas; needed beyond this machine",
        },
        "--shadow": {"metavar": "POLICY2", "help": "policy file that decides beside it, without effect"},
        "--explore": {"type": float, "default": 0.0, "metavar": "X", "help": "share of sizes drawn by lot (0)"},
        "--deadline": {"type": float, "default": 600.0, "metavar": "S", "help": "longest answer, in seconds (600)"},
        "--queue": {
            "type": int,
            "default": 256,
            "metavar": "N",
            "help": "most requests that wait while all sizes are busy; more get HTTP 429 (%(default)s)",
        },
        "--max-body": {"type": float, "default": 10.0, "metavar": "MB", "help": "largest request, in MB (10)"},
        "--log-prompts": {"action": "store_true", "help": "write every query's text into the log"},
        **STORE,
        "--json": {"action": "store_const", "const": "-", "help": "print address and command, start nothing"},
    },
)
def _serve(args: Namespace) -> Result:
    from zeta_eval.models import Ladder
    from zeta_eval.router.policy import RoutingPolicy
    from zeta_eval.serving.desk import Desk
    from zeta_eval.serving.settings import ServeSettings

    settings = ServeSettings(
        policy=args.policy,
        ladder=args.ladder,
        mlflow=args.mlflow,
        host=args.host,
        port=args.port,
        history=args.history,
        online=args.online,
        keep_text=not args.no_text,
        keys_env=args.keys_env,
        shadow=args.shadow,
        explore=args.explore,
        deadline_s=args.deadline,
        queue=args.queue,
        max_body_mb=args.max_body,
        log_prompts=args.log_prompts,
    )
    settings.keys()
    ladder = Ladder.load(args.ladder)
    if not args.policy.startswith("models:/"):
        Desk(RoutingPolicy.load(args.policy), ladder, explore=args.explore, online=args.online)
    command = [sys.executable, "-m", "zeta_eval.serving", json.dumps(dataclasses.asdict(settings))]
    page = WebPage(title="Serving", address=settings.address, command=command, stays=True)
    data = {"address": page.address, "command": [masked(word) for word in command]}
    return Result(report=page, text="", data=data)
