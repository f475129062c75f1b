"""Feedback made fit to tune on: what the sizes that did not answer would have got, expected from what did.

A query in a history was answered by the size it was routed to, seldom by all. The policy's own expectations fill the
gaps, after a logistic correction by size and task, fitted to the feedback with each row weighted by one over its
propensity: without these weights the sizes would be judged by the queries that the policy sent them.

Any source may lie, but those that the caller trusts. So each is fitted apart and moves an expectation by at most
`corrections.SOURCE_SHIFT`; its word on an answer counts at most `WORD` against the expectation; and it brings no more
queries than all others together, or `LEAST_QUERIES`. Together: without one source no expectation changes by
more than .25, and no score that is tuned on by more than .44 (WORD + (1 - WORD) * .25), however many labels it gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.feedback.corrections import Correction, fit, pooled
from zeta_eval.feedback.off_policy import Logged
from zeta_eval.outcomes.split import split_names

if TYPE_CHECKING:
    from zeta_eval.feedback.history import History

WEIGHT_CAP: Final = 20.0
"""Most that one row counts, in units of a row with propensity 1."""
UNTOLD: Final = "untold"
"""Task of an answer whose task nobody told, as `History.outcomes` names it."""
COST_PRIOR: Final = 30
"""Measured costs as many as this move a size's expected cost half of the way."""
WORD: Final = 0.25
"""How far one source's label of an answer moves its score from what is expected; those of several count 1 at most."""
LEAST_QUERIES: Final = 1000
"""Queries that a source may bring where all others bring fewer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What was said of a history's answers by sizes of a policy: R labels by S sources on Q queries and M sizes."""

    sizes: tuple[str, ...]
    """The sizes, cheapest first."""
    queries: pd.DataFrame
    """One row per query: query_id, query, task, split."""
    at: npt.NDArray[np.intp]
    """Query of each row, shape (R,)."""
    size: npt.NDArray[np.intp]
    """Size that answered, shape (R,)."""
    score: Floats
    """How good the answer was, shape (R,), in [0, 1]."""
    sources: tuple[str, ...]
    """Who judges: the kinds of source."""
    source: npt.NDArray[np.intp]
    """Which of them said so, shape (R,)."""
    trusted: npt.NDArray[np.bool_]
    """Sources that are believed without bound, shape (S,)."""
    propensity: Floats
    """Probability with which that size was chosen, shape (R,); 1 where it is not known."""
    evidence: npt.NDArray[np.bool_]
    """Rows that off-policy estimates may use, shape (R,): routed with a propensity below 1, and not escalated."""
    measured: pd.DataFrame
    """Measured costs of each row: gpu_s, cost_usd, latency_s; NaN where there is none, or an earlier row has it."""

    @classmethod
    def of(cls, history: History, sizes: tuple[str, ...], *, trusted: Sequence[str] = ()) -> Judged:
        """Read a history; answers of other sizes are left out.

        Args:
            history: What was decided and judged.
            sizes: The sizes, cheapest first.
            trusted: Sources that are believed without bound.

        Raises:
            OutcomesError: no answer of these sizes with a kept text has a score.
            UnknownNameError: nothing was judged by a trusted source.
        """
        rows = history.labels()
        rows = rows[rows["model"].isin(sizes)].reset_index(drop=True)
        if rows.empty:
            raise OutcomesError(f"The history has no scored answer of {', '.join(sizes)}; give feedback first.")
        at = pd.factorize(rows["query_id"])[0]
        queries = rows.drop_duplicates("query_id")[["query_id", "query", "task"]].reset_index(drop=True)
        source, names = pd.factorize(rows["source"], sort=True)
        for name in trusted:
            if name not in set(names):
                raise UnknownNameError("source of feedback", name, names)
        propensity = rows["propensity"].to_numpy(dtype="float64")
        measured = rows[["gpu_s", "cost_usd", "latency_s"]].astype("float64")
        return cls(
            sizes=sizes,
            queries=queries.assign(split=split_names(queries["query"])),
            at=at,
            size=pd.Index(sizes).get_indexer(pd.Index(rows["model"])),
            score=rows["score"].to_numpy(dtype="float64"),
            sources=tuple(map(str, names)),
            source=source,
            trusted=np.isin(names.astype(str), trusted),
            propensity=propensity,
            evidence=rows["alone"].to_numpy(dtype=bool) & (propensity < 1),
            measured=measured.mask(rows["run_id"].duplicated()),
        )

    def __len__(self) -> int:
        """Number of labels."""
        return len(self.at)

    @property
    def tasks(self) -> npt.NDArray[np.object_]:
        """Task of each query as the router was told it, None where it was not; shape (Q,)."""
        return np.array([None if task == UNTOLD else task for task in self.queries["task"]], dtype=object)

    @property
    def held_out(self) -> npt.NDArray[np.bool_]:
        """Rows whose query is in the split `test`, shape (R,)."""
        held: npt.NDArray[np.bool_] = (self.queries["split"] == "test").to_numpy()[self.at]
        return held

    def log(self, rows: npt.NDArray[np.bool_]) -> Logged:
        """Some rows as a log for off-policy estimates."""
        return Logged(chosen=self.size[rows], score=self.score[rows], propensity=self.propensity[rows])

    def corrected(self, p: Floats) -> Floats:
        """What is expected of every size, shape (Q, M): the policy's p, corrected by the feedback outside `test`.

        Per source and size, logit = shift + factor * logit p + shift of the task, by weighted penalised likelihood.
        With weights of one over the propensity the mean of a trusted one is doubly robust (Kang and Schafer 2007,
        section 3.3); the others correct what the trusted ones leave, within a bound (`corrections.pooled`).
        """
        out = np.log(np.clip(p, 1e-4, 1 - 1e-4) / (1 - np.clip(p, 1e-4, 1 - 1e-4)))
        tasks = pd.factorize(self.queries["task"])[0]
        for m in range(len(self.sizes)):
            x, rows = out[:, m], (self.size == m) & ~self.held_out
            if (sure := rows & self.trusted[self.source]).any():
                x = x + self._fit(sure, x, tasks).change(x, tasks)
            doubted = (rows & (self.source == s) for s in np.flatnonzero(~self.trusted))
            out[:, m] = x + pooled([self._fit(each, x, tasks) for each in doubted if each.any()], x, tasks)
        return np.asarray(1 / (1 + np.exp(-out)))

    def rescaled(self, cost: Floats, unit: str) -> Floats:
        """Expected costs, shape (Q, M) in `unit`, moved towards what was measured of each size."""
        known = self.measured[unit].to_numpy()
        out = cost.copy()
        for m in range(len(self.sizes)):
            rows = np.flatnonzero((self.size == m) & np.isfinite(known))
            expected = float(cost[self.at[rows], m].sum())
            ratio = float(known[rows].sum()) / expected if expected > 0 else 1.0
            out[:, m] *= (len(rows) * ratio + COST_PRIOR) / (len(rows) + COST_PRIOR)
        return out

    def completed(self, p: Floats, cost: Floats, unit: str, *, others: int = 0) -> pd.DataFrame:
        """An outcomes table, one row per query and size, of the queries that no source brings too many of.

        A score is what trusted sources say, else p, moved by `WORD` of the way to each label, by several to their mean
        at most; the cost is the expected one.

        Args:
            p: Expected score of each size, shape (Q, M).
            cost: Expected cost of each size in `unit`, shape (Q, M).
            unit: Cost column.
            others: Queries that are tuned on beside these.
        """
        said, gap, sure = np.zeros_like(p), np.zeros_like(p), np.zeros(p.shape, dtype=bool)
        cells = self.at, self.size
        sure[self.at[self.trusted[self.source]], self.size[self.trusted[self.source]]] = True
        heard = self.trusted[self.source] | ~sure[cells]
        np.add.at(said, cells, heard)
        np.add.at(gap, cells, heard * (self.score - p[cells]))
        each = 1 / np.maximum(said, 1)
        score = p + np.where(sure, each, np.minimum(WORD, each)) * gap
        return self._table(np.flatnonzero(self._counted(others)), score, cost, unit)

    def judged_by(self, source: int, cost: Floats, unit: str) -> pd.DataFrame:
        """An outcomes table of the queries on which one source judged every size, with its scores."""
        score = np.full_like(cost, np.nan)
        rows = self.source == source
        score[self.at[rows], self.size[rows]] = self.score[rows]
        return self._table(np.flatnonzero(np.isfinite(score).all(axis=1)), score, cost, unit)

    def _counted(self, others: int) -> npt.NDArray[np.bool_]:
        """Queries to tune on, shape (Q,): of those that one source alone judged the first ones, up to its bound."""
        n = len(self.queries)
        judges = np.zeros((n, len(self.sources)), dtype=bool)
        judges[self.at, self.source] = True
        keep = np.ones(n, dtype=bool)
        for s in np.flatnonzero(~self.trusted):
            own = np.flatnonzero(judges[:, s] & (judges.sum(axis=1) == 1))
            keep[own[max(n - len(own) + others, LEAST_QUERIES) :]] = False
        return keep

    def _table(self, at: npt.NDArray[np.intp], score: Floats, cost: Floats, unit: str) -> pd.DataFrame:
        m = len(self.sizes)
        rows = self.queries[["query_id", "query", "task"]].iloc[np.repeat(at, m)].reset_index(drop=True)
        return rows.assign(
            dataset="history",
            model=list(self.sizes) * len(at),
            score=np.clip(score[at].ravel(), 0, 1),
            source="feedback",
            **{unit: cost[at].ravel()},
        )

    def _fit(self, rows: npt.NDArray[np.bool_], x: Floats, tasks: npt.NDArray[np.intp]) -> Correction:
        """The correction that some labels of one size ask for."""
        weights = np.minimum(1 / self.propensity[rows], WEIGHT_CAP)
        at = self.at[rows]
        return fit(x[at], tasks[at], self.score[rows], weights / weights.mean())
