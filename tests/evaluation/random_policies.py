"""Random policies of every kind, and tables of answers for them to look at."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
from replay_tables import WORDS

from zeta_eval.evaluation.batch.runs import run_sets
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.cascade import LOGPROBS, Look, Posterior
from zeta_eval.router.complexity import FEATURES
from zeta_eval.router.domain import Domain
from zeta_eval.router.estimators.learned import Learned, NGrams
from zeta_eval.router.estimators.linear import CostModel, Linear
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.policy import RoutingPolicy, Rung
from zeta_eval.router.signals import SIGNALS

TASKS = ("sums", "proofs", "facts")
ODD = ("???", "", "Embed this sentence: hello", "Embed: 1 + 1", "1+1", "é ß 漢字", "Prove it.\n" * 900)
REPLIES = ("The answer is 4.", "4", "", "Maybe 5, I am not sure.", "2 + 2 = 5\n#### 5", "I cannot say.", "(A)", "```x")


def sizes(m):
    """Names of M sizes."""
    return tuple(f"{2**i}B" for i in range(m))


def numbers(rng, m, scale=1.0):
    """M normal numbers."""
    return tuple((scale * rng.normal(size=m)).tolist())


def linear(rng, m, scale):
    """A linear model on a few features, with offsets of some tasks."""
    names = rng.choice(list(FEATURES), 4, replace=False).tolist()
    return Linear(
        bias=numbers(rng, m, scale),
        weights={n: numbers(rng, m, scale / 4) for n in names},
        tasks={t: numbers(rng, m, scale) for t in TASKS[: rng.integers(0, 3)]},
    )


def learned(rng, m, bits=7):
    """A learned model of which some buckets are unknown."""
    table = rng.normal(size=(1 << bits, m)) * (rng.random((1 << bits, 1)) < 0.6)
    return Learned(
        base=numbers(rng, m),
        linear=linear(rng, m, 0.5),
        ngrams=NGrams(bits=bits, n_sizes=m, table=encode(table.tolist())),
    )


def domain(rng, m, bits=6):
    """A domain that knows some tasks, and finds some texts unlike its own."""
    near = float(rng.uniform(1, 4))
    return Domain(
        tasks=TASKS[: rng.integers(0, 3)],
        base=numbers(rng, m),
        transfer=float(rng.choice([0.0, 0.5, 1.0])),
        near=near,
        far=near + float(rng.uniform(0.1, 3)),
        bits=bits,
        table=base64.b64encode(rng.integers(0, 128, 1 << bits, dtype=np.uint8).tobytes()).decode(),
    )


def costs(rng, m):
    """A cost model in which some size may be free."""
    low = rng.uniform(0, 0.3, m) * (rng.random(m) < 0.8)
    return CostModel(log_cost=linear(rng, m, 1.0), low=tuple(low.tolist()), high=tuple((low * 5).tolist()))


def looks(rng, m, *, texts):
    """Looks over most sets of sizes, at signals of the text, of agreement and of log-probabilities."""
    found, names = [], sizes(m)
    for ran in run_sets(m):
        signals = [*LOGPROBS, *((*SIGNALS, *(f"agree {names[i]}" for i in ran[:-1])) if texts else ())]
        seen = rng.choice(signals, rng.integers(0, min(4, len(signals)) + 1), replace=False).tolist()
        if rng.random() < 0.8:
            posteriors = tuple(
                Posterior(size=size, bias=b, prior=p, own=o, weights=dict(zip(seen, numbers(rng, 4), strict=False)))
                for size in names[ran[-1] :]
                for b, p, o in [numbers(rng, 3)]
            )
            spread = float(rng.choice([0.0, 0.3, 1.0]) * rng.random())
            found.append(Look(ran=tuple(names[i] for i in ran), spread=spread, posteriors=posteriors))
    return tuple(found)


def policy(rng, kind, m=3, *, texts=True, cascades=False):
    """A policy of a kind: "heuristic", "costs" (with expected costs per query) or "learned" (with both)."""
    mean = np.sort(rng.random(m))
    weights = rng.choice(list(FEATURES), 5, replace=False)
    return RoutingPolicy(
        name=kind,
        rungs=tuple(
            # Steep slopes saturate, so that sizes tie.
            Rung(size=s, ability=float(rng.normal() * 2), slope=float(rng.choice([0.5, 1.0, 30.0])), cost=float(c))
            for s, c in zip(sizes(m), mean, strict=True)
        ),
        weights=dict(zip(weights.tolist(), numbers(rng, 5), strict=True)),
        bias=float(rng.normal()),
        cost_weight=float(rng.choice([0.0, 0.05, 0.3, 2.0])),
        cut_points=tuple(range(m - 1)),
        default_size=str(rng.choice(sizes(m))),
        embedding_size=rng.choice([None, *sizes(m)]),
        costs=costs(rng, m) if kind != "heuristic" else None,
        learned=learned(rng, m) if kind == "learned" else None,
        domain=domain(rng, m) if rng.random() < 0.6 else None,
        looks=looks(rng, m, texts=texts) if cascades else (),
    )


def queries(rng, n=10):
    """Texts, odd ones among them, with a task that is known, unknown or none; each of shape (Q,)."""
    texts = [*ODD, *(" ".join(rng.choice([*WORDS, "quux", "27"], rng.integers(1, 30))) for _ in range(n))]
    tasks = rng.choice(np.array([*TASKS, "never seen", None], dtype=object), len(texts))
    return np.array(texts, dtype=object), tasks


def answered(rng, texts, m, *, gaps=False):
    """Table of answers to texts: some lack log-probabilities, with `gaps` some lack the text."""
    rows = []
    for i, text in enumerate(texts):
        for size in sizes(m):
            mean, smallest = (-rng.exponential(1, 2)).tolist()
            rows.append(
                {
                    "task": "made",
                    "query_id": f"q{i}",
                    "query": text,
                    "model": size,
                    "score": float(rng.integers(2)),
                    "gpu_s": float(rng.random()),
                    "response": None if gaps and rng.random() < 0.4 else str(rng.choice(REPLIES)),
                    "mean_logprob": None if rng.random() < 0.15 else mean,
                    "min_logprob": None if rng.random() < 0.15 else smallest,
                    "completion_tokens": None if rng.random() < 0.1 else int(rng.integers(1, 40)),
                }
            )
    return Outcomes.from_frame(pd.DataFrame(rows)).with_order(sizes(m))
