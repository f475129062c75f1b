"""Tables for the tests of tuning, from arrays."""

import numpy as np
import pandas as pd

from zeta_eval.outcomes import Outcomes
from zeta_eval.tuning.data import Data

SIZES = ("1B", "3B", "9B", "27B")
WORDS = np.array("river mountain garden window letter market engine silver harbour thunder".split())  # noqa: SIM905


def table(texts, score, *, cost=None, tasks=None):
    """Outcomes of Q texts with scores and costs (Q, M); a size costs three times as much as the one before."""
    q, m = score.shape
    cost = np.tile(3.0 ** np.arange(m), (q, 1)) if cost is None else cost
    tasks = ["made"] * q if tasks is None else tasks
    columns = {"task": tasks, "query_id": [f"q{i}" for i in range(q)], "query": texts}
    frames = [pd.DataFrame({**columns, "model": SIZES[k], "score": score[:, k], "gpu_s": cost[:, k]}) for k in range(m)]
    return Outcomes.from_frame(pd.concat(frames, ignore_index=True)).with_order(SIZES[:m])


def data(texts, score, *, seed=0, **columns):
    """The same, as what a policy is fitted to."""
    return Data(table(texts, score, **columns), "gpu_s", seed)


def prose(n, seed=0, length=8):
    """N texts of chance words; the last word makes each a family of its own."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return np.array([" ".join([*rng.choice(WORDS, length), "".join(rng.choice(letters, 9))]) for _ in range(n)], object)


def drawn(p, seed=0):
    """Right and wrong answers by their chances (Q, M)."""
    return (np.random.default_rng([seed, 7]).random(p.shape) < p).astype(float)
