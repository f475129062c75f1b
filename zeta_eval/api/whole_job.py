"""`run`: ask every query to every size, tune a policy, test it and write it, in one call."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zeta_eval.api.pipeline import benchmark, tune
from zeta_eval.models import Ladder
from zeta_eval.outcomes import Outcomes

if TYPE_CHECKING:
    from zeta_eval.tracking import MlflowTracker
    from zeta_eval.tuning import TuningReport, TuningSettings

EMBEDDED_LIMIT = 400
"""Queries per embedded task unless a limit is given."""


@dataclass(frozen=True, kw_only=True)
class PipelineReport:
    """What `run` made."""

    outcomes: Outcomes
    """Every query on every size."""
    tuning: TuningReport
    """The study, the policy and its test report."""
    policy_path: Path
    """The policy file."""
    outcomes_path: Path
    """Folder of the benchmark."""

    def text(self) -> str:
        """The test table with where things lie, as plain text."""
        note = self.outcomes.truncation_note
        warning = f"\n\nWarning: {note}." if note else ""
        return f"{self.tuning.text()}{warning}\n\nOutcomes: {self.outcomes_path}\nPolicy:   {self.policy_path}"

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        places = f"Outcomes: {html.escape(str(self.outcomes_path))}<br>Policy: {html.escape(str(self.policy_path))}"
        note = self.outcomes.truncation_note
        warning = f"<p>Warning: {html.escape(note)}.</p>" if note else ""
        return f"{self.tuning._repr_html_()}{warning}<p>{places}</p>"


def run(
    ladder: Ladder | str | Path = "embedded",
    tasks: str | Sequence[str] = "embedded",
    *,
    out: str | Path,
    limit: int | None = None,
    settings: TuningSettings | None = None,
    tracker: MlflowTracker | None = None,
) -> PipelineReport:
    """Do the whole job: ask every query to every size, tune a policy, test it, and write its file.

    Args:
        ladder: The models, as in `benchmark`.
        tasks: The queries, as in `benchmark`.
        out: Folder that gets the outcomes and `policy.json`.
        limit: Most queries per task; None takes 400 for the embedded tasks, else all.
        settings: How to tune.
        tracker: Where to record everything; None records nothing.

    Raises:
        ZetaError: as `benchmark` and `tune`.

    Examples:
        >>> import zeta_eval as ze
        >>> report = ze.run("embedded", ["copy"], limit=100, out="demo", settings=ze.TuningSettings(n_trials=5))
        >>> str(report.policy_path)
        'demo/policy.json'
    """
    from zeta_eval.tuning import TuningSettings

    settings = settings or TuningSettings()
    out = Path(out)
    limit = EMBEDDED_LIMIT if limit is None and tasks == "embedded" else limit
    outcomes = benchmark(ladder, tasks, out=out / "outcomes", limit=limit, seed=settings.seed, tracker=tracker)
    report = tune(outcomes, settings=settings, tracker=tracker)
    policy = report.policy.save(out / "policy.json")
    return PipelineReport(outcomes=outcomes, tuning=report, policy_path=policy, outcomes_path=out / "outcomes")
