"""The serving core: a query goes in, a size with its reasons comes out. Standard library only."""

from zeta_eval.router.complexity import Conversation, request_of
from zeta_eval.router.decision import Answer, Decision, Routed, Step, UnansweredError, best
from zeta_eval.router.router import Adjuster, ZetaDynamicRouter

__all__ = [
    "Adjuster",
    "Answer",
    "Conversation",
    "Decision",
    "Routed",
    "Step",
    "UnansweredError",
    "ZetaDynamicRouter",
    "best",
    "request_of",
]
