"""The verbs: benchmark, import, tune, replay, compare, route, run. They compose the rooms and do nothing else."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from zeta_eval.api.versions import load_policy
from zeta_eval.evaluation.replay import replay as _replay
from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.exceptions import GenerationError, InvalidInputError
from zeta_eval.files import loaded
from zeta_eval.models import Completion, GenerateConfig, Ladder
from zeta_eval.outcomes import Outcomes
from zeta_eval.router import Decision, ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

if TYPE_CHECKING:
    from zeta_eval.evaluation.reports.versus_report import Versus
    from zeta_eval.inference.run.residency import EnginePool
    from zeta_eval.outcomes.importers import ImportReport
    from zeta_eval.tasks import Task
    from zeta_eval.tracking import MlflowTracker
    from zeta_eval.tuning import TuningReport, TuningSettings

EMBEDDED_LIMIT = 400
"""Queries per embedded task in `run` unless a limit is given."""


def benchmark(
    ladder: Ladder | str | Path,
    tasks: str | Task | Sequence[str | Task],
    *,
    out: str | Path,
    limit: int | None = None,
    seed: int = 0,
    config: GenerateConfig | None = None,
    tracker: MlflowTracker | None = None,
) -> Outcomes:
    """Run every query on every size of a ladder; a run that was interrupted goes on where it stopped.

    Args:
        ladder: A ladder, a shipped one's name, or a TOML file.
        tasks: Task names, groups, files, or Task values.
        out: Folder of the run: journal, outcomes table, record.
        limit: Most queries per task; None takes all.
        seed: Seed of the queries' order.
        config: Longest answer and batch size; None takes the ladder's.
        tracker: Where to record the run; None records nothing.

    Raises:
        ZetaError: an unknown ladder or task, a model or data set out of reach, a folder that another run writes.
    """
    from zeta_eval.inference.run.launch import leads
    from zeta_eval.inference.run.runner import run as run_queries
    from zeta_eval.tasks import resolve_tasks

    ladder = loaded(Ladder, ladder)
    tracker = tracker if leads() else None  # of several processes one records
    if tracker is not None:
        tracker.open()  # a long run should not end on a store that can't be opened
    found = {t.name: t for t in resolve_tasks(tasks)}
    queries = [q for t in found.values() for q in t.load(limit=limit, seed=seed)]
    report = run_queries(ladder, queries, lambda q, text: found[q.task].score(q, text), out=out, config=config)
    if tracker is not None:
        tracker.log_benchmark(report.outcomes, ladder, report.folder)
    return report.outcomes


def import_table(
    format: str, path: str | Path, *, out: str | Path | None = None, cost: Mapping[str, float | str] | None = None
) -> ImportReport:
    """Turn another tool's table or logs into a table of outcomes, and write it to `out` as Parquet.

    Args:
        format: tidy, lm-eval, inspect, routerbench or routellm.
        path: File or folder of that format.
        out: Parquet file to write; None writes nothing.
        cost: By model, USD per query (0.002) or per million tokens ("0.24/Mtok").

    Raises:
        ZetaError: an unknown format, model or cost, or a source that can't be used.
    """
    from zeta_eval.outcomes.importers import import_outcomes

    if out is not None and Path(out).suffix.lower() not in (".parquet", ".pq"):
        raise InvalidInputError(f"The table to write is '{out}'; tables are written as Parquet, give a .parquet file.")
    report = import_outcomes(format, path, cost=cost)
    if out is not None:
        report.outcomes.save(out)
    return report


def tune(
    outcomes: Outcomes | str | Path,
    *,
    cost: str | None = None,
    n_trials: int = 300,
    seed: int = 0,
    max_cost: float | None = None,
    min_score: float | None = None,
    settings: TuningSettings | None = None,
    tracker: MlflowTracker | None = None,
) -> TuningReport:
    """Tune a policy on a table; `report.policy.save(path)` writes it.

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
    """
    from zeta_eval.tuning import TuningSettings

    plain = TuningSettings(cost=cost, n_trials=n_trials, seed=seed, max_cost=max_cost, min_score=min_score)
    if settings is not None and plain != TuningSettings():
        raise InvalidInputError("Give settings or single keywords, not both; put the keywords into the settings.")
    return _tune(loaded(Outcomes, outcomes), settings or plain, tracker)


def replay(
    policy: RoutingPolicy | str | Path,
    outcomes: Outcomes | str | Path,
    *,
    split: str = "test",
    cost_weight: float | None = None,
    seed: int = 0,
    store: str | None = None,
) -> ReplayReport:
    """Evaluate a policy and every baseline on stored outcomes; no model is loaded.

    The policy may be a registered one (models:/ZetaDynamicRouter@champion) of an MLflow store, see `load_policy`.

    Raises:
        ZetaError: a policy or a table that can't be used, or that name different sizes.
    """
    return _replay(
        load_policy(policy, store=store), loaded(Outcomes, outcomes), split=split, cost_weight=cost_weight, seed=seed
    )


def compare(
    policies: Mapping[str, RoutingPolicy | str | Path] | Sequence[RoutingPolicy | str | Path],
    outcomes: Outcomes | str | Path,
    *,
    split: str = "test",
    cost_weight: float | None = None,
    seed: int = 0,
    store: str | None = None,
) -> Versus:
    """Compare policies on the same stored queries: paired differences to the first, and where they disagree.

    Args:
        policies: Policies, their files or registered names, by name or in a row; a row is named by these.
        outcomes: A table that holds every size of every policy, its file, or a benchmark's folder.
        split: "tune", "validate", "test" or "all".
        cost_weight: Trade-off for all; None takes each policy's own.
        seed: Seed of the intervals.
        store: MLflow store of registered names, as in `load_policy`.

    Raises:
        ZetaError: fewer than two policies, a policy or a table that can't be used, or one that lacks a size.
    """
    from zeta_eval.evaluation.versus import compare as versus

    return versus(_named(policies, store), loaded(Outcomes, outcomes), split=split, cost_weight=cost_weight, seed=seed)


def route(
    policy: RoutingPolicy | str | Path,
    text: str,
    *,
    task: str | None = None,
    cost_weight: float | None = None,
    store: str | None = None,
) -> Decision:
    """Choose a size for a text; the policy may be a registered one, see `load_policy`.

    Raises:
        ZetaError: a policy that can't be used, or a bad cost weight.
    """
    return ZetaDynamicRouter(load_policy(policy, store=store)).route(text, task=task, cost_weight=cost_weight)


@dataclass(frozen=True, kw_only=True)
class Answerer:
    """One size as `ZetaDynamicRouter.generate` takes it: called with a text it answers."""

    size: str
    """The size."""
    engines: EnginePool
    """The engines of the ladder in memory; this size's is loaded when it is needed."""
    config: GenerateConfig
    """How answers are generated."""

    def __call__(self, text: str) -> Completion:
        """Answer a text; a size that is gone gives a Completion with `error`, so that another can take its place."""
        try:
            answer: Completion = self.engines.engine(self.size).generate([text], self.config)[0]
            return answer
        except GenerationError as e:
            return Completion(text="", error=str(e))


