"""The report of a comparison of policies: as data, a figure, HTML, JSON and plain text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from zeta_eval.arrays import Floats
from zeta_eval.evaluation.reports.plane import draw_plane, draw_point
from zeta_eval.evaluation.reports.style import COLOURS, FAINT, MARKERS, canvas, legend, shorten, title
from zeta_eval.evaluation.reports.tables import Page, cell, printed
from zeta_eval.files import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCHEMA_VERSION: Final = 1
"""Version of the JSON's layout."""

TASKS: Final = 12
"""Tasks that the figure shows one by one."""

_DIFFERENCE: Final = ["accuracy_difference", "accuracy_difference_low", "accuracy_difference_high"]

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
    """Accuracy that a call of the largest size counts in every utility, accuracy - cost_weight * cost share: the common
    cost weight, or the first policy's own."""
    n: int
    """Queries evaluated: those with a score on every size of every policy."""
    n_families: int
    """Families of queries that differ in their digits alone; errors count families, not queries."""
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

    def plot(self) -> Axes:
        """The first axes of `figure`, for a notebook to show and for you to draw on."""
        return self.figure().axes[0]

    def figure(self) -> Figure:
        """Where the policies stand, and their paired differences over all and by task."""
        tasks = self.by_task.groupby("task")["n_differ"].sum().sort_values(ascending=False, kind="stable")
        shown = [str(t) for t in tasks.index[:TASKS]] if len(tasks) > 1 else []
        figure, [[plane, forest]] = canvas(1, 2, size=(10.5, max(4.4, 1.6 + 0.34 * len(shown))))
        draw_plane(plane, self.singles, self.sizes, self.cost_unit)
        rows = self.rows
        for i, row in enumerate(rows.to_dict("records")):
            interval = (row["accuracy_low"], row["accuracy_high"])
            draw_point(plane, row["cost"], row["accuracy"], interval, place=i, name=row["policy"])
        lines = ["all queries", *shown]
        for i, policy in enumerate(self.policies[1:], start=1):
            own = self.by_task[self.by_task["policy"] == policy].set_index("task")
            found = [rows.loc[i, _DIFFERENCE].to_numpy(dtype=float), *(own.loc[t, _DIFFERENCE] for t in shown)]
            value, low, high = np.array(found, dtype=float).T
            y = np.arange(len(lines)) + (i - len(self.policies) / 2) * 0.18
            look = {"fmt": MARKERS[i % len(MARKERS)], "color": COLOURS[i % len(COLOURS)], "capsize": 3}
            forest.errorbar(value, y, xerr=np.maximum(0, [value - low, high - value]), label=policy, **look)
        forest.axvline(0, color=FAINT, linewidth=1)
        forest.set_yticks(range(len(lines)), [shorten(line) for line in lines])
        forest.set_ylim(len(lines) - 0.5, -0.5)
        forest.set_xlabel(f"Accuracy minus that of {shorten(self.policies[0])} (score, 95 % interval)")
        part = f", {len(shown)} of {len(tasks)} tasks" if shown and len(shown) < len(tasks) else ""
        title(forest, f"Paired differences{part}")
        title(plane, f"{self.n} queries of split '{self.split}'")
        legend(figure, plane, forest)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values; an unknown number is None."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        tables = {name: value.to_dict("records") for name, value in data.items() if isinstance(value, pd.DataFrame)}
        content: dict[str, Any] = plain(data | tables | {"singles": self.singles.tolist()})
        return {"schema_version": SCHEMA_VERSION} | content

    def title(self) -> str:
        """Say in a line what was compared on what."""
        out = f" in {self.n_families} families of like ones" if self.n_families < self.n else ""
        out += f", {self.n_excluded} excluded as incomplete" if self.n_excluded else ""
        return (
            f"{len(self.policies)} policies on split '{self.split}': {self.n} queries{out}; costs in {self.cost_unit} "
            f"per query, utility = accuracy - {self.cost_weight:.3g} * cost / the largest size's; shares are of "
            f"{' / '.join(self.sizes)}; 95 % intervals: {self.n_bootstrap} resamples, seed {self.seed}"
        )

    def conclusions(self) -> list[str]:
        """Say for each policy but the first, in a sentence, whether it is better."""
        rows = self.rows.iloc[1:]
        gaps = printed(rows, {"gap": ("utility_difference", "+.3f")})["gap"]
        ends = zip(rows["utility_difference_low"], rows["utility_difference_high"], strict=True)
        words = (
            "better" if low > 1e-9 else "worse" if high < -1e-9 else "neither better nor worse is shown"
            for low, high in ends
        )
        first = self.policies[0]
        return [
            f"{name} against {first}: {gap} in utility: {word}."
            for name, gap, word in zip(self.policies[1:], gaps, words, strict=True)
        ]

    def text(self) -> str:
        """Return the tables for a terminal; the last lines say in words which policy is better."""
        return self._page().text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page().html(self.figure())

    def _page(self) -> Page:
        return Page(
            title=self.title(),
            tables=tuple(self._tables()),
            remarks=tuple(f"Note: {note}" for note in self.notes),
            conclusions=tuple(self.conclusions()),
        )

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        """The tables to show, with their headings."""
        shares = self.rows[[f"share_{s}" for s in self.sizes]].to_dict("records")
        standing = printed(
            self.rows,
            {
                "policy": ("policy", ""),
                "cost weight": ("cost_weight", ".3g"),
                "accuracy": ("accuracy", ".3f"),
                "cost": ("cost", ".3g"),
                "of largest": ("cost_ratio", ".1%"),
                "utility": ("utility", ".3f"),
                "p95 s": ("latency_p95_s", ".3g"),
            },
        ).assign(**{"% of queries": [cell(share, "") for share in shares]})
        columns = {"policy": ("policy", "")}
        for name, form in (("accuracy", "+.3f"), ("cost", "+.3g"), ("utility", "+.3f")):
            columns |= {name: (f"{name}_difference", form), f"p {name}": (f"{name}_p", "p")}
        differ = [f"{int(n)} ({n / self.n:.1%})" for n in self.rows["n_differ"][1:]]
        differences = printed(self.rows.iloc[1:], columns).assign(**{"queries that differ": differ})
        found = [("", standing), (f"Differences to {self.policies[0]}:", differences)]
        for policy in self.policies[1:]:
            found += self._disagreements(policy)
        return found

    def _disagreements(self, policy: str) -> list[tuple[str, pd.DataFrame]]:
        """Where one policy disagrees with the first: by task, and the queries that matter most."""
        tasks = self.by_task[(self.by_task["policy"] == policy) & (self.by_task["n_differ"] > 0)]
        rows = self.disagreements[self.disagreements["policy"] == policy]
        if not len(rows):
            return []
        counts = {"task": "task", "queries": "n", "differ": "n_differ", "won": "won", "lost": "lost"}
        gaps = {"accuracy": ("accuracy_difference", "+.3f"), "cost": ("cost_difference", "+.3g")}
        by_task = printed(
            tasks.nlargest(LISTED, "n_differ"), {heading: (name, "") for heading, name in counts.items()} | gaps
        )
        order = rows["score_difference"].abs() + 1e-6 * rows["cost_difference"].abs() / (self.singles[:, 0].max() or 1)
        greatest = rows.loc[order.nlargest(LISTED).index]
        queries = printed(
            greatest,
            {
                "task": ("task", ""),
                self.policies[0]: ("sizes_first", ""),
                policy: ("sizes", ""),
                "score": ("score_difference", "+.2g"),
                "cost": ("cost_difference", "+.3g"),
            },
        ).assign(query=[shorten(query, 60) for query in greatest["query"]])
        more = "; all of them in .disagreements" if len(rows) > LISTED else ""
        return [
            (f"Where {policy} runs other sizes than {self.policies[0]}, by task:", by_task),
            (f"Queries with the greatest differences{more}:", queries),
        ]
