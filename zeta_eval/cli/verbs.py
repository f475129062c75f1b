"""What each verb does: parsed words to one api verb, and its report as text and as JSON data."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeta_eval.exceptions import InvalidInputError

if TYPE_CHECKING:
    from zeta_eval.router.policy import RoutingPolicy
    from zeta_eval.tracking import MlflowTracker, Promotion
    from zeta_eval.tuning import TuningSettings

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a verb made."""

    report: Any
    """The api's report object."""
    text: str
    """It as plain text."""
    data: dict[str, Any]
    """It as JSON data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page that a server on this machine shows once its command runs."""

    title: str
    """What it shows."""
    address: str
    """Where, on the loopback interface."""
    command: list[str]
    """The server's command."""
    env: dict[str, str] = field(default_factory=dict)
    """What the server needs in its environment beside ours."""


def run(args: argparse.Namespace) -> Result:
    """The whole job."""
    from zeta_eval import api

    report = api.run(
        args.ladder, args.tasks, out=args.out, limit=args.limit, settings=_settings(args), tracker=_tracker(args)
    )
    command = "zeta" if shutil.which("zeta") else sys.argv[0]
    page = "" if args.mlflow == "none" else f"\nMLflow:   {command} ui, then open http://127.0.0.1:5000"
    data = report.tuning.test.to_dict() | {"policy": str(report.policy_path)}
    return Result(report=report, text=report.text() + page, data=data)


