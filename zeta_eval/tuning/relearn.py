"""Tune a policy again on benchmark outcomes and feedback, and promote the new version only if it is shown to be better.

Old and new are compared on queries that neither the tuning nor the correction of the feedback has seen, the split
`test`: by replay where every size has an outcome, and by the doubly robust estimator on feedback that was explored.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from zeta_eval.complexity import extract
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.feedback.learn import Judged
from zeta_eval.feedback.off_policy import Z95, Floats, difference, one_hot
from zeta_eval.files import plain
from zeta_eval.outcomes import Outcomes
from zeta_eval.policy import RoutingPolicy, Verdict
from zeta_eval.replay import replay
from zeta_eval.replay.evaluator import Evaluator
from zeta_eval.replay.predict import FeatureCache, Features, decide, expect
from zeta_eval.replay.versus import compare
from zeta_eval.tuning.cuts import best_cut_points
from zeta_eval.tuning.learning import Evidence, LearningReport
from zeta_eval.tuning.report import TuningSettings
from zeta_eval.tuning.study import tune

if TYPE_CHECKING:
    from zeta_eval.feedback.history import History
    from zeta_eval.replay.versus_report import Versus

LEAST_EXPLORED: Final = 30
"""Held-out explored answers below which no off-policy estimate is made: its interval would mean nothing."""

CASCADE_NOTE: Final = (
    "explored feedback compares the first choices alone; what follows an answer is the parent's cascade, which only "
    "--outcomes TABLE with stored answers can test."
)
"""What is said where a policy cascades."""


def relearn(
    policy: RoutingPolicy,
    history: History,
    outcomes: Outcomes | None = None,
    *,
    settings: TuningSettings | None = None,
    force: bool = False,
) -> LearningReport:
    """Tune a policy again on outcomes and feedback, at the same trade-off, and say whether the new one is better.

    Args:
        policy: The policy in use, the parent.
        history: What was decided, and how good the answers were.
        outcomes: A benchmark of the policy's sizes; None tunes on feedback alone.
        settings: How to tune; the cost column, the name and the trade-off are the parent's.
        force: Promote whatever the comparison says; the new version's provenance records it.

    Raises:
        OutcomesError: no feedback, too few queries, or a table that lacks a size or the cost column.
        InvalidInputError: settings with a budget.
    """
    settings = settings or TuningSettings()
    if settings.max_cost is not None or settings.min_score is not None:
        raise InvalidInputError("A learned version keeps its parent's trade-off; leave out max_cost and min_score.")
    judged = Judged.of(history, policy.sizes)
    known = None if outcomes is None else _checked(outcomes, policy)
    features = _features(judged)
    p = judged.corrected(expect(policy, features)[0])
    shares = _cost_shares(policy, features)
    cost = judged.rescaled(shares * _unit_cost(policy, known), policy.cost_unit)
    filled = judged.completed(p, cost, policy.cost_unit)
    tuned = tune(_joined(known, filled, policy), replace(settings, cost=policy.cost_unit, name=policy.name))
    real = _real(known, filled[judged.complete[np.repeat(np.arange(len(judged.queries)), len(policy.sizes))]], policy)
    new = _like_parent(tuned.policy, policy, _joined(known, filled, policy))
    versus = None if real is None else _versus(policy, new, real, settings.seed)
    evidence, notes = _evidence(versus, policy, new, judged, features, p, shares)
    better = bool(evidence) and evidence[-1].low > 0 and all(e.high >= 0 for e in evidence)
    promoted = better or force
    new = new.with_verdict(_verdict(new, real, settings.seed))
    learned = {
        "feedback": len(judged),
        "explored": int(judged.evidence.sum()),
        "outcomes_sha256": None if outcomes is None else outcomes.sha256,
        "evidence": [e.to_dict() for e in evidence],
        "promoted": promoted,
        "forced": force and not better,
    }
    parent = {"parent": policy.checksum, "learned": plain(learned)}
    return LearningReport(
        old=policy,
        new=replace(new, provenance={**new.provenance, **parent}),
        evidence=tuple(evidence),
        promoted=promoted,
        forced=force and not better,
        n_feedback=len(judged),
        n_queries=len(judged.queries),
        n_explored=int(judged.evidence.sum()),
        n_benchmark=0 if known is None else len(known),
        versus=versus,
        tuning=tuned,
        notes=tuple(notes),
    )


def _checked(outcomes: Outcomes, policy: RoutingPolicy) -> Outcomes:
    """The table with exactly the policy's sizes."""
    if missing := [s for s in policy.sizes if s not in outcomes.sizes]:
        raise OutcomesError(
            f"The table has no outcomes of {', '.join(missing)}, which the policy routes to; benchmark these sizes too."
        )
    frame = outcomes.frame
    return Outcomes.from_frame(frame[frame["model"].isin(policy.sizes)]).with_order(policy.sizes)


def _features(judged: Judged) -> Features:
    return FeatureCache().features(judged.queries["query"].to_numpy(dtype=object), judged.tasks)


def _cost_shares(policy: RoutingPolicy, features: Features) -> Floats:
    """Expected cost of each size, shares of the largest size's mean cost, (Q, M); without the price of distrust."""
    if policy.costs is not None:
        return features.costs(policy.costs)
    return np.tile([r.cost for r in policy.rungs], (len(features.rule), 1))


def _unit_cost(policy: RoutingPolicy, known: Outcomes | None) -> float:
    """The largest size's mean cost in the policy's cost column: the benchmark's, for costs change with the machine."""
    return policy.unit_cost if known is None else Evaluator(known, policy.cost_unit).unit_cost