def answerers(ladder: Ladder | str | Path, config: GenerateConfig | None = None) -> dict[str, Answerer]:
    """By size, a function that answers a text, for `ZetaDynamicRouter.generate`; loads the weights of unserved sizes.

    Sizes that don't fit the free memory together are loaded in turn, which a warning tells.

    Raises:
        UnknownNameError: no such ladder.
        HubAccessError: weights or a server that can't be reached.
    """
    from zeta_eval.inference.run.residency import EnginePool
    from zeta_eval.inference.run.runner import default_engine

    ladder = loaded(Ladder, ladder)
    config = config or GenerateConfig(max_new_tokens=ladder.max_new_tokens)
    engines = EnginePool(ladder.generators, default_engine)
    engines.load()
    return {size: Answerer(size=size, engines=engines, config=config) for size in ladder.sizes}


@dataclass(frozen=True, kw_only=True)
class PipelineReport:
    """What `run` made."""

    outcomes: Outcomes
    """Every query on every size."""
    tuning: TuningReport
    """The study, the policy and its test report."""
    policy_path: Path
    """The policy file."""
    outcomes_path: Path
    """Folder of the benchmark."""

    def text(self) -> str:
        """The test table with where things lie, as plain text."""
        return f"{self.tuning.text()}\n\nOutcomes: {self.outcomes_path}\nPolicy:   {self.policy_path}"

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        places = f"Outcomes: {html.escape(str(self.outcomes_path))}<br>Policy: {html.escape(str(self.policy_path))}"
        return f"{self.tuning._repr_html_()}<p>{places}</p>"


