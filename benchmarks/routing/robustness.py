"""Does a choice of size hold when only the wording of a query changes? No model is needed to tell.

Each perturbation keeps what is asked and alters how it is put. A router that reads difficulty, not wording, chooses
the same size before and after. Since a router that sends all queries to one size can't be moved, Cohen's kappa is
given beside the share unchanged: it is undefined for such a router, 1 where every choice holds, and 0 where as many
hold as if the choices after had been dealt out anew.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from zeta_eval.arrays import Sizes
from zeta_eval.evaluation.measures.statistics import wilson
from zeta_eval.exceptions import InvalidInputError, UnknownNameError
from zeta_eval.router import ZetaDynamicRouter
from zeta_eval.router.policy import RoutingPolicy

SYSTEM_PROMPT = (
    "You are a helpful assistant. Answer the user's question accurately and concisely. If you are not sure, say so "
    "instead of guessing. Keep a friendly and professional tone, and do not mention these rules in your answer."
)
"""Put in front of a query as one text, for routers that see no roles."""

FILLER = "Let's think step by step."
"""Kojima et al. 2022, arXiv 2205.11916."""

TEMPLATES = (
    "Here is a task for you: {}\nReply with the answer only.",
    "Please help me with the following.\n\n{}\n\nGive just your final answer.",
    "I came across this and would like your answer:\n\n{}",
)
"""Other words around the same query."""

TYPO_RATE = 1 / 15
"""Share of the words with a typo."""

_WORD = re.compile(r"[^\W\d_]{4,}")

Perturbation = Callable[[str, random.Random], str]
"""Query text and a source of chance -> the same query put otherwise."""


def typos(text: str, rng: random.Random) -> str:
    """Swap two neighbouring inner letters of one word in fifteen, or drop one; at least one word, never a digit."""
    words = [word for word in _WORD.finditer(text) if word[0].isalpha()]  # no raised digits
    if not words:
        return text
    hit = sorted(rng.sample(range(len(words)), max(1, round(TYPO_RATE * len(words)))), reverse=True)
    for i in hit:  # from the last: what lies before keeps its place
        at = rng.randrange(words[i].start() + 1, words[i].end() - 2)
        one, two = text[at], text[at + 1]
        text = text[:at] + (one if one == two or rng.random() < 0.5 else two + one) + text[at + 2 :]
    return text


PERTURBATIONS: Mapping[str, Perturbation] = {
    "system prompt": lambda text, rng: f"{SYSTEM_PROMPT}\n\n{text}",
    "filler": lambda text, rng: f"{text} {FILLER}",
    "lower case": lambda text, rng: text.lower(),
    "upper case": lambda text, rng: text.upper(),
    "typos": typos,
    "template": lambda text, rng: rng.choice(TEMPLATES).format(text),
}
"""The perturbations by name."""


def perturb(text: str, name: str, *, seed: int = 0) -> str:
    """Put a query otherwise; the result depends on nothing but the text, the name and the seed.

    Raises:
        UnknownNameError: no such perturbation.
    """
    if name not in PERTURBATIONS:
        raise UnknownNameError("perturbation", name, PERTURBATIONS)
    return PERTURBATIONS[name](text, random.Random(f"{seed} {name} {text}"))


def robustness(
    policy: RoutingPolicy,
    queries: Iterable[str],
    *,
    cost_weight: float | None = None,
    limit: int | None = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure how many of a policy's decisions hold; see `unchanged`.

    Args:
        policy: The policy.
        queries: Query texts.
        cost_weight: Trade-off; None takes the policy's own.
        limit: As in `unchanged`.
        seed: As in `unchanged`.
    """
    router, sizes = ZetaDynamicRouter(policy), policy.sizes
    if policy.embedding_size is not None and policy.embedding_size not in sizes:
        sizes = (policy.embedding_size, *sizes)

    def choose(text: str) -> str:
        return router.route(text, cost_weight=cost_weight).size

    return unchanged(choose, queries, sizes, limit=limit, seed=seed)


def unchanged(
    choose: Callable[[str], str],
    queries: Iterable[str],
    sizes: Sequence[str],
    *,
    limit: int | None = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure how many choices hold under each perturbation, for any way to choose.

    Args:
        choose: Query text -> one of `sizes`.
        queries: Query texts; repeated ones count once.
        sizes: Every possible choice, smallest first.
        limit: Measure on so many queries at most, drawn by the seed; None takes all.
        seed: Seed of the draw and of the perturbations.

    Returns:
        One row per perturbation: perturbation, n (queries whose text it changed), unchanged (share of these) with its
        95 % interval unchanged_low and unchanged_high (Wilson), larger and smaller (shares moved to a larger and to a
        smaller size), kappa (Cohen 1960).

    Raises:
        InvalidInputError: there are no queries, one text was given instead of several, or the limit is below 1.
        UnknownNameError: a choice is none of `sizes`.
    """
    texts = sample(queries, limit=limit, seed=seed)
    index = {size: i for i, size in enumerate(sizes)}

    def chosen(text: str) -> int:
        size = choose(text)
        if size not in index:
            raise UnknownNameError("size", size, sizes)
        return index[size]

    before = np.array([chosen(text) for text in texts])
    rows = []
    for name in PERTURBATIONS:
        altered = [perturb(text, name, seed=seed) for text in texts]
        differ = np.array([a != text for a, text in zip(altered, texts, strict=True)])
        after = np.array([chosen(altered[i]) for i in np.flatnonzero(differ)], dtype=np.intp)
        rows.append({"perturbation": name} | _row(before[differ], after, len(sizes)))
    return pd.DataFrame(rows)


def sample(queries: Iterable[str], *, limit: int | None = 1000, seed: int = 0) -> list[str]:
    """Return distinct query texts, at most `limit` of them, drawn by the seed.

    Raises:
        InvalidInputError: as in `unchanged`.
    """
    if isinstance(queries, str):
        raise InvalidInputError("queries is one text; give a list of texts.")
    texts = list(dict.fromkeys(queries))
    if not texts:
        raise InvalidInputError("There are no queries to measure robustness on; give at least one text.")
    if limit is not None and limit < 1:
        raise InvalidInputError(f"limit is {limit}; give at least 1, or None for all queries.")
    return texts if limit is None or len(texts) <= limit else random.Random(seed).sample(texts, limit)


def _row(before: Sizes, after: Sizes, n_sizes: int) -> dict[str, float]:
    n = len(before)
    held = wilson(int((after == before).sum()), n)
    return {
        "n": n,
        "unchanged": held.value,
        "unchanged_low": held.low,
        "unchanged_high": held.high,
        "larger": float((after > before).mean()) if n else np.nan,
        "smaller": float((after < before).mean()) if n else np.nan,
        "kappa": kappa(before, after, n_sizes),
    }


def kappa(before: Sizes, after: Sizes, n_sizes: int) -> float:
    """Return the agreement of two choices beyond chance, shapes (Q,); NaN where chance alone makes them agree.

    (p_o - p_e) / (1 - p_e): p_o the share that agree, p_e the share that would if each were dealt out by its own
    shares of the sizes (Cohen 1960, A coefficient of agreement for nominal scales).
    """
    if not len(before):
        return float("nan")
    first, second = (np.bincount(x, minlength=n_sizes) / len(x) for x in (before, after))
    by_chance = float(first @ second)
    if by_chance > 1 - 1e-12:
        return float("nan")
    return (float((before == after).mean()) - by_chance) / (1 - by_chance)
