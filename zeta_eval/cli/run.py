"""`zeta run`: the whole job."""

import shutil
import sys
from argparse import Namespace
from pathlib import Path

from zeta_eval.cli.options import TRACKED, TUNING, settings, tracker
from zeta_eval.cli.verb import Result, verb


@verb(
    "run",
    "the whole job: bench, tune, replay",
    example="run --out demo",
    kept=lambda args: f"the answers so far are kept in {args.out}; the same command goes on there",
    arguments={
        "--ladder": {"default": "embedded", "metavar": "L", "help": "embedded, qwen3, or a TOML file (%(default)s)"},
        "--tasks": {"default": "embedded", "metavar": "A,B", "help": "tasks, groups or files (%(default)s)"},
        "--limit": {"type": int, "metavar": "N", "help": "most queries per task (400 for embedded, else all)"},
        "--out": {"type": Path, "default": Path("zeta-run"), "metavar": "DIR", "help": "folder to write (%(default)s)"},
        **TUNING,
        **TRACKED,
    },
)
def _run(args: Namespace) -> Result:
    from zeta_eval import api

    report = api.run(
        args.ladder, args.tasks, out=args.out, limit=args.limit, settings=settings(args), tracker=tracker(args)
    )
    script = f"{Path(sys.executable).name} -m zeta_eval.cli" if sys.argv[0].endswith(".py") else sys.argv[0]
    command = "zeta" if shutil.which("zeta") else script
    page = "" if args.mlflow == "none" else f"\nMLflow:   {command} ui, then open http://127.0.0.1:5000"
    data = report.tuning.test.to_dict() | {"policy": str(report.policy_path)}
    said = f"{report.tuning.policy.verdict.text} The policy is {report.policy_path}."
    return Result(report=report, text=report.text() + page, data=data, said=said)
