"""How reports look as plain text in a notebook: the text that the command line prints, not a dataclass's fields."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

_TEXT: dict[tuple[str, str], Callable[[Any], str]] = {
    ("zeta_eval.evaluation.reports.report", "ReplayReport"): lambda r: str(r.text()),
    ("zeta_eval.evaluation.reports.versus_report", "Versus"): lambda r: str(r.text()),
    ("zeta_eval.tuning.report", "TuningReport"): lambda r: str(r.text()),
    ("zeta_eval.outcomes.importers.report", "ImportReport"): lambda r: str(r.text()),
    ("zeta_eval.api.pipeline", "PipelineReport"): lambda r: str(r.text()),
    ("zeta_eval.router.decision", "Decision"): lambda d: "\n".join([d.size, *(f"  {reason}" for reason in d.reasons)]),
    ("zeta_eval.router.decision", "Routed"): lambda r: "\n".join([*(f"  {reason}" for reason in r.reasons), r.text]),
}
"""Plain text by module and name of the class, which need not be imported yet."""
_HTML: dict[tuple[str, str], Callable[[Any], str]] = {
    ("zeta_eval.api.pipeline", "PipelineReport"): lambda r: (
        f"{r.tuning._repr_html_()}<p>Outcomes: {html.escape(str(r.outcomes_path))}<br>"
        f"Policy: {html.escape(str(r.policy_path))}</p>"
    ),
}


def register(shell: Any) -> None:
    """Let a shell show reports so."""
    formatters = shell.display_formatter.formatters
    for (module, name), text in _TEXT.items():
        formatters["text/plain"].for_type_by_name(module, name, _printer(text))
    for (module, name), text in _HTML.items():
        formatters["text/html"].for_type_by_name(module, name, text)


def unregister(shell: Any) -> None:
    """Let a shell show reports as it would by itself."""
    formatters = shell.display_formatter.formatters
    for kind, entries in (("text/plain", _TEXT), ("text/html", _HTML)):
        for module, name in entries:
            formatters[kind].pop(f"{module}.{name}", None)


def _printer(text: Callable[[Any], str]) -> Callable[[Any, Any, bool], None]:
    def show(value: Any, printer: Any, cycle: bool) -> None:
        printer.text(text(value))

    return show
