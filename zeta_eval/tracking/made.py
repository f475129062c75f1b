"""What a tuning, a learning and a promotion record: the search's run, and that of the version that it exports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from zeta_eval.evaluation.decisions import decisions
from zeta_eval.evaluation.reports import figures
from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.exceptions import masked
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.estimators import ESTIMATORS
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tracking.items import Artifact, Data, Figure, LogItem, Metric, Page, Param, Table, Tag, iter_versions
from zeta_eval.tracking.record import POLICY, Record, Run
from zeta_eval.tracking.words import page, report_note, tasks_in_words, version_name
from zeta_eval.tuning import TuningReport
from zeta_eval.tuning.heuristic import START
from zeta_eval.tuning.learning_report import LearningReport
from zeta_eval.tuning.study_plots import FEWEST, PLOTS, plot_study

PROVENANCE = ("outcomes_sha256", "n_trials", "seed", "keep", "study")
"""What a policy file says of how it was made, and is recorded as a parameter."""


def tuned(record: Record, report: TuningReport, outcomes: Outcomes) -> Record:
    """Add the run of a search and that of the version that it exports."""
    policy, test = report.policy, outcomes.for_sizes(report.policy.sizes).split("test")
    tasks = tasks_in_words(sorted(set(outcomes.tasks)))
    search = Run(
        key="tuning",
        name=f"tune {policy.name} on {tasks}: {len(report.trials)} trials",
        kind="tuning",
        note=f"{report_note(report.test)}\n\n{' '.join(report.findings())}",
        outcomes=outcomes.sha256,
    )
    shared = [
        *_items(metrics=report.test.metrics()),
        *_labels(policy, "tune"),
        *_measured(policy, report.test, outcomes),
    ]
    with TemporaryDirectory() as folder:
        trials = Path(folder, "trials.parquet")
        report.trials.to_parquet(trials)
        file = policy.save(Path(folder, POLICY))
        tested = Artifact(report.test.save_json(Path(folder, "test_report.json")))
        html = Page("report", page(policy.name, report._repr_html_()))
        settings = asdict(report.settings) | {"storage": masked(report.settings.storage or "") or None}
        params = settings | policy_params(policy)
        items = [
            *_items(params, report.metrics()),
            *_search(report),
            *shared,
            *iter_versions(),
            Artifact(trials),
            tested,
            html,
        ]
        made = record.adding(search, [*items, _data(outcomes, "tuning")])
        version = Run(
            key="policy",
            name=version_name(policy, report.estimator, report.test),
            kind="policy",
            note=report_note(report.test),
            sources=("tuning",),
            outcomes=outcomes.sha256,
        )
        own = [*_items(params=policy_params(policy)), *shared, tested, html, *_importance(report)]
        return made.adding(version, [*own, _data(test, "test")], policy=file)


def learned(record: Record, report: LearningReport) -> Record:
    """Add the run of a version that was learned from feedback."""
    policy, test, table = report.new, report.test, report.benchmark
    note = f"{report.conclusion()}\n\n```\n{report.text()}\n```"
    if test is not None:
        note = f"{report_note(test)}\n\n{note}"
    known = policy.provenance["learned"]["outcomes_sha256"]
    run = Run(
        key="policy",
        name=version_name(policy, f"learned from {report.n_feedback} ratings", test),
        kind="policy",
        note=note,
        outcomes=known,
    )
    params = policy_params(policy) | {"parent": report.old.checksum, "n_feedback": report.n_feedback}
    params |= {} if known is None else {"outcomes_sha256": known}
    tags = {"parent": report.old.checksum, "promoted": str(report.promoted), "forced": str(report.forced)}
    items = [*_items(params, _learned_metrics(report), tags), *_labels(policy, "learn")]
    if table is not None and test is not None:
        items += [*_measured(policy, test, table), _data(table.split("test"), "test")]
    with TemporaryDirectory() as folder:
        files = [write_json(Path(folder, "learning.json"), report.to_dict())]
        if report.versus is not None:
            files.append(write_json(Path(folder, "versus.json"), report.versus.to_dict()))
            items += [
                Page("versus", page(policy.name, report.versus._repr_html_())),
                Figure("versus", report.versus.figure),
            ]
        if test is not None:
            files.append(test.save_json(Path(folder, "test_report.json")))
            items.append(Page("report", page(policy.name, test._repr_html_())))
        file = policy.save(Path(folder, POLICY))
        return record.adding(run, [*items, *map(Artifact, files)], policy=file)


def promoted(record: Record, policy: RoutingPolicy, file: Path, known: Sequence[LogItem], said: bool) -> Record:
    """Add the run of a version that comes from a policy file, with what is known of it.

    Where `said`, that is also what the file says was measured of it.
    """
    run = Run(
        key="policy",
        name=version_name(policy, "from a file", None),
        kind="policy",
        note=policy.verdict.text,
        outcomes=policy.provenance.get("outcomes_sha256"),
    )
    items = _items(policy_params(policy), _verdict_metrics(policy) if said else {})
    return record.adding(run, [*items, *_labels(policy, "promote"), *known], policy=file)


def policy_params(policy: RoutingPolicy) -> dict[str, Any]:
    """What a policy is and how it was made, as its file says it."""
    kind = next(name for name, known in ESTIMATORS.items() if type(policy.estimator) is known)
    said = policy.provenance
    params = {
        "estimator": said.get("estimator", kind),
        "cost": policy.cost_unit,
        "cost_weight": policy.cost_weight,
        "sizes": " < ".join(policy.sizes),
        "escalates": bool(policy.looks),
    }
    return params | {name: said[name] for name in PROVENANCE if name in said} | _chosen(said.get("parameters", []))


def _chosen(parameters: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What the search chose: the mean of each parameter over the configurations that share out the trees."""
    if not parameters:
        return {}
    if [dict(one) for one in parameters] == [dict(START)]:
        return {"chosen": "the untuned start"}
    means = {f"chosen/{name}": sum(one[name] for one in parameters) / len(parameters) for name in parameters[0]}
    return {"chosen": f"{len(parameters)} configurations"} | means


