"""The vote of several attempts at one query: the answer that most of them give. Standard library only."""

from collections import Counter
from collections.abc import Sequence

from zeta_eval.router.signals.final import find_final
from zeta_eval.router.signals.template import answer_text


def final_of(text: str) -> str:
    """The final answer of an attempt, "" where there is none; thinking is no part of it."""
    return find_final(answer_text(text)).value


def vote(finals: Sequence[str]) -> tuple[int, float]:
    """Return the place of the first attempt that gives the most frequent final answer, and the share that gives it.

    Attempts without a final answer ("") do not vote, but count; where none has one, it is the first with a share of 0.
    Of equally frequent answers the one given first counts. Self-consistency: Wang et al. 2022 (arXiv 2203.11171).

    >>> vote(["", "7", "8", "7"])
    (1, 0.5)
    """
    counts = Counter(final for final in finals if final)  # in order of first appearance
    if not counts:
        return 0, 0.0
    final, n = max(counts.items(), key=lambda item: item[1])
    return list(finals).index(final), n / len(finals)


def voted_name(size: str, attempts: int) -> str:
    """The name of a size that is asked several times and answers with the majority.

    >>> voted_name("4B", 5)
    '4B x5'
    """
    return f"{size} x{attempts}"
