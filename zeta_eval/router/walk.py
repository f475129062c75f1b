"""One query through the sizes: which size runs next, and why, given what each answer showed. Standard library only."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from zeta_eval.router.cascade import Looks, after, answer_signals, engine_signals, next_size
from zeta_eval.router.decision import Answer, Decision, Routed, Step, UnansweredError, best, selected
from zeta_eval.router.signals import AnswerView, read_answer


class Walk:
    """One query's way through the sizes, by their indices; it knows nothing of engines, times or words."""

    def __init__(
        self,
        sizes: Sequence[str],
        looks: Looks,
        p: Sequence[float],
        cost: Sequence[float],
        weight: float,
        *,
        first: int | None = None,
        ends: bool = False,
        drawn: bool = False,
        allowed: Sequence[int] | None = None,
    ) -> None:
        """Start before the first call; `next` is the size to run, None once an answer is kept.

        Arguments as in `cascade.next_size`. `first` names the size that runs first, where the rule does not decide;
        `ends` asks no larger size; `drawn` keeps the first answer unread, whatever it would show.
        """
        self.sizes, self.looks, self.p, self.cost, self.weight = sizes, looks, tuple(p), cost, weight
        self.ends, self.reads = ends, bool(looks) and not drawn
        self.allowed = range(len(sizes)) if allowed is None else allowed
        self.ran: tuple[int, ...] = ()
        """The sizes that gave an answer, in order."""
        self._last: int | None = None  # the size that answered or failed last
        self.views: dict[str, AnswerView | None] = {}
        self.next = next_size(self.p, cost, weight, (), looks, self.allowed) if first is None else first

    def see(self, view: AnswerView | None, engine: Mapping[str, float]) -> None:
        """Take what the answer of the size that `next` named shows, and decide what runs after it."""
        assert self.next is not None
        self.ran = (*self.ran, self.next)
        if not self.reads:  # no answer tells anything, so the first is kept
            self.next = None
            return
        signals = answer_signals(view, engine, self.views)
        self.p = after(self.looks.get(self.ran), self.sizes, self.p, signals)
        self.views[self.sizes[self.next]] = view
        self._decide(self.next)

    def fail(self) -> None:
        """Note that the size that `next` named gave no answer, and decide what runs after it."""
        assert self.next is not None
        self._decide(self.next)

    def pass_over(self) -> None:
        """Take the size that `next` named for one that is not there, and decide by the same rule without it."""
        self.allowed = [i for i in self.allowed if i != self.next]
        if self._last is None:
            self.next = next_size(self.p, self.cost, self.weight, (), self.looks, self.allowed)
        else:
            self._decide(self._last)

    @property
    def final(self) -> bool:
        """Whether the answer of the size that `next` names will be kept, whatever it shows."""
        if self.next is None or not self.reads or not (larger := self.larger(self.next)):
            return True
        ran = (*self.ran, self.next)
        return ran not in self.looks and next_size(self.p, self.cost, self.weight, ran, self.looks, larger) is None

    def larger(self, index: int) -> list[int]:
        """The sizes beyond one that may still run."""
        return [] if self.ends else [i for i in self.allowed if i > index]

    def _decide(self, index: int) -> None:
        self._last = index
        ran, failed = self.ran or (index,), not self.ran
        self.next = next_size(self.p, self.cost, self.weight, ran, self.looks, self.larger(index), failed=failed)


