"""Filling: units of entries from packs into files, whole packs at a time where most of a pack has to be unsealed."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.pack_writer import FRAME_SIZE
from chatseal.snapshots.page_map import ZEROS, PackPlace
from chatseal.snapshots.page_table import PageTable, Units
from chatseal.snapshots.range_reader import RangeReader
from chatseal.snapshots.runs import Numbers, Runs

WHOLE_FROM = 0.25  # of a pack's frames: if so many are asked for, all of it is fetched, and unsealed on all cores
PIECE = 1 << 20
_ZEROS = memoryview(bytes(PIECE))
_FRAME_BITS = 32  # of a key that tells pack and frame


class Place(Protocol):
    """A file that is being restored. `descriptor` is negative if there is no file, and all that comes goes through `write_at`."""

    @property
    def descriptor(self) -> int: ...

    def write_at(self, offset: int, data: memoryview, /) -> None: ...


class Filler:
    """Writes units into files, for one thread. What is to come is told first, so that packs are fetched in the best way."""

    def __init__(self, table: PageTable, packs: PackReader) -> None:
        self._table, self._packs = table, packs
        self._told: list[Numbers] = []  # frames that will be asked for, and are not counted yet
        self._frames = np.zeros(len(table.packs), np.int64)  # of each pack that will be asked for

    def expect(self, units: Units, numbers: Numbers | None = None) -> None:
        """Say that *units*, or those *numbers* of them, will be asked for."""
        packs, at = (units.packs, units.at) if numbers is None else (units.packs[numbers], units.at[numbers])
        self._told.append(_distinct(_frames(packs, at)[packs != ZEROS]))

    def fill(self, units: Units, place: Place, numbers: Numbers | None = None, *, tick: Callable[[int], None]) -> None:
        """Write *units*, or those *numbers* of them, into *place*; without *numbers* it is new, and reads as zeros. *tick* gets bytes.

        Raises IntegrityError, what stores raise, and OSError."""
        is_new = numbers is None
        packs = units.packs if numbers is None else units.packs[numbers]
        if numbers is not None:
            for run in Runs.of(units, numbers[packs == ZEROS]).each():
                for at in range(0, run.length, PIECE):
                    place.write_at(run.offset + at, _ZEROS[: min(PIECE, run.length - at)])
        groups = [group for group in _by_pack(numbers, packs) if units.packs[group[0]] != ZEROS]
        whole = self._needed_whole(units, groups)
        for group in groups:
            pack = self._table.packs[units.packs[group[0]]]
            runs = Runs.of(units, group)
            if not whole or pack is not whole[0]:
                read(self._packs, pack, runs, place)
            elif is_new and place.descriptor >= 0 and runs.are_apart:
                self._packs.into(pack, place.descriptor, runs, following=(whole := whole[1:]))
            else:
                read_whole(self._packs, pack, runs, place, following=(whole := whole[1:]))
            tick(runs.bytes)

    def _needed_whole(self, units: Units, groups: Sequence[Numbers]) -> list[PackPlace]:
        """The packs of *groups* that are better fetched whole, in this order."""
        if self._told:
            self._frames += _count(np.concatenate(self._told), len(self._frames))
            self._told.clear()
        numbers = [int(units.packs[group[0]]) for group in groups]
        places = [(self._table.packs[number], int(self._frames[number])) for number in numbers]
        return [place for place, frames in places if frames * FRAME_SIZE >= WHOLE_FROM * place.plain]


def is_better_whole(pack: PackPlace, runs: Runs) -> bool:
    """Whether a pack of which *runs* are needed is better fetched whole."""
    frames = np.zeros(pack.plain // FRAME_SIZE + 2, np.int64)
    np.add.at(frames, runs.at // FRAME_SIZE, 1)
    np.subtract.at(frames, (runs.at + runs.length - 1) // FRAME_SIZE + 1, 1)
    return bool(np.count_nonzero(np.cumsum(frames)) * FRAME_SIZE >= WHOLE_FROM * pack.plain)


def read_whole(packs: PackReader, pack: PackPlace, runs: Runs, place: Place, *, following: Sequence[PackPlace] = ()) -> None:
    """Write *runs* of a pack into *place*, fetching all of it. Raises the same."""
    plain = packs.whole(pack, following=following)
    for run in runs.each():
        place.write_at(run.offset, plain[run.at : run.at + run.length])


def read(packs: PackReader | RangeReader, pack: PackPlace, runs: Runs, place: Place) -> None:
    """Write *runs* of a pack into *place*, fetching those ranges of it alone, each frame once. Raises the same."""
    for run in runs.in_order_of(runs.at).each():
        for at in range(0, run.length, PIECE):
            data = packs.read(pack, run.at + at, min(PIECE, run.length - at))
            place.write_at(run.offset + at, memoryview(data))


def frames_of_packs(packs: Numbers, at: Numbers, count: int) -> Numbers:
    """In how many frames of each of *count* packs bytes *at* of *packs* lie, of which some may be in one."""
    return _count(_frames(packs, at), count)


def _count(frames: Numbers, count: int) -> Numbers:
    return np.bincount(_distinct(frames) >> _FRAME_BITS, minlength=count)


def _frames(packs: "NDArray[np.uint32] | Numbers", at: "NDArray[np.uint32] | Numbers") -> Numbers:
    return packs.astype(np.int64) << _FRAME_BITS | (at // FRAME_SIZE)


def _distinct(numbers: Numbers) -> Numbers:
    """Each once, ascending. `numpy.unique` imports a part of NumPy that takes longer than this."""
    ascending = np.sort(numbers)
    return np.delete(ascending, 1 + np.flatnonzero(ascending[1:] == ascending[:-1]))


def _by_pack(numbers: Numbers | None, packs: NDArray[np.uint32]) -> list[Numbers]:
    """*numbers*, all if None, by the pack in which they lie, in the order in which packs come first: 12 bytes a unit."""
    if not len(packs):
        return []
    order = np.argsort(packs, kind="stable")
    in_order = packs[order]
    begins = np.flatnonzero(in_order[1:] != in_order[:-1]) + 1
    groups = np.split(order if numbers is None else numbers[order], begins)
    return sorted(groups, key=lambda group: int(group[0]))


def ordered(entries: Sequence[Units]) -> list[Units]:
    """Entries in the order in which they can be restored: folders first, other names of a file after it."""
    return sorted(entries, key=lambda units: (units.entry.type != "folder", bool(units.entry.same_as)))
