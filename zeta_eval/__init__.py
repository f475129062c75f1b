"""zeta-eval: find, for every query, the smallest language model that gets it right.

Names are imported when first used, so that `import zeta_eval` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zeta_eval.api.answering import answerers, majority
    from zeta_eval.api.harness_logs import log_samples
    from zeta_eval.api.judging import agree, judge
    from zeta_eval.api.pipeline import benchmark, compare, import_table, replay, route, tune
    from zeta_eval.api.tables import merge, rescore, vote
    from zeta_eval.api.versions import learn, promote, rollback, track
    from zeta_eval.api.whole_job import run
    from zeta_eval.evaluation.reports.report import ReplayReport
    from zeta_eval.exceptions import ZetaError
    from zeta_eval.feedback import History
    from zeta_eval.feedback.drift import Drift
    from zeta_eval.feedback.online import Online, OnlineSettings
    from zeta_eval.models import GenerateConfig, Ladder, ModelSpec
    from zeta_eval.notebook import figures
    from zeta_eval.notebook.complexity_view import complexity_view
    from zeta_eval.notebook.explore import explore
    from zeta_eval.notebook.inspect import inspect
    from zeta_eval.outcomes import Outcomes
    from zeta_eval.router import Conversation, Decision, ZetaDynamicRouter
    from zeta_eval.router.policy import RoutingPolicy
    from zeta_eval.tasks import HarnessSettings, Query, Score, Task, resolve_tasks, task
    from zeta_eval.tracking import MlflowTracker
    from zeta_eval.tuning import TuningReport, TuningSettings

__all__ = ["Conversation", "Decision", "Drift", "GenerateConfig", "HarnessSettings", "History", "Ladder"]
__all__ += ["MlflowTracker", "ModelSpec", "Online", "OnlineSettings", "Outcomes", "Query", "ReplayReport"]
__all__ += ["RoutingPolicy", "Score", "Task", "TuningReport", "TuningSettings", "ZetaDynamicRouter", "ZetaError"]
__all__ += ["agree", "answerers", "benchmark", "compare", "complexity_view", "explore", "figures", "import_table"]
__all__ += ["inspect", "judge", "learn", "log_samples", "majority", "merge", "promote", "replay", "rescore"]
__all__ += ["resolve_tasks", "rollback", "route", "run", "task", "track", "tune", "vote"]

_HOME = {  # all but the verbs, which live in api
    "evaluation.reports.report": ("ReplayReport",),
    "exceptions": ("ZetaError",),
    "feedback": ("History",),
    "feedback.drift": ("Drift",),
    "feedback.online": ("Online", "OnlineSettings"),
    "models": ("GenerateConfig", "Ladder", "ModelSpec"),
    "notebook.complexity_view": ("complexity_view",),
    "notebook.explore": ("explore",),
    "notebook.inspect": ("inspect",),
    "outcomes": ("Outcomes",),
    "router": ("Conversation", "Decision", "ZetaDynamicRouter"),
    "router.policy": ("RoutingPolicy",),
    "tasks": ("HarnessSettings", "Query", "Score", "Task", "resolve_tasks", "task"),
    "tracking": ("MlflowTracker",),
    "tuning": ("TuningReport", "TuningSettings"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names} | {"figures": "notebook.figures"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'zeta_eval' has no attribute {name!r}")
    module = import_module(f"zeta_eval.{_MODULE_OF.get(name, 'api')}")
    return module if name == "figures" else getattr(module, name)


def load_ipython_extension(shell: Any) -> None:
    """Bring %zeta and %%zeta to a notebook: `%load_ext zeta_eval`."""
    import_module("zeta_eval.notebook.magics").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take them away again: `%unload_ext zeta_eval`."""
    import_module("zeta_eval.notebook.magics").unload(shell)


def __dir__() -> list[str]:
    return __all__
