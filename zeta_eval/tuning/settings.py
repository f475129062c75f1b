"""What a tuning run is asked for."""

from dataclasses import dataclass

from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.outcomes import COSTS
from zeta_eval.router.estimators import ESTIMATORS, estimator_choices, needs_embedder

UNKNOWN = ("seed", "largest")
"""What may decide where a query is unlike all that was tuned on: the rules of thumb, or the largest size alone."""


@dataclass(frozen=True, kw_only=True)
class TuningSettings:
    """How a policy is tuned.

    >>> TuningSettings(n_trials=50, keep=0.95).estimators  # without an embedder
    ('learned',)
    """

    cost: str | None = None
    """Cost column; None takes gpu_s, else cost_usd, else latency_s."""
    n_trials: int = 100
    """Number of configurations that are tried."""
    seed: int = 0
    """Seed of the search and of every interval."""
    max_cost: float | None = None
    """Most that a query may cost on average, in the unit of the cost column."""
    min_score: float | None = None
    """Least average score, in [0, 1]."""
    storage: str | None = None
    """Optuna storage URL that makes the study resumable; None keeps it in memory."""
    estimator: str = "auto"
    """"auto", or one of the estimators; "auto" takes "learned" unless one that reads an embedder does better out of
    fold."""
    embedder: str | None = None
    """Name or local folder of a sentence-transformers model, for the estimators that need one."""
    keep: float | None = None
    """Share of the largest size's accuracy to keep for least, and to certify on held-out queries, in (0, 1]."""
    confidence: float = 0.95
    """Confidence of that certificate, in (0, 1)."""
    unknown: str = "seed"
    """What decides where a query is unlike all that was tuned on: "seed", the rules of thumb, or "largest"."""
    name: str = "zeta"
    """Name of the policy and of the study."""

    def __post_init__(self) -> None:
        if self.cost not in (None, *COSTS):
            raise InvalidInputError(f"The cost '{self.cost}' is no cost column; use {', '.join(COSTS)}.")
        if not 0 <= self.seed < 2**32:
            raise InvalidInputError(f"The seed is {self.seed}; give a whole number from 0 to 4294967295.")
        if self.estimator not in estimator_choices():
            raise UnknownNameError("estimator", self.estimator, estimator_choices())
        if needs_embedder(self.estimator) and not self.embedder:
            raise InvalidInputError(
                f"The estimator '{self.estimator}' needs an embedder; give --embedder NAME_OR_PATH, a "
                "sentence-transformers model."
            )
        if self.embedder and self.estimator != "auto" and not needs_embedder(self.estimator):
            raise InvalidInputError(
                f"The estimator '{self.estimator}' reads no embedder; leave --embedder out, or use --estimator auto."
            )
        if self.unknown not in UNKNOWN:
            raise UnknownNameError("way to treat unknown queries", self.unknown, UNKNOWN)
        if self.n_trials < 1:
            raise InvalidInputError(f"The number of trials is {self.n_trials}; give at least 1.")
        if self.max_cost is not None and self.min_score is not None:
            raise InvalidInputError("Give --max-cost or --min-score, not both.")
        if self.max_cost is not None and not self.max_cost > 0:
            raise InvalidInputError(f"max_cost is {self.max_cost}; give a cost above zero.")
        if self.keep is not None and not 0 < self.keep <= 1:
            raise InvalidInputError(f"keep is {self.keep}; give a share in (0, 1], like 0.95.")
        if not 0 < self.confidence < 1:
            raise InvalidInputError(f"The confidence is {self.confidence}; give a share between 0 and 1, like 0.95.")
        if self.min_score is not None and not 0 < self.min_score <= 1:
            raise InvalidInputError(f"min_score is {self.min_score}; give a score in (0, 1].")

    @property
    def estimators(self) -> tuple[str, ...]:
        """The estimators to try."""
        if self.estimator != "auto":
            return (self.estimator,)
        return "learned", *(name for name in ESTIMATORS if self.embedder and needs_embedder(name))
