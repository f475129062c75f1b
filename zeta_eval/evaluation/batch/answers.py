"""Signals of the answers stored in a table, as arrays: the same that `generate` reads of a live answer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, Mask, Sizes
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.cascade import TOTAL_LOGPROBS
from zeta_eval.router.signals import SIGNALS, AnswerView, read_answer

_BLOCK = 1 << 14
"""Queries whose answers are taken from the table at once: it bounds the memory."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Signals of Q x M stored answers. Those of the largest size's texts are left out: nothing comes after it."""

    outcomes: Outcomes
    """The table that holds the answers."""
    sizes: tuple[str, ...]
    """The sizes, cheapest first."""
    finals: npt.NDArray[np.int64]
    """Hash of the final answer, 0 where there is none, shape (Q, M - 1)."""
    engine: dict[str, Floats]
    """Signals of `zeta_eval.router.cascade.engine_signals` by name, each (Q, M), NaN where there is none."""
    values: Floats
    """Signals of the text, shape (S, Q, M - 1) in the order of `SIGNALS`; NaN where no text is stored."""

    @property
    def failed(self) -> Mask:
        """Which sizes gave no answer because their context is too small, shape (Q, M)."""
        return self.outcomes.too_long

    def take(self, rows: Sizes) -> Answers:
        """Return those to some queries."""
        return Answers(
            outcomes=self.outcomes.take(rows),
            sizes=self.sizes,
            finals=self.finals[rows],
            engine={name: x[rows] for name, x in self.engine.items()},
            values=self.values[:, rows],
        )

    @classmethod
    def of(cls, outcomes: Outcomes) -> Answers:
        """Read the answers of a table's complete queries."""
        q, m = len(outcomes), len(outcomes.sizes) - 1
        finals, values = np.zeros((q, m), dtype=np.int64), np.full((len(SIGNALS), q, m), np.nan)
        for start in range(0, q, _BLOCK):
            texts = outcomes.texts("response", slice(start, start + _BLOCK))
            for i, k in product(range(len(texts)), range(m)):
                if isinstance(text := texts[i, k], str):
                    view = read_answer(text)
                    values[:, start + i, k] = view.values
                    finals[start + i, k] = hash(view.final) if view.final else 0
        return cls(
            outcomes=outcomes, sizes=outcomes.sizes, finals=finals, engine=_engine_signals(outcomes), values=values
        )

    def view(self, query: int, size: int) -> AnswerView | None:
        """Read the signals of one answer's text; None where no text is stored."""
        text = self.outcomes.texts("response", slice(query, query + 1))[0, size]
        return read_answer(text) if isinstance(text, str) else None

    def column(self, name: str, size: int, rows: npt.NDArray[np.intp]) -> Floats:
        """Return one signal of one size's answers, NaN where it is missing, shape (len(rows),)."""
        if name in self.engine:
            return np.asarray(self.engine[name][rows, size])
        if name.startswith("agree "):
            return self._agreement(size, self.sizes.index(name.removeprefix("agree ")), rows)
        return np.asarray(self.values[SIGNALS.index(name), rows, size])

    def _agreement(self, i: int, j: int, rows: npt.NDArray[np.intp]) -> Floats:
        """Return `router.signals.agree` of two sizes' answers, NaN where a text is missing, shape (len(rows),)."""
        a, b = self.finals[rows, i], self.finals[rows, j]
        told = np.where((a == 0) | (b == 0), 0.5, a == b)
        return np.asarray(np.where(np.isnan(self.values[0, rows, i] + self.values[0, rows, j]), np.nan, told))

    @property
    def stored(self) -> bool:
        """Whether any size but the last has a signal on at least half of the queries."""
        return any(self.names((size,)) for size in range(self.values.shape[2]))

    def names(self, ran: tuple[int, ...]) -> tuple[str, ...]:
        """Return the signals that the last of some answers has on at least half of the queries."""
        last = ran[-1]
        found: list[str] = []
        if np.isfinite(self.values[0, :, last]).mean() >= 0.5:
            found += SIGNALS
            found += [f"agree {self.sizes[i]}" for i in ran[:-1]]
        return (*found, *(n for n, x in self.engine.items() if np.isfinite(x[:, last]).mean() >= 0.5))


def _engine_signals(outcomes: Outcomes) -> dict[str, Floats]:
    found = {n: outcomes.matrix(n) for n in ("mean_logprob", "min_logprob", "confidence", "agreement")}
    total = found["mean_logprob"] * outcomes.matrix("completion_tokens")
    found["answer_log_odds"] = -np.log(np.expm1(-np.clip(np.where(np.isfinite(total), total, np.nan), *TOTAL_LOGPROBS)))
    return {n: np.where(np.isfinite(x), x, np.nan) for n, x in found.items()}
