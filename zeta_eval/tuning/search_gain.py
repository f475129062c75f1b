"""What the search gained: the exported heuristic against its untuned start, on queries that the search did not see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.choice import curve_weights
from zeta_eval.evaluation.batch.evaluator import Evaluator
from zeta_eval.evaluation.measures.gap import Area, Frame, closed, curve_area, interval, mix_area
from zeta_eval.evaluation.measures.statistics import Measure

Expected = tuple[Floats, Floats]
"""Success probabilities and expected costs, each (Q, M)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchGain:
    """What the exported heuristic has over the untuned start, the first trial: a plain fit to the outcomes."""

    trial: int
    """Number of the exported trial."""
    n_trials: int
    """Trials that ran."""
    start: str
    """Name of the untuned start."""
    plain: str | None
    """Name of the plain fit that was exported; None where the search changed it."""
    gap_closed: Measure
    """Gap closed by the heuristic minus that by the untuned start, on the test queries, paired."""

    def text(self) -> str:
        """Return the finding in words."""
        low, high = self.gap_closed.low, self.gap_closed.high
        gain = f"{self.gap_closed.value:+.3f} [{low:+.3f}, {high:+.3f}]"
        if math.isnan(self.gap_closed.value):
            gain = "what can't be told, as no choice of sizes beats a random mix on test,"
        if self.plain == self.start:
            return "The search gained nothing: the untuned start was kept."
        shown = "" if low > 0 else "; that is shown to be a loss" if high < 0 else "; no gain is shown"
        over = f"has {gain} of the gap closed on test over the untuned start ('{self.start}'){shown}."
        if self.plain is not None:
            return f"The search itself gained nothing: the plain fit '{self.plain}' was kept, which {over}"
        return f"The heuristic that the search found (trial {self.trial}) {over}"


def gap_gain(
    data: Evaluator,
    tuned: Expected,
    start: Expected,
    *,
    forced: Sizes | None = None,
    corners: Sequence[int],
    families: Sizes | None = None,
) -> Measure:
    """Return how much more of the gap one set of estimates closes than another on the same queries, with its interval.

    `forced` sizes (Q,) hold where they are not -1; `corners` are the sizes that the random mix uses.
    """
    frame = Frame.of(data.cost, data.score)
    mix = mix_area(frame, data.cost, data.score, corners)

    def area(expected: Expected, forced: Sizes | None) -> Area:
        weights = curve_weights(*expected)
        return curve_area(frame, weights, lambda at: data.curve(*expected, forced, weights=at)[1:])

    oracle = area((data.score, data.cost), None)
    (a, of_a), (b, of_b) = (closed(area(e, forced), mix, oracle) for e in (tuned, start))
    return interval(a - b, of_a - of_b, families)


def plain_fit(parameters: Mapping[str, object], neutral: Mapping[str, object]) -> str | None:
    """Return the start's name where parameters are neutral apart from it and the cost weight, else None."""
    same = all(value == neutral[name] for name, value in parameters.items() if name not in ("start", "cost_weight"))
    return str(parameters["start"]) if same else None
