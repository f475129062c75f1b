"""`zeta serve`: an OpenAI-compatible server that puts a policy before a ladder's models. Imports no heavy package."""

from zeta_eval.serving.settings import ServeSettings

__all__ = ["ServeSettings"]
