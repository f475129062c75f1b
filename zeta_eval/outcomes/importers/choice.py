"""Chooses what counts as the score of a task: once, for all of its models.

A log holds several values per answer, each under a group (Inspect's scorer, lm-eval's filter) and a name (a metric, or
the key of a score that has several parts). One of them is the score. It has to be the same for all models, so it is
chosen when all files of the task have been read: the first that every model has and whose values are scores, those
that are better when lower after all others. The choice is noted where there was one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from zeta_eval.outcomes.importers.account import Account
from zeta_eval.outcomes.importers.values import as_scores


class Name(NamedTuple):
    """Name of a value: of which group, and which of the group's values."""

    group: str
    part: str


@dataclass(kw_only=True, slots=True)
class Answer:
    """A row without its score, with the values of which one will be its score."""

    row: dict[str, Any]
    """Columns of the outcomes table; `task` and `model` are among them."""
    values: dict[Name, Any]
    """Values by name, in the log's order."""
    of_group: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Columns that depend on the group that is chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kinds:
    """What a tool calls its groups and the parts of a group."""

    group: str
    """"scorer", or "filter"."""
    part: str = "metric"
    """"metric"."""


def scored(
    answers: Iterable[Answer], kinds: Kinds, account: Account, *, lower: Iterable[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """Return rows with their score; tasks without one are counted as left out.

    Args:
        answers: Answers of all tasks and models.
        kinds: What the tool calls its groups and parts.
        account: Where choices, and rows left out, are noted.
        lower: (task, part) of values that are better when lower.
    """
    tasks: dict[str, list[Answer]] = {}
    for answer in answers:
        tasks.setdefault(answer.row["task"], []).append(answer)
    turned = set(lower)
    rows = []
    for task, its in tasks.items():
        rows += _task(task, its, kinds, account, {part for of, part in turned if of == task})
    return rows


def _task(task: str, answers: list[Answer], kinds: Kinds, account: Account, lower: set[str]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(n for a in answers for n in a.values))
    if not names:  # samples that failed have no values
        return [a.row | {"score": None} for a in answers]
    wanted = _wanted(task, names, kinds, account)
    by_model: dict[str, set[Name]] = {}
    for answer in answers:
        by_model.setdefault(answer.row["model"], set()).update(answer.values)
    shared = [n for n in wanted if all(n in has or not has for has in by_model.values())]
    if not shared:
        account.skipped[f"of task '{task}', whose models have no {kinds.group} and {kinds.part} in common"] += len(
            answers
        )
        return []
    found = _first(task, shared, answers, lower, account)
    if isinstance(found, str):
        account.skipped[f"of task '{task}', {found}"] += len(answers)
        return []
    name, scores = found
    if len(names) > 1 or name.part in lower:
        account.note(task, _said(name, names, kinds, turned=name.part in lower))
    return [a.row | a.of_group.get(name.group, {}) | {"score": score} for a, score in zip(answers, scores, strict=True)]


def _wanted(task: str, names: list[Name], kinds: Kinds, account: Account) -> list[Name]:
    """The names that the user's choices leave; a choice for all tasks is left aside where a task doesn't have it."""
    for place, kind in enumerate((kinds.group, kinds.part)):
        account.offered.setdefault(kind, set()).update(n[place] for n in names if n[place])
    for place, kind in enumerate((kinds.group, kinds.part)):
        choice = getattr(account.wanted, kind)
        asked = choice.get(task, choice.get(""))
        if asked is None:
            continue
        if left := [n for n in names if n[place] == asked]:
            names = left
            account.taken.add((kind, asked))
        else:
            account.note(task, f"it has no {kind} '{asked}'")
    return names


def _first(
    task: str, names: Sequence[Name], answers: list[Answer], lower: set[str], account: Account
) -> tuple[Name, list[Any]] | str:
    """The first name whose values are scores, with the score of each answer; else why there is none."""
    low, high = account.wanted.bounds(task)
    odd: list[tuple[Name, list[Any]]] = []
    beyond: list[tuple[str, float, float]] = []
    for name in sorted(names, key=lambda n: n.part in lower):
        values = [a.values.get(name) for a in answers]
        read = as_scores(values)
        numbers = [x for x in read if x is not None and not math.isnan(x)]
        if len(numbers) * 2 < sum(bool(a.values) for a in answers) or not numbers:
            continue  # words, or a part that few scores have
        if min(numbers) < low or max(numbers) > high:
            beyond.append((_full(name), min(numbers), max(numbers)))
            continue
        turn = name.part in lower
        scores = [v if x is None else low + high - x if turn else x for v, x in zip(values, read, strict=True)]
        if None not in read:
            return name, scores
        odd.append((name, scores))
    if odd:
        return odd[0]
    if beyond:
        full, least, most = beyond[0]
        return (
            f"whose {full} reaches from {least:g} to {most:g}, outside [{low:g}, {high:g}]; say --scale {task}=LOW:HIGH"
        )
    return "which has no number that can be a score"


def _full(name: Name) -> str:
    return " ".join(part for part in name if part not in ("", "none")) or "score"


def _said(name: Name, names: list[Name], kinds: Kinds, *, turned: bool) -> str:
    """A choice as a line: "filter strict-match, metric exact_match (others: filter flexible-extract)"."""
    said, others = [], []
    for place, kind in enumerate((kinds.group, kinds.part)):
        known = list(dict.fromkeys(n[place] for n in names if n[place]))
        if name[place] and (len(known) > 1 or place):
            said.append(f"{kind} {name[place]}")
        if rest := [n for n in known if n != name[place]]:
            others.append(f"--{kind} {' or '.join(rest)}")
    text = ", ".join(said) + (" as 1 - error, since lower is better" if turned else "")
    return text + (f" (for another: {', '.join(others)})" if others else "")
