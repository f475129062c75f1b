"""The verbs around a policy: run queries on models, import a table, tune, replay, compare, route."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeta_eval.api.versions import load_policy
from zeta_eval.evaluation.replay import replay as _replay
from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import loaded
from zeta_eval.models import GenerateConfig, Ladder
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import Decision, ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.router import Query

if TYPE_CHECKING:
    from zeta_eval.evaluation.reports.versus_report import Versus
    from zeta_eval.outcomes.importers import ImportReport
    from zeta_eval.outcomes.importers.account import Epochs
    from zeta_eval.tasks import Scorer, Task
    from zeta_eval.tracking import MlflowTracker
    from zeta_eval.tuning import TuningReport, TuningSettings

_log = logging.getLogger(__name__)


def benchmark(
    ladder: Ladder | str | Path,
    tasks: str | Task | Sequence[str | Task],
    *,
    out: str | Path,
    limit: int | None = None,
    seed: int = 0,
    config: GenerateConfig | None = None,
    scorer: str | Scorer | None = None,
    tracker: MlflowTracker | None = None,
    retry: str | Sequence[str] = (),
    reuse: str | Path | Sequence[str | Path] = (),
) -> Outcomes:
    """Ask every query of some tasks to every model size of a ladder, and store how each size did.

    A run that was interrupted goes on where it stopped. Sizes, tasks and queries that are added to a finished one are
    asked alone, and join its table.

    Args:
        ladder: The models: a ladder, a shipped one's name, or a TOML file.
        tasks: The queries: task names, groups, tables of your own, hub ids, files, or Task values.
        out: Folder of the run; the table of outcomes is written there.
        limit: Most queries per task; None takes all.
        seed: Seed of the queries' order.
        config: Longest answer and batch size; None takes the ladder's.
        scorer: What grades tasks that come from files: a name, `FILE.py:NAME` or a function as `task` takes it; None
            takes "auto"; `zeta_eval.judge` makes one that asks a model.
        tracker: Where to record the run; None records nothing.
        reuse: Folders of earlier runs: answers of the same model to the same prompt, asked in the same way on the same
            device, are taken over.
        retry: Rows of a finished run to ask again: "truncated" (with a larger `max_new_tokens`), "errors", or both.

    Raises:
        ZetaError: an unknown ladder or task, a model or data set out of reach, a folder that another run writes.

    Examples:
        >>> import zeta_eval as ze
        >>> ze.benchmark("embedded", "copy", limit=3, out="outcomes")
        Outcomes(3 queries x 3 sizes: 17K < 45K < 456K)
    """
    from zeta_eval.inference.run.launch import leads
    from zeta_eval.inference.run.runner import run as run_queries
    from zeta_eval.tasks import resolve_tasks
    from zeta_eval.tasks.scoring import TaskScores

    ladder = loaded(Ladder, ladder)
    tracker = tracker if leads() else None  # of several processes one records
    if tracker is not None:
        tracker.open()  # a long run should not end on a store that can't be opened
    found = {t.name: t for t in resolve_tasks(tasks, scorer=scorer)}
    for note in dict.fromkeys(t.note for t in found.values() if t.note and leads()):
        _log.log(logging.WARNING if "left out" in note else logging.INFO, note)
    queries = [q for t in found.values() for q in t.load(limit=limit, seed=seed)]
    _warn(scorer, ladder)
    settings = {t.name: t.settings | {"limit": limit, "seed": seed} for t in found.values()}
    report = run_queries(
        ladder, queries, TaskScores(found), out=out, config=config, tasks=settings, retry=retry, reuse=reuse
    )
    if tracker is not None:
        asked = {"limit": limit, "seed": seed, "attempts": 1 if config is None else config.attempts}
        tracker.log_benchmark(report.outcomes, ladder, report.folder, asked=asked)
    return report.outcomes


def import_table(
    format: str,
    path: str | Path,
    *,
    out: str | Path | None = None,
    cost: Mapping[str, float | str] | None = None,
    scorer: str | Mapping[str, str] | None = None,
    metric: str | Mapping[str, str] | None = None,
    filter: str | Mapping[str, str] | None = None,
    epochs: Epochs = "mean",
    scale: str | Mapping[str, str] | None = None,
) -> ImportReport:
    """Turn results that another tool has stored into a table of outcomes.

    What isn't chosen is chosen once per task, for all models, and said in the report.

    Args:
        format: tidy, wide, lm-eval, inspect, lighteval, evalscope, routerbench, routellm, routerarena or alpaca-eval.
        path: File or folder of that format.
        out: Parquet file to write; None writes nothing.
        cost: By model, USD per query (0.002) or per million tokens ("0.24/Mtok").
        scorer: Scorer whose score counts, for logs with several; by task where it is a mapping.
        metric: Metric that counts, or the key of a score that has several parts; by task where it is a mapping.
        filter: Filter under which answers were read; by task where it is a mapping.
        epochs: "mean" takes several epochs as attempts, which count with their mean, "first" the first one alone.
        scale: Lowest and highest score as "LOW:HIGH", where that isn't 0 and 1; by task where it is a mapping.

    Raises:
        ZetaError: an unknown format, model, cost or choice, or a source that can't be used.

    Examples:
        >>> import pandas as pd, zeta_eval as ze
        >>> rows = [("sums", "1", "What is 1 + 1?", "small", 0.0), ("sums", "1", "What is 1 + 1?", "large", 1.0)]
        >>> pd.DataFrame(rows, columns=["task", "query_id", "query", "model", "score"]).to_csv("rows.csv")
        >>> ze.import_table("tidy", "rows.csv", cost={"small": 0.001, "large": 0.01})
        Read 2 rows, kept 2, skipped 0.
        Outcomes(1 queries x 2 sizes: small < large)
        Costs: cost_usd
    """
    from zeta_eval.outcomes.importers import import_outcomes
    from zeta_eval.outcomes.importers.account import Wanted, by_task, scales

    if out is not None and Path(out).suffix.lower() not in (".parquet", ".pq"):
        raise InvalidInputError(f"The table to write is '{out}'; tables are written as Parquet, give a .parquet file.")
    wanted = Wanted(
        scorer=by_task(scorer), metric=by_task(metric), filter=by_task(filter), epochs=epochs, scale=scales(scale)
    )
    report = import_outcomes(format, path, cost=cost, wanted=wanted)
    if out is not None:
        report.outcomes.save(out)
    return report


def tune(
    outcomes: Outcomes | str | Path,
    *,
    cost: str | None = None,
    n_trials: int = 100,
    seed: int = 0,
    max_cost: float | None = None,
    min_score: float | None = None,
    settings: TuningSettings | None = None,
    tracker: MlflowTracker | None = None,
) -> TuningReport:
    """Find the rule that chooses the best size for each query of a table: a policy.

    Args:
        outcomes: A table, its file, or a benchmark's folder.
        cost: Cost column; None takes gpu_s, else cost_usd, else latency_s.
        n_trials: Configurations tried.
        seed: Seed of the search and of every interval.
        max_cost: Most that a query may cost on average, in the cost column's unit.
        min_score: Least average score, in [0, 1].
        settings: Every setting at once (estimator, certificate, storage, ...), instead of the five above.
        tracker: Where to record the study and the policy version; None records nothing.

    Raises:
        ZetaError: a table that can't be tuned on, or a budget that can't be met.

    Examples:
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> report = ze.tune(make_outcomes(300), n_trials=10)
        >>> report.policy.sizes, report.policy.save("policy.json").name
        (('4B', '7B', '14B'), 'policy.json')
    """
    from zeta_eval.tuning import TuningSettings
    from zeta_eval.tuning import tune as search

    plain = TuningSettings(cost=cost, n_trials=n_trials, seed=seed, max_cost=max_cost, min_score=min_score)
    if settings is not None and plain != TuningSettings():
        raise InvalidInputError("Give settings or single keywords, not both; put the keywords into the settings.")
    table = loaded(Outcomes, outcomes)
    if tracker is not None:
        tracker.open()  # a search should not end on a store that can't be opened
    report = search(table, settings or plain)
    if tracker is not None:
        tracker.log_tuning(report, table)
    return report


def replay(
    policy: RoutingPolicy | str | Path,
    outcomes: Outcomes | str | Path,
    *,
    split: str = "test",
    cost_weight: float | None = None,
    seed: int = 0,
    store: str | None = None,
    way: str | None = None,
) -> ReplayReport:
    """Measure what a policy would have got on stored outcomes, beside simple baselines; no model is loaded.

    Args:
        policy: A policy, its file, or its registered name as `load_policy` takes it.
        outcomes: A table, its file, or a benchmark's folder.
        split: "tune", "validate", "test" or "all".
        cost_weight: Accuracy given up to save one call of the largest size; None takes the policy's own.
        seed: Seed of the intervals.
        store: MLflow store of registered names.
        way: How the policy is used: "route", "route with task", "generate" or "generate with task"; None takes the way
            that it was tuned for.

    Raises:
        ZetaError: a policy or a table that can't be used, or that name different sizes.

    Examples:
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> report = ze.replay(ze.RoutingPolicy.seed(), make_outcomes(300))
        >>> report.n, [row.strategy for row in report.rows][:3]
        (74, ['policy', 'policy, route', '4B alone'])
    """
    chooser, table = load_policy(policy, store=store), loaded(Outcomes, outcomes)
    return _replay(chooser, table, split=split, cost_weight=cost_weight, seed=seed, way=way)


def compare(
    policies: Mapping[str, RoutingPolicy | str | Path] | Sequence[RoutingPolicy | str | Path],
    outcomes: Outcomes | str | Path,
    *,
    split: str = "test",
    cost_weight: float | None = None,
    seed: int = 0,
    store: str | None = None,
) -> Versus:
    """Compare policies on the same stored queries: how much better each is than the first, and where they disagree.

    Args:
        policies: At least two policies, files or registered names: in a list, or by the names that the report uses.
        outcomes: A table with every size of every policy, its file, or a benchmark's folder.
        split: "tune", "validate", "test" or "all".
        cost_weight: One cost weight for all; None takes each policy's own.
        seed: Seed of the intervals.
        store: MLflow store of registered names.

    Raises:
        ZetaError: fewer than two policies, a policy or a table that can't be used, or one that lacks a size.

    Examples:
        >>> from dataclasses import replace
        >>> import zeta_eval as ze
        >>> from zeta_eval.testing import make_outcomes
        >>> seed = ze.RoutingPolicy.seed()
        >>> policies = {"seed": seed, "thrifty": replace(seed, cost_weight=1.0)}
        >>> ze.compare(policies, make_outcomes(300)).policies
        ('seed', 'thrifty')
    """
    from zeta_eval.evaluation.versus import compare as versus

    return versus(_named(policies, store), loaded(Outcomes, outcomes), split=split, cost_weight=cost_weight, seed=seed)


def route(
    policy: RoutingPolicy | str | Path,
    text: Query,
    *,
    task: str | None = None,
    cost_weight: float | None = None,
    store: str | None = None,
) -> Decision:
    """Choose the model size for one query.

    Args:
        policy: A policy, its file, or its registered name as `load_policy` takes it.
        text: The query, a text or a list of chat messages.
        task: Name of the task that the query belongs to.
        cost_weight: Accuracy given up to save one call of the largest size; None takes the policy's own.
        store: MLflow store of registered names.

    Raises:
        ZetaError: a policy that can't be used, or a bad cost weight.

    Examples:
        >>> import zeta_eval as ze
        >>> ze.route(ze.RoutingPolicy.seed(), "What is 12 * 34?").size
        '7B'
    """
    return ZetaDynamicRouter(load_policy(policy, store=store)).route(text, task=task, cost_weight=cost_weight)


def _warn(scorer: Any, ladder: Ladder) -> None:
    """Say before a run where a judge is one of the sizes that it judges."""
    if hasattr(scorer, "warning") and (said := scorer.warning(ladder.sizes, [m.model for m in ladder.models])):
        _log.warning("%s", said)


def _named(
    policies: Mapping[str, RoutingPolicy | str | Path] | Sequence[RoutingPolicy | str | Path], store: str | None
) -> dict[str, RoutingPolicy]:
    """Policies by name; those that would share a name are told apart by their checksums."""
    if isinstance(policies, str | Path | RoutingPolicy):
        raise InvalidInputError("There is one policy to compare; give at least two, in a list or by name.")
    if isinstance(policies, Mapping):
        return {name: load_policy(policy, store=store) for name, policy in policies.items()}
    loaded = [(_name(p), load_policy(p, store=store)) for p in policies]
    taken = Counter(name for name, _ in loaded)
    named = {(f"{n}@{p.checksum[:8]}" if taken[n] > 1 else n): p for n, p in loaded}
    if len(named) < len(loaded):
        raise InvalidInputError("The same policy is there twice; give two, or copies under other file names.")
    return named


def _name(policy: RoutingPolicy | str | Path) -> str:
    from zeta_eval.tracking import is_registered_name

    if isinstance(policy, RoutingPolicy):
        return policy.name
    return str(policy).removeprefix("models:/") if is_registered_name(policy) else Path(policy).stem