def bench(args: argparse.Namespace) -> Result:
    """Run every query on every size."""
    from zeta_eval import api
    from zeta_eval.models import GenerateConfig, Ladder
    from zeta_eval.outcomes import summary

    ladder = _loaded(Ladder, args.ladder)
    config = GenerateConfig(
        max_new_tokens=ladder.max_new_tokens if args.max_new_tokens is None else args.max_new_tokens,
        batch_size=args.batch_size,
        mcq=args.mcq,
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
    data = {"sizes": table.to_dict("records"), "n": len(outcomes), "outcomes": str(args.out)}
    return Result(report=outcomes, text=text, data=data)


def import_table(args: argparse.Namespace) -> Result:
    """Turn another tool's table into a table of outcomes."""
    from zeta_eval import api

    pairs = [text.rpartition("=") for text in args.cost]
    for text, (name, _, _) in zip(args.cost, pairs, strict=True):
        if not name:
            raise InvalidInputError(f"--cost is '{text}'; give NAME=VALUE or NAME=VALUE/Mtok.")
    cost = {name: value for name, _, value in pairs}
    report = api.import_table(args.format, args.path, out=args.out, cost=cost)
    return _written(report, report.text(), report.to_dict(), "Outcomes", args.out)


def tune(args: argparse.Namespace) -> Result:
    """Search a policy."""
    from zeta_eval import api

    report = api.tune(args.table, settings=_settings(args), tracker=_tracker(args))
    if args.out is not None:
        report.policy.save(args.out)
    data = report.test.to_dict() | {"estimator": report.estimator}
    if report.certificate is not None:
        data["certificate"] = dataclasses.asdict(report.certificate)
    return _written(report, report.text(), data, "Policy", args.out)


def replay(args: argparse.Namespace) -> Result:
    """Test a policy and every baseline."""
    from zeta_eval import api
    from zeta_eval.evaluation.decisions import decisions, save_decisions
    from zeta_eval.outcomes import Outcomes

    policy, table = _policy(args), _loaded(Outcomes, args.table)
    report = api.replay(policy, table, split=args.split, cost_weight=args.cost_weight, seed=args.seed)
    if args.decisions is not None:
        made = decisions(policy, table.split(args.split), cost_weight=args.cost_weight, curve=args.curve)
        save_decisions(made, args.decisions)
    return Result(report=report, text=report.text(), data=report.to_dict())


def compare(args: argparse.Namespace) -> Result:
    """Compare policies on the same queries."""
    from zeta_eval import api

    report = api.compare(
        args.policies,
        args.table,
        split=args.split,
        cost_weight=args.cost_weight,
        seed=args.seed,
        store=args.mlflow,
    )
    return Result(report=report, text=report.text(), data=report.to_dict())


def route(args: argparse.Namespace) -> Result:
    """Choose a size for a text."""
    from zeta_eval.router import ZetaDynamicRouter

    text = sys.stdin.read() if args.text == "-" else args.text
    decision = ZetaDynamicRouter(_policy(args)).route(text, task=args.task, cost_weight=args.cost_weight)
    lines = [decision.size, *(f"  {reason}" for reason in decision.reasons)]
    return Result(report=decision, text="\n".join(lines), data=dataclasses.asdict(decision))


def learn(args: argparse.Namespace) -> Result:
    """Tune a policy again on feedback."""
    from zeta_eval.api import versions
    from zeta_eval.tuning import TuningSettings

    report = versions.learn(
        args.policy,
        args.history,
        out=args.out,
        outcomes=args.outcomes,
        trusted=args.trust,
        force=args.force,
        settings=TuningSettings(n_trials=args.trials, seed=args.seed, estimator=args.estimator),
        tracker=_tracker(args),
    )
    return _written(report, report.text(), report.to_dict(), "Policy", args.out if report.promoted else None)


def history(args: argparse.Namespace) -> Result:
    """Show what a history holds, or write what was judged as a table of outcomes."""
    from zeta_eval.api import versions
    from zeta_eval.feedback.status import HistoryStatus

    if args.what == "export" and args.out is None:
        raise InvalidInputError("`history export` writes a table; name it: --out outcomes.parquet.")
    with versions.opened(args.history) as store:
        if args.what == "status":
            status = HistoryStatus.of(store)
            return Result(report=status, text=status.text(), data=status.to_dict())
        judged = store.export(args.out)
    rows = len(judged.frame)
    return _written(judged, f"{rows} judged answers", {"rows": rows}, "Outcomes", args.out)


def promote(args: argparse.Namespace) -> Result:
    """Make a version the champion."""
    from zeta_eval.api import versions

    return _promoted(versions.promote(args.policy, store=args.mlflow, out=args.out), args.out)


def rollback(args: argparse.Namespace) -> Result:
    """Make the earlier champion champion again."""
    from zeta_eval.api import versions

    return _promoted(versions.rollback(store=args.mlflow, out=args.out), args.out)


def _promoted(made: Promotion, out: Path | None) -> Result:
    data = {"version": made.version, "earlier": made.earlier, "checksum": made.policy.checksum}
    return _written(made, made.text(), data, "Policy", out)


def ui(args: argparse.Namespace) -> Result:
    """Say what server shows the page of all runs, or of an Optuna study; whoever asks starts it."""
    from zeta_eval.tracking import UI_ENV, ui_command

    address = f"http://127.0.0.1:{args.port}"
    if args.optuna is None:
        command = ui_command(args.mlflow, args.port)
        page = Page(title="MLflow page", address=address, command=command, env=dict(UI_ENV))
    else:
        command = _dashboard_command(args.optuna, args.port)
        page = Page(title="Optuna page", address=address, command=command)
    return Result(
        report=page,
        text=f"{page.title}: {address} (Ctrl-C stops it)",
        data={"address": address, "command": command},
    )


def gpu_check(args: argparse.Namespace) -> Result:
    """Measure the speed of a 4B / 7B / 14B ladder of random weights on this machine's device."""
    from zeta_eval.files import write_json
    from zeta_eval.inference import gpu_check

    sizes = [name.strip() for name in args.sizes.split(",")]
    report = gpu_check.check(sizes=sizes, tiny=args.scale == "tiny")
    command = f"zeta gpu-check --sizes {args.sizes} --scale {args.scale}"
    data = {"command": command, **report.to_dict()}
    if args.out is not None:
        write_json(args.out, data)
    return _written(report, report.text(), data, "Figures", args.out)


def _dashboard_command(storage: str, port: int) -> list[str]:
    """Return the command of optuna-dashboard on a storage.

    Raises:
        InvalidInputError: the optional package is missing.
    """
    beside = str(Path(sys.executable).parent)
    program = shutil.which("optuna-dashboard", path=beside) or shutil.which("optuna-dashboard")
    if program is None:
        raise InvalidInputError("optuna-dashboard is not installed; run `pip install 'zeta-eval[dashboard]'`.")
    socket.create_server(("127.0.0.1", port)).close()  # says so here if the port can't be had
    return [program, storage, "--host", "127.0.0.1", "--port", str(port)]


def _written(report: Any, text: str, data: dict[str, Any], what: str, path: Path | None) -> Result:
    """Say where a result was written, if it was."""
    if path is None:
        return Result(report=report, text=text, data=data)
    return Result(report=report, text=f"{text}\n\n{what}: {path}", data=data | {what.lower(): str(path)})


def _loaded(kind: Any, value: Any) -> Any:
    """Return a value of that kind as it is, anything else as the name of one to load."""
    return value if isinstance(value, kind) else kind.load(value)


def _policy(args: argparse.Namespace) -> RoutingPolicy:
    """The policy that is named; a file is read without what the registry needs, so that `zeta route` stays quick."""
    from zeta_eval.router.policy import RoutingPolicy

    if isinstance(args.policy, str) and args.policy.startswith("models:/"):
        from zeta_eval.api import versions

        return versions.load_policy(args.policy, store=args.mlflow)
    policy: RoutingPolicy = _loaded(RoutingPolicy, args.policy)
    return policy


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
        embedder=args.embedder,
        keep=args.keep,
        confidence=args.confidence,
        storage=args.storage,
    )


def _tracker(args: argparse.Namespace) -> MlflowTracker | None:
    if args.mlflow == "none":
        return None
    from zeta_eval.tracking import MlflowTracker

    return MlflowTracker(args.mlflow)
