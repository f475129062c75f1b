"""Feedback made fit to tune on: what the sizes that did not answer would have got, expected from what did.

A query in a history was answered by the size it was routed to, seldom by all. The policy's own expectations fill the
gaps, after a logistic correction by size and task, fitted to the feedback with each row weighted by one over its
propensity: without these weights the sizes would be judged by the queries that the policy sent them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.exceptions import OutcomesError
from zeta_eval.feedback.off_policy import Floats, Logged
from zeta_eval.outcomes.split import split_names

if TYPE_CHECKING:
    from zeta_eval.feedback.history import History

WEIGHT_CAP: Final = 20.0
"""Most that one row counts, in units of a row with propensity 1."""
SHIFT_SD: Final = 1.0
"""Prior standard deviation, in log-odds, of a size's shift and of a task's: few labels move little."""
SCALE_SD: Final = 0.5
"""Prior standard deviation of the factor on the policy's log-odds, around 1."""
UNTOLD: Final = "untold"
"""Task of an answer whose task nobody told, as `History.outcomes` names it."""
COST_PRIOR: Final = 30
"""Measured costs as many as this move a size's expected cost half of the way."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """The judged answers of a history by sizes of a policy: R rows on Q queries and M sizes."""

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
    propensity: Floats
    """Probability with which that size was chosen, shape (R,); 1 where it is not known."""
    evidence: npt.NDArray[np.bool_]
    """Rows that off-policy estimates may use, shape (R,): routed with a propensity below 1, and not escalated."""
    measured: pd.DataFrame
    """Measured costs of each row: gpu_s, cost_usd, latency_s; NaN where there is none."""

    @classmethod
    def of(cls, history: History, sizes: tuple[str, ...]) -> Judged:
        """Read a history; answers of other sizes are left out.

        Raises:
            OutcomesError: no answer of these sizes with a kept text has a score.
        """
        rows = history.outcomes().frame
        rows = rows[rows["model"].isin(sizes) & rows["score"].notna()].reset_index(drop=True)
        if rows.empty:
            raise OutcomesError(f"The history has no scored answer of {', '.join(sizes)}; give feedback first.")
        decided = history.frame().set_index("decision_id")
        found = decided.reindex(rows["run_id"])
        propensity = np.asarray(found["propensity"].fillna(1.0), dtype=np.float64)
        alone = (found["size"] == found["final_size"]).to_numpy() & [_calls(s) <= 1 for s in found["steps"]]
        at = pd.factorize(rows["query_id"])[0]
        queries = rows.drop_duplicates("query_id")[["query_id", "query", "task"]].reset_index(drop=True)
        return cls(
            sizes=sizes,
            queries=queries.assign(split=split_names(queries["query"])),
            at=at,
            size=pd.Index(sizes).get_indexer(pd.Index(rows["model"])),
            score=rows["score"].to_numpy(dtype="float64"),
            propensity=propensity,
            evidence=alone & (propensity < 1),
            measured=rows[["gpu_s", "cost_usd", "latency_s"]].astype("float64"),
        )

    def __len__(self) -> int:
        """Number of judged answers."""
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

        Per size, logit = shift + factor * logit p + shift of the task, by weighted penalised likelihood. With weights
        of one over the propensity its mean is doubly robust (Kang and Schafer 2007, section 3.3).
        """
        log_odds = np.log(np.clip(p, 1e-4, 1 - 1e-4) / (1 - np.clip(p, 1e-4, 1 - 1e-4)))
        tasks = pd.factorize(self.queries["task"])[0]
        out = np.empty_like(p)
        for m in range(len(self.sizes)):
            rows = np.flatnonzero((self.size == m) & ~self.held_out)
            fitted = _fit(log_odds[self.at[rows], m], tasks[self.at[rows]], self.score[rows], self._weights(rows))
            out[:, m] = 1 / (1 + np.exp(-_logits(fitted, log_odds[:, m], tasks)))
        return out

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

    def completed(self, p: Floats, cost: Floats, unit: str) -> pd.DataFrame:
        """An outcomes table, one row per query and size: the score given, else p; the cost is the expected one.

        Args:
            p: Expected score of each size, shape (Q, M).
            cost: Expected cost of each size in `unit`, shape (Q, M).
            unit: Cost column.
        """
        score = p.copy()
        score[self.at, self.size] = self.score
        q, m = score.shape
        rows = self.queries[["query_id", "query", "task"]].loc[np.repeat(np.arange(q), m)].reset_index(drop=True)
        return rows.assign(
            dataset="history",
            model=list(self.sizes) * q,
            score=np.clip(score.ravel(), 0, 1),
            source="feedback",
            **{unit: cost.ravel()},
        )

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Queries on which every size was judged, shape (Q,)."""
        seen = np.zeros((len(self.queries), len(self.sizes)), dtype=bool)
        seen[self.at, self.size] = True
        return np.asarray(seen.all(axis=1))

    def _weights(self, rows: npt.NDArray[np.intp]) -> Floats:
        weights = np.minimum(1 / self.propensity[rows], WEIGHT_CAP)
        return weights / weights.mean() if len(rows) else weights


def _calls(steps: object) -> int:
    """Sizes that ran for a decision; an answer made elsewhere has no list."""
    return len(steps) if isinstance(steps, list) else 0


@dataclass(frozen=True, slots=True, eq=False)
class _Correction:
    """logit = shift + factor * x + by_task[task]."""

    shift: float
    factor: float
    by_task: Floats


def _logits(correction: _Correction, x: Floats, tasks: npt.NDArray[np.intp]) -> Floats:
    by_task = np.append(correction.by_task, np.zeros(max(0, int(tasks.max()) + 1 - len(correction.by_task))))
    return np.asarray(correction.shift + correction.factor * x + by_task[tasks])


def _fit(x: Floats, tasks: npt.NDArray[np.intp], score: Floats, weights: Floats) -> _Correction:
    """Fit the correction of one size by L-BFGS; without rows it is none."""
    from scipy.optimize import minimize

    if not len(x):
        return _Correction(0.0, 1.0, np.zeros(0))
    k = int(tasks.max()) + 1
    precision = np.r_[1 / SHIFT_SD**2, 1 / SCALE_SD**2, np.full(k, 1 / SHIFT_SD**2)]
    prior = np.r_[0.0, 1.0, np.zeros(k)]

    def loss(v: Floats) -> tuple[float, Floats]:
        z = v[0] + v[1] * x + v[2:][tasks]
        value = float((weights * (np.logaddexp(0.0, z) - score * z)).sum())
        dz = weights * (1 / (1 + np.exp(-z)) - score)
        gap = precision * (v - prior)
        slope = np.r_[dz.sum(), dz @ x, np.bincount(tasks, weights=dz, minlength=k)]
        return value + float(gap @ (v - prior)) / 2, slope + gap

    found = minimize(loss, prior, method="L-BFGS-B", jac=True).x
    return _Correction(float(found[0]), float(found[1]), found[2:])
