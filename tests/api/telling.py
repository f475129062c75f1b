"""A table whose answers tell how good they are, or do not."""

import numpy as np
import pandas as pd

from zeta_eval.outcomes import Outcomes


def table(*, telling, n=700):
    """Two sizes and two tasks, one of them hard for the small size; answers tell by log-probability or are not kept."""
    rng = np.random.default_rng(5)
    rows = []
    for i in range(n):
        task, words = ("easy", "hard")[i % 2], " ".join(rng.choice(["river", "stone", "cloud", "paper", "bread"], 6))
        for size, cost in (("1B", 1.0), ("8B", 8.0)):
            right = bool(rng.random() < (0.9 if size == "8B" else 0.45 if task == "hard" else 0.9 if telling else 0.95))
            rows.append(
                {
                    "task": task,
                    "query_id": f"q{i}",
                    "query": f"{words} {chr(97 + i % 26)}{chr(97 + i // 26)}",
                    "model": size,
                    "score": float(right),
                    "gpu_s": cost * rng.uniform(0.8, 1.2),
                    "latency_s": cost * rng.uniform(0.1, 0.3),
                    "unparsed": bool(rng.random() < 0.1),
                    "truncated": bool(rng.random() < 0.05),
                    "mean_logprob": -4.0 + right + 0.3 * rng.normal() if telling else None,
                }
            )
    return Outcomes.from_frame(pd.DataFrame(rows)).with_order(("1B", "8B"))
