"""Check: whether every snapshot of a store can be restored."""

import secrets
import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatseal import _pages, events
from chatseal.errors import ChatsealError, IntegrityError, ObjectMissingError
from chatseal.events import Report, Reporter
from chatseal.format import object_names
from chatseal.sealing.budget import Budget
from chatseal.snapshots import catalogue, map_chain, moves
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.move import Move
from chatseal.snapshots.moves import Moves, Stretches
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.page_map import ZEROS, MapReader, PackPlace
from chatseal.snapshots.page_table import PageTable
from chatseal.snapshots.sealed_store import SealedStore

GROUP = 1 << 29  # bytes of packs whose units' fingerprints are in memory at once: 4 MiB of them, and three times as much to sort them
_ROW = np.dtype([("pack", "<u4"), ("at", "<u4"), ("length", "<u4"), ("print", "<u8", 2)])

Rows = NDArray[np.void]
Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What to check: *share* of the packs, 0.0 to 1.0, are read and compared unit by unit; 0.0: structure alone."""

    share: float = 0.0
    threads: int | None = None


def check(store: SealedStore, options: CheckOptions, *, progress: Report | None = None) -> events.Checked:
    """Check all snapshots. Everything that is wrong is in the result; raises only what stores raise."""
    return _Check(store, options, progress).run()


class _Check:
    def __init__(self, store: SealedStore, options: CheckOptions, progress: Report | None) -> None:
        self._store, self._options, self._progress = store, options, progress
        self._fresh = SealedStore(store.objects, store.config, copies=False)  # a good copy here says nothing of the object there
        self._began = time.perf_counter()
        self._broken: dict[str, str] = {}  # objects, and what is wrong with them
        self._packs: dict[str, PackPlace] = {}
        self._maps: set[Parts] = set()  # that are whole
        self._needs: dict[map_chain.Chain, set[str]] = {}  # packs and moves by which each chain's units are found
        self._moves: dict[str, Move] = {}
        self._sizes: dict[str, int] = {}
        self._read = self._checked = 0

    def run(self) -> events.Checked:
        known = catalogue.read(self._fresh)
        self._broken |= {name: str(error) for name, error in known.damaged}
        self._read_moves()
        self._sizes = {info.name: info.size for info in self._store.objects.list(object_names.PACKS)}
        chains = {record.manifest.maps for record in known.records}
        for chain in _longest(chains):
            self._check_chain(chain, chains)
        for place in self._packs.values():
            if place.name not in self._sizes:
                self._broken[place.name] = "it is missing"
            elif self._sizes[place.name] != place.length:
                self._broken[place.name] = f"it has {self._sizes[place.name]} bytes instead of {place.length}"
        if self._options.share > 0:
            self._read_data()
        return self._result(known.records)

    def _read_moves(self) -> None:
        for name in moves.listed(self._fresh):
            try:
                self._moves[name] = moves.read(self._fresh, name)
            except ChatsealError as error:
                self._broken[name] = self._fault(error)

    def _check_chain(self, chain: map_chain.Chain, wanted: Container[map_chain.Chain]) -> None:
        """Everything about the maps: that they are whole, and that each leads to a whole table after the one before. Of those beginnings
        of *chain* that are *wanted*, what they need."""
        table = PageTable(prints=False)
        is_whole = True
        for number, parts in enumerate(chain):
            if not is_whole:  # nothing can be put together any more, but each part can be looked at
                self._broken |= self._broken_parts(parts)
                continue
            try:
                with map_chain.stream(self._fresh, parts) as stream:
                    table.apply(stream, full=number == 0)
                    self._maps.add(parts)
                if chain[: number + 1] in wanted:
                    self._take_needs(chain[: number + 1], table)
            except ChatsealError as error:
                reason = self._fault(error)
                self._broken |= self._broken_parts(parts) or dict.fromkeys(parts, reason)
                is_whole = False

    def _take_needs(self, chain: map_chain.Chain, table: PageTable) -> None:
        Moves(self._moves, table.packs, self._sizes).follow(table)
        self._needs[chain] = table.referred()
        for number in np.flatnonzero(table.used()).tolist():
            place = table.packs[number]
            if self._packs.setdefault(place.name, place) != place:
                self._broken[place.name] = "two maps tell different lengths of it"

    def _broken_parts(self, parts: Parts) -> dict[str, str]:
        """Those of a map's parts that are no whole objects, and why."""
        found = {}
        for name in parts:
            try:
                self._fresh.read(name, map_chain.PART_MAX)
            except ChatsealError as error:
                found[name] = self._fault(error)
        return found

    def _fault(self, error: ChatsealError) -> str:
        """What is wrong with an object. Raises *error* if it is the store that does not answer."""
        if isinstance(error, ObjectMissingError):
            return "it is missing"
        if not isinstance(error, IntegrityError) and not self._store.is_reachable():
            raise error
        return str(error)

    def _read_data(self) -> None:
        places = [place for place in self._packs.values() if place.name not in self._broken]
        wanted = max(1, round(self._options.share * len(places))) if places else 0
        secrets.SystemRandom().shuffle(places)
        places = sorted(places[:wanted])
        reporter = Reporter(self._progress, sum(place.plain for place in places))
        with PackReader(self._store, Budget.of(self._options.threads, None)) as packs:
            for group in _groups(places):
                rows = self._rows({place.name: number for number, place in enumerate(group)})
                for number, place in enumerate(group):
                    try:
                        plain = packs.whole(place, following=group[number + 1 :])
                        of_pack = rows[np.searchsorted(rows["pack"], number) : np.searchsorted(rows["pack"], number, "right")]
                        self._compare(place, plain, of_pack)
                        self._checked += 1
                    except ChatsealError as error:
                        self._broken[place.name] = self._fault(error)
                    self._read += place.plain
                    reporter.tick(self._read)
        reporter.finish(self._read)

    def _rows(self, numbers: dict[str, int]) -> Rows:
        """Every unit that any map puts into one of the packs in *numbers*, by pack and place, each once."""
        found = [np.empty(0, _ROW)]
        for parts in self._maps:
            with map_chain.stream(self._store, parts) as stream:
                reader = MapReader(stream)
                packs = PackList()
                packs.add_all(reader.head.packs)
                moved = Moves(self._moves, packs, self._sizes)
                if any(place.name in numbers for place in packs):
                    found.extend(_rows_of(reader, packs, moved, numbers))
        rows: Rows = np.concatenate(found)
        found.clear()
        rows = rows[np.argsort(rows["pack"].astype(np.uint64) << np.uint64(32) | rows["at"], kind="stable")]
        differ = (rows["pack"][1:] != rows["pack"][:-1]) | (rows["at"][1:] != rows["at"][:-1]) | (rows["length"][1:] != rows["length"][:-1])
        differ |= np.any(rows["print"][1:] != rows["print"][:-1], axis=1)
        rows = rows[np.concatenate((np.ones(len(rows[:1]), np.bool_), differ))]
        return rows

    def _compare(self, place: PackPlace, plain: memoryview, rows: Rows) -> None:
        """Raise IntegrityError if a unit is not what a map says."""
        fingerprinter = _pages.Fingerprinter(self._store.config.fingerprint_key.view)
        at, length = rows["at"].astype(np.int64), rows["length"].astype(np.int64)
        breaks = np.flatnonzero((at[1:] != at[:-1] + length[:-1]) | (length[1:] != length[:-1])) + 1
        for run in np.split(np.arange(len(rows)), breaks):
            if not len(run):
                continue
            begin, end, unit = int(at[run[0]]), int(at[run[-1]] + length[run[-1]]), int(length[run[0]])
            prints = np.frombuffer(rows["print"][run].tobytes(), np.uint8).copy()
            marks = np.empty(len(run), np.uint8)
            if fingerprinter.compare(plain[begin:end], unit, len(run), prints.data, marks.data):
                raise IntegrityError(f"{place.name} does not hold what a map says")

    def _result(self, records: Sequence[Record]) -> events.Checked:
        hurt = [name.rpartition("-")[2] for name in self._broken if name.startswith(object_names.SNAPSHOTS)]
        for record in records:
            chain = record.manifest.maps
            needed = {part for parts in chain for part in parts} | self._needs.get(chain, set())
            if needed & self._broken.keys():
                hurt.append(record.id)
        referred = set(self._packs)
        return events.Checked(
            len(records) + sum(name.startswith(object_names.SNAPSHOTS) for name in self._broken),
            len(referred),
            self._checked,
            self._read,
            sum(self._sizes.values()),
            len(self._sizes.keys() - referred),
            time.perf_counter() - self._began,
            tuple(sorted(self._broken.items())),
            tuple(hurt),
        )


