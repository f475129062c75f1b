"""`zeta ...`: words to one api verb each."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zeta_eval.exceptions import InvalidInputError, ZetaError
from zeta_eval.files import to_json, write_json

if TYPE_CHECKING:
    from zeta_eval.tracking import MlflowTracker
    from zeta_eval.tuning import TuningSettings

STORE = "sqlite:///mlruns/mlflow.db"
"""MLflow store unless --mlflow names another."""

SUMMARY_COLUMNS = {
    "size": "size",
    "n_queries": "queries",
    "accuracy": "accuracy",
    "accuracy_se": "+-",
    "latency_p50_s": "p50 s",
    "latency_p95_s": "p95 s",
    "ttft_p50_s": "first token s",
    "tokens_per_s": "tokens/s",
    "gpu_s_mean": "gpu_s",
    "n_unparsed": "unparsed",
    "n_errors": "errors",
}
"""Columns of a benchmark's summary that are printed, and how they are headed."""


class Parser(argparse.ArgumentParser):
    """A parser that raises one line instead of printing usage and leaving the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong and where help is.

        Raises:
            InvalidInputError: always.
        """
        raise InvalidInputError(f"{message[0].upper()}{message[1:]}. See `{self.prog} --help`.")


def build_parser() -> Parser:
    """The command line: one sub-command per verb."""
    parser = Parser(
        prog="zeta",
        description="Find, for every query, the smallest language model that gets it right: run every query on every "
        "size (bench), tune a router on the outcomes (tune), test it with intervals (replay), and use it (route).",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)

    run = _verb(verbs, "run", _run, "the whole job: bench, tune, replay, export", "zeta run --out demo")
    run.add_argument("--ladder", default="embedded", metavar="L", help="embedded, qwen3, or a TOML file (%(default)s)")
    run.add_argument("--tasks", default="embedded", metavar="A,B", help="tasks, groups or files (%(default)s)")
    run.add_argument("--limit", type=int, metavar="N", help="most queries per task (400 for embedded, else all)")
    run.add_argument("--out", type=Path, default=Path("zeta-run"), metavar="DIR", help="folder to write (%(default)s)")
    _tuning_options(run)
    _common(run)

    bench = _verb(
        verbs,
        "bench",
        _bench,
        "run every query on every size; goes on where an interrupted run stopped",
        "zeta bench --ladder qwen3 --tasks gsm8k,mmlu --limit 500 --out outcomes/qwen3",
    )
    bench.add_argument("--ladder", required=True, metavar="L", help="embedded, qwen3, or a TOML file")
    bench.add_argument(
        "--tasks", required=True, metavar="A,B", help="tasks, groups or files; NAME=PATH takes a local copy"
    )
    bench.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    bench.add_argument("--limit", type=int, metavar="N", help="most queries per task (all)")
    bench.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the queries' order (%(default)s)")
    bench.add_argument("--max-new-tokens", type=int, metavar="N", help="longest answer in tokens (the ladder's)")
    bench.add_argument("--batch-size", type=int, metavar="N", help="queries per forward pass (found automatically)")
    _common(bench)

    imports = _verb(
        verbs,
        "import",
        _import,
        "turn another tool's table or logs into a table of outcomes",
        "zeta import lm-eval results --out outcomes.parquet --cost Qwen/Qwen3-4B=0.04/Mtok",
    )
    imports.add_argument("format", metavar="FORMAT", help="tidy, lm-eval, inspect, routerbench or routellm")
    imports.add_argument("path", metavar="PATH", help="file or folder of that format")
    imports.add_argument("--out", type=Path, required=True, metavar="TABLE", help="Parquet file to write")
    imports.add_argument(
        "--cost",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="model's USD per query, or per million tokens as NAME=VALUE/Mtok; once per model",
    )
    _json(imports)

    tune = _verb(
        verbs, "tune", _tune, "search a routing policy on a table of outcomes", "zeta tune outcomes --out policy.json"
    )
    tune.add_argument("table", metavar="TABLE", help="Parquet, CSV or JSONL file, or a benchmark's folder")
    tune.add_argument("--out", type=Path, required=True, metavar="POLICY", help="policy file to write")
    _tuning_options(tune)
    _common(tune)

    replay = _verb(
        verbs,
        "replay",
        _replay,
        "test a policy and every baseline on a table of outcomes",
        "zeta replay policy.json outcomes --split test",
    )
    replay.add_argument("policy", metavar="POLICY", help="policy file")
    replay.add_argument("table", metavar="TABLE", help="Parquet, CSV or JSONL file, or a benchmark's folder")
    replay.add_argument("--split", default="test", metavar="S", help="tune, validate, test or all (%(default)s)")
    replay.add_argument("--cost-weight", type=float, metavar="X", help="another trade-off than the policy's own")
    replay.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the intervals (%(default)s)")
    replay.add_argument("--decisions", type=Path, metavar="FILE", help="write each query's steps to a .parquet file")
    replay.add_argument("--curve", action="store_true", help="with --decisions: at every point of the curve")
    _json(replay)

    route = _verb(verbs, "route", _route, "choose a size for a text", 'zeta route policy.json "What is 7 * 8?"')
    route.add_argument("policy", metavar="POLICY", help="policy file")
    route.add_argument("text", metavar="TEXT", help="the query; - reads it from standard input")
    route.add_argument("--task", metavar="NAME", help="name of the task the query belongs to")
    route.add_argument("--cost-weight", type=float, metavar="X", help="accuracy given up to save one largest call")
    route.add_argument("--json", action="store_true", help="print the decision as JSON")

    ui = _verb(verbs, "ui", _ui, "open the MLflow page of all runs", "zeta ui --port 5000")
    ui.add_argument("--port", type=int, default=5000, metavar="N", help="loopback port (%(default)s)")
    ui.add_argument("--mlflow", default=STORE, metavar="URI", help="MLflow store (%(default)s)")
    ui.add_argument("--json", action="store_true", help="print address and command as JSON instead of starting")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code: 0 done, 1 failed work, 2 wrong use, 130 interrupted."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        args = build_parser().parse_args(argv)
        args.do(args)
    except ZetaError as e:
        print(f"zeta: {' '.join(str(e).split())}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print("zeta: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as e:
        print(f"zeta: {e.strerror or e}: {e.filename or ''}".rstrip(": "), file=sys.stderr)
        return 1
    return 0


def _verb(verbs: Any, name: str, do: Callable[[argparse.Namespace], None], summary: str, example: str) -> Parser:
    parser: Parser = verbs.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=f"example: {example}"
    )
    parser.set_defaults(do=do)
    return parser


