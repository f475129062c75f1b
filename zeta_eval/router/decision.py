"""Results of the router: the choice for a query, and the answer that came of it. Standard library only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload

from zeta_eval.exceptions import GenerationError, InvalidInputError, value_shown
from zeta_eval.files import LARGEST
from zeta_eval.router.complexity import Complexity


class Answer(Protocol):
    """Answer of a model, as the router needs it; `zeta_eval.models.Completion` is one.

    It may also have `confidence`, a number in [0, 1] that tells how sure the model, its server or a judge is of it,
    `agreement`, the share of several attempts that give it, where it is the majority's (`zeta_eval.majority`), and
    `embedding`, the vector of a model that gives those.
    """

    @property
    def text(self) -> str:
        """Text of the answer."""

    @property
    def mean_logprob(self) -> float | None:
        """Mean log-probability of the tokens, or None where the engine gives none."""

    @property
    def min_logprob(self) -> float | None:
        """Smallest log-probability of a token, or None where the engine gives none."""

    @property
    def completion_tokens(self) -> int | None:
        """Number of tokens of the answer, or None where the engine does not count them."""

    @property
    def error(self) -> str | None:
        """Why there is no answer, or None."""


class Reasons(Sequence[str]):
    """Lines of text that are worked out when they are first read: most decisions are used without their reasons.

    >>> reasons = Reasons(lambda: ("short", "easy"))
    >>> reasons == ("short", "easy"), reasons[-1]
    (True, 'easy')
    """

    __slots__ = ("_tell", "_told")

    def __init__(self, tell: Callable[[], tuple[str, ...]]) -> None:
        """Keep what gives the lines, for later."""
        self._tell = tell
        self._told: tuple[str, ...] | None = None

    def _lines(self) -> tuple[str, ...]:
        if self._told is None:
            self._told = self._tell()
        return self._told

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self._lines()[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines())

    def __len__(self) -> int:
        return len(self._lines())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reasons | tuple | list):
            return NotImplemented
        return self._lines() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._lines())

    def __repr__(self) -> str:
        return repr(self._lines())

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._lines(),)  # copied and pickled as a tuple


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Choice of a size for one query, with the numbers and the reasons behind it.

    >>> from zeta_eval.router import ZetaDynamicRouter
    >>> decision = ZetaDynamicRouter().route("Prove that the square root of 2 is irrational, step by step.")
    >>> decision.size, decision.complexity.label, round(decision.p["14B"], 2)
    ('14B', 'complex', 0.88)
    """

    size: str
    """The chosen size."""
    complexity: Complexity
    """Chance that the smallest size fails, label and features of the query."""
    p: Mapping[str, float]
    """Estimated chance that a size is right, by size. It is fitted to choose well, less to be exact."""
    cost: Mapping[str, float]
    """Expected cost by size, as shares of the largest size's mean cost."""
    cost_weight: float
    """Accuracy given up to save one call of the largest size, as it was applied."""
    familiarity: float
    """How like the queries that the policy was tuned on this query is, in [0, 1]; for the rest the fallback decides."""
    reasons: Sequence[str]
    """Why this size, in words; a router works them out when they are first read."""
    policy: str
    """Name of the policy that chose, and the first digits of its checksum."""
    task: str | None = None
    """Name of the task that was given, or None."""
    propensity: float = 1.0
    """Probability with which this size was to be chosen, in (0, 1]; 1 without exploration. Of a policy that looks at
    answers, `generate` says how likely the lot was to fall on this size where it was drawn, else 1."""
    explored: bool = False
    """Whether the size was drawn by lot, to learn about it; the lot may fall on the best one too."""
    selected: bool = False
    """Whether what an answer said, or that one failed, had a part in which answer was kept (`selected`)."""
    p_tuned: Mapping[str, float] | None = None
    """`p` before online updates; None where there are none."""
    cost_tuned: Mapping[str, float] | None = None
    """`cost` before online updates; None where there are none."""
    too_long: tuple[str, ...] = ()
    """Sizes whose context can't hold the query with its answer. None of them is asked, but where all are too small the
    one with the largest context."""
    session: str | None = None
    """Name of the session that was given, or None."""
    held: bool = False
    """Whether the session had a size before this turn, which takes part in the choice; `generate` then begins with the
    size chosen."""

    @property
    def allowed(self) -> tuple[str, ...]:
        """The sizes that may be asked, cheapest first."""
        return tuple([s for s in self.p if s not in self.too_long]) or (self.size,)

    def __repr__(self) -> str:
        return "\n".join([self.size, *(f"  {reason}" for reason in self.reasons)])


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One call of a size within `generate`."""

    size: str
    """The size that was called."""
    text: str
    """Text of its answer; empty after an error."""
    latency_s: float
    """Measured time until the answer, in seconds."""
    p_right: float
    """Chance that the answer is right, in [0, 1], with the signals of the answer taken into account."""
    error: str | None
    """Why the size gave no answer, or None."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Routed:
    """Answer to a query, with every call that led to it."""

    text: str
    """Text of the answer that is kept."""
    size: str
    """The size that gave this answer."""
    decision: Decision
    """The choice before the first call."""
    steps: tuple[Step, ...]
    """All calls, in order."""
    reasons: tuple[str, ...]
    """Reason for stopping or going on, after each step."""
    embedding: tuple[float, ...] | None = None
    """The vector, where the text asks for one and the policy has a model of its own for those."""

    def __repr__(self) -> str:
        return "\n".join([*(f"  {reason}" for reason in self.reasons), self.text])

    @property
    def latency_s(self) -> float:
        """Measured time of all steps together, in seconds."""
        return sum(s.latency_s for s in self.steps)


class UnansweredError(GenerationError):
    """A query without an answer: every size that was called failed, or one broke off while its answer was passed on."""

    def __init__(self, reason: str, *, decision: Decision, steps: Sequence[Step], begun: bool = False) -> None:
        """Give the reason, the choice before the first call, all calls, and whether part of an answer went out."""
        super().__init__(reason)
        self.decision, self.steps, self.begun = decision, tuple(steps), begun


def selected(p: Mapping[str, float], steps: Sequence[tuple[str, float]]) -> bool:
    """Whether an answer was kept for what answers said, so that its rating tells little of how good its size is.

    So it is where several sizes were called, and where what the only answer showed changed the chance that it is right.

    Args:
        p: Chance that a size is right before any answer, by size.
        steps: The sizes called, in order, each with the chance after its answer.
    """
    return len(steps) > 1 or any(p.get(size) != p_right for size, p_right in steps)


def checked_cost_weight(weight: float, error: type[InvalidInputError] = InvalidInputError) -> float:
    """Return a cost weight that can be used; raise `error` where it is negative or not finite."""
    if not (isinstance(weight, int | float) and 0 <= weight <= LARGEST):
        raise error(f"cost_weight is {value_shown(weight)}; give a number of at least 0, and at most {LARGEST:g}.")
    return float(weight)


def best(p: Sequence[float], cost: Sequence[float], cost_weight: float, allowed: Sequence[int] | None = None) -> int:
    """Return the index of the greatest p - cost_weight * cost; ties go to the cheaper, lower one.

    Only the indices that are `allowed`, in ascending order, may be returned; None allows all.
    """
    utility = [a - cost_weight * c for a, c in zip(p, cost, strict=True)]
    if allowed is not None:
        return max(allowed, key=utility.__getitem__)
    return utility.index(max(utility))
