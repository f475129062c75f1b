"""The attention cache of a batch (keys and values of every token so far), written in place and not copied per token."""

import math
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

MORE_COLUMNS = 64
"""Columns (tokens) that a full cache grows by; transformers' own cache grows by one, and copies itself each time."""


class InPlaceLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, shape (rows, heads, columns, width); the model is shown a block of them."""

    def __init__(self, rows: int, columns: int) -> None:
        """Make room for this many rows and, at first, this many columns."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._shape = (rows, columns)
        self._rooms: tuple[torch.Tensor, ...] = ()
        self.show(slice(0, rows), 0, 0)

    def show(self, rows: slice, begin: int, length: int) -> None:
        """Show the model these rows, and `length` columns from `begin` on; new columns are written behind them."""
        self.rows, self.begin, self.length = rows, begin, length

    def copy(self, row: int, begin: int, length: int, rows: slice, to: int) -> None:
        """Copy columns of a row to these rows, from column `to` on."""
        for room in self._rooms:
            room[rows, :, to : to + length] = room[row, :, begin : begin + length]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write new columns and return the block with them."""
        new = (key_states, value_states)
        start = self.begin + self.length
        end = start + key_states.shape[-2]
        if not self._rooms:
            self.lazy_initialization(key_states, value_states)
            self._rooms = tuple(_room(x, *self._shape) for x in new)
        if end > self._rooms[0].shape[2]:
            self._grow(end + MORE_COLUMNS)
        for room, states in zip(self._rooms, new, strict=True):
            room[self.rows, :, start:end] = states
        self.length = end - self.begin
        self.keys, self.values = (room[self.rows, :, self.begin : end] for room in self._rooms)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Columns of the block."""
        return self.length

    def keep(self, rows: int, to: torch.Tensor, source: torch.Tensor) -> None:
        """Keep the first `rows` rows, after the rows at `source` have been copied over those at `to`."""
        for room in self._rooms:
            room[to.to(room.device), :, : self.length] = room[source.to(room.device), :, : self.length]
        self.rows = slice(0, rows)

    def blank(self, rows: slice, columns: int) -> None:
        """Set the first columns of rows to 0: a masked column has weight 0, but 0 times a NaN left in it is NaN."""
        for room in self._rooms:
            room[rows, :, :columns] = 0

    def _grow(self, columns: int) -> None:
        held = slice(0, self.rows.stop)
        old, self._rooms = self._rooms, tuple(_room(room, held.stop, columns) for room in self._rooms)
        for room, before in zip(self._rooms, old, strict=True):
            room[:, :, : before.shape[2]] = before[held]


class InPlaceCache(DynamicCache):
    """The cache of a whole model: an InPlaceLayer for each of its layers."""

    def __init__(self, model: Any, rows: int, columns: int) -> None:
        """Make room for this many rows and, at first, this many columns."""
        super().__init__(config=model.config)
        self.own = [InPlaceLayer(rows, columns) for _ in self.layers]
        """The layers."""
        self.layers = [*self.own]

    def show(self, rows: slice, begin: int, length: int) -> None:
        """Show a block of each layer."""
        for layer in self.own:
            layer.show(rows, begin, length)

    def copy(self, row: int, begin: int, length: int, rows: slice, to: int) -> None:
        """Copy columns of a row to other rows, in each layer."""
        for layer in self.own:
            layer.copy(row, begin, length, rows, to)

    def blank(self, rows: slice, columns: int) -> None:
        """Empty the first columns of rows, in each layer."""
        for layer in self.own:
            layer.blank(rows, columns)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Put row indices[i] into row i, in each layer; only rows that change place are copied."""
        moved = (indices != torch.arange(len(indices), device=indices.device)).nonzero().squeeze(1)
        for layer in self.own:
            layer.keep(len(indices), moved, indices[moved])


def cache_for(model: Any, rows: int, columns: int, longest: int) -> DynamicCache:
    """An InPlaceCache where every layer attends to all of `longest` columns, else transformers' own cache.

    A window that slides over the columns would count padding, and states that aren't keys and values hold no columns.
    """
    plain = DynamicCache(config=model.config)
    windows = [_window(layer) for layer in plain.layers]
    if not windows or min(windows) <= longest:
        return plain
    return InPlaceCache(model, rows, columns)


def shares(model: Any) -> str:
    """Say, for the run's record, whether a padded batch reads the common beginning of its prompts once."""
    window = min((_window(layer) for layer in DynamicCache(config=model.config).layers), default=0)
    if window == 0:
        return "each prompt is read alone: not all layers keep keys and values of all tokens"
    until = "" if window == math.inf else f", up to {window:.0f} tokens with the answer (a layer's window)"
    return f"what prompts of a batch have in common is read once{until}"


def _window(layer: Any) -> float:
    """Columns that a layer of transformers' cache attends to; 0 for one that can't be written in place."""
    if type(layer) is DynamicSlidingWindowLayer:
        return layer.sliding_window
    return math.inf if type(layer) is DynamicLayer else 0


def _room(like: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    return like.new_empty(rows, like.shape[1], columns, like.shape[3])