def _json(parser: Parser) -> None:
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="write the result as JSON (to the screen)")


def _common(parser: Parser) -> None:
    parser.add_argument("--mlflow", default=STORE, metavar="URI", help="MLflow store, or none (%(default)s)")
    _json(parser)


def _tuning_options(parser: Parser) -> None:
    parser.add_argument("--cost", metavar="COLUMN", help="gpu_s, cost_usd or latency_s (the first the table has)")
    parser.add_argument("--trials", type=int, default=300, metavar="N", help="configurations tried (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the search (%(default)s)")
    parser.add_argument("--max-cost", type=float, metavar="X", help="most a query may cost on average")
    parser.add_argument("--min-score", type=float, metavar="X", help="least average score, in [0, 1]")
    parser.add_argument("--estimator", default="auto", metavar="E", help="auto, heuristic or learned (%(default)s)")
    parser.add_argument("--keep", type=float, metavar="X", help="certify this share of the largest size's accuracy")
    parser.add_argument("--confidence", type=float, default=0.95, metavar="X", help="of --keep (%(default)s)")
    parser.add_argument("--storage", metavar="URL", help="Optuna storage that makes the study resumable")


def _settings(args: argparse.Namespace) -> TuningSettings:
    """The tuning options as settings."""
    from zeta_eval.tuning import TuningSettings

    return TuningSettings(
        cost=args.cost,
        n_trials=args.trials,
        seed=args.seed,
        max_cost=args.max_cost,
        min_score=args.min_score,
        estimator=args.estimator,
        keep=args.keep,
        confidence=args.confidence,
        storage=args.storage,
    )


def _tracker(args: argparse.Namespace) -> MlflowTracker | None:
    if args.mlflow == "none":
        return None
    from zeta_eval.tracking import MlflowTracker

    return MlflowTracker(args.mlflow)


