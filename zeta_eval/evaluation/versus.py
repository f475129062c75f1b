"""Compare policies on the same queries: paired differences with intervals, and where they disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.batch.curve import PolicyCurve
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.cautions import cautions
from zeta_eval.evaluation.measures.gap import interval
from zeta_eval.evaluation.measures.means import with_unseen
from zeta_eval.evaluation.measures.statistics import Bootstrap, measure, paired_test
from zeta_eval.evaluation.reports.versus_report import Versus
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families
from zeta_eval.router.decision import checked_cost_weight
from zeta_eval.router.policy import RoutingPolicy


def compare(
    policies: Mapping[str, RoutingPolicy],
    outcomes: Outcomes,
    *,
    split: str = "test",
    cost_weight: float | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
) -> Versus:
    """Compare policies with the first of them on the same queries; each pays the real cost of every size that it runs.

    Arguments as in `zeta_eval.api.compare`; without a `cost_weight` each policy chooses at its own, and all are valued
    at the first one's.

    Raises:
        OutcomesError: the table lacks a size or the cost column, or nothing falls into the split.
        InvalidInputError: fewer than two policies, no such split, or a bad cost weight.
    """
    if len(policies) < 2:
        raise InvalidInputError(f"There are {len(policies)} policies to compare; give at least two.")
    names, first = tuple(policies), next(iter(policies.values()))
    whole = _shared(policies, outcomes)
    table = whole.split(split)
    data = Evaluator(table, first.cost_unit)
    bootstrap = Bootstrap(len(table), n_bootstrap=n_bootstrap, seed=seed, families=families(table.queries))
    value = first.cost_weight if cost_weight is None else checked_cost_weight(cost_weight)
    rows, results = [], []
    for name, policy in policies.items():
        own = _rows_of(table, policy.sizes)
        part = Evaluator(own, first.cost_unit)
        weight = np.array([policy.cost_weight if cost_weight is None else value])
        points = PolicyCurve.of(policy, own, part, weight)
        results.append(_Results.of(points, part.unit_cost / data.unit_cost, value))
        row = points.frame(bootstrap, part.unit_cost).iloc[0].to_dict()
        row["cost_ratio"] = row["cost"] / data.unit_cost
        utility = results[-1].utility
        worth = measure(utility.mean(), bootstrap.means(utility[:, None])[:, 0])
        rows.append({"policy": name} | row | worth.named("utility"))
    shares = [f"share_{s}" for s in table.sizes]
    frame = pd.DataFrame(rows).join(pd.DataFrame([_gaps(results[0], w, bootstrap, data.unit_cost) for w in results]))
    frame[shares] = frame.reindex(columns=shares).fillna(0.0)
    pairs = list(zip(names[1:], results[1:], strict=True))
    return Versus(
        policies=names,
        split=split,
        cost_unit=first.cost_unit,
        cost_weight=value,
        n=len(table),
        n_families=bootstrap.n_families,
        n_excluded=table.n_incomplete,
        seed=seed,
        n_bootstrap=n_bootstrap,
        sizes=table.sizes,
        singles=data.singles * [data.unit_cost, 1.0],
        rows=frame,
        disagreements=pd.concat(
            [_disagreements(n, results[0], w, table, data.unit_cost) for n, w in pairs], ignore_index=True
        ),
        by_task=pd.concat(
            [_by_task(n, results[0], w, table.tasks, bootstrap, data.unit_cost) for n, w in pairs], ignore_index=True
        ),
        notes=(*_notes(policies), *cautions(split, whole, table)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Results:
    """Results of one policy on Q queries; costs are shares of the largest size's mean cost."""

    steps: npt.NDArray[np.object_]
    score: Floats
    cost: Floats
    utility: Floats

    @classmethod
    def of(cls, points: PolicyCurve, unit: float, value: float) -> _Results:
        score, cost = points.score[:, 0], points.cost[:, 0] * unit
        return cls(steps=points.steps(0), score=score, cost=cost, utility=score - value * cost)


def _shared(policies: Mapping[str, RoutingPolicy], outcomes: Outcomes) -> Outcomes:
    """Return the table with exactly the sizes that some policy has, in the table's order."""
    used = dict.fromkeys(s for policy in policies.values() for s in policy.sizes)
    return outcomes.for_sizes([*used]).with_order([s for s in outcomes.sizes if s in used])


def _rows_of(table: Outcomes, sizes: tuple[str, ...]) -> Outcomes:
    """Return the queries that are complete on every size, with these sizes."""
    frame = table.frame
    return Outcomes(frame[frame["query_id"].isin(table.query_ids)].reset_index(drop=True), sizes)


def _gaps(first: _Results, other: _Results, bootstrap: Bootstrap, unit: float) -> dict[str, float]:
    """Paired differences to the first policy; all NaN for the first itself."""
    found: dict[str, float] = {}
    for name, scale in (("score", 1.0), ("cost", unit), ("utility", 1.0)):
        a, b = getattr(other, name) * scale, getattr(first, name) * scale
        key, test = name.replace("score", "accuracy"), paired_test(a, b, bootstrap.families)
        m = interval(test.value, a - b - test.value, bootstrap.families)
        if name != "cost":
            m = with_unseen(m, len(a))
        found |= m.named(f"{key}_difference") | {f"{key}_p": test.p_value}
    if other is first:
        return dict.fromkeys(found, math.nan) | {"n_differ": 0}
    return found | {"n_differ": int((other.steps != first.steps).sum())}


def _disagreements(name: str, first: _Results, other: _Results, table: Outcomes, unit: float) -> pd.DataFrame:
    at = np.flatnonzero(other.steps != first.steps)
    return pd.DataFrame(
        {
            "policy": name,
            "task": table.tasks[at],
            "query_id": table.query_ids[at],
            "query": table.queries[at],
            "sizes_first": first.steps[at],
            "sizes": other.steps[at],
            "score_difference": (other.score - first.score)[at],
            "cost_difference": (other.cost - first.cost)[at] * unit,
        }
    )


def _by_task(
    name: str, first: _Results, other: _Results, tasks: npt.NDArray[np.object_], bootstrap: Bootstrap, unit: float
) -> pd.DataFrame:
    names, which = np.unique(tasks.astype(str), return_inverse=True)
    member = (which[:, None] == np.arange(len(names))).astype(float)
    gain, differ = other.score - first.score, other.steps != first.steps
    with np.errstate(invalid="ignore"):  # a small task may be in no resample
        samples = bootstrap.means(member * gain[:, None]) / bootstrap.means(member)
    n = member.sum(axis=0)
    intervals = [measure(v, samples[:, t]) for t, v in enumerate(gain @ member / n)]
    return pd.DataFrame(
        {
            "policy": name,
            "task": names,
            "n": n.astype(int),
            "n_differ": (differ @ member).astype(int),
            "won": ((gain > 0) @ member).astype(int),
            "lost": ((gain < 0) @ member).astype(int),
            "accuracy_difference": [m.value for m in intervals],
            "accuracy_difference_low": [m.low for m in intervals],
            "accuracy_difference_high": [m.high for m in intervals],
            "cost_difference": (other.cost - first.cost) @ member / n * unit,
        }
    )


def _notes(policies: Mapping[str, RoutingPolicy]) -> list[str]:
    names, units = list(policies), [p.cost_unit for p in policies.values()]
    notes = [
        f"{name} was tuned on costs in {unit}; here every policy is charged in {units[0]}."
        for name, unit in zip(names, units, strict=True)
        if unit != units[0]
    ]
    if len(names) > 2:
        notes.append("the p-values are of single comparisons, not corrected for their number.")
    return notes
