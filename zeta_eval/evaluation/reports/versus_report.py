"""What a comparison of policies found: as data, a figure, HTML, JSON and plain text."""

from __future__ import annotations

import html
import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.reports.style import image, shorten
from zeta_eval.files import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION: Final = 1
"""Version of the JSON's layout."""

LISTED: Final = 5
"""Tasks and queries that the text names for each policy."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Versus:
    """Two or more policies on the same queries; every interval is 95 %, every difference is to the first, paired."""

    policies: tuple[str, ...]
    """Names of the policies; the first is what the others are compared with."""
    split: str
    """Split that was evaluated."""
    cost_unit: str
    """Column the costs come from."""
    cost_weight: float
    """What a call of the largest size is worth in every utility, accuracy - cost_weight * cost share: the common cost
    weight, or the first policy's own."""
    n: int
    """Queries evaluated: those with a score on every size of every policy."""
    n_excluded: int
    """Queries left out because a size has no scored row on them."""
    seed: int
    """Seed of the resamples."""
    n_bootstrap: int
    """Number of resamples."""
    sizes: tuple[str, ...]
    """All sizes of the policies, cheapest first."""
    singles: Floats
    """Mean (cost, accuracy) of each size alone, shape (M, 2), cost in `cost_unit`."""
    rows: pd.DataFrame
    """One row per policy: its cost weight, accuracy, cost, utility, latency and shares; then `*_difference` with its
    interval and p-value, and `n_differ`, the queries for which other sizes run. NaN in the first row's differences."""
    disagreements: pd.DataFrame
    """One row per policy and query for which other sizes run than with the first policy: task, query_id, query,
    sizes_first and sizes (what runs, "4B > 14B" is a cascade), score_difference, cost_difference in `cost_unit`."""
    by_task: pd.DataFrame
    """One row per policy and task: n, n_differ, accuracy_difference with its interval, cost_difference, and `won` and
    `lost`, the queries with a higher and a lower score."""
    notes: tuple[str, ...] = ()
    """What a reader should know about this comparison."""

    def frame(self) -> pd.DataFrame:
        """One row per policy; see `rows`."""
        return self.rows

    def plot(self) -> Figure:
        """Where the policies stand, and their paired differences over all and by task."""
        from zeta_eval.evaluation.reports.plot import plot_versus

        return plot_versus(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; what can't be told is None."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        tables = {name: value.to_dict("records") for name, value in data.items() if isinstance(value, pd.DataFrame)}
        content: dict[str, Any] = plain(data | tables | {"singles": self.singles.tolist()})
        return {"schema_version": SCHEMA_VERSION} | content

    def title(self) -> str:
        """Say in a line what was compared on what."""
        out = f", {self.n_excluded} excluded as incomplete" if self.n_excluded else ""
        return (
            f"{len(self.policies)} policies on split '{self.split}': {self.n} queries{out}; costs in {self.cost_unit} "
            f"per query, utility = accuracy - {self.cost_weight:.3g} * cost / the largest size's; shares are of "
            f"{' / '.join(self.sizes)}; 95 % intervals: {self.n_bootstrap} resamples, seed {self.seed}"
        )

    def conclusions(self) -> list[str]:
        """Say for each policy but the first, in a sentence, whether it is better."""
        return [_conclusion(row, self.policies[0]) for row in _records(self.rows.iloc[1:])]

    def text(self) -> str:
        """The tables for a terminal; the last lines say in words which policy is better."""
        parts = [self.title()]
        for heading, table in self._tables():
            parts += ["", *([heading] if heading else []), table.to_string(index=False, justify="right")]
        notes = [f"Note: {note}" for note in self.notes]
        return "\n".join([*parts, "", *notes, *self.conclusions()])

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        picture = b64encode(image(self.plot())).decode("ascii")
        parts = [
            f"<p>{html.escape(self.title())}</p>",
            f"<img src='data:image/png;base64,{picture}' style='max-width:100%' alt='where the policies stand'>",
        ]
        for heading, table in self._tables():
            parts += [f"<p>{html.escape(heading)}</p>"] if heading else []
            parts.append(table.to_html(index=False, border=0))
        parts += [f"<p>Note: {html.escape(n)}</p>" for n in self.notes]
        return "".join([*parts, *(f"<p><b>{html.escape(c)}</b></p>" for c in self.conclusions())])

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        """The tables to show, with their headings."""
        standing = [
            {
                "policy": row["policy"],
                "cost weight": f"{row['cost_weight']:.3g}",
                "accuracy": _with_interval(row, "accuracy", ".3f"),
                "cost": _with_interval(row, "cost", ".3g"),
                "of largest": f"{row['cost_ratio']:.1%}",
                "utility": _with_interval(row, "utility", ".3f"),
                "p95 s": _number(row["latency_p95_s"], ".3g"),
                "% of queries": "/".join(f"{100 * row[f'share_{s}']:.0f}" for s in self.sizes),
            }
            for row in _records(self.rows)
        ]
        gaps = [
            {
                "policy": row["policy"],
                **{
                    key: value
                    for name, form in (("accuracy", "+.3f"), ("cost", "+.3g"), ("utility", "+.3f"))
                    for key, value in (
                        (name, _with_interval(row, f"{name}_difference", form)),
                        (f"p {name}", _p_value(row[f"{name}_p"])),
                    )
                },
                "queries that differ": f"{int(row['n_differ'])} ({row['n_differ'] / self.n:.1%})",
            }
            for row in _records(self.rows.iloc[1:])
        ]
        found = [("", pd.DataFrame(standing)), (f"Differences to {self.policies[0]}:", pd.DataFrame(gaps))]
        for policy in self.policies[1:]:
            found += self._disagreements(policy)
        return found

    def _disagreements(self, policy: str) -> list[tuple[str, pd.DataFrame]]:
        """Where one policy disagrees with the first: by task, and the queries that matter most."""
        tasks = self.by_task[(self.by_task["policy"] == policy) & (self.by_task["n_differ"] > 0)]
        rows = self.disagreements[self.disagreements["policy"] == policy]
        if not len(rows):
            return []
        by_task = [
            {
                "task": row["task"],
                "queries": row["n"],
                "differ": row["n_differ"],
                "won": row["won"],
                "lost": row["lost"],
                "accuracy": _with_interval(row, "accuracy_difference", "+.3f"),
                "cost": _number(row["cost_difference"], "+.3g"),
            }
            for row in _records(tasks.nlargest(LISTED, "n_differ"))
        ]
        order = rows["score_difference"].abs() + 1e-6 * rows["cost_difference"].abs() / (self.singles[:, 0].max() or 1)
        queries = [
            {
                "task": row["task"],
                self.policies[0]: row["sizes_first"],
                policy: row["sizes"],
                "score": _number(row["score_difference"], "+.2g"),
                "cost": _number(row["cost_difference"], "+.3g"),
                "query": shorten(row["query"], 60),
            }
            for row in _records(rows.loc[order.nlargest(LISTED).index])
        ]
        more = "; all of them in .disagreements" if len(rows) > LISTED else ""
        return [
            (f"Where {policy} runs other sizes than {self.policies[0]}, by task:", pd.DataFrame(by_task)),
            (f"Queries with the greatest differences{more}:", pd.DataFrame(queries)),
        ]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], frame.to_dict("records"))


def _conclusion(row: Mapping[str, Any], first: str) -> str:
    low, high = row["utility_difference_low"], row["utility_difference_high"]
    better = "better" if low > 1e-9 else "worse" if high < -1e-9 else "neither better nor worse is shown"
    gap = _with_interval(row, "utility_difference", "+.3f")
    return f"{row['policy']} against {first}: {gap} in utility: {better}."


def _with_interval(row: Mapping[str, Any], name: str, form: str) -> str:
    low, high = (_number(row[f"{name}_{end}"], form) for end in ("low", "high"))
    return f"{_number(row[name], form)} [{low}, {high}]"


def _number(value: float, form: str) -> str:
    if math.isnan(value):
        return "-"
    text = format(value, form)
    return format(0.0, form) if float(text) == 0 else text  # no "-0.000"


def _p_value(p: float) -> str:
    return "<0.001" if p < 0.001 else _number(p, ".3f")
