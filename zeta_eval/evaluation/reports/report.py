"""What a replay found, with intervals: as data, a figure, HTML, JSON and plain text."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from zeta_eval.evaluation.measures.metrics import PairShares
from zeta_eval.evaluation.measures.statistics import Difference, Measure
from zeta_eval.files import plain, write_json
from zeta_eval.router.policy import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION: Final = 1
"""Version of the JSON's layout."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StrategyRow:
    """How one strategy did. Every interval is 95 %; NaN where a figure has no meaning for the strategy."""

    strategy: str
    """Name: "policy", "<size> alone", "random mix", "length only", "kNN" or "oracle"."""
    accuracy: float
    """Mean score, in [0, 1]."""
    accuracy_ci: tuple[float, float]
    """Interval of the accuracy."""
    cost: float
    """Mean real cost per query, in the report's cost unit."""
    cost_ci: tuple[float, float]
    """Interval of the cost."""
    cost_ratio: float
    """Cost as a share of the largest size's."""
    latency_p50_s: float | None
    """Median latency of the chosen sizes, in seconds; None where the table has none."""
    latency_p95_s: float | None
    """95th percentile of the latency, in seconds."""
    shares: Mapping[str, float]
    """Share of queries by size."""
    gap_closed: float
    """Share of the area between random mix and oracle that the strategy's curve closes."""
    gap_closed_ci: tuple[float, float]
    """Interval of the gap closed."""
    lift: float
    """Accuracy above the best random mix of sizes at equal cost."""
    lift_ci: tuple[float, float]
    """Interval of the lift."""


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
    """The policy in the field's figures of merit; definitions in `zeta_eval.evaluation.measures.metrics`."""

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
    """A policy and its baselines on stored outcomes."""

    policy: str
    """Name of the policy."""
    split: str
    """Split that was evaluated."""
    cost_unit: str
    """Column the costs come from."""
    cost_weight: float
    """Trade-off at which every strategy chose."""
    n: int
    """Queries evaluated."""
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

    def frame(self) -> pd.DataFrame:
        """One row per strategy; intervals as `_low` and `_high`, shares as `share_<size>`."""
        records = []
        for row in self.rows:
            record: dict[str, Any] = {}
            for name, value in asdict(row).items():
                if name.endswith("_ci"):
                    base = name.removesuffix("_ci")
                    record |= {f"{base}_low": value[0], f"{base}_high": value[1]}
                elif name == "shares":
                    record |= {f"share_{size}": share for size, share in value.items()}
                else:
                    record[name] = value
            records.append(record)
        return pd.DataFrame(records)

    def plot(self) -> Figure:
        """Cost-quality curves with the single sizes, the random mix and the oracle."""
        from zeta_eval.evaluation.reports.plot import plot_curves

        return plot_curves(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; what can't be told is None."""
        data: dict[str, Any] = plain(asdict(self))
        for name in ("pgr", "regret", "versus_largest"):
            data["summary"][name] = plain(getattr(self.summary, name)._asdict())
        return {"schema_version": SCHEMA_VERSION} | data

    def save_json(self, path: str | Path) -> Path:
        """Write `to_dict` to a file, whole or not at all; returns the path."""
        return write_json(path, self.to_dict())

    def title(self) -> str:
        """Say in a line what was replayed on what."""
        out = f", {self.n_excluded} excluded as incomplete" if self.n_excluded else ""
        return (
            f"Policy '{self.policy}' on split '{self.split}': {self.n} queries{out}; costs in {self.cost_unit} per "
            f"query, cost weight {self.cost_weight:.3g}; 95 % intervals: {self.n_bootstrap} resamples, seed {self.seed}"
        )

    def text(self) -> str:
        """The table for a terminal; its last line says in words what the policy is worth."""
        lines = [self.title(), "", *_columns([_HEADER, *(_cells(row) for row in self.rows)]), ""]
        lines.append(f"shares are of {' / '.join(self.sizes)}; lift and gap closed are over a random mix of the sizes")
        for p in self.pairs:
            lines.append(
                f"{p.small} -> {p.large}: rescue {p.rescue:.3f}, loss {p.loss:.3f}, safe {p.safe:.3f}, hard "
                f"{p.hard:.3f}; cost ratio {p.cost_ratio:.3g}"
            )
        lines += [f"Note: {note}" for note in self.notes]
        return "\n".join([*lines, "", self.verdict.text])

    def _repr_html_(self) -> str:
        cells = [_cells(row) for row in self.rows]
        head = "".join(f"<th>{html.escape(c)}</th>" for c in _HEADER)
        body = "".join(
            "<tr>" + "".join(f"<td style='white-space:nowrap'>{html.escape(c)}</td>" for c in row) + "</tr>"
            for row in cells
        )
        sizes = html.escape(" / ".join(self.sizes))
        notes = "".join(f"<p>Note: {html.escape(n)}</p>" for n in self.notes)
        return (
            f"<p>{html.escape(self.title())}</p><table>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>Shares are of {sizes}.</p>{notes}<p><b>{html.escape(self.verdict.text)}</b></p>"
        )


_HEADER = (
    "strategy",
    "accuracy",
    "[95 %]",
    "cost",
    "of largest",
    "p50 s",
    "p95 s",
    "% of queries",
    "gap closed",
    "[95 %]",
    "lift",
    "[95 %]",
)


def _cells(row: StrategyRow) -> tuple[str, ...]:
    return (
        row.strategy,
        f"{row.accuracy:.3f}",
        _interval(row.accuracy_ci, ".3f"),
        f"{row.cost:.3g}",
        f"{row.cost_ratio:.1%}",
        _number(row.latency_p50_s, ".3g"),
        _number(row.latency_p95_s, ".3g"),
        "/".join(f"{100 * share:.0f}" for share in row.shares.values()),
        _number(row.gap_closed, ".3f"),
        _interval(row.gap_closed_ci, ".3f"),
        _number(row.lift, "+.3f"),
        _interval(row.lift_ci, "+.3f"),
    )


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Line up columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _number(value: float | None, form: str) -> str:
    if value is None or math.isnan(value):
        return "-"
    text = format(value, form)
    return format(0.0, form) if float(text) == 0 else text  # no "-0.000"


def _interval(ends: tuple[float, float], form: str) -> str:
    return "-" if math.isnan(ends[0]) else f"[{_number(ends[0], form)}, {_number(ends[1], form)}]"
