"""The linear fit behind modelled latencies, and how sure it is: only a few queries of a size are measured alone."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zeta_eval.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

TOKENS = ["prompt_tokens", "completion_tokens"]
"""Columns that latencies are modelled by."""

QUANTILES = {"p50": 0.5, "p95": 0.95}
"""Quantiles of a size's latency that are reported."""


def least_squares(x: Floats, y: Floats) -> tuple[list[float], float | None]:
    """Non-negative least squares of y (n,) on the few columns of x (n, k): coefficients and R2.

    The best fit without a sign rule on some subset of the columns, the others 0, is the best under it (Lawson and
    Hanson 1974, chapter 23); with k <= 3 all subsets are tried.
    """
    best, least = np.zeros(x.shape[1]), float(y @ y)
    for size in range(1, x.shape[1] + 1):
        for columns in itertools.combinations(range(x.shape[1]), size):
            part = x[:, columns]
            coefficients, _, rank, _ = np.linalg.lstsq(part, y)
            error = float(((y - part @ coefficients) ** 2).sum())
            if rank == size and (coefficients >= 0).all() and error < least:
                least = error
                best = np.zeros(x.shape[1])
                best[list(columns)] = coefficients
    spread = float(((y - y.mean()) ** 2).sum())
    return best.tolist(), 1 - least / spread if spread > 0 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sureness:
    """How far a fit's mean may be off, from the queries that it was fitted to."""

    used: list[int]
    """Columns with a coefficient above 0."""
    covariance: Floats
    """Of their coefficients, shape (k, k)."""
    t: float
    """97.5 % quantile of Student's t for n - k degrees of freedom; NaN where there are none."""

    @classmethod
    def of(cls, x: Floats, y: Floats) -> Sureness:
        """Fit y (n,) to the columns of x (n, k), and tell how sure the coefficients are.

        Errors may differ from query to query, as long answers vary more: the covariance is HC3 (Long and Ervin 2000).
        """
        from scipy.stats import t as student

        coefficients = np.array(least_squares(x, y)[0])
        used = np.flatnonzero(coefficients > 0).tolist()
        part, free = x[:, used], len(y) - len(used)
        bread = np.linalg.pinv(part.T @ part)
        leverage = np.einsum("ij,jk,ik->i", part, bread, part)
        error = (y - part @ coefficients[used]) / np.maximum(1 - leverage, 1e-3)
        meat = (part * error[:, None] ** 2).T @ part
        return cls(
            used=used, covariance=bread @ meat @ bread, t=float(student.ppf(0.975, free)) if free > 0 else math.nan
        )

    def half_width(self, x: Floats) -> float:
        """Return half the 95 % interval of the fit's mean at one point (k,)."""
        part = x[self.used]
        return self.t * math.sqrt(max(0.0, float(part @ self.covariance @ part)))


def modelled_latency(rows: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return p50 and p95 of one size's latency, each with the 95 % interval of the fit that modelled it, in seconds.

    Empty where no latency is modelled, or the rows hold no measured ones. The interval is about the fit's mean at the
    tokens of the query at the quantile; how much single queries scatter about it is not part of it.
    """
    columns = [*TOKENS, "latency_s"]
    known = rows.loc[rows[columns].notna().all(axis=1)]
    values = known[columns].to_numpy(dtype=np.float64)
    measured = (known["latency_source"] == "measured").to_numpy(dtype=bool, na_value=False)
    modelled = (known["latency_source"] == "modelled").to_numpy(dtype=bool, na_value=False)
    if not measured.any() or not modelled.any():
        return {}
    x, y = np.column_stack([np.ones(len(values)), values[:, :2]]), values[:, 2]
    sure, found = Sureness.of(x[measured], y[measured]), {}
    for name, q in QUANTILES.items():
        value = float(np.quantile(y, q))
        half = sure.half_width(x[int(np.abs(y - value).argmin())])
        found[name] = (value, max(0.0, value - half), value + half)
    return found


def latency_note(frame: pd.DataFrame, sizes: tuple[str, ...]) -> str | None:
    """Say how sure the modelled latencies of a table are; None where none is modelled from measured ones."""
    said = []
    for size in sizes:
        rows = frame[frame["model"] == size]
        if found := modelled_latency(rows):
            n = int((rows["latency_source"] == "measured").sum())
            quantiles = ", ".join(f"{name} {v:.3g} s [{low:.3g}, {high:.3g}]" for name, (v, low, high) in found.items())
            said.append(f"{size} {quantiles} ({n} measured)")
    if not said:
        return None
    return f"latencies are modelled from the queries measured alone, with the fit's 95 % interval: {'; '.join(said)}."
