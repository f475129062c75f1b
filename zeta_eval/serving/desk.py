"""The policy in use, ready to route among the rungs of a ladder; a new one takes its place whole."""

from __future__ import annotations

from typing import Final

from zeta_eval.exceptions import UnknownNameError
from zeta_eval.models import Ladder
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.serving.learned import Learned

LOGPROBS: Final = frozenset({"mean_logprob", "min_logprob", "answer_log_odds"})
"""Signals of an answer that its server gives where log-probabilities are asked for."""


class Desk:
    """A policy with what serving it needs."""

    def __init__(
        self, policy: RoutingPolicy, ladder: Ladder, *, explore: float = 0.0, online: str | None = None
    ) -> None:
        """Take a policy and the ladder that must have its sizes; `online` is the folder of what feedback taught.

        Raises:
            UnknownNameError: a size of the policy is no rung of the ladder.
            InvalidInputError: what feedback taught can't be read.
        """
        known = {spec.size: spec for spec in ladder.models}
        wanted = [*policy.sizes, *([policy.embedding_size] if policy.embedding_size else [])]
        if missing := [size for size in wanted if size not in known]:
            hint = f"The policy chooses among {', '.join(wanted)}; each needs a rung in the ladder."
            raise UnknownNameError("rung", missing[0], known, hint=hint)
        self.policy = policy
        self.learned = None if online is None else Learned(online, policy)
        """What ratings and latencies change at once; None where they change nothing."""
        self.router = ZetaDynamicRouter(policy, explore=explore, online=self.learned.online if self.learned else None)
        self.sizes = policy.sizes
        self.answering = tuple(dict.fromkeys(wanted))
        """The sizes that may be asked, and the policy's embedding model."""
        self.embedder = policy.embedding_size if _embeds(policy, ladder) else getattr(ladder.embedder, "size", None)
        """The rung that embeds; None where there is none."""
        read = {name for look in policy.looks for post in look.posteriors for name in post.weights}
        self.logprobs = bool(read & LOGPROBS)
        """Whether the policy reads log-probabilities of answers."""


def _embeds(policy: RoutingPolicy, ladder: Ladder) -> bool:
    """Whether the policy's embedding size is an embedding model."""
    return any(spec.size == policy.embedding_size and spec.role == "embed" for spec in ladder.models)
