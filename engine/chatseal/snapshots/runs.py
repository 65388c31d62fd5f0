"""Runs: which bytes of a pack's plaintext go where in a file."""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from chatseal.snapshots.page_table import Units, runs

Numbers = NDArray[np.int64]


class Run(NamedTuple):
    """Bytes in a row: where in the file, where in the pack's plaintext, how many."""

    offset: int
    at: int
    length: int


class Runs(NamedTuple):
    """Many of them, in columns; no byte of the file is in two."""

    offset: Numbers
    at: Numbers
    length: Numbers

    @classmethod
    def of(cls, units: Units, numbers: Numbers) -> Self:
        """The runs in which *numbers*, ascending and of one pack, lie."""
        if not len(numbers):
            return cls(numbers, numbers, numbers)
        first, count, _, at = runs(numbers, units.packs[numbers], units.at[numbers], units.unit)
        offset = first.astype(np.int64) * units.unit
        return cls(offset, at.astype(np.int64), np.minimum(count.astype(np.int64) * units.unit, units.entry.size - offset))

    @classmethod
    def joined(cls, offset: Numbers, at: Numbers, length: Numbers) -> Self:
        """The runs of pieces, ascending by offset: pieces that follow one another on both sides are one."""
        follows = (offset[1:] == offset[:-1] + length[:-1]) & (at[1:] == at[:-1] + length[:-1])
        begins = np.flatnonzero(np.append(True, ~follows))
        return cls(offset[begins], at[begins], np.add.reduceat(length, begins))

    def in_order_of(self, column: Numbers) -> "Runs":
        """The same, ascending by one of the columns."""
        order = np.argsort(column, kind="stable")
        return Runs(self.offset[order], self.at[order], self.length[order])

    def rows(self) -> memoryview:
        """The same in rows, ascending by where they lie in the plaintext."""
        return np.stack(self.in_order_of(self.at), axis=1).data

    def each(self) -> Iterator[Run]:
        """One by one."""
        return map(Run, self.offset.tolist(), self.at.tolist(), self.length.tolist())

    @property
    def are_apart(self) -> bool:
        """Whether no byte of the plaintext is in two."""
        at, length = self.at, self.length
        if np.any(at[1:] < at[:-1]):
            _, at, length = self.in_order_of(at)
        return bool(np.all(at[1:] >= at[:-1] + length[:-1]))

    @property
    def bytes(self) -> int:
        """How many all of them are."""
        return int(self.length.sum())
