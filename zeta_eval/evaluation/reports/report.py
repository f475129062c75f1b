"""The report of a replay: its numbers with intervals, as data, a figure, HTML, JSON and plain text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from zeta_eval.evaluation.measures.metrics import PairShares
from zeta_eval.evaluation.measures.statistics import Difference, Measure
from zeta_eval.evaluation.reports.plane import STRATEGIES, draw_curve, draw_plane, draw_point
from zeta_eval.evaluation.reports.strategy_row import StrategyRow
from zeta_eval.evaluation.reports.style import canvas, legend, title
from zeta_eval.evaluation.reports.tables import Page
from zeta_eval.files import plain, write_json
from zeta_eval.router.policy import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCHEMA_VERSION: Final = 2
"""Version of the JSON's layout."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Mean cost and accuracy of a strategy at each cost weight."""

    strategy: str
    """Name of the strategy."""
    cost_weight: tuple[float, ...]
    """Ascending from 0 to infinity."""
    cost: tuple[float, ...]
    """Mean real cost per query, in the report's cost unit."""
    accuracy: tuple[float, ...]
    """Mean score."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The policy in the usual figures of merit; definitions in `zeta_eval.evaluation.measures.metrics`."""

    pgr: Measure
    """Performance gap recovered by the policy, from the cheapest to the largest size."""
    apgr: float
    """Average PGR along the policy's curve; 0.5 is a random mix of the cheapest and the largest size."""
    cpt: Mapping[str, float]
    """By share of the gap ("0.5", "0.8", "0.95"): the least share of the way in cost that recovers it."""
    cost_to_keep: Mapping[str, float]
    """By share of the largest size's accuracy ("0.95", "0.99", "1"): least cost on the policy's hull, as a share of
    the largest size's cost; NaN where the policy never keeps as much."""
    regret: Measure
    """Utility left to the oracle, per query, in units of score."""
    versus_largest: Difference
    """Accuracy of the policy minus that of the largest size, paired."""
    detectable_lift: float
    """Smallest lift that this many queries would show, with power 0.8."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayReport:
    """Scores and costs of a policy and its baselines on stored outcomes, with the verdict on the policy.

    >>> from zeta_eval.evaluation.replay import replay
    >>> from zeta_eval.router.policy import RoutingPolicy
    >>> from zeta_eval.testing import make_outcomes
    >>> report = replay(RoutingPolicy.seed(), make_outcomes(300), n_bootstrap=50, baselines=False)
    >>> report.frame()["strategy"].tolist()
    ['policy', 'policy, route', '4B alone', '7B alone', '14B alone', 'random mix', 'oracle']
    >>> report.verdict.status
    'not proven on this data'
    """

    policy: str
    """Name of the policy."""
    split: str
    """Split that was evaluated."""
    way: str
    """How the first row uses the policy: "route", "route with task", "generate" or "generate with task"."""
    cost_unit: str
    """Column the costs come from."""
    cost_weight: float
    """Accuracy given up to save one call of the largest size, at which every strategy chose."""
    n: int
    """Queries evaluated."""
    n_families: int
    """Families of queries that differ in their digits alone; errors count families, not queries."""
    n_excluded: int
    """Queries left out because a size has no scored row on them."""
    seed: int
    """Seed of the resamples."""
    n_bootstrap: int
    """Number of resamples behind the intervals."""
    sizes: tuple[str, ...]
    """Sizes of the policy, cheapest first."""
    largest: str
    """The size that is dearest on average: "the largest" of every comparison."""
    sizes_ignored: tuple[str, ...]
    """Sizes of the table that the policy does not know."""
    rows: tuple[StrategyRow, ...]
    """One per strategy, the policy first."""
    curves: tuple[Curve, ...]
    """Cost-quality curves of the strategies that have one."""
    pairs: tuple[PairShares, ...]
    """Rescue, loss, safe and hard shares of each pair of neighbouring sizes."""
    summary: Summary
    """The policy's figures of merit."""
    verdict: Verdict
    """Whether the lift over a random mix at equal cost is above zero, and what to run if not."""
    notes: tuple[str, ...] = ()
    """What a reader should know about this replay."""

    @property
    def policy_row(self) -> StrategyRow:
        """The policy's own row."""
        return self.rows[0]

    @property
    def way_rows(self) -> dict[str, StrategyRow]:
        """The policy's rows by the way that it is used."""
        others = {
            row.strategy.removeprefix("policy, "): row for row in self.rows if row.strategy.startswith("policy, ")
        }
        return {self.way: self.policy_row} | others

    def metrics(self) -> dict[str, float]:
        """What a version is recorded with: the metrics of the first row by the split's name, of each way by its own."""
        found = {f"{self.split}_{name}": x for name, x in self.policy_row.record().items()}
        for way, row in self.way_rows.items():
            found |= {f"{way.replace(' ', '_')}_{name}": x for name, x in row.record().items()}
        return {name: float(x) for name, x in found.items() if isinstance(x, int | float) and math.isfinite(x)}

    def frame(self) -> pd.DataFrame:
        """One row per strategy; intervals as `_low` and `_high`, shares as `share_<size>`."""
        return pd.DataFrame([row.record() for row in self.rows])

    def plot(self) -> Axes:
        """The axes of `figure`, for a notebook to show and for you to draw on."""
        return self.figure().axes[0]

    def figure(self) -> Figure:
        """Cost-quality curves with the single sizes, the random mix and the oracle."""
        figure, [[axes]] = canvas()
        alone = [row for row in self.rows if row.strategy.endswith(" alone")]
        names = [row.strategy.removesuffix(" alone") for row in alone]
        draw_plane(axes, np.array([(row.cost, row.accuracy) for row in alone]), names, self.cost_unit)
        for curve in (curve for curve in self.curves if curve.strategy in STRATEGIES):
            draw_curve(axes, curve.strategy, np.column_stack([curve.cost, curve.accuracy]))
        own = self.policy_row
        draw_point(axes, own.cost, own.accuracy, own.accuracy_ci, name="policy, 95 % interval")
        title(axes, f"{self.policy}: {self.n} queries of split '{self.split}'")
        legend(figure, axes)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values; an unknown number is None."""
        data: dict[str, Any] = plain(asdict(self))
        tuples = {f.name: value for f in fields(Summary) if hasattr(value := getattr(self.summary, f.name), "_asdict")}
        data["summary"] |= {name: plain(value._asdict()) for name, value in tuples.items()}
        return {"schema_version": SCHEMA_VERSION} | data

    def save_json(self, path: str | Path) -> Path:
        """Write `to_dict` to a file, whole or not at all; returns the path."""
        return write_json(path, self.to_dict())

    def title(self) -> str:
        """Say in a line what was replayed on what."""
        out = f" in {self.n_families} families of like ones" if self.n_families < self.n else ""
        out += f", {self.n_excluded} excluded as incomplete" if self.n_excluded else ""
        return (
            f"Policy '{self.policy}' on split '{self.split}': {self.n} queries{out}; costs in {self.cost_unit} per "
            f"query, cost weight {self.cost_weight:.3g}; 95 % intervals: {self.n_bootstrap} resamples, seed {self.seed}"
        )

    def text(self) -> str:
        """Return the report for a terminal; the last line is the verdict."""
        return self._page().text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page().html()

    def _page(self) -> Page:
        about = f"shares are of {' / '.join(self.sizes)}; lift and gap closed are over a random mix of the sizes"
        pairs = (
            f"{p.small} -> {p.large}: rescue {p.rescue:.3f}, loss {p.loss:.3f}, safe {p.safe:.3f}, hard {p.hard:.3f}; "
            f"cost ratio {p.cost_ratio:.3g}"
            for p in self.pairs
        )
        return Page(
            title=self.title(),
            tables=(("", pd.DataFrame([r.cells() for r in self.rows], columns=list(StrategyRow.headings()))),),
            remarks=(about, *pairs, *(f"Note: {note}" for note in self.notes)),
            conclusions=(self.verdict.text,),
        )
