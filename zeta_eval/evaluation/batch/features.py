"""Features, tokens and rules of many queries: all that a policy reads of their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zeta_eval.arrays import Floats, Sizes
from zeta_eval.evaluation.batch.tokens import Tokens, Vocabulary
from zeta_eval.router.complexity import FEATURES, TextView, extract, has_signal, is_embedding_request, request_of

Texts = Sequence[str] | npt.NDArray[np.object_]
"""Query texts, shape (Q,)."""

FREE, NO_SIGNAL, EMBEDDING = range(3)
"""Which rule a text falls under, if any."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features of Q queries, with their texts and tasks: all that a policy reads of them."""

    names: tuple[str, ...]
    """Names of the F features."""
    columns: Floats
    """Values, shape (F, Q): a feature's values lie side by side."""
    rule: npt.NDArray[np.int8]
    """0 free, 1 no signal, 2 embedding request; shape (Q,)."""
    texts: Texts
    """The texts, (Q,)."""
    tasks: npt.NDArray[np.object_]
    """Task name of each query, None where it has none; shape (Q,)."""
    tokens: Tokens
    """The tokens of the texts."""

    def column(self, name: str) -> Floats:
        """Values of one feature, shape (Q,)."""
        return np.asarray(self.columns[self.names.index(name)])

    def without_tasks(self) -> Features:
        """The same queries where nobody names their tasks."""
        return self.of_tasks(np.full(len(self.rule), None, dtype=object))

    def of_tasks(self, tasks: npt.NDArray[np.object_]) -> Features:
        """The same queries with other tasks."""
        return Features(
            names=self.names, columns=self.columns, rule=self.rule, texts=self.texts, tasks=tasks, tokens=self.tokens
        )

    def take(self, rows: Sizes) -> Features:
        """Some of the queries."""
        return Features(
            names=self.names,
            columns=self.columns[:, rows],
            rule=self.rule[rows],
            texts=np.asarray(self.texts, dtype=object)[rows],
            tasks=self.tasks[rows],
            tokens=self.tokens.take(rows),
        )

    def once(self, name: str, key: object, make: Callable[[], Floats]) -> Floats:
        """Return what `make` gives, worked out once for the key last asked for under a name."""
        last: tuple[object, Floats] | None = self.__dict__.get(f"_made_{name}")
        if last is None or (last[0] is not key and last[0] != key):
            last = self.__dict__[f"_made_{name}"] = (key, make())
        return last[1]


class FeatureCache:
    """Features by text, so that a query is read once however often it is replayed."""

    def __init__(self) -> None:
        """Start empty."""
        self._start()

    def _start(self) -> None:
        self._names = tuple(FEATURES)
        self._at: dict[str, int] = {}
        self._columns, self._rule = np.empty((len(self._names), 0)), np.empty(0, dtype=np.int8)
        self._vocabulary = Vocabulary()
        self._last: Features | None = None

    def features(self, queries: Texts, tasks: npt.NDArray[np.object_] | None = None) -> Features:
        """Return the features of texts; the same read-only arrays as last time cost nothing."""
        if tuple(FEATURES) != self._names:  # a feature was registered since
            self._start()
        if (last := self._last) is not None and last.texts is queries and (tasks is None or last.tasks is tasks):
            return last
        features = self._read(queries, tasks)
        if isinstance(queries, np.ndarray) and not queries.flags.writeable:
            self._last = features
        return features

    def _read(self, queries: Texts, tasks: npt.NDArray[np.object_] | None) -> Features:
        self._add([text for text in dict.fromkeys(queries) if text not in self._at])
        at = np.fromiter((self._at[text] for text in queries), dtype=np.intp, count=len(queries))
        columns, rule, tokens = self._columns, self._rule, Tokens(self._vocabulary, self._vocabulary.matrix())
        if len(at) != len(rule) or not (at[1:] > at[:-1]).all():  # else they are all that is known: nothing to copy
            columns, rule, tokens = columns[:, at], rule[at], tokens.take(at)
        tasks = np.full(len(at), None, dtype=object) if tasks is None else tasks
        return Features(names=self._names, columns=columns, rule=rule, texts=queries, tasks=tasks, tokens=tokens)

    def _add(self, texts: list[str]) -> None:
        """Read texts that are new."""
        columns, rule = np.empty((len(self._names), len(texts))), np.empty(len(texts), dtype=np.int8)
        for i, text in enumerate(texts):
            view = TextView.of(text)
            found = extract(view)
            columns[:, i] = [found[n] for n in self._names]
            rule[i] = _rule(request_of(text))
            self._vocabulary.add(view)
        first = len(self._at)
        self._at.update(zip(texts, range(first, first + len(texts)), strict=True))
        self._columns = np.hstack([self._columns, columns]) if first else columns
        self._rule = np.r_[self._rule, rule]


def _rule(text: str) -> int:
    return NO_SIGNAL if not has_signal(text) else EMBEDDING if is_embedding_request(text) else FREE
