"""What keeping a share of the largest size's accuracy costs: the chosen share, and 99 % beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.measures.means import ratio
from zeta_eval.evaluation.measures.statistics import Measure


@dataclass(frozen=True, kw_only=True, slots=True)
class TradeOff:
    """A cost weight that was chosen to keep a share, on queries that the choice did not see."""

    share: float
    """Share of the largest size's accuracy to keep, in (0, 1]."""
    cost_weight: float
    """The cost weight that was chosen for it."""
    likely: bool
    """Whether a certificate of the share was likely with so many held-out queries, told before they were looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What a trade-off keeps and costs on held-out queries."""

    share: float
    """Share of the largest size's accuracy that was aimed at, in (0, 1]."""
    cost_weight: float
    """The cost weight that was chosen for it, on other queries."""
    likely: bool
    """Whether there was a trade-off whose certificate was likely; else it was chosen without a margin."""
    kept: Measure
    """The policy's accuracy as a share of the largest size's."""
    cost: Measure
    """The policy's cost as a share of the largest size's."""

    @classmethod
    def of(
        cls, aim: TradeOff, policy: tuple[Floats, Floats], largest: tuple[Floats, Floats], families: Sizes | None
    ) -> "Kept":
        """Measure a trade-off by scores and costs, each (Q,), of the policy and of the largest size."""
        kept, cost = (ratio(own, whole, families) for own, whole in zip(policy, largest, strict=True))
        return cls(share=aim.share, cost_weight=aim.cost_weight, likely=aim.likely, kept=kept, cost=cost)

    def words(self, verb: str) -> str:
        """Say what it costs."""
        low, high = (f"{100 * x:.0f}" for x in self.cost[1:])
        return f"{100 * self.share:.3g} % {verb} {100 * self.cost.value:.0f} % [{low}, {high}]"


def keeping_text(rows: Sequence[Kept]) -> str:
    """Return what the first aim costs, and what the others would have."""
    first, others = rows[0], rows[1:]
    said = [f"Keeping {first.words('costs')} of the largest size's cost", *(o.words("would cost") for o in others)]
    hopeless = [f"{100 * r.share:.3g} %" for r in rows if not r.likely]
    margin = (
        f" (aims at {' and '.join(hopeless)} have no margin for a certificate: with so few queries none was likely)"
        if hopeless
        else " (each with the margin that its certificate needs)"
    )
    return f"{'; '.join(said)}{margin}. All were chosen on tune and validate, and measured on the same test queries."
