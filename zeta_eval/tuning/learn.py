"""Learn from feedback: tune a new version of a policy, and promote it if it is shown to be better (`promotion`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.batch.predict import FeatureCache, expect
from zeta_eval.evaluation.replay import replay
from zeta_eval.evaluation.versus import compare
from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.feedback.judged import Judged
from zeta_eval.files import plain
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy, Verdict
from zeta_eval.tuning.learning_report import Difference, LearningReport
from zeta_eval.tuning.promotion import by_feedback, by_replay, shown, together
from zeta_eval.tuning.settings import TuningSettings
from zeta_eval.tuning.study import tune

if TYPE_CHECKING:
    from zeta_eval.feedback.history import History


def learn(
    policy: RoutingPolicy,
    history: History,
    outcomes: Outcomes | None = None,
    *,
    settings: TuningSettings | None = None,
    trusted: Sequence[str] = (),
    force: bool = False,
) -> LearningReport:
    """Tune a new version of a policy on outcomes and feedback, at its cost weight, and compare the two.

    Arguments as in `zeta_eval.learn`, read already; without outcomes, feedback alone is tuned on.
    """
    settings = settings or TuningSettings()
    if settings.max_cost is not None or settings.min_score is not None:
        raise InvalidInputError("A learned version keeps its parent's trade-off; leave out max_cost and min_score.")
    known, seed = None if outcomes is None else _checked(outcomes, policy), settings.seed
    beside = [] if known is None else known.queries.tolist()
    judged = Judged.of(history, policy.sizes, trusted=trusted, beside=beside)
    features = FeatureCache().features(judged.texts, judged.tasks)
    expected = expect(policy, features)
    p = judged.corrected(expected[0])
    # The largest size's mean cost is the benchmark's, for costs change with the machine.
    unit = policy.unit_cost if known is None else Evaluator(known, policy.cost_unit).unit_cost
    cost = judged.rescaled(expected[1] * unit, policy.cost_unit)
    filled = judged.completed(p, cost, policy.cost_unit, others=0 if known is None else len(known))
    table = _joined(known, filled, policy)
    known = None if known is None else _part(table, known)
    unknown = "largest" if policy.fallback is None else "seed"
    tuned = tune(table, replace(settings, cost=policy.cost_unit, name=policy.name, unknown=unknown))
    new = _like_parent(tuned.policy, policy)
    n_benchmark = 0 if known is None else len(known)
    versus = None if known is None or not _testable(known) else compare({"old": policy, "new": new}, known, seed=seed)
    parts, notes = by_feedback(policy, new, judged, features, p, cost / unit, seed=seed)
    parts = [*([] if versus is None else [by_replay(versus)]), *parts]
    notes += _warnings(parts, judged)
    differences = parts + ([together(parts)] if len(parts) > 1 else [])
    better = shown(parts)
    promoted = better or force
    known = None if versus is None else known
    test = None if known is None else replay(new, known, split="test", seed=seed, baselines=False)
    new = replace(new, verdict=_NO_SCORES if test is None else test.verdict)
    learned = {
        "feedback": len(judged),
        "trusted": list(trusted),
        "explored": int(judged.explored.sum()),
        "outcomes_sha256": None if outcomes is None else outcomes.sha256,
        "evidence": [asdict(d) for d in differences],
        "promoted": promoted,
        "forced": force and not better,
    }
    parent = {"parent": policy.checksum, "learned": plain(learned)}
    return LearningReport(
        old=policy,
        new=replace(new, provenance={**new.provenance, **parent}),
        differences=tuple(differences),
        promoted=promoted,
        forced=force and not better,
        n_feedback=len(judged),
        n_queries=len(judged.queries),
        n_explored=int(judged.explored.sum()),
        n_benchmark=n_benchmark,
        versus=versus,
        tuning=tuned,
        notes=tuple(notes),
        benchmark=known,
        test=test,
    )


def _warnings(parts: Sequence[Difference], judged: Judged) -> list[str]:
    """What a reader should know of the sources."""
    notes = [] if parts else ["no held-out query compares the two versions; give --outcomes TABLE, or explore."]
    if judged.left_out:
        notes.append(
            f"{judged.left_out} ratings are left out: a cascade kept these answers for what they said, so they tell "
            "nothing of how good a size is; answers drawn by lot (explore) do."
        )
    judges = {e.judge for e in parts}
    if len(judges) == 1 and (name := judges.pop()) is not None:
        notes.append(
            f"only {name} compares the two versions, and one source may be wrong; if {name} can't be wrong give "
            f"--trust {name}, else --outcomes TABLE."
        )
    if doubted := [name for name, sure in zip(judged.sources, judged.trusted, strict=True) if not sure]:
        names = ", ".join(doubted)
        notes.append(f"the influence of {names} is bounded, as a source may be wrong; --trust SOURCE lifts the bound.")
    return notes


def _checked(outcomes: Outcomes, policy: RoutingPolicy) -> Outcomes:
    """The rows of exactly the policy's sizes."""
    frame = outcomes.for_sizes(policy.sizes).frame
    return Outcomes.from_frame(frame[frame["model"].isin(policy.sizes)]).with_order(policy.sizes)


def _joined(known: Outcomes | None, filled: pd.DataFrame, policy: RoutingPolicy) -> Outcomes:
    """Benchmark and feedback in one table; a query that both have counts as the benchmark's."""
    if known is None:
        return Outcomes.from_frame(filled, source="feedback").with_order(policy.sizes)
    new = filled[~filled["query"].isin(set(known.queries))]
    return Outcomes.from_frame(pd.concat([known.frame, new], ignore_index=True)).with_order(policy.sizes)


def _part(table: Outcomes, known: Outcomes) -> Outcomes:
    """The benchmark's queries in the joint table, by whose families they are split."""
    return table.take(np.flatnonzero(np.isin(table.query_ids, known.query_ids)))


def _testable(known: Outcomes) -> bool:
    """Whether the split `test` has queries to compare on."""
    try:
        return len(known.split("test")) > 1
    except OutcomesError:
        return False


def _like_parent(new: RoutingPolicy, parent: RoutingPolicy) -> RoutingPolicy:
    """The new policy at its parent's cost weight, with its parent's looks, contexts and costs of reading.

    A history stores no answers, so looks can't be fitted to feedback; nor does it store what a size can hold and what
    reading costs it.
    """
    old = {r.size: r for r in parent.rungs}
    if all(r.context is None for r in new.rungs):
        rungs = [replace(r, context=o.context, answer_tokens=o.answer_tokens) for r in new.rungs for o in [old[r.size]]]
        new = replace(new, rungs=tuple(rungs), tokens=parent.tokens)
    if all(r.prefill is None for r in new.rungs) and new.cost_unit == parent.cost_unit:
        new = replace(new, rungs=tuple([replace(r, prefill=old[r.size].prefill) for r in new.rungs]))
    if not new.cascades and new.sizes == parent.sizes:
        new = replace(new, looks=parent.looks)
    return replace(new, cost_weight=parent.cost_weight, embedding_size=parent.embedding_size)


_NO_SCORES = Verdict(text="Learned from feedback alone, which has no scores of the sizes that were not asked.")
"""Verdict where no outcomes can tell whether routing pays."""
