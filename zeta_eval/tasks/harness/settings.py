"""How tasks of lm-evaluation-harness are asked and what counts as their score."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from zeta_eval.exceptions import UnknownNameError

Template = Literal["auto", "off"]
"""Whether the chat template of a model that has one is applied."""
TEMPLATES: Final[tuple[Template, ...]] = ("auto", "off")
"""The values of `Template`; the first is the default."""
PREFIX: Final = "lm-eval:"
"""What stands before the name of a task of the harness."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HarnessSettings:
    """How tasks of lm-evaluation-harness are asked, and which of their metrics is the score.

    >>> HarnessSettings(metric="acc_norm").chosen("metric", "arc_easy")
    'acc_norm'
    """

    include_path: str | Path | None = None
    """Folder of task files (YAML) of your own; functions that they name are run as your own code."""
    chat_template: Template = "auto"
    """"auto" applies the chat template of models that have one, as `lm_eval --apply_chat_template`; "off" of none."""
    metric: str | Mapping[str, str] = field(default_factory=dict)
    """Metric that is the score; by task where it is a mapping."""
    filter: str | Mapping[str, str] = field(default_factory=dict)
    """Filter under which answers are read; by task where it is a mapping."""

    def __post_init__(self) -> None:
        if self.chat_template not in TEMPLATES:
            raise UnknownNameError("chat template setting", self.chat_template, TEMPLATES)

    def chosen(self, kind: Literal["metric", "filter"], task: str) -> str | None:
        """The metric or filter that was chosen for a task, or None."""
        value = getattr(self, kind)
        if isinstance(value, str):
            return value
        found: str | None = value.get(task, value.get(""))
        return found
