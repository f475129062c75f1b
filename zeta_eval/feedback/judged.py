"""Feedback completed to a table that can be tuned on: one score for every size on every query.

A query of a history was answered by the size that the policy chose, seldom by all. The policy's own estimates fill the
gaps. They are first corrected by size and task, by a logistic fit to the feedback in which each rating has weight one
over its propensity: without that weight, a size would be judged by the queries that the policy sent to it.

Only answers that were not kept for what they said are taken. Where a cascade keeps what looks right and goes past what
looks wrong, no weight makes up for what is missing: those ratings are left out, and so are the queries.

Any source may be wrong, except those that the caller trusts. So each source is fitted alone and changes an estimate by
at most `corrections.SOURCE_SHIFT`; its rating of an answer moves the score by at most `WORD` of the way; and it brings
no more queries than all others together, or `LEAST_QUERIES`. So one source, however many ratings it gives, changes no
estimate by more than .25, and no score that is tuned on by more than .44 (WORD + (1 - WORD) * .25).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.arrays import Floats, logit, sigmoid
from zeta_eval.exceptions import OutcomesError, UnknownNameError
from zeta_eval.feedback.corrections import Correction, fit, pooled
from zeta_eval.feedback.rows import UNTOLD
from zeta_eval.outcomes.conversations import queries_of
from zeta_eval.outcomes.split import split_names

if TYPE_CHECKING:
    from zeta_eval.feedback.history import History

WEIGHT_CAP: Final = 20.0
"""Greatest weight of a rating, where a rating with propensity 1 has weight 1."""
COST_PRIOR: Final = 30
"""Number of measured costs that move a size's expected cost half of the way."""
WORD: Final = 0.25
"""Share of the way from the estimate to a source's rating that the rating moves a score; of several, 1 at most."""
LEAST_QUERIES: Final = 1000
"""Number of queries that a source may bring where all others bring fewer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """The judged answers of a history: R ratings by S sources on Q queries and M sizes."""

    sizes: tuple[str, ...]
    """The sizes, cheapest first."""
    queries: pd.DataFrame
    """One row per query: query_id, query, task, split."""
    at: npt.NDArray[np.intp]
    """Index of the query of each rating, shape (R,)."""
    size: npt.NDArray[np.intp]
    """Index of the size that answered, shape (R,)."""
    score: Floats
    """The ratings, shape (R,), in [0, 1]."""
    sources: tuple[str, ...]
    """Names of the sources."""
    source: npt.NDArray[np.intp]
    """Index of the source of each rating, shape (R,)."""
    trusted: npt.NDArray[np.bool_]
    """Whether a source is trusted, so that its ratings are not bounded; shape (S,)."""
    propensity: Floats
    """Probability with which that size was chosen, shape (R,); 1 where it is not known."""
    explored: npt.NDArray[np.bool_]
    """Ratings that can compare sizes, shape (R,): the size had a known chance below 1 to be chosen."""
    measured: pd.DataFrame
    """Measured costs by rating: gpu_s, cost_usd, latency_s; NaN where there is none, or an earlier rating has it."""

    left_out: int
    """Ratings of answers that were kept for what answers said; they are in none of the arrays."""

    @classmethod
    def of(
        cls, history: History, sizes: tuple[str, ...], *, trusted: Sequence[str] = (), beside: Sequence[str] = ()
    ) -> Judged:
        """Read the ratings of some sizes, cheapest first; each of the `trusted` sources must have judged something.

        The queries are split together with those `beside` them in a table.

        Raises:
            OutcomesError: there are no ratings, or all are of answers that were kept for what answers said.
            UnknownNameError: no such source.
        """
        every = history.ratings()
        every = every[every["model"].isin(sizes)]
        if every.empty:
            raise OutcomesError(f"The history has no scored answer of {', '.join(sizes)}; give feedback first.")
        kept = every["selected"].to_numpy(dtype=bool)
        rows = every[~kept].reset_index(drop=True)
        if rows.empty:
            raise OutcomesError(
                f"All {len(every)} rated answers were kept by a cascade for what they said, so they tell nothing of "
                "how good a size is; generate with explore=0.05, or rate answers of sizes that `route` chose."
            )
        at = pd.factorize(rows["query_id"])[0]
        queries = rows.drop_duplicates("query_id")[["query_id", "query", "messages", "task"]].reset_index(drop=True)
        source, names = pd.factorize(rows["source"], sort=True)
        for name in trusted:
            if name not in set(names):
                raise UnknownNameError("source of feedback", name, names)
        propensity = rows["propensity"].to_numpy(dtype="float64")
        measured = rows[["gpu_s", "cost_usd", "latency_s"]].astype("float64")
        return cls(
            sizes=sizes,
            queries=queries.assign(split=split_names([*beside, *queries["query"]])[len(beside) :]),
            at=at,
            size=pd.Index(sizes).get_indexer(pd.Index(rows["model"])),
            score=rows["score"].to_numpy(dtype="float64"),
            sources=tuple(map(str, names)),
            source=source,
            trusted=np.isin(names.astype(str), trusted),
            propensity=propensity,
            explored=propensity < 1,
            measured=measured.mask(rows["run_id"].duplicated()),
            left_out=int(kept.sum()),
        )

    def __len__(self) -> int:
        """Number of ratings."""
        return len(self.at)

    @property
    def tasks(self) -> npt.NDArray[np.object_]:
        """Task of each query, None where it is not known; shape (Q,)."""
        return np.array([None if task == UNTOLD else task for task in self.queries["task"]], dtype=object)

    @property
    def texts(self) -> npt.NDArray[np.object_]:
        """The queries, shape (Q,); those of several messages are each a `Conversation`."""
        return queries_of(self.queries["query"], self.queries["messages"])

    @property
    def held_out(self) -> npt.NDArray[np.bool_]:
        """Whether the query of a rating is in the split `test`, shape (R,)."""
        return np.asarray(self.queries["split"] == "test")[self.at]

    def corrected(self, p: Floats) -> Floats:
        """Chance of success of every size, shape (Q, M): the policy's p, corrected by the feedback outside `test`.

        For each source and size, logit = shift + factor * logit p + shift of the task, by weighted penalised
        likelihood. With weights of one over the propensity the mean of a trusted source is doubly robust (Kang and
        Schafer 2007, section 3.3). Trusted sources are fitted first; the others then correct within a bound
        (`corrections.pooled`).
        """
        out = logit(np.clip(p, 1e-4, 1 - 1e-4))
        tasks = pd.factorize(self.queries["task"])[0]
        for m in range(len(self.sizes)):
            x, rows = out[:, m], (self.size == m) & ~self.held_out
            if (sure := rows & self.trusted[self.source]).any():
                x = x + self._fit(sure, x, tasks).change(x, tasks)
            doubted = (rows & (self.source == s) for s in np.flatnonzero(~self.trusted))
            out[:, m] = x + pooled([self._fit(each, x, tasks) for each in doubted if each.any()], x, tasks)
        return sigmoid(out)

    def rescaled(self, cost: Floats, unit: str) -> Floats:
        """Expected costs, shape (Q, M) in `unit`, moved towards the measured costs of each size."""
        known = self.measured[unit].to_numpy()
        out = cost.copy()
        for m in range(len(self.sizes)):
            rows = np.flatnonzero((self.size == m) & np.isfinite(known))
            expected = float(cost[self.at[rows], m].sum())
            ratio = float(known[rows].sum()) / expected if expected > 0 else 1.0
            out[:, m] *= (len(rows) * ratio + COST_PRIOR) / (len(rows) + COST_PRIOR)
        return out

    def completed(self, p: Floats, cost: Floats, unit: str, *, others: int = 0) -> pd.DataFrame:
        """An outcomes table with a score and a cost for every query and size; no source brings too many queries.

        A score is the mean rating of trusted sources. Without one it is p, moved by `WORD` of the way to each rating,
        and by several at most to their mean. A cost is the expected one, in `unit`. Arrays are of shape (Q, M), and
        `others` is the number of queries that are tuned on beside these.
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
        """Whether to tune on a query, shape (Q,): of those that one untrusted source alone judged, the first ones."""
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
        rows = self.queries[["query_id", "query", "messages", "task"]].iloc[np.repeat(at, m)].reset_index(drop=True)
        return rows.assign(
            dataset="history",
            model=list(self.sizes) * len(at),
            score=np.clip(score[at].ravel(), 0, 1),
            source="feedback",
            **{unit: cost[at].ravel()},
        )

    def _fit(self, rows: npt.NDArray[np.bool_], x: Floats, tasks: npt.NDArray[np.intp]) -> Correction:
        """The correction fitted to some ratings of one size."""
        weights = np.minimum(1 / self.propensity[rows], WEIGHT_CAP)
        at = self.at[rows]
        return fit(x[at], tasks[at], self.score[rows], weights / weights.mean())