def run(
    ladder: Ladder | str | Path = "embedded",
    tasks: str | Sequence[str] = "embedded",
    *,
    out: str | Path,
    limit: int | None = None,
    settings: TuningSettings | None = None,
    tracker: MlflowTracker | None = None,
) -> PipelineReport:
    """The whole job: benchmark, tune, test, export.

    Raises:
        ZetaError: as `benchmark` and `tune`.
    """
    from zeta_eval.tuning import TuningSettings

    settings = settings or TuningSettings()
    out = Path(out)
    limit = EMBEDDED_LIMIT if limit is None and tasks == "embedded" else limit
    outcomes = benchmark(ladder, tasks, out=out / "outcomes", limit=limit, seed=settings.seed, tracker=tracker)
    report = _tune(outcomes, settings, tracker)
    policy = report.policy.save(out / "policy.json")
    return PipelineReport(outcomes=outcomes, tuning=report, policy_path=policy, outcomes_path=out / "outcomes")


def _tune(outcomes: Outcomes, settings: TuningSettings, tracker: MlflowTracker | None) -> TuningReport:
    from zeta_eval.tuning import tune as search

    report = search(outcomes, settings)
    if tracker is not None:
        _record(tracker, report)
    return report


def _record(tracker: MlflowTracker, report: TuningReport) -> None:
    """Record a tuning with its study and test report, and the policy version."""
    row = report.test.policy_row
    metrics = {
        "test_accuracy": row.accuracy,
        "test_cost": row.cost,
        "test_gap_closed": row.gap_closed,
        "tune_accuracy": report.tune_score,
        "optimism": report.optimism,
        "cost_weight": report.policy.cost_weight,
        "seconds": report.seconds,
    }
    tags = {
        "estimator": report.estimator,
        "verdict": report.policy.verdict.status,
        "policy": report.policy.name,
        "cost": report.policy.cost_unit,
    }
    with TemporaryDirectory() as folder:
        files = [Path(folder, "trials.parquet"), report.test.save_json(Path(folder, "test_report.json"))]
        report.trials.to_parquet(files[0])
        tracker.log_tuning(
            params=report.parameters | asdict(report.settings),
            metrics=metrics,
            best_curve=report.best_curve,
            artifacts=files,
            tags=tags,
        )
        policy = report.policy.save(Path(folder, "policy.json"))
        tracker.log_policy(policy, metrics=metrics, tags=tags, artifacts=files[1:])


def _named(
    policies: Mapping[str, RoutingPolicy | str | Path] | Sequence[RoutingPolicy | str | Path], store: str | None
) -> dict[str, RoutingPolicy]:
    """Policies by name; those that would share a name are told apart by their checksums.

    Raises:
        InvalidInputError: one policy instead of several, or the same one twice.
    """
    if isinstance(policies, str | Path | RoutingPolicy):
        raise InvalidInputError("There is one policy to compare; give at least two, in a list or by name.")
    if isinstance(policies, Mapping):
        return {name: load_policy(policy, store=store) for name, policy in policies.items()}
    loaded = [(_name(p), load_policy(p, store=store)) for p in policies]
    taken = Counter(name for name, _ in loaded)
    named = {(f"{n}@{p.checksum[:8]}" if taken[n] > 1 else n): p for n, p in loaded}
    if len(named) < len(loaded):
        raise InvalidInputError("The same policy is there twice; name the policies by a mapping to compare it.")
    return named


def _name(policy: RoutingPolicy | str | Path) -> str:
    from zeta_eval.tracking import is_registered_name

    if isinstance(policy, RoutingPolicy):
        return policy.name
    return str(policy).removeprefix("models:/") if is_registered_name(policy) else Path(policy).stem