def _verdict_metrics(policy: RoutingPolicy) -> dict[str, float]:
    found: dict[str, float] = {}
    for way in policy.verdict.ways:
        name = way.way.replace(" ", "_")
        found |= {f"{name}_lift": way.lift, f"{name}_lift_low": way.lift_ci[0], f"{name}_lift_high": way.lift_ci[1]}
        found[f"{name}_cost_ratio"] = way.cost_ratio
    return found


def _learned_metrics(report: LearningReport) -> dict[str, float]:
    found = {} if report.test is None else report.test.metrics()
    if report.differences:
        last = report.differences[-1]
        found |= {"utility_difference": last.value}
        found |= {"utility_difference_low": last.low, "utility_difference_high": last.high}
    return found


def _labels(policy: RoutingPolicy, made_by: str) -> Iterator[LogItem]:
    """Tags by which the list of runs sorts and groups."""
    yield Tag("policy", policy.name)
    yield Tag("made_by", made_by)
    yield Tag("verdict", policy.verdict.status)
    yield Tag("estimator", policy_params(policy)["estimator"])
    yield Tag("cost", policy.cost_unit)
    yield Tag("sizes", " < ".join(policy.sizes))


def _measured(policy: RoutingPolicy, report: ReplayReport, outcomes: Outcomes) -> Iterator[LogItem]:
    """What the test split shows of the policy, beside its numbers: figures, and every decision."""
    yield Figure("curve", report.figure)
    yield Figure("calibration", lambda: figures.calibration(policy, outcomes))
    yield Figure("complexity", lambda: figures.accuracy_by_complexity(policy, outcomes))
    yield Table("decisions", decided(policy, outcomes.for_sizes(policy.sizes).split("test")))


def decided(policy: RoutingPolicy, test: Outcomes) -> pd.DataFrame:
    """Every query of a table with the sizes that run, the score got and the cost paid, used as tuned for."""
    frame = decisions(policy, test)
    ladder = test.for_sizes(policy.sizes)
    score, cost = ladder.matrix("score"), ladder.matrix(policy.cost_unit)
    at = {size: i for i, size in enumerate(ladder.sizes)}
    steps = list(enumerate(frame["steps"]))
    return pd.DataFrame(
        {
            "task": frame["task"],
            "query_id": frame["query_id"],
            "sizes": [" > ".join(ran) for _, ran in steps],
            "score": [float(score[q, at[size]]) for q, size in enumerate(frame["final"])],
            policy.cost_unit: [float(sum(cost[q, at[size]] for size in ran)) for q, ran in steps],
        }
    )


def _search(report: TuningReport) -> Iterator[LogItem]:
    """The search: its best value so far, its trials as a table, and what Optuna draws of it."""
    yield from (Metric("best_so_far", value, step) for step, value in enumerate(report.best_curve))
    yield Table("trials", report.trials)
    whole = report.trials.iloc[:, 1].notna().sum() >= FEWEST
    for plot in PLOTS if whole else ("history",):
        yield Figure(f"study_{plot}", partial(plot_study, report.trials, plot, report.settings.seed))


def _importance(report: TuningReport) -> list[LogItem]:
    if report.trials.iloc[:, 1].notna().sum() < FEWEST:
        return []
    return [Figure("importance", partial(plot_study, report.trials, "importance", report.settings.seed))]


def _data(outcomes: Outcomes, context: str) -> Data:
    digest = hashlib.sha256("\n".join(sorted(outcomes.query_ids)).encode()).hexdigest()[:16]
    name = f"outcomes of {tasks_in_words(sorted(set(outcomes.tasks)))}"
    return Data(name=name, digest=digest, rows=len(outcomes), context=context)


def _items(
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> list[LogItem]:
    """Settings that have a value, numbers and words as items."""
    found: list[LogItem] = [Param(name, value) for name, value in (params or {}).items() if value is not None]
    found += [Metric(name, value) for name, value in (metrics or {}).items()]
    return found + [Tag(name, value) for name, value in (tags or {}).items()]
