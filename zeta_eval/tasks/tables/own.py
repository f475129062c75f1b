"""The queries of a user's table: recognised, with examples before them, and with what was left out."""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.complexity import Conversation
from zeta_eval.tasks.base import Query, hash_id, shuffled
from zeta_eval.tasks.tables.columns import Columns, recognise
from zeta_eval.tasks.tables.places import Place, Splits, default_split, splits_of
from zeta_eval.tasks.tables.rows import Draft, drafts_of

SHOT_SPLITS = ("train", "training", "validation", "valid", "val", "dev", "eval", "test")
"""Splits that examples are drawn from, the likeliest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How a table is made into queries."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns named by the user, by what they are; the others are recognised."""
    template: str = ""
    """The prompt with `{column}` for values; "" takes the prompt as it is."""
    fewshot: int = 0
    """Number of examples with their answers before each prompt."""
    seed: int = 0
    """Seed that draws the examples."""
    examples: tuple[tuple[str, str], ...] = ()
    """Examples of the user's own: prompts and answers."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer."""
    max_new_tokens: int | None = None
    """Longest answer, in tokens; None leaves it to the run."""

    needs_target: bool = True
    """Whether rows without a right answer are left out; a judge can grade them."""

    def __post_init__(self) -> None:
        if self.fewshot < 0:
            raise InvalidInputError(f"fewshot is {self.fewshot}; give 0 or more examples.")
        if self.fewshot and self.examples:
            raise InvalidInputError("Examples are given and to be drawn (fewshot), too; keep one of the two.")


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnQueries:
    """The queries of a table; called with a seed, it gives them in the seed's order."""

    queries: tuple[Query, ...]
    """The queries, in the table's order."""
    note: str
    """What was read and recognised, and what was left out and why, in one line."""
    left_out: int
    """Number of rows that are no query."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How the queries were made, for the record of a run."""

    def __call__(self, seed: int) -> list[Query]:
        """The queries in the seed's random order."""
        return [self.queries[i] for i in shuffled(range(len(self.queries)), seed)]


def own_queries(place: Place, reading: Reading) -> OwnQueries:
    """Read a place's rows as queries.

    Raises:
        HubAccessError: the place can't be read.
        InvalidInputError: columns that can't be recognised, or no row that can be asked.
    """
    splits = splits_of(place)
    split = place.split or default_split(list(splits))
    if split not in splits:
        raise InvalidInputError(f"{place} has no split '{split}'; it has: {', '.join(splits) or 'none'}.")
    table = splits[split]()
    if not table.rows:
        raise InvalidInputError(f"{place} has no rows{f' in split {split}' if split else ''}; name another.")
    columns = recognise(str(place), table.columns, reading.columns, needs_target=reading.needs_target)
    drafts, left = drafts_of(table, columns, reading.template, needs_target=reading.needs_target)
    if not drafts:
        raise InvalidInputError(
            f"None of {len(table.rows)} rows of {place} can be asked: {_counted(left)}.{_advice(left, columns)}"
        )
    shots, drawn = _shots(splits, split, drafts, columns, reading)
    asked = [_with_shots(d, shots, reading.fewshot or len(shots)) for d in drafts]
    queries, repeats = _queries(asked, place, reading)
    unused = [c for c in table.columns if c not in columns.used and f"{{{c}}}" not in reading.template]
    parts = [f"{len(table.rows)} rows{f' of split {split}' if split else ''}", columns.told()]
    parts += [f"not used: {', '.join(unused)}"] if unused else []
    parts += [drawn] if drawn else []
    parts += [f"{sum(left.values())} left out: {_counted(left)}"] if left else []
    parts += repeats
    return OwnQueries(
        queries=tuple(queries),
        note=f"{place}: {'; '.join(parts)}.",
        left_out=left.total(),
        settings={"split": split, "columns": dict(reading.columns), "fewshot": reading.fewshot},
    )


def _queries(drafts: Sequence[Draft], place: Place, reading: Reading) -> tuple[list[Query], list[str]]:
    """Queries of drafts, and what there is to say of prompts that stand there twice.

    Rows that ask one prompt with different targets are queries of their own.
    """
    targets: dict[str, set[object]] = {}
    for d in drafts:
        targets.setdefault(d.prompt, set()).add(d.target)
    several = sum(len(found) > 1 for found in targets.values())
    same = len(drafts) - len({(d.prompt, d.target, d.own_id) for d in drafts})
    said = [f"{several} prompts with several targets, each row a query"] if several else []
    said += [f"{same} rows that repeat another count once"] if same else []
    made: dict[str, Query] = {}
    for d in drafts:
        split = len(targets[d.prompt]) > 1
        own = d.own_id or (hash_id(place.dataset, f"{d.prompt}\0{d.target}") if split else "")
        query = Query(
            prompt=d.prompt,
            target=d.target,
            query_id=own,
            stop=reading.stop,
            max_new_tokens=reading.max_new_tokens,
            options=d.options,
            system=d.system,
        )
        if made.setdefault(own or d.prompt, query) != query:
            raise InvalidInputError(f"{place} has two different rows with the id '{own}'; make ids unique.")
    return list(made.values()), said


def _shots(
    splits: Splits, split: str, drafts: Sequence[Draft], columns: Columns, reading: Reading
) -> tuple[list[Draft], str]:
    """Examples in the order in which they are taken, and where they come from."""
    if reading.examples:
        given = [Draft(prompt=p, target=t, shown=t) for p, t in reading.examples]
        return given, f"{len(given)} examples given"
    if not reading.fewshot:
        return [], ""
    others = [name for name in SHOT_SPLITS if name in splits and name != split]
    pool = drafts_of(splits[others[0]](), columns, reading.template)[0] if others else list(drafts)
    known = list({d.prompt: d for d in pool}.values())
    if len(known) <= (reading.fewshot if not others else reading.fewshot - 1):
        raise InvalidInputError(f"There are {len(known)} rows to draw {reading.fewshot} examples from; ask for fewer.")
    random.Random(reading.seed).shuffle(known)
    where = f"split {others[0]}" if others else "the other rows"
    return known[: reading.fewshot + len(drafts)], f"{reading.fewshot} examples from {where}, seed {reading.seed}"


def _with_shots(draft: Draft, shots: Sequence[Draft], n: int) -> Draft:
    """The draft with n examples before its prompt, none of which asks the same."""
    taken: list[Draft] = []
    for shot in shots:
        if len(taken) == n:
            break
        if shot.prompt != draft.prompt:
            taken.append(shot)
    if not taken:
        return draft
    before = "\n\n".join(f"{shot.prompt}\n\n{_answer(shot)}" for shot in taken)
    if isinstance(draft.prompt, Conversation):
        return replace(draft, prompt=draft.prompt.reworded(lambda said: f"{before}\n\n{said}"))
    return replace(draft, prompt=f"{before}\n\n{draft.prompt}")


def _answer(shot: Draft) -> str:
    """The answer of an example, in the form that scorers read."""
    return shot.shown if shot.options else f"Answer: {shot.shown}"


def _counted(left: Counter[str]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in left.most_common())


def _advice(left: Counter[str], columns: Columns) -> str:
    """What to do about rows that are left out because a value is an object: name a part of it."""
    for kind, column in (("target", columns.target), ("prompt", columns.prompt[0])):
        if parts := [m[1] for reason in left if (m := re.match(rf"whose {kind} is an object \((.+?)[,)]", reason))]:
            return f" Name a part of it, as --columns {kind}={column}.{parts[0]}."
    return ""
