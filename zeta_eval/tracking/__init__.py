"""Logging into MLflow and its registry of policies: the only door to mlflow, which is imported late."""

from zeta_eval.tracking.items import Metric, Param, Tag, iter_benchmark
from zeta_eval.tracking.registry import Promotion, Registry, is_registered_name, is_version
from zeta_eval.tracking.store import UI_ENV, create_store, ui_command
from zeta_eval.tracking.tracker import MlflowTracker, TracedRouter

__all__ = [
    "UI_ENV",
    "Metric",
    "MlflowTracker",
    "Param",
    "Promotion",
    "Registry",
    "Tag",
    "TracedRouter",
    "create_store",
    "is_registered_name",
    "is_version",
    "iter_benchmark",
    "ui_command",
]
