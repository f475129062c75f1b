"""One query through the sizes: which size runs next, given what each answer showed. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zeta_eval.router.cascade import Looks, after, answer_signals, next_size
from zeta_eval.router.signals import AnswerView


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
        allowed: Sequence[int] | None = None,
    ) -> None:
        """Start before the first call; `next` is the size to run, None once an answer is kept.

        Arguments as in `cascade.next_size`. `first` names the size that runs first, where the rule does not decide;
        `ends` keeps the first answer, whatever it shows.
        """
        self.sizes, self.looks, self.p, self.cost, self.weight, self.ends = sizes, looks, tuple(p), cost, weight, ends
        self.allowed = range(len(sizes)) if allowed is None else allowed
        self.ran: tuple[int, ...] = ()
        """The sizes that gave an answer, in order."""
        self.views: dict[str, AnswerView | None] = {}
        self.next = next_size(self.p, cost, weight, (), looks, self.allowed) if first is None else first

    def see(self, view: AnswerView | None, logprobs: Mapping[str, float]) -> None:
        """Take what the answer of the size that `next` named shows, and decide what runs after it."""
        assert self.next is not None
        self.ran = (*self.ran, self.next)
        signals = answer_signals(view, logprobs, self.views)
        self.p = after(self.looks.get(self.ran), self.sizes, self.p, signals)
        self.views[self.sizes[self.next]] = view
        self._decide(self.next)

    def fail(self) -> None:
        """Note that the size that `next` named gave no answer, and decide what runs after it."""
        assert self.next is not None
        self._decide(self.next)

    def larger(self, index: int) -> list[int]:
        """The sizes beyond one that may still run."""
        return [] if self.ends else [i for i in self.allowed if i > index]

    def _decide(self, index: int) -> None:
        ran, failed = self.ran or (index,), not self.ran
        self.next = next_size(self.p, self.cost, self.weight, ran, self.looks, self.larger(index), failed=failed)