def _longest(chains: set[map_chain.Chain]) -> list[map_chain.Chain]:
    """Those of *chains* that are not the beginning of another."""
    beginnings = {chain[:length] for chain in chains for length in range(1, len(chain))}
    return sorted(chains - beginnings)


def _groups(places: Sequence[PackPlace]) -> Iterator[list[PackPlace]]:
    group: list[PackPlace] = []
    size = 0
    for place in places:
        group.append(place)
        size += place.plain
        if size >= GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _rows_of(reader: MapReader, packs: PackList, moved: Moves, numbers: dict[str, int]) -> Iterator[Rows]:
    """The rows of one map whose packs, which are *packs*, are among *numbers*, where units have *moved*."""
    wanted = np.array([numbers.get(place.name, -1) for place in packs], np.int64)
    for head in reader.entries():
        for segment in reader.segments(head):
            count = segment.count.astype(np.int64)
            stored = np.repeat(segment.pack != ZEROS, count)
            within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
            unit = (np.repeat(segment.first.astype(np.int64), count) + within)[stored]
            found = Stretches(
                np.repeat(segment.pack.astype(np.int64), count)[stored],
                (np.repeat(segment.at.astype(np.int64), count) + within * head.unit)[stored],
                np.minimum(head.unit, head.entry.size - unit * head.unit),
            )
            moved.apply(found)
            chosen = wanted[found.pack] >= 0
            if chosen.any():
                rows = np.empty(int(chosen.sum()), _ROW)
                rows["pack"], rows["at"], rows["length"] = wanted[found.pack[chosen]], found.at[chosen], found.length[chosen]
                rows["print"] = np.ascontiguousarray(segment.prints[stored][chosen]).view("<u8")
                yield rows
