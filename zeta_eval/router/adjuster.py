"""What may update a policy's estimates while it routes. Standard library only."""

from __future__ import annotations

from typing import Protocol

from zeta_eval.router.decision import Decision
from zeta_eval.router.policy import Estimate


class Adjuster(Protocol):
    """Updates a policy's estimates by feedback and latencies; `zeta_eval.feedback.online.Online` does."""

    @property
    def policy_checksum(self) -> str:
        """Checksum of the policy that the updates belong to."""

    def adjust(self, estimate: Estimate, task: str | None) -> Estimate:
        """The estimate of a query with what was learned since tuning."""

    def learn(self, decision: Decision, size: str, score: float, *, source: str) -> None:
        """Take the rating of an answer into account."""

    def observe(self, size: str, latency_s: float, *, decision: Decision | None) -> None:
        """Take a measured latency into account."""