def _joined(known: Outcomes | None, filled: pd.DataFrame, policy: RoutingPolicy) -> Outcomes:
    """Benchmark and feedback in one table; a query that both have counts as the benchmark's."""
    if known is None:
        return Outcomes.from_frame(filled, source="feedback").with_order(policy.sizes)
    new = filled[~filled["query"].isin(set(known.queries))]
    return Outcomes.from_frame(pd.concat([known.frame, new], ignore_index=True)).with_order(policy.sizes)


def _real(known: Outcomes | None, complete: pd.DataFrame, policy: RoutingPolicy) -> Outcomes | None:
    """Queries on which every size has a true outcome, None where the split `test` has none of them."""
    if known is None and complete.empty:
        return None
    table = _joined(known, complete, policy) if len(complete) else known
    assert table is not None
    try:
        return table if len(table.split("test")) > 1 else None
    except OutcomesError:
        return None


def _like_parent(new: RoutingPolicy, parent: RoutingPolicy, table: Outcomes) -> RoutingPolicy:
    """The new policy at its parent's cost weight, with the cut points of that weight, and its parent's cascade.

    Feedback stores no answers, so what an answer tells can't be fitted again on it.
    """
    if not new.cascades and new.sizes == parent.sizes:
        new = replace(new, looks=parent.looks, peek=parent.peek)
    part = Evaluator(table.split("tune").with_order(new.sizes), new.cost_unit)
    difficulty = np.array([new.difficulty(extract(text)) for text in part.features.texts])
    cuts = best_cut_points(difficulty, part.score - parent.cost_weight * part.cost)
    return replace(new, cost_weight=parent.cost_weight, cut_points=cuts, embedding_size=parent.embedding_size)


def _versus(old: RoutingPolicy, new: RoutingPolicy, real: Outcomes, seed: int) -> Versus:
    return compare({"old": old, "new": new}, real, seed=seed)


def _verdict(new: RoutingPolicy, real: Outcomes | None, seed: int) -> Verdict:
    """Whether routing pays, told from true outcomes alone."""
    if real is None:
        return Verdict(text="Learned from feedback alone, which does not tell what each size would have got.")
    return replay(new, real, split="test", seed=seed, baselines=False).verdict


def _evidence(
    versus: Versus | None,
    old: RoutingPolicy,
    new: RoutingPolicy,
    judged: Judged,
    features: Features,
    p: Floats,
    shares: Floats,
) -> tuple[list[Evidence], list[str]]:
    """How much better the new policy is, by each source of evidence, and together, the last."""
    found, notes = [], []
    if versus is not None:
        row = versus.rows.iloc[1]
        found.append(
            Evidence(
                source="replay of outcomes",
                n=versus.n,
                value=row["utility_difference"],
                low=row["utility_difference_low"],
                high=row["utility_difference_high"],
            )
        )
    explored, note = _explored(old, new, judged, features, p, shares)
    found += [explored] if explored is not None else []
    notes += [note] if note else []
    if not found:
        notes.append("nothing held out can compare the two; give --outcomes TABLE, or explore.")
    return found + ([_together(found)] if len(found) > 1 else []), notes


def _explored(
    old: RoutingPolicy, new: RoutingPolicy, judged: Judged, features: Features, p: Floats, shares: Floats
) -> tuple[Evidence | None, str]:
    """The doubly robust difference on held-out explored feedback, or why there is none."""
    rows = judged.evidence & judged.held_out
    if not judged.evidence.any():
        return None, (
            "the history was not explored (every propensity is 1): its estimates can't be trusted outside the logged "
            "choices, so feedback compares nothing here."
        )
    if rows.sum() < LEAST_EXPLORED:
        return None, f"{int(rows.sum())} held-out answers were explored, too few to compare on ({LEAST_EXPLORED})."
    at = judged.at[rows]
    choices = [_choices(policy, old.sizes, features)[at] for policy in (old, new)]
    log = judged.log(rows)
    tried = np.isin(np.arange(len(old.sizes)), log.chosen[log.chosen != choices[0]])
    blind = (choices[0] != choices[1]) & ~tried[choices[1]]
    if blind.any():
        return None, (
            f"exploration never took the size that the new version chooses for {blind.mean():.0%} of the held-out "
            "feedback: estimates can't be trusted there, so feedback compares nothing here."
        )
    first, other = (one_hot(c, len(old.sizes)) for c in choices)
    made = difference(log, first, other, p[at], old.cost_weight * shares[at])
    low, high = made.interval
    made_by_choice = Evidence(source="explored feedback", n=made.n, value=made.value, low=low, high=high)
    return made_by_choice, CASCADE_NOTE if old.cascades or new.cascades else ""


def _choices(policy: RoutingPolicy, sizes: tuple[str, ...], features: Features) -> np.ndarray[Any, np.dtype[np.intp]]:
    """What a policy chooses for each query before any answer, as an index of `sizes`."""
    index = np.array([sizes.index(s) for s in policy.sizes])
    return np.asarray(index[decide(policy, features, policy.cost_weight)])


def _together(parts: list[Evidence]) -> Evidence:
    """The mean over the queries of all parts."""
    n = sum(e.n for e in parts)
    value = sum(e.n * e.value for e in parts) / n
    error = math.sqrt(sum((e.n * (e.high - e.low) / (2 * Z95)) ** 2 for e in parts)) / n
    return Evidence(source="together", n=n, value=value, low=value - Z95 * error, high=value + Z95 * error)
