"""Why a size was chosen, in words. Standard library only."""

from collections.abc import Sequence

from zeta_eval.router.domain import counted_cost
from zeta_eval.router.policy import Estimate, RoutingPolicy

HOPEFUL = 0.5
"""A query that some size answers with this chance or more is not called hopeless."""


def reasons(policy: RoutingPolicy, estimate: Estimate, size: str, weight: float, task: str | None) -> tuple[str, ...]:
    """Say why a size was chosen for a query."""
    complexity, sizes, p = estimate.complexity, policy.sizes, estimate.p
    if complexity.label == "unknown":
        return (f"the text has no letter or digit to judge by, so the default size {size} takes it",)
    if complexity.label == "embedding":
        if policy.embedding_size is None:
            return (f"the text asks for an embedding; no size of this policy is known to embed, so {size} takes it",)
        return (f"the text asks for an embedding, which {size} serves",)
    cost, i = counted_cost(estimate.cost, estimate.familiarity), sizes.index(size)
    why = [] if estimate.familiarity >= 1 else [_unfamiliar(estimate.familiarity, task)]
    why.append(f"difficulty {complexity.score:.2f} ({complexity.label}): {_features(policy, estimate)}")
    why.append(
        f"{size}: estimated chance of being right {p[i]:.2f} at {estimate.cost[i]:.2f} of the largest size's mean cost"
    )
    if i + 1 < len(sizes) and complexity.label == "complex" and max(p) < HOPEFUL:
        why.append("so hard that no larger size is likely to be right either, so the cheaper one takes it")
    if i + 1 < len(sizes):
        gain, spent = p[i + 1] - p[i], weight * (cost[i + 1] - cost[i])
        why.append(
            f"{sizes[i + 1]} would add {gain:+.2f} to the chance, less than the {spent:.2f} in accuracy it costs"
        )
    elif i:
        gain, spent = p[i] - p[i - 1], weight * (cost[i] - cost[i - 1])
        why.append(f"{size} adds {gain:+.2f} to the chance of {sizes[i - 1]}, more than the {spent:.2f} it costs")
    return tuple(why)


def moved(sizes: Sequence[str], tuned: Estimate, now: Estimate) -> list[str]:
    """Say what online updates changed; nothing where it is less than a hundredth or a rule decided."""
    if now.forced is not None:
        return []
    chances, costs = (
        ", ".join(f"{s} {a:.2f} to {b:.2f}" for s, a, b in zip(sizes, x, y, strict=True) if abs(a - b) >= 0.01)
        for x, y in ((tuned.p, now.p), (tuned.cost, now.cost))
    )
    told = f"feedback moved the estimated chance of being right: {chances}" if chances else ""
    return [words for words in (told, f"latency moved the expected cost: {costs}" if costs else "") if words]


def _features(policy: RoutingPolicy, estimate: Estimate) -> str:
    """The three features with the greatest shares in the difficulty."""
    shares = {name: weight * estimate.complexity.features[name] for name, weight in policy.weights.items()}
    top = sorted((name for name in shares if abs(shares[name]) > 1e-9), key=lambda name: -abs(shares[name]))[:3]
    return ", ".join(f"{name} {shares[name]:+.2f}" for name in top)


def _unfamiliar(familiarity: float, task: str | None) -> str:
    new = "unlike the queries this policy was tuned on" if task is None else f"task '{task}' is new to this policy"
    share = f"{100 * familiarity:.0f} %"
    return f"{new}: what it estimates for the query, and what a smaller size would save, count only {share}"