def _run(args: argparse.Namespace) -> None:
    from zeta_eval import api

    report = api.run(
        args.ladder, args.tasks, out=args.out, limit=args.limit, settings=_settings(args), tracker=_tracker(args)
    )
    command = "zeta" if shutil.which("zeta") else sys.argv[0]
    page = "" if args.mlflow == "none" else f"\nMLflow:   {command} ui, then open http://127.0.0.1:5000"
    _show(report.text() + page, report.tuning.test.to_dict() | {"policy": str(report.policy_path)}, args.json)


def _bench(args: argparse.Namespace) -> None:
    from zeta_eval import api
    from zeta_eval.models import GenerateConfig, Ladder
    from zeta_eval.outcomes import summary

    ladder = Ladder.load(args.ladder)
    config = GenerateConfig(
        max_new_tokens=ladder.max_new_tokens if args.max_new_tokens is None else args.max_new_tokens,
        batch_size=args.batch_size,
    )
    outcomes = api.benchmark(
        ladder,
        args.tasks,
        out=args.out,
        limit=args.limit,
        seed=args.seed,
        config=config,
        tracker=_tracker(args),
    )
    table = summary(outcomes)
    shown = table[list(SUMMARY_COLUMNS)].rename(columns=SUMMARY_COLUMNS)
    text = f"{shown.to_string(index=False, float_format='{:.4g}'.format)}\n\n{outcomes!r}\nOutcomes: {args.out}"
    _show(text, {"sizes": table.to_dict("records"), "n": len(outcomes), "outcomes": str(args.out)}, args.json)


def _import(args: argparse.Namespace) -> None:
    from zeta_eval import api

    pairs = [text.rpartition("=") for text in args.cost]
    for text, (name, _, _) in zip(args.cost, pairs, strict=True):
        if not name:
            raise InvalidInputError(f"--cost is '{text}'; give NAME=VALUE or NAME=VALUE/Mtok.")
    cost = {name: value for name, _, value in pairs}
    report = api.import_table(args.format, args.path, out=args.out, cost=cost)
    _show(f"{report.text()}\n\nOutcomes: {args.out}", report.to_dict() | {"outcomes": str(args.out)}, args.json)


def _tune(args: argparse.Namespace) -> None:
    from zeta_eval import api

    report = api.tune(args.table, settings=_settings(args), tracker=_tracker(args))
    report.policy.save(args.out)
    data = report.test.to_dict() | {"policy": str(args.out), "estimator": report.estimator}
    if report.certificate is not None:
        data["certificate"] = dataclasses.asdict(report.certificate)
    _show(f"{report.text()}\n\nPolicy: {args.out}", data, args.json)


def _replay(args: argparse.Namespace) -> None:
    from zeta_eval import api
    from zeta_eval.outcomes import Outcomes
    from zeta_eval.policy import RoutingPolicy
    from zeta_eval.replay.decisions import decisions, save_decisions

    policy, table = RoutingPolicy.load(args.policy), Outcomes.load(args.table)
    report = api.replay(policy, table, split=args.split, cost_weight=args.cost_weight, seed=args.seed)
    if args.decisions is not None:
        made = decisions(policy, table.split(args.split), cost_weight=args.cost_weight, curve=args.curve)
        save_decisions(made, args.decisions)
    _show(report.text(), report.to_dict(), args.json)


def _route(args: argparse.Namespace) -> None:
    from zeta_eval.router import ZetaDynamicRouter

    text = sys.stdin.read() if args.text == "-" else args.text
    decision = ZetaDynamicRouter.load(args.policy).route(text, task=args.task, cost_weight=args.cost_weight)
    lines = [decision.size, *(f"  {reason}" for reason in decision.reasons)]
    _show("\n".join(lines), dataclasses.asdict(decision), "-" if args.json else None)


def _ui(args: argparse.Namespace) -> None:
    from zeta_eval.tracking import UI_ENV, ui_command

    command = ui_command(args.mlflow, args.port)
    address = f"http://127.0.0.1:{args.port}"
    if args.json:
        print(to_json({"address": address, "command": command}))
        return
    print(f"MLflow page: {address} (Ctrl-C stops it)", flush=True)
    os.execvpe(command[0], command, os.environ | UI_ENV)


def _show(text: str, data: dict[str, Any], json_to: str | None) -> None:
    """Print the text; with --json print JSON instead, or write it to a file beside the text."""
    if json_to == "-":
        print(to_json(data))
        return
    print(text)
    if json_to is not None:
        write_json(json_to, data)


if __name__ == "__main__":
    sys.exit(main())
