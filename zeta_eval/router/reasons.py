"""The grounds of a decision in words. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from zeta_eval.router.domain import counted_cost
from zeta_eval.router.policy import Estimate, RoutingPolicy

HOPEFUL = 0.5
"""A query that some size answers with this chance or more is not called hopeless."""


def reasons(policy: RoutingPolicy, estimate: Estimate, size: str, weight: float, task: str | None) -> tuple[str, ...]:
    """Why a size was chosen for a query, in words."""
    d = estimate.complexity.score
    far = () if estimate.familiarity >= 1 else (_unlike(estimate.familiarity, task),)
    cost = counted_cost(estimate.cost, estimate.familiarity)
    if estimate.complexity.label == "unknown":
        return (f"the text has no letter or digit to judge by, so the default size {size} takes it",)
    if estimate.complexity.label == "embedding":
        if policy.embedding_size is None:
            return (f"the text asks for an embedding; no size of this policy is known to embed, so {size} takes it",)
        return (f"the text asks for an embedding, which {size} serves",)
    shares = {n: w * estimate.complexity.features[n] for n, w in policy.weights.items()}
    top = sorted((n for n in shares if abs(shares[n]) > 1e-9), key=lambda n: -abs(shares[n]))[:3]
    i = policy.sizes.index(size)
    why = [
        *far,
        f"difficulty {d:.2f} ({estimate.complexity.label}): " + ", ".join(f"{n} {shares[n]:+.2f}" for n in top),
    ]
    why.append(
        f"{size}: estimated chance of being right {estimate.p[i]:.2f} at {estimate.cost[i]:.2f} of the largest cost"
    )
    if i + 1 < len(policy.rungs) and estimate.complexity.label == "complex" and max(estimate.p) < HOPEFUL:
        why.append("so hard that no larger size is likely to be right either, so the cheaper one takes it")
    if i + 1 < len(policy.rungs):
        gain, extra = estimate.p[i + 1] - estimate.p[i], cost[i + 1] - cost[i]
        why.append(f"{policy.sizes[i + 1]} would add {gain:+.2f}, less than its price of {weight * extra:.2f}")
    elif i:
        gain, extra = estimate.p[i] - estimate.p[i - 1], cost[i] - cost[i - 1]
        why.append(f"it adds {gain:+.2f} to {policy.sizes[i - 1]}, more than its price of {weight * extra:.2f}")
    return tuple(why)


def moved(sizes: Sequence[str], tuned: Estimate, now: Estimate) -> list[str]:
    """What online updates changed, in words; nothing where it is less than a hundredth."""
    chances, costs = (
        ", ".join(f"{s} {a:.2f} to {b:.2f}" for s, a, b in zip(sizes, x, y, strict=True) if _far(a, b))
        for x, y in ((tuned.p, now.p), (tuned.cost, now.cost))
    )
    told = f"feedback moved the estimated chance of being right: {chances}" if chances else ""
    return [words for words in (told, f"latency moved the expected cost: {costs}" if costs else "") if words]


def _unlike(familiarity: float, task: str | None) -> str:
    new = "unlike the queries this policy was tuned on" if task is None else f"task '{task}' is new to this policy"
    return f"{new}: its estimates, and the savings of smaller sizes, count {100 * familiarity:.0f} %"


def _far(a: float, b: float) -> bool:
    """Whether two numbers differ by a hundredth."""
    return abs(a - b) >= 0.01
