"""Names and descriptions of runs and versions, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zeta_eval.evaluation.reports.report import ReplayReport
from zeta_eval.evaluation.reports.strategy_row import StrategyRow
from zeta_eval.router.policy import RoutingPolicy

NAMED = 3
"""Most tasks that a name lists."""


def tasks_in_words(tasks: Iterable[str]) -> str:
    """Tasks as a name lists them: gsm8k+mmlu, or the first three and how many more."""
    found = list(dict.fromkeys(tasks))
    more = f"+{len(found) - NAMED} more" if len(found) > NAMED else ""
    return "+".join(found[:NAMED]) + more


def benchmark_name(tasks: Iterable[str], sizes: Sequence[str]) -> str:
    """Name of a benchmark: bench gsm8k+mmlu on 4B/7B/14B."""
    return f"bench {tasks_in_words(tasks)} on {'/'.join(sizes)}"


def version_name(policy: RoutingPolicy, made: str, test: ReplayReport | None) -> str:
    """Name of a version's run: zeta v7: learned, keeps 98 % at 41 %; `{version}` stands for its number."""
    kept = "not measured here" if test is None else keeps(test.policy_row)
    return f"{policy.name} v{{version}}: {made}, {kept}"


def keeps(row: StrategyRow) -> str:
    """What a policy keeps of the largest size's accuracy, and at what share of its cost."""
    return f"keeps {100 * row.accuracy_ratio:.0f} % at {100 * row.cost_ratio:.0f} %"


def report_note(test: ReplayReport) -> str:
    """A replay in Markdown: the verdict, and each way to use the policy."""
    lines = [
        f"**{test.verdict.text}**",
        "",
        "| used by | accuracy | of the largest size's cost | lift | gap closed |",
        "| --- | --- | --- | --- | --- |",
    ]
    for way, row in test.way_rows.items():
        cells = (
            f"{row.accuracy:.3f} [{row.accuracy_ci[0]:.3f}, {row.accuracy_ci[1]:.3f}]",
            f"{100 * row.cost_ratio:.0f} % [{100 * row.cost_ratio_ci[0]:.0f}, {100 * row.cost_ratio_ci[1]:.0f}]",
            f"{row.lift:+.3f} [{row.lift_ci[0]:+.3f}, {row.lift_ci[1]:+.3f}]",
            f"{row.gap_closed:.3f} [{row.gap_closed_ci[0]:.3f}, {row.gap_closed_ci[1]:.3f}]",
        )
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", test.title() + "."])


def page(title: str, body: str) -> str:
    """A whole HTML page around a report's HTML."""
    look = "body{font-family:sans-serif;margin:1em}table{border-collapse:collapse}td,th{padding:.2em .6em}"
    head = f"<meta charset='utf-8'><title>{title}</title><style>{look}</style>"
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
