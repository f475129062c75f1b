"""Arguments that several verbs share, as argparse takes them, and the values that they stand for."""

from __future__ import annotations

import argparse
import os
from argparse import Namespace
from collections.abc import Collection
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeta_eval.cli.parser import Arguments, Choices
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import loaded

if TYPE_CHECKING:
    from zeta_eval.router.policy import RoutingPolicy
    from zeta_eval.tasks.harness.settings import HarnessSettings
    from zeta_eval.tracking import MlflowTracker
    from zeta_eval.tuning import TuningSettings


def new_file(text: str) -> Path:
    """Return the path of a file that can be written: else a verb's work would be lost at its end."""
    path = Path(text)
    folder = next(p for p in path.absolute().parents if p.exists())
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is a folder; name a file in it")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"'{text}' can't be written: {folder} takes no files; name one elsewhere")
    return path


def _estimators(*, embedder: bool) -> Collection[str]:
    from zeta_eval.router.estimators import estimator_choices, needs_embedder

    return [name for name in estimator_choices() if embedder or not needs_embedder(name)]


_SPLITS = Choices(lambda: (*import_module("zeta_eval.outcomes").SPLITS, "all"))
_COSTS = Choices(lambda: import_module("zeta_eval.outcomes").COSTS)
_UNKNOWN = Choices(lambda: import_module("zeta_eval.tuning.settings").UNKNOWN)
_WAYS = Choices(lambda: import_module("zeta_eval.evaluation.batch.runs").WAYS)


_STORE = "MLFLOW_TRACKING_URI, else sqlite:///mlruns/mlflow.db"
STORE: Arguments = {"--mlflow": {"metavar": "URI", "help": f"MLflow store ({_STORE})"}}
POLICY: Arguments = {
    "policy": {"metavar": "POLICY", "help": "policy file, or a registered one: models:/ZetaDynamicRouter@champion"}
}
TABLE: Arguments = {"table": {"metavar": "TABLE", "help": "Parquet, CSV or JSONL file, or a benchmark's folder"}}
JUDGE: Arguments = {
    "--rubric": {"metavar": "FILE", "help": "TOML file that a judge grades by: instructions and scale"},
    "--judged": {"metavar": "FILE", "help": "SQLite file of a judge's replies (judge.db beside the table)"},
}
HARNESS: Arguments = {
    "--include-path": {
        "type": Path,
        "metavar": "FOLDER",
        "help": "task files (YAML) of your own for lm-eval: tasks; functions they name are run as your code",
    },
    "--metric": {
        "action": "append",
        "default": [],
        "metavar": "NAME",
        "help": "metric of lm-eval: tasks that is the score; TASK=NAME for one task (the first that can be, printed)",
    },
    "--filter": {
        "action": "append",
        "default": [],
        "metavar": "NAME",
        "help": "filter under which answers to lm-eval: tasks are read; TASK=NAME for one task (the first, printed)",
    },
    "--chat-template": {
        "choices": Choices(lambda: import_module("zeta_eval.tasks.harness.settings").TEMPLATES),
        "default": "auto",
        "help": "chat template in lm-eval: tasks: where a model has one, or nowhere (%(default)s)",
    },
    "--log-samples": {
        "type": Path,
        "metavar": "FOLDER",
        "help": "write answers to lm-eval: tasks in lm-evaluation-harness's own log format, too",
    },
}
TASK: Arguments = {"--task": {"metavar": "NAME", "help": "name of the task the query belongs to"}}
COST_WEIGHT: Arguments = {
    "--cost-weight": {"type": float, "metavar": "X", "help": "accuracy given up to save one call of the largest size"}
}
SPLIT: Arguments = {
    "--split": {"choices": _SPLITS, "default": "test", "metavar": "S", "help": "%(choices)s (%(default)s)"}
}
WAY: Arguments = {
    "--way": {
        "choices": _WAYS,
        "metavar": "W",
        "help": "how the policy is used: %(choices)s (the way that it was tuned for)",
    }
}
INTERVALS: Arguments = {
    "--seed": {"type": int, "default": 0, "metavar": "N", "help": "seed of the intervals (%(default)s)"}
}
SEARCH: Arguments = {
    "--trials": {"type": int, "default": 100, "metavar": "N", "help": "configurations tried (%(default)s)"},
    "--seed": {"type": int, "default": 0, "metavar": "N", "help": "seed of the search (%(default)s)"},
}
_ESTIMATOR = {"default": "auto", "metavar": "E", "help": "%(choices)s (%(default)s)"}
ESTIMATOR: Arguments = {"--estimator": {"choices": Choices(lambda: _estimators(embedder=False)), **_ESTIMATOR}}
TUNING: Arguments = {
    "--cost": {"choices": _COSTS, "metavar": "COLUMN", "help": "%(choices)s (the first the table has)"},
    **SEARCH,
    "--max-cost": {"type": float, "metavar": "X", "help": "most a query may cost on average"},
    "--min-score": {"type": float, "metavar": "X", "help": "least average score, in [0, 1]"},
    "--estimator": {"choices": Choices(lambda: _estimators(embedder=True)), **_ESTIMATOR},
    "--embedder": {"metavar": "MODEL", "help": "sentence-transformers model for knn and embedding"},
    "--unknown": {
        "choices": _UNKNOWN,
        "default": "seed",
        "metavar": "U",
        "help": "what decides queries unlike all tuned on: %(choices)s (%(default)s)",
    },
    "--keep": {"type": float, "metavar": "X", "help": "keep this share of the largest size's accuracy, and certify it"},
    "--confidence": {"type": float, "default": 0.95, "metavar": "X", "help": "confidence of --keep (%(default)s)"},
    "--storage": {"metavar": "URL", "help": "Optuna storage that makes the study resumable"},
}
JSON: Arguments = {
    "--json": {"nargs": "?", "const": "-", "metavar": "FILE", "help": "write the result as JSON (to the screen)"}
}
TRACKED: Arguments = {
    "--mlflow": {"metavar": "URI", "help": f"MLflow store, or none ({_STORE})"},
    **JSON,
}


