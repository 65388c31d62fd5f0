"""Page table: the map of one moment in memory, filled from a chain of maps, changed by a scan, written as the next map."""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chatseal.capture.entry import Entry
from chatseal.format.strict_json import damaged
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.page_map import (
    PRINT_LEN,
    SEGMENT_UNITS,
    ZEROS,
    Column,
    EntryHead,
    MapHead,
    MapReader,
    Prints,
    Segment,
    encode_segment,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

MISSING = 0xFFFFFFFE  # in memory alone: a unit that lies in no pack
_LARGE_RUN = 512
_GROW = 1024


class Units:
    """One entry with what is known of its units, in columns: 25 bytes a unit, 9 without fingerprints.

    `prints` are fingerprints, `packs` an index of the table's packs, or ZEROS or MISSING, `at` a byte of the pack's plaintext, `differs`
    whether that is other than in the map before."""

    __slots__ = ("at", "differs", "entry", "has_prints", "packs", "prints", "unit")

    def __init__(self, entry: Entry, unit: int, units: int, *, prints: bool = True) -> None:
        self.entry, self.unit, self.has_prints = entry, unit, prints
        self.prints: Prints = np.zeros((units if prints else 0, PRINT_LEN), np.uint8)
        self.packs: Column = np.full(units, MISSING, np.uint32)
        self.at: Column = np.zeros(units, np.uint32)
        self.differs: NDArray[np.bool_] = np.zeros(units, np.bool_)

    def __len__(self) -> int:
        return len(self.packs)

    def resize(self, units: int) -> None:
        """Cut, or add units that are missing, where they lie: for growing by a little, no second copy is made."""
        before = len(self)
        if self.has_prints:
            self.prints.resize((units, PRINT_LEN), refcheck=False)
        for column in (self.packs, self.at, self.differs):
            column.resize(units, refcheck=False)
        self.packs[before:] = MISSING
        self.differs[before:] = False

    def grow(self, units: int) -> None:
        """At least *units*, with room for more: for a stream, whose length shows at its end."""
        if units > len(self):
            self.resize(max(units, len(self) + len(self) // 2, _GROW))

    def is_whole(self) -> bool:
        """Whether every unit lies somewhere."""
        return not bool(np.any(self.packs == MISSING))

    def length_of(self, unit: int) -> int:
        """Bytes of unit number *unit*: all but the last are full."""
        return min(self.unit, self.entry.size - unit * self.unit)

    def put(self, segment: Segment, packs: Column) -> None:
        """Take over a segment of a map; *packs* says what its packs are here."""
        taken = 0
        index = np.where(segment.pack == ZEROS, ZEROS, packs[np.minimum(segment.pack, len(packs) - 1)] if len(packs) else ZEROS)
        index = index.astype(np.uint32)
        for small, begin, end in _groups(segment.count):
            count = segment.count[begin:end].astype(np.int64)
            total = int(count.sum())
            prints = segment.prints[taken : taken + total]
            taken += total
            if small:
                within = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
                units = np.repeat(segment.first[begin:end].astype(np.int64), count) + within
                self.packs[units] = np.repeat(index[begin:end], count)
                steps = np.where(index[begin:end] == ZEROS, 0, self.unit)
                self.at[units] = np.repeat(segment.at[begin:end].astype(np.int64), count) + within * np.repeat(steps, count)
                if self.has_prints:
                    self.prints[units] = prints
            else:
                here = slice(int(segment.first[begin]), int(segment.first[begin]) + total)
                self.packs[here] = index[begin]
                step = 0 if index[begin] == ZEROS else self.unit
                self.at[here] = int(segment.at[begin]) + np.arange(total) * step
                if self.has_prints:
                    self.prints[here] = prints


def _groups(count: Column) -> Iterator[tuple[bool, int, int]]:
    """Stretches of runs to be taken at once: many small ones together, a large one alone."""
    large = np.flatnonzero(count >= _LARGE_RUN)
    begin = 0
    for at in (int(at) for at in large):
        if at > begin:
            yield True, begin, at
        yield False, at, at + 1
        begin = at + 1
    if begin < len(count):
        yield True, begin, len(count)


def runs(units: NDArray[np.int64], packs: Column, at: Column, unit: int) -> tuple[Column, Column, Column, Column]:
    """The four columns of the runs in which *units*, ascending, lie: `packs` and `at` tell where each of them does."""
    step = np.where(packs[:-1] == ZEROS, 0, unit)
    breaks = (np.diff(units) != 1) | (packs[1:] != packs[:-1]) | (np.diff(at.astype(np.int64)) != step)
    begins = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    count = np.diff(np.append(begins, len(units)))
    return units[begins].astype(np.uint32), count.astype(np.uint32), packs[begins], at[begins]


class PageTable:
    """All entries of a snapshot by their path, and the packs in which their units lie.

    Without *prints*, fingerprints are read and passed over: who only reads content needs none of them."""

    def __init__(self, *, prints: bool = True, packs: PackList | None = None) -> None:
        self._prints = prints
        self.packs = PackList() if packs is None else packs
        self.moves: set[str] = set()  # by which units were found elsewhere than the maps of the chain say
        self.entries: dict[str, Units] = {}

    def used(self) -> NDArray[np.bool_]:
        """For each number of `packs`, whether a unit lies there."""
        used = np.zeros(len(self.packs), np.bool_)
        for units in self.entries.values():
            used[units.packs[units.packs < MISSING]] = True
        return used

    def referred(self) -> set[str]:
        """The names of the packs in which units lie, and of the moves by which they were found there."""
        return self.moves | {self.packs[number].name for number in np.flatnonzero(self.used()).tolist()}

    def apply(self, stream: io.BufferedReader, *, full: bool) -> None:
        """Change the table by the map in *stream*, the first of a chain if *full*. Raises DamagedError, and is of no use then."""
        reader = MapReader(stream)
        if reader.head.full != full:
            raise damaged()
        packs = self.packs.add_all(reader.head.packs)  # where units lie is checked against what this map says of them
        seen: set[str] = set()
        for head in reader.entries():
            path = head.entry.path
            if path in seen or (head.gone and path not in self.entries):
                raise damaged()
            seen.add(path)
            if head.gone:
                del self.entries[path]
                continue
            units = self._units_for(head)
            for segment in reader.segments(head):
                end = int(segment.first[-1]) + int(segment.count[-1])
                if end > len(units):
                    if end > len(units) + len(segment.prints):  # a gap: memory grows with what has arrived, not with what a line claims
                        raise damaged()
                    units.resize(end)
                units.put(segment, packs)
            if len(units) != head.units or not units.is_whole():
                raise damaged()

    def _units_for(self, head: EntryHead) -> Units:
        units = self.entries.get(head.entry.path)
        if units is None or units.unit != head.unit:
            units = self.entries[head.entry.path] = Units(head.entry, head.unit, 0, prints=self._prints)
            return units
        if units.entry.size != head.entry.size:  # a unit whose length is another is another unit, and must be among the segments
            units.resize(min(len(units), units.entry.size // units.unit, head.entry.size // units.unit))
        units.entry = head.entry
        return units

    def drop_packs(self, names: set[str]) -> None:
        """Take for missing whatever lies in the packs *names*."""
        gone = np.array([place.name in names for place in self.packs], np.bool_)
        for units in self.entries.values():
            stored = units.packs < MISSING
            lost = stored.copy()
            lost[stored] = gone[units.packs[stored]]
            units.packs[lost] = MISSING
            units.prints[lost] = 0

    def write(self, *, full: bool, gone: Iterable[str] = (), changed: Callable[[Units], bool] = lambda _: True) -> "Iterator[Buffer]":
        """The map of this table, in pieces that are valid until the next: all of it if *full*, else the entries that *changed* says, in
        them the units that differ, and the paths that are *gone*."""
        entries = [units for units in self.entries.values() if full or changed(units)]
        gone = [] if full else list(gone)
        used = np.zeros(len(self.packs), np.bool_)
        for units in entries:
            for chosen in _chosen(units, everything=full):
                packs = units.packs[chosen]
                if np.any(packs == MISSING):
                    raise AssertionError("a unit lies nowhere")
                used[packs[packs != ZEROS]] = True
        numbers = np.cumsum(used, dtype=np.uint32) - 1
        places = tuple(self.packs[i] for i in np.flatnonzero(used).tolist())
        if full:
            self.moves = set()
        yield from MapHead(full, places, len(entries) + len(gone)).encode()
        for path in gone:
            yield EntryHead(Entry(path, "file"), gone=True).encode()
        for units in entries:
            segments = sum(1 for _ in _chosen(units, everything=full))
            yield EntryHead(units.entry, units.unit, len(units), segments).encode()
            for chosen in _chosen(units, everything=full):
                yield from encode_segment(_segment(units, chosen, numbers))


def _chosen(units: Units, *, everything: bool) -> Iterator[NDArray[np.int64]]:
    """The units to be written, a segment at a time."""
    for begin in range(0, len(units), SEGMENT_UNITS):
        end = min(begin + SEGMENT_UNITS, len(units))
        chosen = np.arange(begin, end) if everything else begin + np.flatnonzero(units.differs[begin:end])
        if len(chosen):
            yield chosen


def _segment(units: Units, chosen: NDArray[np.int64], numbers: NDArray[np.uint32]) -> Segment:
    first, count, pack, at = runs(chosen, units.packs[chosen], units.at[chosen], units.unit)
    stored = pack != ZEROS
    pack[stored] = numbers[pack[stored]]
    return Segment(first, count, pack, at, units.prints[chosen])
