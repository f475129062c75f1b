"""The verdict on a policy: whether it was shown to pay, for each way to use it."""

from __future__ import annotations

from collections.abc import Mapping

from zeta_eval.evaluation.batch.choice import choose
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures.lift import ABOVE_ZERO
from zeta_eval.evaluation.reports.strategy_row import StrategyRow
from zeta_eval.router.policy_file import IN_PART, NOT_PROVEN, PROVEN, Verdict, WayVerdict


def verdict(rows: Mapping[str, StrategyRow], data: Evaluator, cost_weight: float) -> Verdict:
    """Judge a policy by its rows, by way to use it; the first is the way that it was tuned for.

    A way is proven where the lower end of its lift's 95 % interval lies above zero: chance alone does that in at most
    2.5 % of tables on which the policy is no better than a random mix.
    """
    ways = tuple(
        WayVerdict(
            way=way, proven=row.lift_ci[0] > ABOVE_ZERO, lift=row.lift, lift_ci=row.lift_ci, cost_ratio=row.cost_ratio
        )
        for way, row in rows.items()
    )
    proven = [w.proven for w in ways]
    status = PROVEN if all(proven) else IN_PART if any(proven) else NOT_PROVEN
    best = data.sizes[int(choose(data.singles[None, :, 1], data.singles[None, :, 0], cost_weight)[0])]
    first = next(iter(rows.values()))
    return Verdict(
        status=status,
        text=_text(first, ways, data, best),
        best_single_size=best,
        lift=first.lift,
        lift_ci=first.lift_ci,
        ways=ways,
    )


def _text(row: StrategyRow, ways: tuple[WayVerdict, ...], data: Evaluator, best: str) -> str:
    top = data.singles[data.largest, 1]
    kept = f"{100 * row.accuracy / top:.0f} %" if top > 0 else "all"
    low, high = row.lift_ci
    said = PROVEN if ways[0].proven else f"{NOT_PROVEN}; best single size: {best}"
    others = "".join(f" {w}." for w in ways[1:])
    return (
        f"Used by `{ways[0].way}`, the policy keeps {kept} of the largest size's accuracy at "
        f"{100 * row.cost_ratio:.0f} % of its cost; over a random mix at equal cost it gains {row.lift:+.3f} "
        f"[{low:+.3f}, {high:+.3f}] in accuracy: {said}.{others}"
    )
