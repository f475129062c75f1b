"""Signals of the answers stored in a table, as arrays: what `generate` would see of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeta_eval.cascade import LOGPROBS
from zeta_eval.outcomes import Outcomes
from zeta_eval.replay.choice import Floats
from zeta_eval.signals import SIGNALS, agree, read_answer


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Signals of Q x M stored answers."""

    sizes: tuple[str, ...]
    """The sizes, cheapest first."""
    views: npt.NDArray[np.object_]
    """What each answer's text shows, shape (Q, M); None where no text is stored."""
    logprobs: dict[str, Floats]
    """Mean and smallest token log-probability by name, each (Q, M), NaN where there is none."""

    values: Floats
    """Signals of the text, shape (S, Q, M) in the order of `SIGNALS`; NaN where no text is stored."""

    @classmethod
    def of(cls, outcomes: Outcomes) -> Answers:
        """Read the answers of a table's complete queries."""
        texts = outcomes.texts("response")
        views = np.full(texts.shape, None, dtype=object)
        values = np.full((len(SIGNALS), *texts.shape), np.nan)
        for at, text in np.ndenumerate(texts):
            if isinstance(text, str):
                views[at] = view = read_answer(text)
                values[(slice(None), *at)] = view.values
        logprobs = {n: np.where(np.isfinite(x := outcomes.matrix(n)), x, np.nan) for n in LOGPROBS}
        return cls(sizes=outcomes.sizes, views=views, logprobs=logprobs, values=values)

    def column(self, name: str, size: int, rows: npt.NDArray[np.intp]) -> Floats:
        """Return one signal of one size's answers, NaN where it is missing, shape (len(rows),)."""
        if name in self.logprobs:
            return np.asarray(self.logprobs[name][rows, size])
        if name.startswith("agree "):
            return self._agreement(size, self.sizes.index(name.removeprefix("agree ")))[rows]
        return np.asarray(self.values[SIGNALS.index(name), rows, size])

    def _agreement(self, i: int, j: int) -> Floats:
        """Return how far two sizes' answers agree, shape (Q,), worked out once."""
        made: dict[tuple[int, int], Floats] = self.__dict__.setdefault("_agreements", {})
        if (i, j) not in made:
            pairs = zip(self.views[:, i], self.views[:, j], strict=True)
            made[i, j] = np.array([np.nan if a is None or b is None else agree(a, b) for a, b in pairs], dtype=float)
        return made[i, j]

    def names(self, ran: tuple[int, ...]) -> tuple[str, ...]:
        """Return the signals that the last of some answers has on at least half of the queries."""
        last = ran[-1]
        found: list[str] = []
        if np.isfinite(self.values[0, :, last]).mean() >= 0.5:
            found += SIGNALS
            found += [f"agree {self.sizes[i]}" for i in ran[:-1]]
        return (*found, *(n for n, x in self.logprobs.items() if np.isfinite(x[:, last]).mean() >= 0.5))
