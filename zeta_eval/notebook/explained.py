"""An explanation as a table and as lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from zeta_eval.notebook.explain import Explanation

if TYPE_CHECKING:
    import pandas as pd

SHARES = "By how much each feature raises the chance that the smallest size fails, against an average query:"
"""What stands above the features."""


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
