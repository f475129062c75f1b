"""What several attempts at each query come to: one of them, the best of k, and the answer that most of them give."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.measures.statistics import Bootstrap, measure
from zeta_eval.evaluation.reports.tables import printed, text_table
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.attempts import finals
from zeta_eval.outcomes.split import families

RIGHT: Final = 0.5
"""Score from which on an attempt counts as right."""


def pass_at_k(n: int, right: int, k: int) -> float:
    """Chance that at least one of k attempts is right, from n attempts of which some were right; NaN for n < k.

    1 - C(n - right, k) / C(n, k), which is unbiased (Chen et al. 2021, arXiv 2107.03374, equation 1).

    >>> pass_at_k(4, 1, 2)
    0.5
    """
    return math.nan if n < k else 1.0 - math.comb(n - right, k) / math.comb(n, k)


def ks(n: int) -> tuple[int, ...]:
    """The k of pass@k that are reported for n attempts: 1, 2, 4, ... and n."""
    return tuple(sorted({*(1 << i for i in range(n.bit_length()) if 1 << i <= n), n}))


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptsReport:
    """The attempts of every size in a table, with 95 % intervals over its queries."""

    sizes: pd.DataFrame
    """One row per size: size, attempts (most per query), n (queries), accuracy (mean score of an attempt), pass@k by k,
    majority (mean score of the answer that most attempts give) and agreement (mean share of the attempts that give it),
    the last four with `_low` and `_high`; `agreement_auc` is the chance that of a query whose majority is right and one
    whose majority is wrong the first has the larger agreement."""

    @classmethod
    def of(cls, outcomes: Outcomes, *, seed: int = 0) -> AttemptsReport | None:
        """Report the attempts of a table; None where it has one per query."""
        if outcomes.n_attempts == 1:
            return None
        frame = outcomes.attempts
        frame = frame.assign(final=finals(frame))[frame["score"].notna()]
        most = outcomes.n_attempts
        return cls(sizes=pd.DataFrame([_size(frame[frame["model"] == s], s, most, seed) for s in outcomes.sizes]))

    def text(self) -> str:
        """The numbers as plain text."""
        passes = [f"pass@{k}" for k in ks(int(self.sizes["attempts"].iloc[0]))]
        columns = {name: (name, ".3f") for name in ("accuracy", *passes[1:], "majority", "agreement", "agreement_auc")}
        shown = printed(self.sizes, {"size": ("size", ""), "attempts": ("attempts", "d"), **columns})
        return text_table(shown.rename(columns={"agreement_auc": "its AUC"}))

    def metrics(self, size: str) -> dict[str, float]:
        """The numbers of one size by name, to be recorded: n_attempts, pass_at_2, majority, agreement, intervals."""
        (row,) = self.sizes[self.sizes["size"] == size].to_dict("records") or ({},)
        by_itself = re.compile(r"size|n|accuracy.*|pass@1(_.*)?")
        named = {str(k).replace("pass@", "pass_at_"): v for k, v in row.items() if not by_itself.fullmatch(str(k))}
        return {"n_attempts" if name == "attempts" else name: float(value) for name, value in named.items()}

    def to_dict(self) -> list[dict[str, Any]]:
        """The numbers by size as JSON data."""
        found: list[dict[str, Any]] = self.sizes.to_dict("records")  # type: ignore[assignment]
        return found


def _size(rows: pd.DataFrame, size: str, most: int, seed: int) -> dict[str, Any]:
    """The numbers of one size, from its scored attempts."""
    groups = [group for _, group in rows.groupby("query_id", sort=False)]
    columns = {"accuracy": np.array([g["score"].mean() for g in groups])}
    tried = np.array([(len(g), int((g["score"] >= RIGHT).sum())) for g in groups], dtype=np.int64).reshape(-1, 2)
    for k in ks(most):
        columns[f"pass@{k}"] = np.array([pass_at_k(int(n), int(right), k) for n, right in tried])
    votes = np.array([_majority(g) for g in groups]).reshape(-1, 2)
    columns |= {"majority": votes[:, 0], "agreement": votes[:, 1]}
    found: dict[str, Any] = {"size": size, "attempts": most, "n": len(groups)}
    found |= _measured(columns, [str(g["query"].iloc[0]) for g in groups], seed)
    return found | {"agreement_auc": _auc(votes[:, 1], votes[:, 0] >= RIGHT)}


def _measured(columns: Mapping[str, Floats], queries: list[str], seed: int) -> dict[str, float]:
    """Means with intervals, of queries with few enough failed attempts; families of queries count as one."""
    found: dict[str, float] = {}
    for name, values in columns.items():
        known = np.isfinite(values)
        kept = values[known]
        if not kept.size:
            found |= measure(math.nan, kept).named(name)
            continue
        alike = families([q for q, k in zip(queries, known, strict=True) if k])
        draws = Bootstrap(len(kept), seed=seed, families=alike).means(kept[:, None])
        found |= measure(kept.mean(), draws[:, 0]).named(name)
    return found


def _majority(attempts: pd.DataFrame) -> tuple[float, float]:
    """Mean score of the attempts with the most frequent final answer, and their share; attempts without one don't vote.

    Where several answers are most frequent, the one given first counts; where no attempt has a final answer, the score
    is the mean of all and the share 0.
    """
    voted = attempts[attempts["final"] != ""]
    if voted.empty:
        return float(attempts["score"].mean()), 0.0
    counts = voted.groupby("final", sort=False)["score"].agg(["size", "mean"])
    best = counts.iloc[int(counts["size"].to_numpy().argmax())]
    return float(best["mean"]), float(best["size"]) / len(attempts)


def _auc(values: Floats, right: npt.NDArray[np.bool_]) -> float:
    """Chance that a value of a right one is larger than that of a wrong one, ties counting half; NaN without both."""
    yes, no = values[right], values[~right]
    if not len(yes) or not len(no):
        return math.nan
    order = np.sort(no)
    below, up_to = np.searchsorted(order, yes, "left"), np.searchsorted(order, yes, "right")
    return float((below + up_to).mean() / 2 / len(no))
