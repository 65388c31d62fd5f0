"""Moves: all moves of a store, followed from where maps say that units lie to where they lie now."""

from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chatseal.errors import IntegrityError, ObjectMissingError
from chatseal.format import object_names
from chatseal.format.strict_json import damaged
from chatseal.snapshots import move
from chatseal.snapshots.move import Move
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.page_table import MISSING, PageTable
from chatseal.snapshots.sealed_store import SealedStore

DEPTH_MAX: Final = 64  # moves one after the other

Numbers = NDArray[np.int64]


class Stretches(NamedTuple):
    """Bytes of packs: `length` of them from byte `at` of the plaintext of the pack of that number on."""

    pack: Numbers
    at: Numbers
    length: Numbers

    def some(self, chosen: "Numbers | NDArray[np.bool_] | slice") -> "Stretches":
        """Those that are *chosen*."""
        return Stretches(self.pack[chosen], self.at[chosen], self.length[chosen])


class Hop(NamedTuple):
    """What one move does to stretches: which of them it moves, as indexes, where to, and for which of those the old place is free now."""

    name: str
    hits: Numbers
    moved: Stretches
    frees: NDArray[np.bool_]


class BoundMove:
    """A move whose packs are numbers of a list."""

    def __init__(self, name: str, found: Move, packs: PackList) -> None:
        self.name = name
        sources, targets = (packs.add_all(places).astype(np.int64) for places in (found.sources, found.targets))
        keys = place_key(sources[found.source], found.at.astype(np.int64))
        order = np.argsort(keys, kind="stable")
        self._keys, self._lengths = keys[order], found.length[order].astype(np.int64)
        self._targets, self._to = targets[found.target[order]], found.to[order].astype(np.int64)
        self._sources = np.zeros(len(packs), np.bool_)
        self._sources[sources] = True

    def find(self, stretches: Stretches) -> tuple[Numbers, Stretches]:
        """Which of *stretches* it has moved, as indexes, and where they lie now."""
        near = np.flatnonzero(_among(self._sources, stretches.pack))
        if not len(near):
            return near[:0], Stretches(near[:0], near[:0], near[:0])
        pack, at, length = (column[near] for column in stretches)
        run = np.maximum(np.searchsorted(self._keys, place_key(pack, at), "right") - 1, 0)
        within = place_key(pack, at) - self._keys[run]
        hit = np.flatnonzero((within >= 0) & (within + length <= self._lengths[run]))  # in another pack it would be far away
        run, within = run[hit], within[hit]
        return near[hit], Stretches(self._targets[run], self._to[run] + within, length[hit])


