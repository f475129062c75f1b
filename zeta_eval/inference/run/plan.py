"""The batches of a benchmark: fixed by the set of queries alone, so that a resumed run makes the same ones."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from zeta_eval.inference.engine.prefixes import together
from zeta_eval.models import GenerateConfig
from zeta_eval.tasks import Query
from zeta_eval.tasks.asked import Asked

LEAST_ALIKE = 100
"""Characters in common from which on prompts are kept together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One prompt to answer, for all queries that ask it with the same limit and stop texts."""

    prompt: str
    """The prompt."""
    stop: tuple[str, ...]
    """Texts that end the answer."""
    max_new_tokens: int
    """Longest answer, in tokens."""
    queries: tuple[Query, ...]
    """The queries that share the answer."""
    options: int = 0
    """Lettered options of which the likeliest is the answer; 0 where one is written."""
    system: str = ""
    """Text of the system message before the prompt."""
    asked: Asked | None = None
    """What is asked in place of the prompt."""

    @property
    def ask(self) -> str | Asked:
        """What an engine is given."""
        return self.asked or self.prompt

    @property
    def text(self) -> str:
        """The text that is read, about."""
        return self.asked.text if self.asked else self.prompt

    @property
    def key(self) -> str:
        """Identity of the unit in its run."""
        chosen = f"{self.options}\0" if self.options else ""
        chosen += f"{self.system}\0\0" if self.system else ""
        chosen += f"{self.asked}\0" if self.asked else ""
        return prompt_hash(f"{chosen}{self.max_new_tokens}\0{self.stop}\0{self.prompt}")

    @property
    def manner(self) -> tuple[int, int, tuple[str, ...], str, int]:
        """What all units of a batch share: options, limit, stop texts, system message, and whether answers are weighed.

        The last one also tells prompts (0) from what is asked word for word (1: written, 2: weighed).
        """
        exact = 0 if self.asked is None else 1 + self.asked.weighs
        return self.options, self.max_new_tokens, self.stop, self.system, exact

    def config(self, base: GenerateConfig) -> GenerateConfig:
        """The run's settings with this unit's limit, stop texts, options and system message."""
        own = replace(base, max_new_tokens=self.max_new_tokens, stop=self.stop, options=self.options)
        return replace(own, system=self.system)


def units_of(queries: Sequence[Query], config: GenerateConfig, most: int | None = None) -> list[Unit]:
    """Join queries with the same prompt; those that can share a batch come together.

    Among these, prompts that begin alike are neighbours, so that a batch reads once what they have in common; the
    longest prompts come first. `most` is a rung's own longest answer, whatever the run or a task says.
    """
    found: dict[tuple[int, int, tuple[str, ...], str, str, Asked | None], list[Query]] = {}
    for q in queries:
        limit = limit_of(q, config.max_new_tokens, most)
        stop = stop_of(q, config.stop)
        chosen = config.mcq == "logits" and q.options > 0
        manner = (q.options, 1, ()) if chosen else (0, limit, stop)
        found.setdefault((*manner, q.prompt, q.system, q.asked), []).append(q)
    units = [
        Unit(options=k[0], max_new_tokens=k[1], stop=k[2], prompt=k[3], system=k[4], asked=k[5], queries=tuple(v))
        for k, v in found.items()
    ]
    manners = [list(same) for _, same in groupby(sorted(units, key=lambda u: u.manner), key=lambda u: u.manner)]
    return [same[i] for same in manners for i in together([u.text for u in same], LEAST_ALIKE)]


def limit_of(query: Query, limit: int, most: int | None = None) -> int:
    """Longest answer to a query in a run with a limit, in tokens: its own limit where that is smaller.

    What is asked word for word keeps a limit of its own whatever that of the run; `most` is a rung's own, before all.
    """
    own = query.max_new_tokens or limit
    return most or (own if query.asked else min(own, limit))


def stop_of(query: Query, stop: Sequence[str]) -> tuple[str, ...]:
    """Texts that end the answer to a query in a run that has some; what is asked word for word has but its own."""
    return query.stop if query.asked else tuple(dict.fromkeys((*stop, *query.stop)))


def batches(units: Sequence[Unit], size: int) -> list[list[Unit]]:
    """Cut ordered units into batches of at most `size` that share limit, stop texts and options."""
    made: list[list[Unit]] = []
    for unit in units:
        last = made[-1] if made else None
        if last and len(last) < size and last[0].manner == unit.manner:
            last.append(unit)
        else:
            made.append([unit])
    return made


def spread(prompts: Sequence[str], n: int) -> list[int]:
    """Indices, ascending, of at most n prompts spread evenly over the order of their lengths."""
    by_length = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), prompts[i]))
    n = min(n, len(prompts))
    return sorted({by_length[round(i * (len(prompts) - 1) / max(1, n - 1))] for i in range(n)})


def asked_hash(query: Query) -> str:
    """Hash of what a query asks: its prompt, and its system message where it has one, or what is asked word for word.

    For the latter it holds the limit, the stop texts and what is the score, too.
    """
    if query.asked:
        return prompt_hash(f"{query.asked}\0{query.max_new_tokens}\0{query.stop}")
    return prompt_hash(f"{query.system}\0{query.prompt}" if query.system else query.prompt)


def prompt_hash(prompt: str) -> str:
    """First 16 hexadecimal digits of a prompt's SHA-256."""
    return hashlib.sha256(prompt.encode(errors="surrogatepass")).hexdigest()[:16]