def policy(args: Namespace) -> RoutingPolicy:
    """The policy that POLICY names; a file is read without MLflow, so that `zeta route` stays quick."""
    from zeta_eval.router.policy import RoutingPolicy

    if isinstance(args.policy, str) and args.policy.startswith("models:/"):
        from zeta_eval.api import versions

        return versions.load_policy(args.policy, store=args.mlflow)
    return loaded(RoutingPolicy, args.policy)


def settings(args: Namespace) -> TuningSettings:
    """The arguments that are settings of a tuning, as `TuningSettings`."""
    from zeta_eval.tuning import TuningSettings

    given = vars(args) | {"n_trials": args.trials}
    return TuningSettings(**{f.name: given[f.name] for f in fields(TuningSettings) if f.name in given})


def scorer(args: Namespace, *, cache: Path, against: tuple[Any, str] | None = None) -> Any:
    """The scorer that --scorer names; `judge:...` makes a judge, whose replies are kept in `cache`."""
    word: str | None = args.scorer
    if word is None or not word.startswith("judge:"):
        if args.rubric is not None or against is not None:
            raise InvalidInputError("--rubric and --against are for a judge; give --scorer judge:RUNG.")
        return word
    from zeta_eval import api

    kept = cache if args.judged is None else args.judged
    name = word.removeprefix("judge:")
    return api.judge(name, ladder=args.ladder, rubric=args.rubric, cache=kept, against=against)


def harness(args: Namespace) -> HarnessSettings:
    """The arguments on tasks of lm-evaluation-harness."""
    from zeta_eval.tasks.harness.settings import HarnessSettings

    return HarnessSettings(
        include_path=args.include_path,
        chat_template=args.chat_template,
        metric=by_task(args.metric),
        filter=by_task(args.filter),
    )


def by_task(given: list[str]) -> dict[str, str]:
    """NAME for all tasks under "", TASK=NAME under the task."""
    return {task: name for task, _, name in (text.rpartition("=") for text in given)}


def tracker(args: Namespace) -> MlflowTracker | None:
    """The MLflow store that --mlflow names; "none" records nothing."""
    if args.mlflow == "none":
        return None
    from zeta_eval.tracking import MlflowTracker

    return MlflowTracker(args.mlflow)
