"""The history of a router: its decisions, and the feedback on their answers. Opening one imports SQLAlchemy."""

from zeta_eval.feedback.history import History

__all__ = ["History"]
