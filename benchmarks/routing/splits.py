"""Draws which queries routers learn from and which judge them."""

from __future__ import annotations

import numpy as np

from zeta_eval.outcomes import Outcomes
from zeta_eval.outcomes.split import families

KNOWN = 0.6
"""Share of the families that routers learn from."""


def halves(outcomes: Outcomes, seed: int) -> tuple[Outcomes, Outcomes]:
    """Return the queries to learn from and those to be judged on; a family of like queries lies on one side."""
    found = families(outcomes.queries)
    family = np.arange(len(outcomes)) if found is None else found
    n = int(family.max()) + 1
    known = np.zeros(n, dtype=bool)
    known[np.random.default_rng(seed).permutation(n)[: round(KNOWN * n)]] = True
    return outcomes.take(np.flatnonzero(known[family])), outcomes.take(np.flatnonzero(~known[family]))
