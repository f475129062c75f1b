"""The embedded tasks: nine kinds of generated queries for the tiny models that ship with the package; no download.

The models were not trained on the queries that are asked (`arithmetic.held_out`). Easy and hard queries come in turn.
The group "embedded" names all nine tasks, and a limit counts per task.
"""

import functools
from collections.abc import Iterator

from zeta_eval.tasks import arithmetic
from zeta_eval.tasks.base import Query, Task
from zeta_eval.tasks.registry import register
from zeta_eval.tasks.scorers import compact_match

DEFAULT_LIMIT = 200
"""Queries of each kind where no limit is given: 1,800 in all."""

LONGEST_ANSWER = 24
"""Tokens that the longest answer needs, one per letter or digit, with some to spare."""


def queries(kind: str, seed: int) -> Iterator[Query]:
    """Held-out queries of one kind without end, as the seed draws them."""
    for item in arithmetic.held_out_items(kind, seed=seed):
        yield Query(prompt=item.query, target=item.target, max_new_tokens=LONGEST_ANSWER)


for name, kind in arithmetic.KINDS.items():
    register(
        Task(
            name=name,
            scorer=compact_match,
            generate=functools.partial(queries, name),
            dataset="embedded",
            source="https://arxiv.org/abs/2307.03381",
            licence="Apache-2.0",
            description=kind.description,
            group="embedded",
            default_limit=DEFAULT_LIMIT,
        )
    )
