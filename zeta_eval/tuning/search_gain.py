"""What the search gained: the exported heuristic against its untuned start, on queries that the search did not see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zeta_eval.arrays import Floats, Mask, Sizes
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures.gap import interval
from zeta_eval.evaluation.measures.statistics import Measure
from zeta_eval.tuning.quality import Quality

OBJECTIVE: Final = "gain explained"
"""Name of what the search maximises, as Optuna's pages show it."""

Expected = tuple[Floats, Floats]
"""Success probabilities and expected costs, each (Q, M)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchGain:
    """What the best trials together have over the untuned start, the first trial."""

    n_trials: int
    """Trials that ran."""
    configurations: int
    """Trials among which the exported trees are shared out; 0 where the untuned start was kept."""
    out_of_fold: float
    """Gap closed by the best trials minus that by the untuned start, on queries of the search that chose neither."""
    gap_closed: Measure
    """Gap closed by the exported heuristic minus that by the untuned start, on the test queries, paired."""

    def text(self) -> str:
        """Return the finding in words."""
        if not self.configurations and math.isnan(self.out_of_fold):
            return (
                "What the search gained can't be told, as in a half of its queries no choice of sizes beats a random "
                "mix: the untuned start was kept."
            )
        if not self.configurations:
            return (
                f"The search gained nothing that is sure ({self.out_of_fold:+.3f} of the gap closed, on queries that "
                "did not choose): the untuned start was kept."
            )
        value, low, high = self.gap_closed
        if math.isnan(value):
            return "What the search gained can't be told, as no choice of sizes beats a random mix on test."
        shown = "" if low > 0 else "; that is shown to be a loss" if high < 0 else "; no gain is shown"
        return (
            f"The heuristic that the search found ({self.configurations} trials together) closes {abs(value):.3f} "
            f"{'less' if value < 0 else 'more'} of the gap on test than the untuned start (difference {value:+.3f} "
            f"[{low:+.3f}, {high:+.3f}]{shown})."
        )


def gap_gain(
    data: Evaluator,
    tuned: Expected,
    start: Expected,
    *,
    allowed: Mask | None = None,
    corners: Sequence[int] | None = None,
    families: Sizes | None = None,
) -> Measure:
    """Return how much more of the gap one set of estimates closes than another on the same queries, with its interval.

    `allowed` sizes (Q, M) may be chosen, None allows all; `corners` are the sizes that the random mix uses, None tells
    them by the queries themselves.
    """
    quality = Quality(data, allowed, families, corners)
    a, b = (quality.of_chances(*expected) for expected in (tuned, start))
    return interval(a.value - b.value, a.influence - b.influence, families)
