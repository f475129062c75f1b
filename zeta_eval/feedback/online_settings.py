"""How fast and how far feedback moves the estimates of a router while it serves. Standard library only."""

from dataclasses import asdict, dataclass

from zeta_eval.exceptions import InvalidInputError, value_shown
from zeta_eval.feedback.ledgers import Rules
from zeta_eval.files import LARGEST

LEAST = 1e-9
"""Smallest value of a setting that is above 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnlineSettings:
    """How fast and how far feedback moves the estimates of a router while it serves.

    >>> OnlineSettings(prior_ratings=100).source_shift  # slower to learn, the same bound on one source
    2.0
    """

    prior_ratings: float = 30.0
    """Number of ratings that the policy's own estimate counts as, for each size in each task; > 0."""
    noise: float = 3.0
    """Number of standard errors up to which the changes of a task are taken for noise; beyond 1.4 times as many they
    count in full; > 0."""
    shared: float = 0.5
    """Share of a rating's step that the other sizes take too, in (0, 1]: what is hard for one size is hard for all, and
    a router gets ratings of the sizes that it chose only."""
    familiarity_ratings: float = 20.0
    """Number of ratings after which a task that is new to the policy is half as familiar as a known one; > 0."""
    half_life_s: float = 7 * 86400.0
    """Time after which half of what a rating changed is forgotten, in seconds; > 0."""
    source_shift: float = 2.0
    """The most by which one source, or all sources together, change a log-odds; > 0. A chance of success changes by at
    most tanh(source_shift / 4), here 0.36. The proof is in `feedback.ledgers`."""
    latency_window: float = 20.0
    """Most latencies of a size that count; > 0."""
    latency_half_life_s: float = 3600.0
    """Time after which a size that is no longer called is half-way back to its expected latency, in seconds; > 0."""
    latency_range: tuple[float, float] = (0.25, 8.0)
    """Least and greatest factor on the expected cost."""
    latency_weight: float | None = None
    """Share of a change of latency that counts as cost; None takes 1 where the policy's cost is time, else 0."""
    most_tasks: int = 1000
    """Most tasks that are remembered; the task without ratings for longest is forgotten first."""

    def __post_init__(self) -> None:
        numbers = {k: v for k, v in asdict(self).items() if k not in ("latency_range", "latency_weight")}
        for name, value in numbers.items():
            if not (isinstance(value, int | float) and LEAST <= value <= LARGEST):
                raise InvalidInputError(
                    f"{name} is {value_shown(value)}; give a number above 0 ({LEAST} to {LARGEST})."
                )
        if self.shared > 1:
            raise InvalidInputError(f"shared is {self.shared!r}; give a share in (0, 1].")
        if not (len(self.latency_range) == 2 and 0 < self.latency_range[0] <= 1 <= self.latency_range[1] <= LARGEST):
            raise InvalidInputError(f"latency_range is {value_shown(self.latency_range)}; give two factors around 1.")
        if self.latency_weight is not None and not 0 <= self.latency_weight <= LARGEST:
            raise InvalidInputError(f"latency_weight is {value_shown(self.latency_weight)}; give at least 0, or None.")

    @property
    def rules(self) -> Rules:
        """The bounds on what ratings do."""
        return Rules(prior=self.prior_ratings, cap=self.source_shift, share=self.shared)
