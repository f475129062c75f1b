"""What grading stored answers again has changed: by size, and row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from zeta_eval.evaluation.measures.statistics import Bootstrap, measure
from zeta_eval.evaluation.reports.tables import Page, printed
from zeta_eval.exceptions import InvalidInputError
from zeta_eval.files import replacing
from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families

SHOWN: Final = 5
"""Changes that are printed."""
NAMED: Final = 9
"""Tasks of one scorer that are named; more are counted."""
WIDTH: Final = 40
"""Characters of a text that are printed."""

_COLUMNS: Final = {
    "size": ("size", ""),
    "graded": ("n_graded", ".0f"),
    "no grade": ("n_without", ".0f"),
    "changed": ("n_changed", ".0f"),
    "up": ("n_up", ".0f"),
    "down": ("n_down", ".0f"),
    "accuracy before": ("before", ".3f"),
    "after": ("after", ".3f"),
    "difference [95 %]": ("difference", "+.3f"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RescoreReport:
    """A table with its answers graded again, and what has changed."""

    outcomes: Outcomes
    """The table with the new scores."""
    sizes: pd.DataFrame
    """One row per size: see `by_size`."""
    changes: pd.DataFrame
    """One row per answer whose score or `unparsed` changed."""
    left: Mapping[str, int]
    """Rows that were not graded again and keep their scores, by reason."""
    scorers: Mapping[str, str]
    """Name of the scorer of each task."""
    judge: Mapping[str, Any] | None = None
    """What a judge was asked and what it took, where one graded."""
    remarks: tuple[str, ...] = ()
    """What a reader should know."""

    def frame(self) -> pd.DataFrame:
        """The numbers by size."""
        return self.sizes.copy()

    def text(self) -> str:
        """The numbers by size and the first changes, as plain text."""
        return self._page().text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page().html()

    def to_dict(self) -> dict[str, Any]:
        """The numbers by size as JSON data; `save_changes` writes the changed rows."""
        return {
            "sizes": self.sizes.to_dict("records"),
            "n_changed": len(self.changes),
            "not_graded": dict(self.left),
            "scorers": dict(self.scorers),
            "judge": None if self.judge is None else dict(self.judge),
            "remarks": list(self.remarks),
        }

    def save_changes(self, path: str | Path) -> Path:
        """Write the changed rows as a .parquet, .csv or .jsonl file, whole or not at all; returns the path.

        Raises:
            InvalidInputError: another ending.
        """
        path = Path(path)
        check_changes_path(path)
        with replacing(path) as temp:
            if path.suffix == ".csv":
                self.changes.to_csv(temp, index=False)
            elif path.suffix == ".jsonl":
                self.changes.to_json(temp, orient="records", lines=True, force_ascii=False)
            else:
                self.changes.to_parquet(temp, index=False)
        return path

    def _page(self) -> Page:
        first = self.changes.head(SHOWN)[["query_id", "model", "score_before", "score_after", "target", "response"]]
        short = first.assign(**{c: [_short(text) for text in first[c]] for c in ("target", "response")})
        heading = f"The first of {len(self.changes):,} changed rows:"
        tables = [("", printed(self.sizes, _COLUMNS))]
        tables += [(heading, short.rename(columns={"score_before": "before", "score_after": "after"}))][: len(first)]
        kept = [f"{n:,} rows {reason} were not graded and keep their score." for reason, n in self.left.items()]
        n, without = int(self.sizes["n_graded"].sum()), int(self.sizes["n_without"].sum())
        if without:
            kept.append(
                f"{without:,} rows got no grade and have no score now. The difference is over the rest, which may be "
                "the easier part."
            )
        tasks: dict[str, list[str]] = {name: [] for name in self.scorers.values()}
        for task, name in self.scorers.items():
            tasks[name].append(task)
        by = "; ".join(f"{', '.join(t) if len(t) <= NAMED else f'{len(t)} tasks'} by {s}" for s, t in tasks.items())
        return Page(
            title=f"{n:,} stored answers graded again: {by}.",
            tables=tuple(tables),
            remarks=(*kept, *self.remarks),
            conclusions=(f"{len(self.changes):,} of {n + without:,} rows changed.",),
        )


def check_changes_path(path: str | Path) -> None:
    """Refuse a file that changes can't be written to, before any work.

    Raises:
        InvalidInputError: another ending than .parquet, .csv or .jsonl.
    """
    if Path(path).suffix not in (".parquet", ".csv", ".jsonl"):
        raise InvalidInputError(f"Changes are written to '{path}'; give a .parquet, .csv or .jsonl file.")


def by_size(
    before: pd.DataFrame, after: pd.DataFrame, graded: pd.Series, sizes: tuple[str, ...], *, seed: int = 0
) -> pd.DataFrame:
    """Compare the scores of the rows that were graded again, before and after, size by size.

    Args:
        before: Rows of a table, one per attempt.
        after: The same rows with their new scores.
        graded: Whether a row was graded again.
        sizes: The sizes, in the order of the result.
        seed: Seed of the intervals.

    Returns:
        One row per size: size, n_graded (rows with a new score), n_without (rows that got none), n_changed (rows with
        another score, or with one where there was none, or the reverse), n_up and n_down among them with two scores,
        before and after (mean score over rows with both), and difference with its 95 % interval (paired bootstrap over
        queries, families together).
    """
    return pd.DataFrame([_one(before, after, graded & (before["model"] == s), s, seed) for s in sizes])


def _one(before: pd.DataFrame, after: pd.DataFrame, rows: pd.Series, size: str, seed: int) -> dict[str, Any]:
    old, new = before.loc[rows, "score"], after.loc[rows, "score"]
    both = old.notna() & new.notna()
    means = pd.DataFrame({"query": before.loc[rows, "query"], "old": old, "new": new})[both].groupby("query").mean()
    delta = (means["new"] - means["old"]).to_numpy(dtype="float64")
    found = measure(float("nan"), delta)
    if len(delta):
        draws = Bootstrap(len(delta), seed=seed, families=families(list(means.index))).means(delta[:, None])
        found = measure(delta.mean(), draws[:, 0])
    return {
        "size": size,
        "n_graded": int(new.notna().sum()),
        "n_without": int(new.isna().sum()),
        "n_changed": int(((old != new) & (old.notna() | new.notna())).sum()),
        "n_up": int((new > old).sum()),
        "n_down": int((new < old).sum()),
        "before": float(means["old"].mean()),
        "after": float(means["new"].mean()),
        **found.named("difference"),
    }


def _short(text: Any) -> str:
    """The end of a text in one line, where answers stand."""
    line = " ".join(str(text).split()) if isinstance(text, str) else "-"
    return line if len(line) <= WIDTH else f"...{line[3 - WIDTH :]}"
