"""Queries of several messages in a table: canonical text in `query`, the messages as JSON in `messages`."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from zeta_eval.exceptions import InvalidInputError, OutcomesError
from zeta_eval.router.complexity.conversation import Conversation, stored
from zeta_eval.router.complexity.message_lists import conversation_of, message_list


def with_messages(frame: pd.DataFrame, *, texts: bool = False) -> pd.DataFrame:
    """Return a frame whose queries that are messages have their text in `query` and themselves in `messages`.

    Messages stand in a column `messages`, or in `query` itself. There, JSON texts are taken for messages where `texts`
    says so.

    Raises:
        OutcomesError: a list of messages that asks nothing.
    """
    frame, where = frame.reset_index(drop=True), [c for c in ("messages", "query") if c in frame.columns]
    talks: dict[int, Conversation] = {}
    for column in where:
        talks |= _talks(frame[column], texts=texts or column == "messages") | talks
    if not talks:
        return frame
    query = list(frame["query"]) if "query" in frame.columns else [None] * len(frame)
    messages: list[str | None] = [None] * len(frame)
    for row, talk in talks.items():
        query[row], messages[row] = str(talk), stored(talk)
    columns = {"query": query, "messages": messages}
    return frame.assign(**{name: pd.Series(values, dtype=object) for name, values in columns.items()})


def queries_of(query: pd.Series, messages: pd.Series) -> npt.NDArray[np.object_]:
    """Return queries as an array of texts, those with messages as a `Conversation`."""
    found: npt.NDArray[np.object_] = query.to_numpy(dtype=object, copy=True)
    known: dict[str, Conversation] = {}
    for row in np.flatnonzero(messages.notna().to_numpy()):
        told = str(messages.iloc[row])
        found[row] = known[told] = known.get(told) or Conversation.from_json(told)
    return found


def _talks(column: pd.Series, *, texts: bool) -> dict[int, Conversation]:
    """The conversations that a column holds, by row."""
    if isinstance(column.dtype, pd.StringDtype):
        if not texts:
            return {}
        column = column[column.str.lstrip().str[:1].isin(["[", "{"]).fillna(False).astype(bool)]
    found: dict[int, Conversation] = {}
    for row, value in column.items():
        if isinstance(value, str) and not texts and not isinstance(value, Conversation):
            continue
        if (turns := message_list(value)) is None:
            continue
        try:
            found[int(str(row))] = conversation_of(turns)
        except InvalidInputError as e:
            raise OutcomesError(f"Row {int(str(row)) + 1} has messages that are no query: {e}") from e
    return found
