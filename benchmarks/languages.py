"""The same requests in ten languages: how much of the gap a policy closes that was tuned on one language alone.

    python benchmarks/languages.py [--queries 900] [--test 3000] [--trials 100] [--draws 4]

Content, difficulty and outcomes are drawn once and are the same in every language; only the wording differs
(`language_texts.py`), and a mark of five letters, the same in every language, at the end of each text: without it a
wording is one family of queries, and which kinds of requests fall into the split that is fitted to would differ by
language, which moves the gap more than the language does. Each policy is judged on queries drawn anew, in its own
language. Outcomes are simulated: size m succeeds with chance sigmoid(2 (ability_m - difficulty)), and costs grow with
the size and with the work. So every difference between languages is what the router reads from the words.
"""

from __future__ import annotations

import argparse
import math
import random
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from language_texts import KINDS, NAMES, TEXTS

from zeta_eval.api.pipeline import replay, tune
from zeta_eval.files import write_json
from zeta_eval.outcomes import Outcomes
from zeta_eval.tuning import TuningSettings

SIZES = ("4B", "7B", "14B")
ABILITIES = (-1.0, 0.5, 2.0)
COSTS = (0.25, 0.5, 1.0)
BASE = {"greeting": -3.5, "fact": -2.0, "sum": -2.0, "convert": -1.5, "translate": -1.5, "code": -0.5, "design": 1.6}
"""Difficulty of kinds in which it does not depend on the numbers."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=900)
    parser.add_argument("--test", type=int, default=3000, help="queries, drawn anew, that judge each policy")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--draws", type=int, default=4, help="tables for each language, seeds from 0 on")
    parser.add_argument("--estimator", default="auto")
    parser.add_argument("--languages", nargs="+", default=list(TEXTS), choices=list(TEXTS))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    closed: dict[str, list[float]] = {language: [] for language in args.languages}
    for seed in range(args.draws):
        contents, fresh = draw(args.queries, 2 * seed), draw(args.test, 2 * seed + 1)
        settings = TuningSettings(n_trials=args.trials, seed=seed, estimator=args.estimator, cost="gpu_s")
        for language, found in closed.items():
            policy = tune(outcomes_in(language, contents, seed), settings=settings).policy
            frame = replay(policy, outcomes_in(language, fresh, seed + 1), split="all", way="route").frame()
            found.append(float(frame.loc[frame["strategy"] == "policy", "gap_closed"].iloc[0]))
        print(seed, {language: round(found[-1], 3) for language, found in closed.items()}, flush=True)
    rows = {language: averages(found, closed[args.languages[0]]) for language, found in closed.items()}
    for language, row in rows.items():
        print(language, {name: round(value, 3) for name, value in row.items()})
    if args.json:
        command = ["python", "benchmarks/languages.py", "--queries", args.queries, "--test", args.test]
        command += ["--trials", args.trials, "--draws", args.draws, "--estimator", args.estimator]
        about = {"command": shlex.join(map(str, command)), "date": datetime.now(UTC).isoformat(timespec="seconds")}
        write_json(args.json, about | {"languages": rows, "gap_closed_of_each_draw": closed})


def averages(found: Sequence[float], first: Sequence[float]) -> dict[str, float]:
    """Mean gap closed over draws, its standard error, and what it is of the first language's."""
    mean, error = float(np.mean(found)), float(np.std(found, ddof=1) / math.sqrt(len(found)))
    return {"gap_closed": mean, "standard_error": error, "of_first": mean / float(np.mean(first))}


def draw(n: int, seed: int) -> list[dict[str, object]]:
    """Contents of the queries without their wording: kind, numbers, places in the lists of words, difficulty."""
    rng = random.Random(f"languages-{seed}")
    contents = []
    for i in range(n):
        kind = KINDS[i % len(KINDS)]
        digits = rng.choice((1, 2, 3, 4, 5)) if kind == "product" else rng.choice((1, 2))
        steps = [(rng.randrange(3), rng.randint(2, 9)) for _ in range(rng.randint(1, 6))]
        claim = rng.randrange(4)
        hard = BASE.get(kind, 0.0)
        hard += {"product": 1.1 * digits - 2.5, "story": 0.7 * len(steps) - 1.7, "proof": 1.2 + 0.3 * claim}.get(
            kind, 0
        )
        contents.append(
            {
                "kind": kind,
                "wording": rng.randrange(6),
                "a": rng.randint(10 ** (digits - 1), 10**digits - 1),
                "b": rng.randint(10 ** (digits - 1), 10**digits - 1),
                "p": rng.choice((2, 3, 5, 7, 11, 13, 17)),
                "steps": steps,
                "name": rng.choice(NAMES),
                "country": rng.randrange(8),
                "word": rng.randrange(8),
                "claim": claim,
                "mark": "".join(rng.choices("bcdfghjklmnpqrstvwxz", k=5)),
                "system": rng.randrange(3),
                "difficulty": hard + rng.gauss(0, 0.4),
            }
        )
    return contents


def wording(language: str, content: dict[str, object]) -> str:
    """A content in words of a language."""
    texts = TEXTS[language]

    def pick(of: str, place: object) -> str:
        return texts[of][int(str(place)) % len(texts[of])]

    slots = {name: pick(name, content[name]) for name in ("country", "word", "system")}
    slots["claim"] = pick("claim", content["claim"]).format(p=content["p"])
    gap = "" if language in ("zh", "ja") else " "
    slots["steps"] = gap.join(pick("step", s).format(b=b) for s, b in content["steps"])  # type: ignore[attr-defined]
    numbers = {name: content[name] for name in ("a", "b", "name")}
    return pick(str(content["kind"]), content["wording"]).format(**slots, **numbers) + f" [{content['mark']}]"


def outcomes_in(language: str, contents: list[dict[str, object]], seed: int) -> Outcomes:
    """Outcomes of three sizes."""
    rng = np.random.default_rng(seed)
    difficulty = np.array([float(str(c["difficulty"])) for c in contents])
    work = np.exp(0.25 * difficulty + rng.normal(0, 0.1, len(contents)))
    frames = []
    for size, ability, cost in zip(SIZES, ABILITIES, COSTS, strict=True):
        right = rng.random(len(contents)) < 1 / (1 + np.exp(-2 * (ability - difficulty)))
        frames.append(
            pd.DataFrame(
                {
                    "dataset": "languages",
                    "task": [c["kind"] for c in contents],
                    "query_id": [f"languages/{i}" for i in range(len(contents))],
                    "query": [wording(language, c) for c in contents],
                    "model": size,
                    "score": right.astype(float),
                    "gpu_s": cost * work,
                }
            )
        )
    return Outcomes.from_frame(pd.concat(frames, ignore_index=True), source="import").with_order(SIZES)


if __name__ == "__main__":
    main()