class Steps:
    """The steps taken for one query so far, each with the reason for stopping or going on after it."""

    def __init__(self, sizes: Sequence[str], looks: Looks, decision: Decision, allowed: Sequence[int]) -> None:
        """Start before the first call; sizes that are not `allowed`, by index, are never called."""
        fixed = decision.explored or decision.held or decision.complexity.label in ("embedding", "unknown")
        self.walk = Walk(
            sizes,
            looks,
            tuple(decision.p.values()),
            tuple(decision.cost.values()),
            decision.cost_weight,
            first=sizes.index(decision.size) if fixed else None,
            ends=decision.complexity.label == "embedding",
            drawn=decision.explored,
            allowed=allowed,
        )
        self.chosen = decision.size
        self.steps: list[Step] = []
        self.reasons: list[str] = []

    @property
    def next(self) -> str | None:
        """The size to call now, None once an answer is kept."""
        return None if self.walk.next is None else self.walk.sizes[self.walk.next]

    def take(self, result: Answer, latency_s: float, max_latency_s: float) -> None:
        """Note the answer of the size that `next` named, and decide what to call after it."""
        walk, size, before = self.walk, self.next, self.walk.p
        assert walk.next is not None and size is not None
        index = walk.next
        if result.error is not None:
            walk.fail()
        else:
            walk.see(*_shown(result) if walk.reads else (None, {}))
        p_right = 0.0 if result.error is not None else walk.p[index]
        self.steps.append(Step(size=size, text=result.text, latency_s=latency_s, p_right=p_right, error=result.error))
        self.reasons.append(self._reason(index, changed=walk.p != before))
        self._stop_late(max_latency_s)
        if len(self.steps) == 1 and size != self.chosen:
            self.reasons[-1] += f" (asked before {self.chosen}, for what its answer may show)"

    def pass_over(self, why: str, latency_s: float, max_latency_s: float) -> None:
        """Note that the size that `next` named can't be asked now, and decide what to call in its place."""
        size = self.next
        assert size is not None
        self.walk.pass_over()
        self.steps.append(Step(size=size, text="", latency_s=latency_s, p_right=0.0, error=why))
        kept = next((s.size for s in reversed(self.steps) if s.error is None), None)
        then = f"went to {self.next}" if self.next is not None else "gave up" if kept is None else f"kept {kept}"
        self.reasons.append(f"{then}: {size} can't be asked now ({why})")
        self._stop_late(max_latency_s)

    def _stop_late(self, max_latency_s: float) -> None:
        """Stop where the steps have taken all the time that there is."""
        if self.walk.next is not None and sum(s.latency_s for s in self.steps) >= max_latency_s:
            self.walk.next = None
            self.reasons[-1] = f"stopped at {self.steps[-1].size}: the latency limit of {max_latency_s:g} s is reached"

    def result(self, decision: Decision) -> Routed:
        """The last answer that is none of a failed size, with all steps.

        Raises:
            UnansweredError: every size that was called failed.
        """
        steps, reasons = tuple(self.steps), tuple(self.reasons)
        kept = next((s for s in reversed(steps) if s.error is None), None)
        if kept is None:
            last = steps[-1]
            said = f"Every size called failed; the last, {last.size}, said: {last.error}"
            raise UnansweredError(said, decision=decision, steps=steps)
        decision = replace(decision, selected=selected(decision.p, [(s.size, s.p_right) for s in steps]))
        return Routed(text=kept.text, size=kept.size, decision=decision, steps=steps, reasons=reasons)

    def _reason(self, index: int, *, changed: bool) -> str:
        """Say why the walk went on or stopped after the size at `index`, whose answer `changed` the chances or not."""
        walk, step, going = self.walk, self.steps[-1], self.next
        kept = walk.sizes[walk.ran[-1]] if walk.ran else step.size
        larger = walk.larger(index)
        if not larger:
            return f"kept {kept}: no larger size to ask"
        if step.error is not None and going is None:
            return f"kept {kept}: {step.size} failed ({step.error}), and no larger size is worth its cost"
        if step.error is not None:
            return f"went to {going}: {step.size} failed ({step.error})"
        if not walk.looks:
            return f"kept {step.size}: the policy has no cascade"
        if not walk.reads:
            return f"kept {step.size}: drawn by lot to learn how good it is, so its answer is not looked at"
        if going is None and not changed:
            return f"kept {step.size}: its answer does not change the chance of any size"
        asked = walk.next
        if asked is None:
            asked = larger[best([walk.p[i] for i in larger], [walk.cost[i] for i in larger], walk.weight)]
        words = (
            f"{walk.sizes[asked]} would add {walk.p[asked] - step.p_right:+.2f} to the chance of {step.p_right:.2f} "
            f"that the answer is right, and costs {walk.weight * walk.cost[asked]:.2f} in accuracy"
        )
        return f"kept {step.size}: {words}" if going is None else f"went from {step.size} to {going}: {words}"


def _shown(answer: Answer) -> tuple[AnswerView | None, dict[str, float]]:
    """What an answer's text shows, and what comes with it."""
    return read_answer(answer.text), given_with(answer)


def given_with(answer: Answer) -> dict[str, float]:
    """The signals that come with an answer beside its text, by name."""
    confidence, agreement = (getattr(answer, name, None) for name in ("confidence", "agreement"))  # few have them
    return engine_signals(answer.mean_logprob, answer.min_logprob, answer.completion_tokens, confidence, agreement)
