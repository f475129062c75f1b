"""Follow-ups: the work of the embedded tasks, asked for in conversations of several turns; no download.

Each form of conversation ends in a turn whose right answer is that of a whole request, which may stand in an earlier
turn. A router that reads conversations sends it where it sends this request.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from zeta_eval.router.complexity import Conversation
from zeta_eval.tasks import arithmetic, embedded
from zeta_eval.tasks.base import Query, Task
from zeta_eval.tasks.registry import register
from zeta_eval.tasks.scorers import compact_match

DEFAULT_LIMIT = 200
"""Follow-ups where no limit is given."""

GOING_ON: Final = (
    "continue",
    "ok, do it",
    "go on",
    "yes please",
    "continúa",
    "vas-y",
    "mach weiter",
    "продолжай",
    "استمر",
    "जारी रखो",
    "续写吧",
    "続けてください",
    "계속해 주세요",
    "continue, por favor",
)
"""Turns that ask to go on with what was asked."""

POINTING: Final = (
    "That's not right, fix it.",
    "Are you sure about this?",
    "Please explain this.",
    "why?",
    "Check it again.",
    "¿por qué?",
    "Warum?",
    "corrige-le",
    "исправь это",
    "再检查一下这个",
    "なぜ？",
    "لماذا؟",
    "फिर से जाँच करो",
    "이거 다시 확인해",
)
"""Turns that point back at what was asked and answered."""

ASKING: Final = (
    ("I have a question.", "Which one?"),
    ("I have a list", "Which list, and what shall I do with it?"),
    ("Hi!", "Hello! How can I help you?"),
    ("Can you help me?", "Of course. What is it about?"),
)
"""Turns before a request that is then made in full."""

Turns = list[dict[str, Any]]
Form = Callable[[Query, Query, random.Random], Turns]
"""A query with its right answer, another query, and a source of chance -> messages that ask for the first one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowUp:
    """A conversation, and the request that its last turn asks for."""

    form: str
    """Key of `FORMS`."""
    request: Query
    """The request as a query of a single text."""
    query: Query
    """The same as a conversation, with the request's target."""


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _answer(query: Query) -> str:
    return query.target if isinstance(query.target, str) else query.target[0]


def _partial(query: Query) -> str:
    """The beginning of the right answer."""
    return _answer(query)[: max(1, len(_answer(query)) // 2)]


def _continued(query: Query, other: Query, rng: random.Random) -> Turns:
    return [_user(query.prompt), _said(_partial(query)), _user(rng.choice(GOING_ON))]


def _twice(query: Query, other: Query, rng: random.Random) -> Turns:
    return [*_continued(query, other, rng), _said(_answer(query)), _user(rng.choice(GOING_ON))]


def _pointed(query: Query, other: Query, rng: random.Random) -> Turns:
    return [_user(query.prompt), _said(_answer(other)), _user(rng.choice(POINTING))]


def _asked(query: Query, other: Query, rng: random.Random) -> Turns:
    first, question = rng.choice(ASKING)
    return [_user(first), _said(question), _user(query.prompt)]


def _after(query: Query, other: Query, rng: random.Random) -> Turns:
    return [_user(other.prompt), _said(_answer(other)), _user(query.prompt)]


FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {"continued": _continued, "twice": _twice, "pointed": _pointed, "asked": _asked, "after": _after}
)
"""Forms by name: a partial answer is continued, once or twice; a wrong answer is pointed at; the assistant asks what
the request is; the request comes after other work."""


def follow_ups(queries: Sequence[Query], *, seed: int = 0) -> Iterator[FollowUp]:
    """Ask for each query in every form of conversation; the query before it is the other work.

    Args:
        queries: At least two queries of a single text each, with targets.
        seed: Seed of the wordings.
    """
    for i, (form, make) in itertools.product(range(len(queries)), FORMS.items()):
        query, other = queries[i], queries[i - 1]
        turns = make(query, other, random.Random(f"{seed} {form} {query.prompt}"))
        asked = Query(prompt=Conversation.of(turns), target=query.target, max_new_tokens=query.max_new_tokens)
        yield FollowUp(form=form, request=query, query=asked)


def _queries(seed: int) -> Iterator[Query]:
    """Follow-ups of the embedded tasks in turn, without end, as the seed draws them."""
    kinds = [embedded.queries(kind, seed) for kind in arithmetic.KINDS]
    made = [next(kinds[-1])]
    for i in itertools.count():
        made = [made[-1], next(kinds[i % len(kinds)])]
        found = list(follow_ups(made, seed=seed))
        yield found[len(FORMS) + i % len(FORMS)].query


register(
    Task(
        name="follow_ups",
        scorer=compact_match,
        generate=_queries,
        dataset="embedded",
        source="https://arxiv.org/abs/2307.03381",
        licence="Apache-2.0",
        description="Work of the embedded tasks that a conversation of several turns asks for.",
        group="hub",
        default_limit=DEFAULT_LIMIT,
    )
)
