"""Logging into MLflow and its registry of policies: the only door to mlflow, which is imported late."""

from zeta_eval.tracking.page import UI_ENV, ui_address, ui_command
from zeta_eval.tracking.registry import Promotion, Registry, is_registered_name, is_version
from zeta_eval.tracking.store import create_store, is_server, store_uri
from zeta_eval.tracking.traced import TracedRouter
from zeta_eval.tracking.tracker import MlflowTracker

__all__ = [
    "UI_ENV",
    "MlflowTracker",
    "Promotion",
    "Registry",
    "TracedRouter",
    "create_store",
    "is_registered_name",
    "is_server",
    "is_version",
    "store_uri",
    "ui_address",
    "ui_command",
]
