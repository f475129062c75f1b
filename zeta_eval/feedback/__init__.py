"""The history: what the router decided, and what came of it. SQLAlchemy is imported when a history is opened."""

from zeta_eval.feedback.history import History

__all__ = ["History"]
