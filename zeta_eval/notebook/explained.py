"""An explanation as a table and as lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from zeta_eval.notebook.explain import Explanation
from zeta_eval.router import Decision

if TYPE_CHECKING:
    import pandas as pd

SHARES = "By how much each feature makes the query harder, or easier, than an average one:"
"""What stands above the features."""


def chance(decision: Decision, size: str) -> str:
    """The chance that a size is right; a rule of thumb has none."""
    if decision.familiarity <= 0:
        return "by a rule"
    p = decision.p[size]
    return f"{p:.2f}" if p < 0.995 else "> 0.99"


def expected_right(decision: Decision) -> str:
    """How often the chosen size is expected to be right, in words; a rule of thumb can't tell."""
    if decision.familiarity <= 0:
        return "chosen by rules of thumb"
    p = decision.p[decision.size]
    return f"expected right {p:.0%}" if p < 0.995 else "expected right more than 99%"


def shares(explanation: Explanation) -> pd.DataFrame:
    """What each feature adds."""
    import pandas as pd

    return pd.DataFrame([(n, f"{share:+.2f}") for n, share in explanation.shares.items()], columns=["feature", "adds"])


def changes(explanation: Explanation) -> list[str]:
    """What would have changed the decision, in words."""
    if explanation.forced:
        return ["A rule decides for a text of this kind, whatever the cost weight."]
    lines = []
    for size, span in explanation.weights.items():
        if span is None:
            lines.append(f"No cost weight would choose {size}.")
        else:
            until = "up" if math.isinf(span[1]) else f"to {span[1]:.3g}"
            lines.append(f"A cost weight from {span[0]:.3g} {until} chooses {size}.")
    return lines
