"""Why a size was chosen, in words. Standard library only."""

from collections.abc import Sequence

from zeta_eval.router.complexity.wording import in_words
from zeta_eval.router.context import Fit
from zeta_eval.router.policy import Estimate, RoutingPolicy, Rung

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
    session: str | None = None,
) -> tuple[str, ...]:
    """Say why a size was wanted, what updates changed in the tuned estimate, and whether the lot decided."""
    lot = [] if drawn is None else [f"{drawn} takes it, drawn by lot: {100 * explore:g} % of queries explore"]
    stays = [] if session is None else [session]
    return (*reasons(policy, estimate, wanted, weight), *moved(policy.sizes, tuned, estimate), *lot, *stays)


def reasons(policy: RoutingPolicy, estimate: Estimate, size: str, weight: float) -> tuple[str, ...]:
    """Say why a size was chosen for a query."""
    complexity, fit = estimate.complexity, estimate.fit
    why = [] if fit is None else [too_long(policy.rungs, fit)]
    if complexity.label in ("unknown", "embedding"):
        return (*why, _rule(policy, complexity.label, size))
    able = range(len(policy.sizes)) if fit is None else fit.allowed
    sizes = [policy.sizes[k] for k in able]
    p, cost = ([x[k] for k in able] for x in (estimate.p, estimate.cost))
    i = sizes.index(size)
    why += [] if estimate.familiarity >= 1 else [_unfamiliar(policy, estimate.familiarity, size)]
    why += _features(policy, estimate)
    if estimate.familiarity <= 0:
        return (*why, _unmeasured(policy, sizes, i, p))
    why.append(f"{size} is expected to answer {_among(p[i])} such queries right")
    if max(p) < HOPEFUL:
        why.append("so hard that every size is more likely to be wrong than right")
    return (*why, *_against_the_best(policy, sizes, i, p, cost, weight))


def _unmeasured(policy: RoutingPolicy, sizes: Sequence[str], i: int, p: Sequence[float]) -> str:
    """Say why the size at an index was chosen where the chances were not measured."""
    size = sizes[i]
    if p[i] < HOPEFUL or any(x >= HOPEFUL for x in p[:i]):
        return f"at this cost weight no other size is worth more than {size}"
    if policy.fallback is None:
        return f"{size} is the only size that is trusted with it"
    return f"{size} is the smallest size that the rules take to be able enough"


def _against_the_best(
    policy: RoutingPolicy, sizes: Sequence[str], i: int, p: Sequence[float], cost: Sequence[float], weight: float
) -> list[str]:
    """Say why neither a smaller nor a larger size was chosen: the best of each kind, which need not be the next one."""
    worth, told = [a - weight * c for a, c in zip(p, cost, strict=True)], []
    for others in (range(i), range(i + 1, len(sizes))):
        if others:
            j = max(others, key=worth.__getitem__)
            saved = _money(policy, cost[j] - cost[i])
            told.append(
                _against(sizes[j], (p[j], p[i]), (cost[j], cost[i]), f"; {sizes[i]} saves {saved}" if saved else "")
            )
    return told


def _against(size: str, p: tuple[float, float], cost: tuple[float, float], saved: str) -> str:
    """Say why a size was not chosen: how often it fails and what it costs, and then the same of the chosen one."""
    if p[0] <= p[1] and cost[0] >= cost[1]:
        more = _times(*cost) if cost[0] > cost[1] * 1.01 else "no less"
        return f"{size} is expected to be right no more often, and costs {more}"
    fails, instead = _told_apart(1 - p[0], 1 - p[1])
    rather = "as often" if fails == instead else f"{fails} such queries rather than {instead}"
    if cost[0] > cost[1]:
        return f"{size} is expected to fail {rather}, but costs {_times(*cost)}{saved}"
    return f"{size} costs {_times(*cost)}, but is expected to fail {rather}"


def _times(cost: float, base: float) -> str:
    """A cost beside another one, in words: "3.1 times as much", "60 % less"."""
    if base <= 0:
        return "more" if cost > 0 else "as much"
    ratio = cost / base
    if ratio >= 2:
        return f"{ratio:.2g} times as much" if ratio < 10 else f"{ratio:,.0f} times as much"
    change = 100 * abs(ratio - 1)
    return f"{change:.0f} % {'more' if ratio > 1 else 'less'}" if change >= 1 else "hardly another price"


