"""What every scorer needs: the verdict that no answer was found, and the right answers as a tuple."""

from zeta_eval.tasks.base import Score, Target

UNPARSED = Score(0.0, unparsed=True)
"""Score of a response in which no answer was found."""


def golds(target: Target) -> tuple[str, ...]:
    """The right answers of a target."""
    return (target,) if isinstance(target, str) else tuple(target)
