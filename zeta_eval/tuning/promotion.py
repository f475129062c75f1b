"""Whether a new version of a policy is better than the old one, and may take its place.

Old and new are compared on the split `test`: queries that neither the tuning nor the correction of the feedback has
seen. Where every size has an outcome, both policies are replayed. Feedback from exploration gives a doubly robust
estimate instead, if enough answers are those of the new version's sizes where the two versions differ: without them the
model could claim anything. Each source of feedback gives a difference of its own, for a source that the caller does not
trust may lie. Such a source counts no more than all others together, and the new version must be better without it too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, Ints
from zeta_eval.evaluation.batch.predict import Features, decide
from zeta_eval.evaluation.versus import compare
from zeta_eval.feedback.judged import Judged
from zeta_eval.feedback.off_policy import LEAST, Z95, Log, difference, sides
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning.learning_report import Difference

if TYPE_CHECKING:
    from zeta_eval.evaluation.reports.versus_report import Versus

LEAST_HELD_OUT: Final = 30
"""Fewest held-out answers by which a source is asked: with fewer, its interval would mean nothing."""

BLIND: Final = 0.1
"""Greatest share of the queries where the versions differ that may go to sizes of which nothing was judged there."""

CASCADE_NOTE: Final = (
    "explored feedback compares the first choices alone; what follows an answer is the parent's cascade, which only "
    "--outcomes TABLE with stored answers can test."
)
"""Note of a report in which a policy cascades."""


def by_replay(versus: Versus, source: str = "replay of outcomes", judge: str | None = None) -> Difference:
    """The difference by the replay of both policies."""
    row = versus.rows.iloc[1]
    value, low, high = (row[f"utility_difference{end}"] for end in ("", "_low", "_high"))
    return Difference(source=source, n=versus.n, value=value, low=low, high=high, judge=judge)


def by_feedback(
    old: RoutingPolicy, new: RoutingPolicy, judged: Judged, features: Features, p: Floats, shares: Floats, *, seed: int
) -> tuple[list[Difference], list[str]]:
    """The difference by each source of feedback, and notes on sources that could not compare the two.

    Expected scores p, and expected costs as shares of the largest size's mean cost, are of shape (Q, M).
    """
    found, notes = [], []
    for source, name in enumerate(judged.sources):
        rows = judged.judged_by(source, shares, old.cost_unit)
        held = rows["query_id"].isin(judged.queries["query_id"][judged.queries["split"] == "test"])
        if held.sum() >= LEAST_HELD_OUT * len(old.sizes):
            table = Outcomes.from_frame(rows[held], source="feedback").with_order(old.sizes)
            versus = compare({"old": old, "new": new}, table, split="all", seed=seed)
            found.append(by_replay(versus, f"all sizes judged by {name}", _judge(judged, source)))
        explored, note = _explored(old, new, judged, source, features, p, shares)
        found += [explored] if explored is not None else []
        notes += [note] if note else []
    return found, list(dict.fromkeys(notes))


def together(parts: Sequence[Difference]) -> Difference:
    """The mean difference over the queries of all parts; no untrusted source counts more than the others together."""
    n = sum(e.n for e in parts)
    by_judge = {e.judge: sum(x.n for x in parts if x.judge == e.judge) for e in parts}
    share = {j: min(1.0, (n - own) / own) if j is not None and n > own else 1.0 for j, own in by_judge.items()}
    counts = [e.n * share[e.judge] for e in parts]
    total = sum(counts)
    value = sum(c * e.value for c, e in zip(counts, parts, strict=True)) / total
    squares = sum((c * (e.high - e.low) / (2 * Z95)) ** 2 for c, e in zip(counts, parts, strict=True))
    error = math.sqrt(squares) / total
    return Difference(source="together", n=n, value=value, low=value - Z95 * error, high=value + Z95 * error)


def shown(parts: Sequence[Difference]) -> bool:
    """Whether the new version is shown to be better.

    The interval of all parts together lies above zero. No single part's interval lies below zero. And for each
    untrusted source, the parts of the others exist and still favour the new version.
    """
    if not parts or not together(parts).low > 0 or any(e.high < 0 for e in parts):
        return False
    rests = [[e for e in parts if e.judge != judge] for judge in {e.judge for e in parts} - {None}]
    return all(rest and together(rest).value > 0 for rest in rests)


def _judge(judged: Judged, source: int) -> str | None:
    """Name of a source that is not trusted; None for a trusted one."""
    return None if judged.trusted[source] else judged.sources[source]


def _explored(
    old: RoutingPolicy, new: RoutingPolicy, judged: Judged, source: int, features: Features, p: Floats, shares: Floats
) -> tuple[Difference | None, str]:
    """The doubly robust difference on a source's held-out explored feedback, or why there is none."""
    name, rows = judged.sources[source], judged.explored & (judged.source == source)
    held = rows & judged.held_out
    if not rows.any() or held.sum() < LEAST_HELD_OUT:
        return None, _unexplored(judged, name, rows, int(held.sum()))
    at, log = judged.at[held], Log(judged.size[held], judged.score[held], judged.propensity[held])
    first, other = (_choices(policy, old.sizes, features)[at] for policy in (old, new))
    if note := _too_few(log, first, other, p[at], name):
        return None, note
    value, low, high = difference(log, first, other, p[at], old.cost_weight * shares[at])
    by, judge = f"explored feedback by {name}", _judge(judged, source)
    found = Difference(source=by, n=len(at), value=value, low=low, high=high, judge=judge)
    return found, CASCADE_NOTE if old.cascades or new.cascades else ""


def _unexplored(judged: Judged, name: str, rows: npt.NDArray[np.bool_], held: int) -> str:
    """Why a source's explored answers compare nothing, `held` of them being held out; "" where others explored."""
    if rows.any():
        return f"{held} held-out explored answers were judged by {name}, too few to compare on ({LEAST_HELD_OUT})."
    if judged.explored.any():
        return ""
    return (
        "nothing was explored (every propensity is 1): the history says nothing of sizes that were not chosen, so "
        "feedback compares nothing here; route or generate with explore=0.05, or give --outcomes TABLE."
    )


def _too_few(log: Log, old: Ints, new: Ints, p: Floats, name: str) -> str:
    """Why explored answers can't tell two versions apart that choose these sizes; "" where they can."""
    apart = old != new
    if not apart.any():
        return ""
    blind = ~np.isin(new[apart], new[apart & (log.chosen == new)])
    few = min(side.answers for side in sides(log, old, new, p))
    if few >= LEAST and blind.mean() <= BLIND:
        return ""
    why = (
        f"exploration never took the size that the new version chooses for {blind.mean():.0%} of them"
        if few >= LEAST
        else f"of one version's sizes only {few:.0f} answers to them count, and {LEAST} are needed"
    )
    return (
        f"the versions differ on {apart.sum()} of the queries that {name} judged, and {why}, so its feedback compares "
        "nothing here; explore more or longer, or give --outcomes TABLE."
    )


def _choices(policy: RoutingPolicy, sizes: tuple[str, ...], features: Features) -> npt.NDArray[np.intp]:
    """Index in `sizes` of the size that a policy chooses for each query before any answer."""
    index = np.array([sizes.index(s) for s in policy.sizes])
    return np.asarray(index[decide(policy, features, policy.cost_weight)])
