"""`ZetaDynamicRouter`: the only place that chooses a size. Standard library only.

`route` takes the size with the greatest p - cost_weight * cost. `generate` follows the same utility over whole plans: a
size may run first because its answer shows whether a larger one is worth its cost (`zeta_eval.router.cascade`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from zeta_eval.exceptions import InvalidInputError, value_shown
from zeta_eval.router.adjuster import Adjuster
from zeta_eval.router.cascade import indexed
from zeta_eval.router.complexity import Complexity, as_query
from zeta_eval.router.context import TokenRates
from zeta_eval.router.decision import Answer, Decision, Reasons, Routed, Step, best, checked_cost_weight
from zeta_eval.router.generating import Generating, Query
from zeta_eval.router.policy import Estimate, RoutingPolicy
from zeta_eval.router.reasons import told
from zeta_eval.router.sessions import NO_SESSION, Offer, Sessions, Turn, checked_name, told_of

__all__ = ["Adjuster", "Answer", "Decision", "Query", "Routed", "Step", "ZetaDynamicRouter", "best"]


class ZetaDynamicRouter(Generating):
    """Chooses, for each query, the model size that should answer it.

    A policy says how likely each size is to be right and what it costs; the router takes the size that is worth most.

    >>> router = ZetaDynamicRouter()  # an untuned policy for 4B, 7B and 14B; `load` takes a tuned one
    >>> router.route("What is the capital of France?").size
    '7B'
    >>> router.route("Prove that the square root of 2 is irrational, step by step.").size
    '14B'
    """

    def __init__(
        self,
        policy: RoutingPolicy | None = None,
        *,
        online: Adjuster | None = None,
        explore: float = 0.0,
        explore_cost: float = math.inf,
        seed: int | None = None,
    ) -> None:
        """Route by a policy.

        Args:
            policy: The policy; None takes the untuned policy for 4B, 7B and 14B.
            online: Updates of the policy's estimates (`zeta_eval.feedback.online.Online`); None routes as tuned.
            explore: Share of queries, in [0, 1), whose size is drawn by lot, so that feedback covers every size.
            explore_cost: Greatest expected cost to explore, as a share of the largest size's mean cost.
            seed: Seed of the draws; None takes a random one.

        Raises:
            InvalidInputError: `online` belongs to another version of the policy, or a setting is out of range.
        """
        self.policy = policy if policy is not None else RoutingPolicy.seed()
        if online is not None and online.policy_checksum != self.policy.checksum:
            raise InvalidInputError(
                f"What was learned online belongs to policy version {online.policy_checksum[:8]}, this is "
                f"{self.policy.checksum[:8]}; start anew with Online(policy)."
            )
        if not (isinstance(explore, int | float) and 0 <= explore < 1):
            raise InvalidInputError(
                f"explore is {value_shown(explore)}; give the share of queries to explore with, in [0, 1)."
            )
        if not (isinstance(explore_cost, int | float) and explore_cost >= 0):
            raise InvalidInputError(
                f"explore_cost is {value_shown(explore_cost)}; give a share of the largest size's mean cost."
            )
        self.online, self.explore, self.explore_cost = online, explore, explore_cost
        self._random = random.Random(seed)
        self._sessions = Sessions()
        self._name = f"{self.policy.name}@{self.policy.checksum[:8]}"
        self._looks = indexed(self.policy.looks, self.policy.sizes)

    @classmethod
    def load(cls, path: str | Path) -> ZetaDynamicRouter:
        """Make a router of a policy file, as `zeta tune` writes it.

        Raises:
            PolicyError: the file can't be used.
        """
        return cls(RoutingPolicy.load(path))

    def take_sessions(self, other: ZetaDynamicRouter) -> None:
        """Go on with another router's sessions, where both choose among the same sizes; else nothing changes."""
        if other.policy.sizes == self.policy.sizes:
            self._sessions = other._sessions

    def evaluate_complexity(self, task: Query) -> Complexity:
        """Return how hard the policy takes a query to be, with a label and the text features behind it.

        >>> ZetaDynamicRouter().evaluate_complexity("Embed this sentence: good morning").label
        'embedding'
        """
        return self.policy.complexity(as_query(task))

    def dynamic_model_sizing(self, task: Query) -> str:
        """Return the name of the size for a query, or "default" where the text has no letter or digit to judge by.

        >>> router = ZetaDynamicRouter()
        >>> router.dynamic_model_sizing("Embed this sentence: good morning"), router.dynamic_model_sizing("?!")
        ('4B', 'default')
        """
        decision = self.route(task)
        return "default" if decision.complexity.label == "unknown" else decision.size

    def route(
        self,
        text: Query,
        *,
        task: str | None = None,
        cost_weight: float | None = None,
        session: str | None = None,
    ) -> Decision:
        """Choose a size for a query, without running any model.

        >>> query = "Explain why the sky is blue."
        >>> router = ZetaDynamicRouter()
        >>> router.route(query, cost_weight=0).size, router.route(query, cost_weight=5).size
        ('14B', '4B')

        Args:
            text: The query: a text, or a list of chat messages, of which the current request is judged with what it
                refers to (`zeta_eval.router.request_of`).
            task: Name of the task that the query belongs to, where it is known: what was learned of the task counts.
            cost_weight: Accuracy given up to save one call of the largest size; None takes the policy's own.
            session: Name of the conversation that the query is a turn of: it keeps its size unless another one gains
                more than reading all turns anew costs (`zeta_eval.router.sessions`).

        Raises:
            InvalidInputError: the query is neither text nor messages, or the cost weight is negative or not finite, or
                the task is no text.
        """
        policy, sizes = self.policy, self.policy.sizes
        weight = checked_cost_weight(policy.cost_weight if cost_weight is None else cost_weight)
        if not isinstance(task, str | None):
            raise InvalidInputError(f"The task is {value_shown(task)}; give a task's name, or none.")
        query = as_query(text)
        estimate = tuned = policy.estimate(query, task)
        if self.online is not None:
            estimate = self.online.adjust(tuned, task)
        wanted = estimate.forced or sizes[best(estimate.p, estimate.cost, weight, estimate.allowed)]
        drawn, propensity = None, 1.0
        fresh = session is None or checked_name(session) not in self._sessions
        if self.explore and estimate.forced is None and fresh:
            drawn, propensity = self._explore(wanted, estimate.cost, estimate.allowed)
        size, turn = wanted if drawn is None else drawn, NO_SESSION
        if session is not None:
            turn = self._turn(session, size, estimate, query, weight)
            drawn, propensity = (drawn, propensity) if turn.size == size else (None, 1.0)
            size = turn.size
        return Decision(
            size=size,
            complexity=estimate.complexity,
            p=dict(zip(sizes, estimate.p, strict=True)),
            cost=dict(zip(sizes, estimate.cost, strict=True)),
            cost_weight=weight,
            familiarity=estimate.familiarity,
            reasons=Reasons(partial(told, policy, tuned, estimate, wanted, weight, drawn, self.explore, turn.told)),
            policy=self._name,
            task=task,
            propensity=propensity,
            explored=drawn is not None,
            p_tuned=None if self.online is None else dict(zip(sizes, tuned.p, strict=True)),
            cost_tuned=None if self.online is None else dict(zip(sizes, tuned.cost, strict=True)),
            too_long=() if tuned.fit is None else tuple([s for i, s in enumerate(sizes) if i not in tuned.fit.held]),
            session=session,
            held=turn.held,
        )

    def _turn(self, session: str, size: str, estimate: Estimate, query: str, weight: float) -> Turn:
        """What a session makes of the size that would be chosen without it; fixed rules leave a session as it is."""
        policy, sizes = self.policy, self.policy.sizes
        allowed = range(len(sizes)) if estimate.allowed is None else estimate.allowed
        if estimate.forced is not None:
            held = self._sessions.held(session) if estimate.complexity.label == "unknown" else None
            return Turn(size) if held is None or held not in allowed else Turn(sizes[held], True)
        tokens = (policy.tokens or TokenRates()).of(query)
        offer = Offer(
            utility=[p - weight * c for p, c in zip(estimate.p, estimate.cost, strict=True)],
            price=[None if r.prefill is None else weight * r.prefill * tokens for r in policy.rungs],
            allowed=allowed,
        )
        settled = self._sessions.settle(session, sizes.index(size), offer)
        return Turn(sizes[settled.size], settled.held is not None, told_of(settled, sizes, offer, tokens))

    def learn(self, decision: Decision, size: str, score: float, *, source: str = "person") -> None:
        """Take feedback into account: how good, in [0, 1], a size's answer to a routed query was, and who says so.

        Where `generate` kept an answer for what it said (`Decision.selected`), the estimates stay: among such answers
        a size looks better than it is. Give the `decision` that `generate` returned.

        Raises:
            InvalidInputError: the router does not learn, or a value is out of range.
            UnknownNameError: no such size.
        """
        self._learner().learn(decision, size, score, source=source)

    def observe(self, size: str, latency_s: float, *, decision: Decision | None = None) -> None:
        """Take a size's measured latency in seconds into account; `generate` does so by itself.

        Raises:
            InvalidInputError: the router does not learn, or the latency is negative or not finite.
            UnknownNameError: no such size.
        """
        self._learner().observe(size, latency_s, decision=decision)

    def _learner(self) -> Adjuster:
        if self.online is None:
            raise InvalidInputError("This router does not learn; make it with online=Online(policy).")
        return self.online

    def _explore(self, best: str, cost: Sequence[float], allowed: Sequence[int] | None) -> tuple[str | None, float]:
        """The size drawn by lot, None where the best is taken, and the probability to take it: epsilon-greedy."""
        sizes = self.policy.sizes
        lots = self._lots(cost, sizes if allowed is None else [sizes[i] for i in allowed])
        if not lots:
            return None, 1.0
        drawn = self._random.choice(lots) if self._random.random() < self.explore else None
        taken = best if drawn is None else drawn
        share = self.explore / len(lots) if taken in lots else 0.0
        return drawn, share + (1.0 - self.explore if taken == best else 0.0)

    def _lots(self, cost: Sequence[float], allowed: Sequence[str]) -> list[str]:
        """The sizes that may be drawn by lot, with equal chances: those allowed within `explore_cost`."""
        return [s for s, c in zip(self.policy.sizes, cost, strict=True) if c <= self.explore_cost and s in allowed]

    def _unread(self, decision: Decision) -> Decision:
        """The decision with the propensity of an answer that is kept unread, where the policy reads all but drawn ones.

        Given that the lot decided, every size that could be drawn had the same chance.
        """
        lots = self._lots(list(decision.cost.values()), decision.allowed) if decision.explored else [decision.size]
        return replace(decision, propensity=1.0 / len(lots))
