"""Why a size was chosen, in words. Standard library only."""

from collections.abc import Sequence

from zeta_eval.router.complexity.wording import in_words
from zeta_eval.router.policy import Estimate, RoutingPolicy

HOPEFUL = 0.5
"""A query that some size answers with this chance or more is not called hopeless."""

FELT = 0.005
"""Least change of the smallest size's chance for which a feature is named."""


def told(
    policy: RoutingPolicy,
    tuned: Estimate,
    estimate: Estimate,
    wanted: str,
    weight: float,
    drawn: str | None,
    explore: float,
) -> tuple[str, ...]:
    """Say why a size was wanted, what updates changed in the tuned estimate, and whether the lot decided."""
    lot = [] if drawn is None else [f"{drawn} takes it, drawn by lot: {100 * explore:g} % of queries explore"]
    return (*reasons(policy, estimate, wanted, weight), *moved(policy.sizes, tuned, estimate), *lot)


def reasons(policy: RoutingPolicy, estimate: Estimate, size: str, weight: float) -> tuple[str, ...]:
    """Say why a size was chosen for a query."""
    complexity, sizes, p, cost = estimate.complexity, policy.sizes, estimate.p, estimate.cost
    if complexity.label == "unknown":
        return (f"the text has no letter or digit to judge by, so the default size {size} takes it",)
    if complexity.label == "embedding":
        if policy.embedding_size is None:
            return (f"the text asks for an embedding; no size of this policy is known to embed, so {size} takes it",)
        return (f"the text asks for an embedding, which {size} serves",)
    i = sizes.index(size)
    why = [] if estimate.familiarity >= 1 else [_unfamiliar(policy, estimate.familiarity)]
    found = _features(policy, estimate)
    why.append(f"complexity {complexity.score:.2f} ({complexity.label})" + (f": {found}" if found else ""))
    if estimate.familiarity <= 0 and policy.fallback is not None:
        return (*why, f"{size} is the smallest size that the rules take to be able enough")
    why.append(f"{size}: estimated chance of being right {p[i]:.2f} at {cost[i]:.2f} of the largest size's mean cost")
    if i + 1 < len(sizes) and max(p) < HOPEFUL:
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
    """The features that move the smallest size's chance most, at most three, the greatest first."""
    source = policy.estimator if estimate.familiarity > 0.5 or policy.fallback is None else policy.fallback
    shares = source.shares(estimate.complexity.features)
    top = sorted((n for n, s in shares.items() if abs(s.raises) >= FELT), key=lambda n: -abs(shares[n].raises))[:3]
    return ", ".join(in_words(name, above=shares[name].above) for name in top)


def _unfamiliar(policy: RoutingPolicy, familiarity: float) -> str:
    who = "the largest size answers" if policy.fallback is None else "rules of thumb decide"
    new = "unlike the queries this policy was tuned on"
    return f"{new}, so {who}" if familiarity <= 0 else f"{new}: for {100 * (1 - familiarity):.0f} % {who}"
