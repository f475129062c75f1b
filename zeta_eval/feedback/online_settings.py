"""How fast and how far online updates go. Standard library only."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.feedback.ledgers import Rules


@dataclass(frozen=True, kw_only=True, slots=True)
class OnlineSettings:
    """How fast and how far online updates go."""

    prior_labels: float = 30.0
    """The policy's word on a size in a task counts as so many labels; > 0."""
    noise: float = 3.0
    """A task's changes count from so many standard errors on, together, and fully from 1.4 times as many; > 0."""
    shared: float = 0.5
    """Share of a label's step that the other sizes take too, in (0, 1]: what is hard for one is hard for all, and a
    router's own labels tell of the sizes it chose only."""
    trust_labels: float = 20.0
    """Labels after which a task that is new to the policy is trusted half as much as a known one; > 0."""
    half_life_s: float = 7 * 86400.0
    """Time after which what labels moved has gone back half-way to the policy as tuned, in seconds; > 0."""
    source_shift: float = 2.0
    """The most that one source's labels change a log-odds, whatever the others say, and all sources together, whatever
    they say; > 0. A probability changes by at most tanh(source_shift / 4), here 0.36 (proof: `feedback.shifts`)."""
    latency_window: float = 20.0
    """Latencies of a size that count at most; > 0."""
    latency_half_life_s: float = 3600.0
    """Time after which a size that is not called any more is half-way back to its expected latency, in seconds; > 0."""
    latency_range: tuple[float, float] = (0.25, 8.0)
    """Bounds of the factor on expected cost."""
    latency_weight: float | None = None
    """Share of a change of latency that counts as cost; None takes 1 where the policy's cost is time, else 0."""
    most_tasks: int = 1000
    """Tasks that are remembered; then the one not heard of for longest is forgotten."""

    def __post_init__(self) -> None:
        numbers = {k: v for k, v in asdict(self).items() if k not in ("latency_range", "latency_weight")}
        for name, value in numbers.items():
            if not (isinstance(value, int | float) and 0 < value < math.inf):
                raise InvalidInputError(f"{name} is {value!r}; give a finite number above 0.")
        if self.shared > 1:
            raise InvalidInputError(f"shared is {self.shared!r}; give a share in (0, 1].")
        if not (len(self.latency_range) == 2 and 0 < self.latency_range[0] <= 1 <= self.latency_range[1] < math.inf):
            raise InvalidInputError(f"latency_range is {self.latency_range}; give two factors around 1.")
        if self.latency_weight is not None and not 0 <= self.latency_weight < math.inf:
            raise InvalidInputError(f"latency_weight is {self.latency_weight!r}; give at least 0, or None.")

    @property
    def rules(self) -> Rules:
        """What bounds the labels."""
        return Rules(prior=self.prior_labels, cap=self.source_shift, share=self.shared)
