"""`complexity_view`: type a query and see at once what the policy sees in it and which size it would take."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeta_eval.api.versions import load_policy
from zeta_eval.evaluation.reports.style import COLOURS, FAINT, INK, canvas, shorten, title
from zeta_eval.notebook.explain import explain
from zeta_eval.notebook.explained import chance
from zeta_eval.notebook.view import View, bar
from zeta_eval.router import Decision, ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy
from zeta_eval.tuning import TuningReport

if TYPE_CHECKING:
    from ipywidgets import DOMWidget
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXAMPLE = "What is 12 * 34? Think step by step."
"""What stands in the field at first."""

SHOWN = 8
"""Features that are shown, those with the greatest shares; `frame` has all of them."""


class ComplexityView(View):
    """A query with the features, the complexity and the size that a policy finds for it."""

    def __init__(self, policy: RoutingPolicy, query: str = EXAMPLE) -> None:
        self.router = ZetaDynamicRouter(policy)
        self.query = query
        """The query looked at; may be set."""

    @property
    def policy(self) -> RoutingPolicy:
        """The policy."""
        return self.router.policy

    def decision(self, query: str | None = None) -> Decision:
        """The choice for a query; None takes the one looked at."""
        return self.router.route(self.query if query is None else query)

    def frame(self, query: str | None = None) -> pd.DataFrame:
        """One row per feature that counts: its value, and by how much it raises the complexity, the greatest first."""
        decision = self.decision(query)
        values = decision.complexity.features
        rows = [(n, values[n], share) for n, share in explain(self.policy, decision).shares.items()]
        return pd.DataFrame(rows, columns=["feature", "value", "share"])

    def figure(self, query: str | None = None) -> Figure:
        """Features, complexity, and chances of the sizes, for a query or the one looked at."""
        text = self.query if query is None else query
        decision, shares = self.decision(text), self.frame(text).head(SHOWN)
        figure, [axes] = canvas(1, 3, size=(11.0, 1.9 + 0.25 * SHOWN))
        raises = [COLOURS[1] if share > 0 else COLOURS[0] for share in shares["share"]]
        _bars(axes[0], [shorten(n, 24) for n in shares["feature"]], shares["share"].tolist(), raises)
        axes[0].set_xlabel("Makes the query harder by")
        title(axes[0], "Features")
        _scale(axes[1], decision.complexity.score)
        title(axes[1], f"Complexity {decision.complexity.score:.2f}: {decision.complexity.label}")
        sizes = [shorten(s, 20) + (" (chosen)" if s == decision.size else "") for s in decision.p]
        _bars(axes[2], sizes, list(decision.p.values()), [COLOURS[2]] * len(sizes))
        axes[2].set(xlim=(0, 1))
        measured = decision.familiarity > 0
        axes[2].set_xlabel(f"{'Estimated chance of being right' if measured else 'Taken by a rule of thumb'} (0 to 1)")
        title(axes[2], "Sizes")
        figure.suptitle(shorten(text, 110), fontsize="medium", color=INK, x=0.01, ha="left")
        return figure

    def text(self) -> str:
        """The decision for the query looked at, with its reasons."""
        decision = self.decision()
        chances = ", ".join(f"{size} {chance(decision, size)}" for size in decision.p)
        chances = chances if decision.familiarity > 0 else "not measured"
        return f"{shorten(self.query, 80)}\n{decision!r}\n  chance of being right: {chances}"

    def html(self) -> str:
        """The same as in the figure, with the reasons, for the query looked at."""
        decision, found = self.decision(), _parts(self)
        reasons = "".join(f"<li>{escape(r)}</li>" for r in decision.reasons)
        return (
            f"<div style='line-height:1.4'><p style='margin:4px 0'><b>{escape(decision.size)}</b> &middot; complexity "
            f"{decision.complexity.score:.2f} ({escape(decision.complexity.label)})</p>{found}"
            f"<ul style='margin:6px 0;padding-left:18px'>{reasons}</ul></div>"
        )

    def _build(self) -> DOMWidget:
        import ipywidgets as widgets

        size = widgets.Layout(width="640px", height="72px")
        field = widgets.Textarea(value=self.query, description="Query", continuous_update=True, layout=size)
        page = widgets.HTML(self.html())

        def look(_: Any) -> None:
            self.query = field.value
            page.value = self.html()
            self.changed()

        field.observe(look, names="value")
        return widgets.VBox([field, page])


def complexity_view(policy: RoutingPolicy | TuningReport | str | Path, query: str = EXAMPLE) -> ComplexityView:
    """Type a query and see at once which size the policy would take for it, and why.

    Args:
        policy: A policy, its file, or a tuning report.
        query: What stands in the field at first.

    Raises:
        PolicyError: the file can't be used.

    Examples:
        >>> import zeta_eval as ze
        >>> view = ze.complexity_view(ze.RoutingPolicy.seed(), "What is 12 * 34?")
        >>> view.decision().size
        '7B'
    """
    return ComplexityView(load_policy(policy), query)


def _parts(view: ComplexityView) -> str:
    """The line of difficulties, the sizes' chances and the features' shares, as HTML."""
    decision, shares = view.decision(), view.frame().head(SHOWN)
    cell = "padding:1px 10px 1px 0;white-space:nowrap"
    sizes = "".join(
        f"<tr><td style='{cell}'>{escape(shorten(size, 28))}</td><td style='{cell}'>{bar(p, COLOURS[2])} "
        f"{chance(decision, size)}</td><td style='{cell}'>cost {decision.cost[size]:.2f} of the largest</td></tr>"
        for size, p in decision.p.items()
    )
    most = shares["share"].abs().max() if len(shares) else 1.0
    features = "".join(
        f"<tr><td style='{cell}'>{escape(name)}</td><td style='{cell}'>"
        f"{bar(abs(share) / most, COLOURS[1] if share > 0 else COLOURS[0])} {share:+.2f}</td></tr>"
        for name, share in zip(shares["feature"], shares["share"], strict=True)
    )
    return f"{_line(view)}<table>{sizes}</table><p style='margin:6px 0 0'>Features</p><table>{features}</table>"


def _line(view: ComplexityView, width: int = 480) -> str:
    """The complexity on a line from 0 to 1, as SVG that takes the page's own ink."""
    score = view.decision().complexity.score
    x = 8 + score * (width - 16)
    ends = "".join(
        f"<text x='{at}' y='42' font-size='11' text-anchor='{side}' fill='currentColor'>{word}</text>"
        for at, side, word in ((8, "start", "0: the smallest size is right"), (width - 8, "end", "1: it fails"))
    )
    return (
        f"<svg width='{width}' height='46' role='img' aria-label='complexity {score:.2f}'>"
        f"<path d='M8 18H{width - 8}' stroke='{FAINT}' stroke-width='2'/>{ends}"
        f"<circle cx='{x:.1f}' cy='18' r='6' fill='{COLOURS[1]}' stroke='white'/></svg>"
    )


def _bars(axes: Axes, names: list[str], values: list[float], colours: list[str]) -> None:
    """Horizontal bars from the top."""
    axes.barh(range(len(names)), values, color=colours)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=FAINT, linewidth=1)


def _scale(axes: Axes, score: float) -> None:
    """The complexity on a line from 0 to 1."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-1, 1), yticks=[])
    axes.axhline(0, color=FAINT, linewidth=2)
    axes.plot(score, 0, "o", color=COLOURS[1], markersize=10, markeredgecolor="white")
    axes.set_xlabel("Chance that the smallest size fails (0 to 1)")
