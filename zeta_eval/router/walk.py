"""The steps of one query through the sizes: what runs next, and why. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from zeta_eval.router.cascade import Looks, after, answer_signals, logprob_signals, next_size
from zeta_eval.router.decision import Answer, Decision, Step, best
from zeta_eval.router.domain import counted_cost
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.router.signals import AnswerView, read_answer


class Walk:
    """The steps of one query through the sizes."""

    def __init__(self, policy: RoutingPolicy, looks: Looks, decision: Decision, allowed: Sequence[int]) -> None:
        """Start before the first call; `next` is the size to run."""
        self.policy, self.looks, self.decision, self.allowed = policy, looks, decision, allowed
        self.p, self.cost = (
            tuple(decision.p.values()),
            counted_cost(tuple(decision.cost.values()), decision.familiarity),
        )
        self.ran: tuple[int, ...] = ()
        self.views: dict[str, AnswerView | None] = {}
        self.steps: list[Step] = []
        self.reasons: list[str] = []
        self.next: int | None = policy.sizes.index(decision.size)
        self.free = decision.complexity.label not in ("embedding", "unknown")
        if self.free and not decision.explored:
            self.next = next_size(self.p, self.cost, decision.cost_weight, (), looks, allowed)

    def take(self, result: Answer, latency_s: float, max_latency_s: float) -> None:
        """Note the answer of the size that `next` named, and decide what runs after it."""
        assert self.next is not None
        index, size, before = self.next, self.policy.sizes[self.next], self.p
        failed, chosen = result.error is not None, self.decision.size
        early = not self.steps and size != chosen
        if not failed:
            self.ran = (*self.ran, index)
            view = read_answer(result.text)
            logprobs = logprob_signals(result.mean_logprob, result.min_logprob, result.completion_tokens)
            signals = answer_signals(view, logprobs, self.views)
            self.p = after(self.looks.get(self.ran), self.policy.sizes, self.p, signals)
            self.views[size] = view
        p_right = 0.0 if failed else self.p[index]
        self.steps.append(Step(size=size, text=result.text, latency_s=latency_s, p_right=p_right, error=result.error))
        self.next, reason = self._decide(index, failed, told=self.p != before)
        if self.next is not None and sum(s.latency_s for s in self.steps) >= max_latency_s:
            self.next, reason = None, f"stopped at {size}: the latency limit of {max_latency_s:g} s is reached"
        self.reasons.append(f"{reason} (asked before {chosen}, for what its answer may show)" if early else reason)

    def _decide(self, index: int, failed: bool, *, told: bool) -> tuple[int | None, str]:
        """The size to run after the one at `index`, or None, with the reason."""
        size, step = self.policy.sizes[index], self.steps[-1]
        larger = [i for i in self.allowed if i > index]
        kept = self.policy.sizes[self.ran[-1]] if self.ran else size
        if not larger or self.decision.complexity.label == "embedding":
            return None, f"kept {kept}: no larger size to ask"
        ran = self.ran or (index,)
        weight = self.decision.cost_weight
        candidate = next_size(self.p, self.cost, weight, ran, self.looks, larger, failed=not self.ran)
        if failed and candidate is None:
            return None, f"kept {kept}: {size} failed ({step.error}), and no larger size is worth its price"
        if failed:
            assert candidate is not None
            return candidate, f"went to {self.policy.sizes[candidate]}: {size} failed ({step.error})"
        if candidate is None and not told:
            return None, f"kept {size}: its answer does not change what is expected of any size"
        asked = larger[best([self.p[i] for i in larger], [self.cost[i] for i in larger], weight)]
        asked = asked if candidate is None else candidate
        words = (
            f"{self.policy.sizes[asked]} would add {self.p[asked] - step.p_right:+.2f} to its success probability of "
            f"{step.p_right:.2f}, at a price of {weight * self.cost[asked]:.2f}"
        )
        if candidate is None:
            return None, f"kept {size}: {words}"
        return candidate, f"went from {size} to {self.policy.sizes[candidate]}: {words}"
