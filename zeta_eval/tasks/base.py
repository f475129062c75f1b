"""Queries, scores and tasks as data. Nothing heavy is imported here."""

import functools
import hashlib
import inspect
import itertools
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from zeta_eval.exceptions import InvalidInputError
from zeta_eval.router.complexity import as_query
from zeta_eval.router.complexity.conversation import Conversation
from zeta_eval.router.signals.template import without_thinking
from zeta_eval.tasks.asked import Asked
from zeta_eval.tasks.loading import load_rows

Target = str | tuple[str, ...]
"""The right answer that a scorer compares with: one text, or several of which any is right."""

Row = Mapping[str, Any]
"""One row of a data set, by column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One question to a model, with the right answer.

    >>> Query(prompt="What is the capital of France?", target="Paris").target
    'Paris'
    """

    prompt: str
    """What the model is asked: a text, as one user message, or a list of chat messages, kept as a `Conversation`; their
    leading system messages are moved to `system`."""
    target: Target
    """The right answer, as the task's scorer needs it."""
    query_id: str = ""
    """Identity that never changes; if empty, the task makes one from a hash of (dataset, prompt)."""
    task: str = ""
    """Name of the task; filled by the task that loads it."""
    dataset: str = ""
    """Hub id, "embedded" or a file's name; filled by the task that loads it."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer."""
    max_new_tokens: int | None = None
    """Longest answer this query needs, in tokens; None leaves it to the run."""
    options: int = 0
    """Number of lettered options in the prompt; 0 for an open question."""
    system: str = ""
    """Text of the system message before the prompt; "" for none."""
    asked: Asked | None = None
    """What a model is asked word for word in place of the prompt, whatever the run's limit and stop texts."""

    def __post_init__(self) -> None:
        asked = as_query(self.prompt)
        if isinstance(asked, Conversation):
            system = "\n\n".join(filter(None, (self.system, asked.system)))
            object.__setattr__(self, "system", system)
            object.__setattr__(self, "prompt", asked.without_system)