class Moves:
    """The moves of a store, by name, with their packs as numbers of *packs*, of which those in *there* are there.

    A move that leads to a pack that is not there does not count, unless a further one leads on from it."""

    def __init__(self, found: Mapping[str, Move], packs: PackList, there: Container[str]) -> None:
        self._packs, self._there = packs, there
        self._moves = [BoundMove(name, found[name], packs) for name in sorted(found)]

    def __iter__(self) -> Iterator[BoundMove]:
        return iter(self._moves)

    def hops(self, stretches: Stretches, doubtful: Container[str]) -> Iterator[Hop]:
        """All that has to stay of what the moves do to *stretches*, one move after the other.

        A move frees the old place if it leads to packs that are there, and nothing of it is *doubtful*: about to be removed. Another one
        need not stay for a stretch if a move that frees its place also moves it on from where that other leads: it was made later and
        tells all, and none that was made before can say so of it."""
        found = [(one, *one.find(stretches)) for one in self._moves]
        found = [(one, hits, moved) for one, hits, moved in found if len(hits)]
        frees = [self.are_sound(moved, doubtful) & (one.name not in doubtful) for one, _, moved in found]
        stays = [np.ones(len(hits), np.bool_) for _, hits, _ in found]
        for later, (other, others, _) in enumerate(found):
            is_free = np.zeros(len(stretches.pack), np.bool_)
            is_free[others] = frees[later]
            for number, (_, hits, moved) in enumerate(found):
                if number != later:
                    on, _ = other.find(moved)
                    stays[number][on] &= ~is_free[hits[on]]
        for number, (one, hits, moved) in enumerate(found):
            left = np.flatnonzero(stays[number])
            if len(left):
                yield Hop(one.name, hits[left], moved.some(left), frees[number][left])

    def are_sound(self, stretches: Stretches, doubtful: Container[str] = (), depth: int = 0) -> NDArray[np.bool_]:
        """Which of *stretches* lie in packs that are there, or were moved to such, by nothing *doubtful*."""
        sound = self._are_there(stretches.pack, doubtful)
        if depth < DEPTH_MAX and not sound.all():
            for one in self._moves:
                left = np.flatnonzero(~sound)
                hits, moved = one.find(Stretches(*(column[left] for column in stretches)))
                if len(hits) and one.name not in doubtful:
                    sound[left[hits]] = self.are_sound(moved, doubtful, depth + 1)
        return sound

    def _are_there(self, numbers: Numbers, doubtful: Container[str]) -> NDArray[np.bool_]:
        counts = np.bincount(numbers)
        for number in np.flatnonzero(counts).tolist():
            name = self._packs[number].name
            counts[number] = name in self._there and name not in doubtful
        return counts.astype(np.bool_)[numbers]

    def follow(self, table: PageTable) -> None:
        """Have every unit of *table* lie where it lies now. Raises DamagedError if that has no end."""
        if not self._moves:
            return
        for units in table.entries.values():
            stored = np.flatnonzero(units.packs < MISSING)
            if len(stored):
                found = stretches_of(table, units.entry.path, stored)
                table.moves |= self.apply(found)
                units.packs[stored], units.at[stored] = found.pack, found.at

    def apply(self, stretches: Stretches) -> set[str]:
        """Change *stretches* to where they lie now; the names of the moves that did it. Raises DamagedError if it has no end."""
        used: set[str] = set()
        for _ in range(DEPTH_MAX):
            is_moved = False
            for one in self._moves:
                hits, moved = one.find(stretches)
                sound = self.are_sound(moved)
                if sound.any():
                    stretches.pack[hits[sound]], stretches.at[hits[sound]] = moved.pack[sound], moved.at[sound]
                    used.add(one.name)
                    is_moved = True
            if not is_moved:
                return used
        raise damaged()


def stretches_of(table: PageTable, path: str, numbers: Numbers) -> Stretches:
    """Where the units *numbers* of the entry *path* lie, which are in packs."""
    units = table.entries[path]
    length = np.minimum(units.unit, units.entry.size - numbers * units.unit)
    return Stretches(units.packs[numbers].astype(np.int64), units.at[numbers].astype(np.int64), length)


def usable(store: SealedStore, packs: PackList) -> Moves:
    """The moves that can be followed now. One that is damaged leads nowhere: what it has moved is then missed in its old place.

    Raises what stores raise."""
    names = listed(store)
    found: dict[str, Move] = {}
    for name in names:
        with suppress(ObjectMissingError, IntegrityError):
            found[name] = read(store, name)
    store.drop_copies(object_names.MOVES, set(names))
    there = {info.name for info in store.objects.list(object_names.PACKS)} if found else set[str]()
    return Moves(found, packs, there)


def listed(store: SealedStore) -> list[str]:
    """The names of all moves."""
    return sorted(info.name for info in store.listed(object_names.MOVES))


def read(store: SealedStore, name: str) -> Move:
    """One move. Raises ObjectMissingError, IntegrityError and what stores raise."""
    return move.parse(store.read_kept(name, move.LONGEST))


def place_key(pack: Numbers, at: Numbers) -> Numbers:
    """A number for each byte of a pack, which ascends by both."""
    return pack << 32 | at


def _among(chosen: NDArray[np.bool_], numbers: Numbers) -> NDArray[np.bool_]:
    """Which of *numbers* are chosen; those of packs that came later are not."""
    found = np.zeros(len(numbers), np.bool_)
    known = numbers < len(chosen)
    found[known] = chosen[numbers[known]]
    return found