def _money(policy: RoutingPolicy, dearer: float) -> str:
    """What is saved per 1,000 queries, where costs are money; "" where they are not, and where nothing is saved."""
    usd = 1000 * dearer * policy.unit_cost
    if policy.cost_unit != "cost_usd" or usd <= 0:
        return ""
    return f"${usd:.2f} per 1,000 queries" if usd >= 0.095 else f"${usd:.2g} per 1,000 queries"


def _among(share: float, of: int | None = None) -> str:
    """A share as people count: "7 in 10", and "3 in 100" where 10 are too few."""
    of = of or _enough(share)
    n = round(share * of)
    if n in (0, of) and 0 < share < 1:
        return f"{'fewer than 1' if n == 0 else f'more than {of - 1}'} in {of}"
    return f"{n} in {of}"


def _enough(*shares: float) -> int:
    """Of how many shares are told."""
    return 10 if min(min(share, 1 - share) for share in shares) >= 0.05 else 100


def _told_apart(a: float, b: float) -> tuple[str, str]:
    """Two shares as people count, of as many as it takes to tell them apart, up to 1,000."""
    enough = _enough(a, b)
    for of in (10, 100, 1000):
        if of >= enough and (told := (_among(a, of), _among(b, of)))[0] != told[1]:
            break
    return told


def too_long(rungs: Sequence[Rung], fit: Fit) -> str:
    """Say which sizes can't hold a query, and which one takes a query that none can hold."""
    tokens = f"about {fit.tokens:,.0f} tokens and the answer"
    if not fit.held:
        most = rungs[fit.allowed[0]]
        return (
            f"no size can hold it: {tokens}, of at most {most.context:,}; {most.size} has the largest context and "
            "takes it"
        )
    small = [r for i, r in enumerate(rungs) if i not in fit.held]
    contexts = " and ".join(f"{r.context:,}" for r in small)
    return f"{' and '.join(r.size for r in small)} can't hold it: {tokens}, of {contexts}"


def _rule(policy: RoutingPolicy, label: str, size: str) -> str:
    """Say why a rule sends a text to a size."""
    if label == "unknown":
        default = "the default size " if size == policy.default_size else ""
        return f"the text has no letter or digit to judge by, so {default}{size} takes it"
    if policy.embedding_size is None:
        return f"the text asks for an embedding; no size of this policy is known to embed, so {size} takes it"
    if size != policy.embedding_size:
        return f"the text asks for an embedding, which is too long for {policy.embedding_size}, so {size} takes it"
    return f"the text asks for an embedding, which {size} serves"


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


def _features(policy: RoutingPolicy, estimate: Estimate) -> list[str]:
    """The features that move the smallest size's chance most, at most three, by their direction; the greatest first."""
    source = policy.estimator if estimate.familiarity > 0.5 else policy.fallback
    if source is None:
        return []
    found = estimate.complexity.features
    shares: dict[str, float] = {}
    for name, share in source.shares(found).items():
        if not share.raises:
            continue
        words = in_words(name, above=share.above, absent=not found[name])
        shares[words] = shares.get(words, 0.0) + share.raises
    top = sorted((words for words in shares if abs(shares[words]) >= FELT), key=lambda words: -abs(shares[words]))[:3]
    up, down = [w for w in top if shares[w] > 0], [w for w in top if shares[w] < 0]
    harder = f"harder than an average query: {', '.join(up)}" if up else ""
    easier = f"{'; but easier' if up else 'easier than an average query'}: {', '.join(down)}" if down else ""
    return [harder + easier] if top else []


def _unfamiliar(policy: RoutingPolicy, familiarity: float, size: str) -> str:
    who = "rules of thumb decide" if policy.fallback is not None else "the largest size answers"
    if policy.fallback is None and size != policy.sizes[-1]:
        who = "only the largest size is trusted"
    new = "unlike the queries this policy was tuned on"
    return f"{new}, so {who}" if familiarity <= 0 else f"{new}: for {100 * (1 - familiarity):.0f} % {who}"
