"""Sessions: the size that a conversation keeps, so that the models' caches of its turns stay of use.

A size that answered a turn has read the conversation so far; another size has to read all of it anew. So a session
changes its size only where what it gains, in utility, is more than that reading costs. Once a session went up to a
larger size it does not go down again, so its sizes never go up, down and up. Standard library only.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final, NamedTuple

from zeta_eval.exceptions import InvalidInputError, value_shown

CAPACITY: Final = 10_000
"""Most sessions that are remembered; the one that was quiet longest is forgotten first."""

MARGIN: Final = 0.05
"""Utility that a change must gain where nobody measured what reading costs: five more right answers in a hundred."""


class State(NamedTuple):
    """What is remembered of a session."""

    size: int
    """Index of its size."""
    rose: bool = False
    """Whether it went up."""
    spent: bool = False
    """Whether it went up and then had to go down: it takes no step of its own choice any more."""

    def at(self, size: int) -> "State":
        """The state after a step to a size."""
        up, down = size > self.size, size < self.size
        return State(size, self.rose or up, self.spent or (down and self.rose))


@dataclass(frozen=True, slots=True)
class Offer:
    """What a turn offers a session."""

    utility: Sequence[float]
    """Chance minus weighted cost by size."""
    price: Sequence[float | None]
    """What reading the conversation anew would cost by size, in accuracy; None where it is not known."""
    allowed: Sequence[int]
    """Indices of the sizes that can hold the conversation, ascending."""

    def toll(self, size: int) -> float:
        """What a step to a size must gain."""
        price = self.price[size]
        return MARGIN if price is None else price


class Settled(NamedTuple):
    """What came of an offer."""

    size: int
    """Index of the size that takes the turn."""
    held: int | None
    """Index of the size before; None for a session's first turn."""
    wanted: int
    """Index of the size that would be taken without a session, or the best one that may be taken."""
    gain: float
    """Utility of the wanted size above that of the size before."""
    toll: float
    """What it had to gain."""
    bound: bool
    """Whether a step was out of the question, since the session went up before."""


class Turn(NamedTuple):
    """What a session made of a turn."""

    size: str
    """Name of the size that takes it."""
    held: bool = False
    """Whether the session had a size before."""
    told: str | None = None
    """What the session did, in a line; None where there is nothing to say."""


NO_SESSION: Final = Turn("")
"""Where a query belongs to none."""


def checked_name(session: str) -> str:
    """Return a session's name; raises InvalidInputError where it is none."""
    if not (isinstance(session, str) and session):
        raise InvalidInputError(f"The session is {value_shown(session)}; give the name of a conversation, as 'user-7'.")
    return session


class Sessions:
    """The sizes of the sessions of a router; any number of threads may share it."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        """Start without any; raises InvalidInputError where the capacity is below 1."""
        if capacity < 1:
            raise InvalidInputError(f"The capacity for sessions is {capacity}; give at least 1.")
        self._capacity = capacity
        self._states: OrderedDict[str, State] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """Number of sessions that are remembered."""
        return len(self._states)

    def __contains__(self, session: str) -> bool:
        """Whether a session is remembered."""
        return session in self._states

    def held(self, session: str) -> int | None:
        """Return the index of a session's size; None for one that is not remembered."""
        state = self._states.get(session)
        return None if state is None else state.size

    def settle(self, session: str, wanted: int, offer: Offer) -> Settled:
        """Return the size that takes a session's next turn, and remember it."""
        with self._lock:
            state = self._states.get(session)
            settled = Settled(wanted, None, wanted, 0.0, 0.0, False) if state is None else settle(state, wanted, offer)
            self._put(session, State(wanted) if state is None else state.at(settled.size))
            return settled

    def rise(self, session: str, size: int) -> None:
        """Remember that a larger size's answer was kept."""
        with self._lock:
            state = self._states.get(session)
            if state is not None and size > state.size:
                self._put(session, state.at(size))

    def _put(self, session: str, state: State) -> None:
        self._states[session] = state
        self._states.move_to_end(session)
        if len(self._states) > self._capacity:
            self._states.popitem(last=False)


def settle(state: State, wanted: int, offer: Offer) -> Settled:
    """Return what a session in a state makes of an offer; `wanted` is the size of the greatest utility."""
    held = state.size
    if held not in offer.allowed:
        larger = [i for i in offer.allowed if i > held] if state.rose else []
        size = max(larger or offer.allowed, key=offer.utility.__getitem__)
        return Settled(size, held, size, 0.0, 0.0, False)
    free = [i for i in offer.allowed if i > held or (i < held and not state.rose)] if not state.spent else []
    worth = {i: offer.utility[i] - offer.utility[held] - offer.toll(i) for i in free}
    best = max(free, key=worth.__getitem__, default=held)
    if best != held and worth[best] > 0:
        return Settled(best, held, best, offer.utility[best] - offer.utility[held], offer.toll(best), False)
    gain = offer.utility[wanted] - offer.utility[held]
    return Settled(held, held, wanted, gain, offer.toll(wanted), wanted != held and wanted not in free)


def told_of(settled: Settled, sizes: Sequence[str], offer: Offer, tokens: float) -> str | None:
    """Say in a line what a session did; None where there is nothing to say."""
    if settled.held is None or settled.wanted == settled.held:
        return None
    before, wanted = sizes[settled.held], sizes[settled.wanted]
    if settled.held not in offer.allowed:
        return f"the session leaves {before}, which can't hold the conversation any more, for {wanted}"
    if settled.bound:
        return f"the session stays at {before}: it went up before, and does not turn back to {wanted}"
    cost = f"reading about {tokens:,.0f} tokens anew costs {settled.toll:.3f} in accuracy"
    if offer.price[settled.wanted] is None:
        cost = f"what reading the conversation anew costs is not known, so a change must gain more than {MARGIN:g}"
    if settled.size == settled.held:
        return f"the session stays at {before}: {wanted} would gain {settled.gain:.3f}, and {cost}"
    return f"the session goes from {before} to {wanted}: that gains {settled.gain:.3f}, and {cost}"
