"""Random policies of every kind, and tables of answers for them to look at."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
from forests import random_forest
from replay_tables import WORDS

from zeta_eval.evaluation.batch.runs import run_sets
from zeta_eval.outcomes import Outcomes
from zeta_eval.router.cascade import ENGINE_SIGNALS, Look, Posterior
from zeta_eval.router.complexity import FEATURES
from zeta_eval.router.context import TokenRates
from zeta_eval.router.domain import Domain, Everyday, Ramp
from zeta_eval.router.estimators.costs import CostModel
from zeta_eval.router.estimators.heuristic import Heuristic, Learned, Level
from zeta_eval.router.estimators.seed import Seed
from zeta_eval.router.estimators.tables import encode
from zeta_eval.router.estimators.tasks import TaskOffsets
from zeta_eval.router.estimators.words import Words
from zeta_eval.router.policy import RoutingPolicy, Rung
from zeta_eval.router.signals import SIGNALS

KINDS = ("seed", "heuristic", "learned")
TASKS = ("sums", "proofs", "facts")
ODD = ("???", "", "Embed this sentence: hello", "Embed: 1 + 1", "1+1", "é ß 漢字", "Prove it.\n" * 900)
REPLIES = ("The answer is 4.", "4", "", "Maybe 5, I am not sure.", "2 + 2 = 5\n#### 5", "I cannot say.", "(A)", "```x")


def sizes(m):
    """Names of M sizes."""
    return tuple(f"{2**i}B" for i in range(m))


def numbers(rng, m, scale=1.0):
    """M normal numbers."""
    return tuple((scale * rng.normal(size=m)).tolist())


def names(rng, n=4):
    """Names of some features."""
    return rng.choice(list(FEATURES), n, replace=False).tolist()


def offsets(rng, m, scale):
    """What is added for some tasks."""
    return TaskOffsets(of_task={t: numbers(rng, m, scale) for t in TASKS[: rng.integers(0, 3)]})


def seed(rng, m):
    """Rules of thumb of which some slopes are so steep that chances saturate, and sizes tie."""
    weights = dict(zip(names(rng, 5), numbers(rng, 5), strict=True))
    slope = rng.choice([0.5, 1.0, 30.0], m).tolist()
    return Seed(weights=weights, bias=float(rng.normal()), ability=numbers(rng, m, 2.0), slope=tuple(slope))


def heuristic(rng, m):
    """A forest with a level and offsets, whose chances leave [0, 1] at times."""
    made = random_forest(rng, m, names(rng))
    return Heuristic(
        forest=made,
        usual={name: float(rng.exponential()) for name in made.features},
        level=Level(mean=float(rng.random()), stretch=float(rng.choice([1.0, 0.5, 2.5]))),
        tasks=offsets(rng, m, 0.2),
    )


def learned(rng, m, bits=7):
    """A forest with words of which some buckets are unknown."""
    base = heuristic(rng, m)
    table = 0.3 * rng.normal(size=(1 << bits, m)) * (rng.random((1 << bits, 1)) < 0.6)
    words = Words(bits=bits, n_sizes=m, constant=numbers(rng, m, 0.3), table=encode(table.tolist()))
    weight = float(rng.choice([0.0, 0.4, 1.0]))
    return Learned(forest=base.forest, usual=base.usual, level=base.level, tasks=base.tasks, words=words, weight=weight)


ESTIMATORS = dict(zip(KINDS, (seed, heuristic, learned), strict=True))


def ramp(rng, near, wide):
    """A ramp that begins and ends somewhere within some ranges."""
    near = float(rng.uniform(*near))
    return Ramp(near=near, far=near + float(rng.uniform(*wide)))


def domain(rng, bits=6):
    """A domain that knows some tasks, and finds some texts unlike its own, or like everyday requests."""
    everyday = Everyday(forest=random_forest(rng, 1, names(rng)), ramp=ramp(rng, (0.1, 0.6), (0.05, 0.4)))
    return Domain(
        tasks=TASKS[: rng.integers(0, 3)],
        rarity=ramp(rng, (1, 4), (0.1, 3)),
        bits=bits,
        table=base64.b64encode(rng.integers(0, 128, 1 << bits, dtype=np.uint8).tobytes()).decode(),
        everyday=everyday if rng.random() < 0.5 else None,
    )


def costs(rng, m):
    """A cost model in which some size may be free."""
    low = rng.uniform(0, 0.3, m) * (rng.random(m) < 0.8)
    return CostModel(
        log_cost=random_forest(rng, m, names(rng), values=lambda: rng.normal(-1, 1, m).tolist()),
        shift=numbers(rng, m, 0.3),
        tasks=offsets(rng, m, 1.0),
        low=tuple(low.tolist()),
        high=tuple((low * 5).tolist()),
    )


def looks(rng, m, *, texts):
    """Looks over most sets of sizes, at signals of the text, of agreement and of the engine."""
    found, of = [], sizes(m)
    for ran in run_sets(m):
        signals = [*ENGINE_SIGNALS, *((*SIGNALS, *(f"agree {of[i]}" for i in ran[:-1])) if texts else ())]
        seen = rng.choice(signals, rng.integers(0, min(4, len(signals)) + 1), replace=False).tolist()
        if rng.random() < 0.8:
            posteriors = tuple(
                Posterior(size=size, bias=b, prior=p, own=o, weights=dict(zip(seen, numbers(rng, 4), strict=False)))
                for size in of[ran[-1] :]
                for b, p, o in [numbers(rng, 3)]
            )
            spread = float(rng.choice([0.0, 0.3, 1.0]) * rng.random())
            found.append(Look(ran=tuple(of[i] for i in ran), spread=spread, posteriors=posteriors))
    return tuple(found)


def rungs(rng, m, *, contexts=False):
    """M sizes, with `contexts` some that hold few of the texts, with room for answers or without."""
    held = rng.choice(np.array([None, 24, 60, 200, 2000], dtype=object), m) if contexts else [None] * m
    answers = rng.choice(np.array([None, 0.0, 9.0, 150.0], dtype=object), m)
    mean = np.sort(rng.random(m)).tolist()
    made = zip(sizes(m), mean, held, answers, strict=True)
    return tuple(Rung(size=s, cost=c, context=h, answer_tokens=a) for s, c, h, a in made)


def policy(rng, kind, m=3, *, texts=True, cascades=False, contexts=False):
    """A policy with an estimator of a kind, and at random with expected costs, a domain and a fallback."""
    fallback = ESTIMATORS[str(rng.choice(KINDS))](rng, m)
    return RoutingPolicy(
        name=kind,
        rungs=rungs(rng, m, contexts=contexts),
        tokens=TokenRates(letters=0.3, signs=0.9, other=0.4, extra=float(rng.integers(0, 9))) if contexts else None,
        estimator=ESTIMATORS[kind](rng, m),
        cost_weight=float(rng.choice([0.0, 0.05, 0.3, 2.0])),
        default_size=str(rng.choice(sizes(m))),
        embedding_size=rng.choice([None, *sizes(m)]),
        costs=costs(rng, m) if rng.random() < 0.5 else None,
        domain=domain(rng) if rng.random() < 0.6 else None,
        fallback=fallback if rng.random() < 0.6 else None,
        looks=looks(rng, m, texts=texts) if cascades else (),
    )


def queries(rng, n=10):
    """Texts, odd ones among them, with a task that is known, unknown or none; each of shape (Q,)."""
    texts = [*ODD, *(" ".join(rng.choice([*WORDS, "quux", "27"], rng.integers(1, 30))) for _ in range(n))]
    tasks = rng.choice(np.array([*TASKS, "never seen", None], dtype=object), len(texts))
    return np.array(texts, dtype=object), tasks


def answered(rng, texts, m, *, gaps=False, refusals=0.0):
    """Table of answers to texts: some lack an engine's signals, with `gaps` some the text; some are refused."""
    rows = []
    for i, text in enumerate(texts):
        for size in sizes(m):
            if rng.random() < refusals:
                error = "The prompt has 99 tokens, the model's context 64; shorten it"
                rows.append({"task": "made", "query_id": f"q{i}", "query": text, "model": size, "error": error})
                continue
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
                    "confidence": None if rng.random() < 0.1 else float(rng.random()),
                    "agreement": None if rng.random() < 0.1 else float(rng.random()),
                    "completion_tokens": None if rng.random() < 0.1 else int(rng.integers(1, 40)),
                }
            )
    return Outcomes.from_frame(pd.DataFrame(rows)).with_order(sizes(m))
