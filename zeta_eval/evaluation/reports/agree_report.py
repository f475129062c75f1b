"""How far the scores of a table agree with people's labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from zeta_eval.evaluation.measures.agreement import agreement
from zeta_eval.evaluation.reports.tables import Page, printed
from zeta_eval.outcomes.split import families

LEVELS: Final = 11
"""Most ratings that the table of counts has as they are; with more they are rounded to tenths."""
FEW: Final = 30
"""Labels below which nobody has checked that an interval holds at its rate: see benchmarks/agreement.py."""

_COLUMNS: Final = {
    "answers of": ("size", ""),
    "labels": ("n", ".0f"),
    "kappa [95 %]": ("kappa", ".3f"),
    "equal": ("equal", ".3f"),
    "mean score": ("score", ".3f"),
    "mean label": ("label", ".3f"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreeReport:
    """Agreement of scores and labels, over all answers and by size."""

    sizes: pd.DataFrame
    """One row for all answers and one per size: size, n, kappa and equal with their intervals, mean score and label."""
    counts: pd.DataFrame
    """How often each score (row) met each label (column)."""
    left: Mapping[str, int]
    """Labels that were left out, by reason."""
    remarks: tuple[str, ...] = ()
    """What a reader should know."""

    @classmethod
    def of(
        cls, rows: pd.DataFrame, left: Mapping[str, int], remarks: tuple[str, ...] = (), *, seed: int = 0
    ) -> AgreeReport:
        """Compare the columns score and label of rows that have query_id, query and model."""
        parts = {"all": rows} | {str(m): g for m, g in rows.groupby("model", sort=False)}
        chosen = parts if len(parts) > 2 else {"all": rows}
        if len(rows) < FEW:
            remarks = (*remarks, f"There are {len(rows)} labels; with fewer than {FEW} the interval is rough.")
        return cls(
            sizes=pd.DataFrame([_measured(part, size, seed) for size, part in chosen.items()]),
            counts=pd.crosstab(_levels(rows["score"]), _levels(rows["label"])),
            left=dict(left),
            remarks=remarks,
        )

    def frame(self) -> pd.DataFrame:
        """The agreement over all answers and by size."""
        return self.sizes.copy()

    def text(self) -> str:
        """The agreement and the counts as plain text."""
        return self._page().text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page().html()

    def to_dict(self) -> dict[str, Any]:
        """The agreement and the counts as JSON data."""
        return {
            "sizes": self.sizes.to_dict("records"),
            "counts": [
                {"score": float(score), "label": float(label), "n": int(self.counts.loc[score, label])}
                for score in self.counts.index
                for label in self.counts.columns
            ],
            "left_out": dict(self.left),
            "remarks": list(self.remarks),
        }

    def _page(self) -> Page:
        counts = self.counts.rename(columns=lambda x: f"label {x:g}").reset_index(names="score")
        counts["score"] = [f"score {x:g}" for x in counts["score"]]
        whole = self.sizes.iloc[0]
        left = tuple(f"{n:,} labels {reason} were left out." for reason, n in self.left.items())
        verdict = f"Cohen's kappa {whole['kappa']:.3f} [{whole['kappa_low']:.3f}, {whole['kappa_high']:.3f}]"
        return Page(
            title=f"Scores and labels of {int(whole['n']):,} answers.",
            tables=(("", printed(self.sizes, _COLUMNS)), ("", counts.rename(columns={"score": ""}))),
            remarks=(*left, *self.remarks),
            conclusions=(f"{verdict} (quadratic weights where ratings are graded).",),
        )


def _measured(rows: pd.DataFrame, size: str, seed: int) -> dict[str, Any]:
    codes, ids = pd.factorize(rows["query_id"])
    texts = rows.drop_duplicates("query_id")["query"].tolist()
    score, label = (rows[c].to_numpy(dtype="float64") for c in ("score", "label"))
    found = agreement(score, label, codes, families=families(texts) if len(ids) else None, seed=seed)
    means = {"score": float(score.mean()), "label": float(label.mean())}
    return {"size": size, "n": found.n, **found.kappa.named("kappa"), **found.equal.named("equal"), **means}


def _levels(ratings: pd.Series) -> pd.Series:
    """Ratings as the table of counts has them."""
    found: pd.Series = ratings.round(4 if ratings.round(4).nunique() <= LEVELS else 1)
    return found