@dataclass(frozen=True, slots=True)
class Score:
    """The grade of one answer, from 0 (wrong) to 1 (right).

    >>> Score(1.0).value
    1.0
    """

    value: float
    """Score in [0, 1]."""
    unparsed: bool = False
    """Whether no answer was found in the response; the score is then 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 1:
            raise InvalidInputError(f"A score is {self.value}; a scorer must return one in [0, 1].")


Scorer = Callable[[Any, str], Any]
"""Function that grades a response text: of the query and the text where its first parameter is called `query` or is
annotated `Query`, else of the target and the text. It returns a Score, or a number in [0, 1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A named set of queries with the scorer that grades their answers; `build` or `generate` makes the queries.

    >>> from zeta_eval import resolve_tasks
    >>> (add,) = resolve_tasks("add")
    >>> query = add.load(limit=1)[0]
    >>> add.score(query, query.target).value
    1.0
    """

    name: str
    """Name in the registry, in outcomes tables and on the command line."""
    scorer: Scorer
    """Function that grades a response."""
    build: Callable[[Row], Query] | None = None
    """Function that makes the query of a row of the data set."""
    generate: Callable[[int], Iterable[Query]] | None = None
    """Function of a seed that makes the queries without a data set; an endless one needs `default_limit`."""
    dataset: str = ""
    """Hub id, "embedded" or a file's name."""
    config: str | None = None
    """Configuration (subset) of the data set on the hub."""
    split: str = "test"
    """Split of the data set."""
    source: str = ""
    """Address of the data set's page."""
    licence: str = ""
    """Licence of the data set."""
    description: str = ""
    """What the task asks, in one line."""
    group: str = "own"
    """Group whose name stands for all its tasks; "own" for a task of your own."""
    kind: Literal["generate", "embed"] = "generate"
    """Whether a response is a text or a vector."""
    default_limit: int | None = None
    """Queries taken when no limit is given; None takes all."""
    local: Path | None = None
    """A local copy of the data set: a file or a folder with the hub's columns."""
    revision: str | None = None
    """Commit, branch or tag of the data set on the hub; None is the newest."""
    system: str = ""
    """Text of the system message before every prompt; "" for none."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", self.name):
            raise InvalidInputError(f"Task name '{self.name}' won't do; use letters, digits, '_', '.' and '-'.")
        if (self.build is None) == (self.generate is None):
            raise InvalidInputError(f"Task '{self.name}' must set one of `build` and `generate`.")

    def load(self, *, limit: int | None = None, seed: int = 0, local: str | Path | None = None) -> list[Query]:
        """Load at most `limit` distinct queries in the seed's random order; a larger limit only adds queries.

        Args:
            limit: most queries taken; None takes all (a generated task: `default_limit`).
            seed: seed of the order, and of what a generated task draws.
            local: a local copy of the data set (file or folder with the hub's columns) instead of the hub.

        Raises:
            HubAccessError: neither the hub nor the local copy can be read.
            InvalidInputError: a bad limit, rows without the columns needed, or two queries under one id.
        """
        limit = self.default_limit if limit is None else limit
        if limit is not None and limit < 1:
            raise InvalidInputError(f"The limit of task '{self.name}' is {limit}; give at least 1.")
        if self.generate is not None:
            if local or self.local:
                raise InvalidInputError(f"Task '{self.name}' makes its own queries; drop the local copy.")
            made = iter(self.generate(seed))
        else:
            made = self._read(seed, Path(local) if local else self.local)
        try:
            queries = list(itertools.islice(self._distinct(made), limit))
        except RecursionError as e:
            raise InvalidInputError(f"Task '{self.name}' has a row that is nested too deeply; drop it.") from e
        if not queries:
            raise InvalidInputError(f"Task '{self.name}' has no queries; check {self.local or local or 'its source'}.")
        return queries

    @property
    def note(self) -> str:
        """What was recognised in a user's table, and what was left out and why, in one line; "" for other tasks."""
        return str(getattr(self.generate, "note", ""))

    @property
    def settings(self) -> dict[str, Any]:
        """What its queries and their grades depend on, for the record of a run."""
        own = {"scorer": name_of(self.scorer), "dataset": self.dataset, "config": self.config, "split": self.split}
        own |= {"revision": self.revision, "system": self.system}
        return own | getattr(self.generate, "settings", {})

    def score(self, query: Query, text: str) -> Score:
        """Grade a response, as `grade`."""
        return grade(self.scorer, query, text)

    def _read(self, seed: int, local: Path | None) -> Iterator[Query]:
        """Queries of the data set's rows, shuffled."""
        assert self.build is not None
        rows = load_rows(self.dataset, self.config, self.split, task=self.name, local=local, revision=self.revision)
        for i in shuffled(range(len(rows)), seed):
            try:
                yield self.build(rows[i])
            except InvalidInputError as e:
                raise InvalidInputError(f"Row {i} of {local or self.dataset}: {e}") from e
            except KeyError as e:
                hint = " For a local copy of a known data set write NAME=PATH." if self.group == "own" else ""
                raise InvalidInputError(
                    f"{local or self.dataset} has no column {e} that task '{self.name}' needs; "
                    f"it has: {', '.join(map(str, rows[i]))}.{hint}"
                ) from e
            except (TypeError, ValueError, IndexError, AttributeError) as e:
                raise InvalidInputError(
                    f"Row {i} of {local or self.dataset} is no row of task '{self.name}' ({e}); use the hub's columns."
                ) from e

    def _distinct(self, made: Iterable[Query]) -> Iterator[Query]:
        """Fill in id, task and dataset; drop queries that a data set holds twice."""
        prompts: dict[str, str] = {}
        for query in made:
            if not isinstance(query, Query):
                raise InvalidInputError(f"Task '{self.name}' made a {type(query).__name__}; make Query values.")
            own = query.query_id.removeprefix(f"{self.name}/")
            whole = own if query.asked else f"{self.name}/{own}"  # the harness's ids are those of its logs
            query_id = whole if own else hash_id(self.dataset, query.prompt)
            if prompts.get(query_id, query.prompt) != query.prompt:
                raise InvalidInputError(f"Task '{self.name}' has two queries with the id '{own}'; make ids unique.")
            if query_id not in prompts:
                prompts[query_id] = query.prompt
                system = "\n\n".join(filter(None, (self.system, query.system)))
                yield replace(query, query_id=query_id, task=self.name, dataset=self.dataset, system=system)


def grade(scorer: Scorer, query: Query, text: str) -> Score:
    """Grade a response by a scorer; thinking blocks (`signals.template`) do not count as answer.

    >>> grade(lambda query, response: query.prompt in response, Query(prompt="Hi", target=""), "Hi!").value
    1.0
    """
    said = without_thinking(text)
    made = scorer(query if takes_query(scorer) else query.target, said)
    if isinstance(made, bool | int | float):
        return Score(float(made))
    if not isinstance(made, Score):
        raise InvalidInputError(f"A scorer returned a {type(made).__name__}; return a Score, or a number in [0, 1].")
    return made


def name_of(scorer: Scorer) -> str:
    """Name of a scorer, as `--scorer` takes the shipped ones."""
    return str(getattr(scorer, "name", None) or getattr(scorer, "__name__", "scorer")).removesuffix("_match")


@functools.lru_cache(maxsize=1024)
def takes_query(scorer: Scorer) -> bool:
    """Whether a scorer is given the whole query, not its target alone."""
    first = next(iter(inspect.signature(scorer).parameters.values()), None)
    annotation = getattr(first, "annotation", None)
    return first is not None and (
        first.name == "query" or annotation is Query or str(annotation).rpartition(".")[2] == "Query"
    )


def hash_id(dataset: str, prompt: str) -> str:
    """Id of a query that has none in its data set: 16 hexadecimal digits of a hash of (dataset, prompt)."""
    return hashlib.sha256(f"{dataset}\0{prompt}".encode(errors="surrogatepass")).hexdigest()[:16]


def shuffled(indices: Iterable[int], seed: int) -> list[int]:
    """The indices in the seed's random order: the first ones of a file may all be of one subject."""
    order = list(indices)
    random.Random(seed).shuffle(order)
    return order
