"""Tables for the tests of learning: traffic that is like the benchmark, or has changed since."""

import numpy as np

import zeta_eval as ze
from zeta_eval.outcomes import Outcomes
from zeta_eval.testing import make_outcomes

SETTINGS = ze.TuningSettings(n_trials=12, estimator="heuristic")
SIGNALS = ["response", "mean_logprob", "min_logprob", "prefill_margin", "prefill_entropy", "prefill_gpu_s"]


def world(n, seed, *, small_right=0.0, large_wrong=False):
    """Outcomes of which a share of the smallest size's wrong answers is right, or all of the largest's are wrong."""
    table = make_outcomes(n, seed=seed)
    frame = table.frame
    mended = (frame["model"] == "4B") & (np.random.default_rng(seed + 1).random(len(frame)) < small_right)
    frame["score"] = frame["score"].mask(mended, 1.0)
    if large_wrong:
        frame["score"] = frame["score"].mask(frame["model"] == "14B", 0.0)
    return Outcomes.from_frame(frame.drop(columns=SIGNALS)).with_order(table.sizes)  # no cascade: choices alone
