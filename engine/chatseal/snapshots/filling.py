"""Filling: units of entries from packs into files, whole packs at a time where most of a pack is needed."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.page_map import ZEROS
from chatseal.snapshots.page_table import PageTable, Units, runs

WHOLE_FROM = 0.25  # of a pack: if so much of it is needed, all of it is fetched
PIECE = 1 << 20
_ZEROS = memoryview(bytes(PIECE))

Numbers = NDArray[np.int64]


class Place(Protocol):
    """A file that is being restored. `descriptor` is negative if there is no file, and all that comes goes through `write_at`."""

    @property
    def descriptor(self) -> int: ...

    def write_at(self, offset: int, data: memoryview, /) -> None: ...


class Run(NamedTuple):
    """Bytes in a row: where in the file, where in the pack's plaintext, how many."""

    offset: int
    at: int
    length: int


class Filler:
    """Writes units into files, for one thread. What is to come is told first, so that packs are fetched in the best way."""

    def __init__(self, table: PageTable, packs: PackReader) -> None:
        self._table, self._packs = table, packs
        self._need = np.zeros(len(table.packs), np.int64)  # bytes of each pack that will be asked for

    def expect(self, units: Units, numbers: Numbers | None = None) -> None:
        """Say that *units*, or those *numbers* of them, will be asked for."""
        packs = units.packs if numbers is None else units.packs[numbers]
        self._need += np.bincount(packs[packs != ZEROS], minlength=len(self._need)) * units.unit

    def fill(self, units: Units, place: Place, numbers: Numbers | None = None, *, tick: Callable[[int], None]) -> None:
        """Write *units*, or those *numbers* of them, into *place*; without *numbers* it is new, and reads as zeros. *tick* gets bytes.

        Raises IntegrityError, what stores raise, and OSError."""
        is_new = numbers is None
        packs = units.packs if numbers is None else units.packs[numbers]
        if numbers is not None:
            for run in _runs(units, numbers[packs == ZEROS]):
                for at in range(0, run.length, PIECE):
                    place.write_at(run.offset + at, _ZEROS[: min(PIECE, run.length - at)])
        groups = [group for group in _by_pack(numbers, packs) if units.packs[group[0]] != ZEROS]
        whole = [group for group in groups if self._is_needed_whole(int(units.packs[group[0]]))]
        coming = [self._table.packs[units.packs[group[0]]] for group in whole]
        turn = 0
        for group in groups:
            pack = self._table.packs[units.packs[group[0]]]
            found = list(_runs(units, group))
            if turn < len(coming) and pack is coming[turn]:
                turn += 1
                if is_new and place.descriptor >= 0 and found == [Run(found[0].offset, 0, pack.plain)]:
                    self._packs.into(pack, place.descriptor, found[0].offset, following=coming[turn:])
                else:
                    plain = self._packs.whole(pack, following=coming[turn:])
                    for run in found:
                        place.write_at(run.offset, plain[run.at : run.at + run.length])
            else:
                for run in found:
                    for at in range(0, run.length, PIECE):
                        data = self._packs.read(pack, run.at + at, min(PIECE, run.length - at))
                        place.write_at(run.offset + at, memoryview(data))
            tick(sum(run.length for run in found))

    def _is_needed_whole(self, number: int) -> bool:
        return bool(self._need[number] >= WHOLE_FROM * self._table.packs[number].plain)


def _by_pack(numbers: Numbers | None, packs: NDArray[np.uint32]) -> list[Numbers]:
    """*numbers*, all if None, by the pack in which they lie, in the order in which packs come first: 12 bytes a unit."""
    if not len(packs):
        return []
    order = np.argsort(packs, kind="stable")
    in_order = packs[order]
    begins = np.flatnonzero(in_order[1:] != in_order[:-1]) + 1
    groups = np.split(order if numbers is None else numbers[order], begins)
    return sorted(groups, key=lambda group: int(group[0]))


def _runs(units: Units, numbers: Numbers) -> Iterator[Run]:
    """The runs in which *numbers*, ascending and of one pack, lie."""
    if not len(numbers):
        return
    first, count, _, at = runs(numbers, units.packs[numbers], units.at[numbers], units.unit)
    for begin, n, where in zip(first.tolist(), count.tolist(), at.tolist(), strict=True):
        offset = begin * units.unit
        yield Run(offset, where, min(n * units.unit, units.entry.size - offset))


def ordered(entries: Sequence[Units]) -> list[Units]:
    """Entries in the order in which they can be restored: folders first, other names of a file after it."""
    return sorted(entries, key=lambda units: (units.entry.type != "folder", bool(units.entry.same_as)))
