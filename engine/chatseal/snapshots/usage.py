"""Usage: which bytes of which packs the snapshots of a store need, wherever moves have brought them."""

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatseal.errors import LimitError
from chatseal.format.strict_json import damaged
from chatseal.snapshots.moves import DEPTH_MAX, Moves, Stretches, stretches_of
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.page_table import MISSING, PageTable

PACKS_MAX = 1 << 20
_AT_BITS, _LENGTH_BITS = 27, 16  # of a byte of a pack's plaintext, of a unit's length less one

Keys = NDArray[np.int64]  # a stretch each
_NONE: Keys = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Needed:
    """What snapshots need: `stretches` by pack and place, each once, the names of the packs in which they lie, and of moves.

    `newest` is what the newest snapshots need of it, where they find it, each once, in the order in which it is restored. `hops` are keys
    of stretches in pairs, ascending by the second: some move leads from the first to the second."""

    stretches: Stretches
    newest: Stretches
    packs: frozenset[str]
    moves: frozenset[str]
    hops: tuple[Keys, Keys]

    def former(self, keys: Keys) -> tuple[Keys, NDArray[np.int64]]:
        """The other places from which one is led to the stretches of these *keys*, each once, and to which of them, as an index."""
        froms, tos = self.hops
        places, indexes = keys, np.arange(len(keys))
        near, index = places, indexes
        while len(near):
            low, high = (np.searchsorted(tos, near, side) for side in ("left", "right"))
            count = high - low
            rows = np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())
            near, firsts = np.unique(froms[rows], return_index=True)
            is_new = ~np.isin(near, places)
            near, index = near[is_new], np.repeat(index, count)[firsts][is_new]
            places, indexes = np.append(places, near), np.append(indexes, index)
        return places[len(keys) :], indexes[len(keys) :]


class Usage:
    """Gathers what tables use, as their maps tell it; the tables share `packs`."""

    def __init__(self) -> None:
        self.packs = PackList()
        self._keys: Keys = _NONE
        self._newest: list[Keys] = []

    def add(self, table: PageTable, *, newest: bool = False) -> None:
        """Take in where every unit of *table* lies, which is that of one of the *newest* snapshots. Raises LimitError for more packs than
        can be told apart."""
        found = [_NONE]
        for path, units in table.entries.items():
            stored = np.flatnonzero(units.packs < MISSING)
            if len(stored):
                found.append(keys_of(stretches_of(table, path, stored)))
        if len(self.packs) > PACKS_MAX:
            raise LimitError(f"a store of more than {PACKS_MAX} packs")
        if newest:
            self._newest += found
        self._keys = np.unique(np.concatenate((self._keys, *found)))

    def needed(self, moves: Moves, doubtful: Container[str] = ()) -> Needed:
        """What is needed of packs and of *moves*, of which some are *doubtful*: about to be removed.

        A move that has to stay is needed also if it frees nothing, with where it leads, because others may trust it. Raises DamagedError
        if moves have no end."""
        reached, held, used = self._keys, [_NONE], set[str]()
        for _ in range(DEPTH_MAX):
            is_free = np.zeros(len(reached), np.bool_)
            further = [_NONE]
            for hop in moves.hops(stretches_at(reached), doubtful):
                used.add(hop.name)
                is_free[hop.hits] |= hop.frees
                further.append(keys_of(hop.moved))
            held.append(reached[~is_free])
            reached = np.unique(np.concatenate(further))
            if not len(reached):
                found = stretches_at(np.unique(np.concatenate(held)))
                packs = frozenset(self.packs[number].name for number in np.unique(found.pack).tolist())
                return Needed(found, self._newest_of(moves), packs, frozenset(used), self._hops(moves))
        raise damaged()

    def _hops(self, moves: Moves) -> tuple[Keys, Keys]:
        """Everything that moves do to what snapshots need, whether it has to stay or not, ascending by where it leads."""
        froms, tos = [_NONE], [_NONE]
        reached = seen = self._keys
        while len(reached):
            further = [_NONE]
            for move in moves:
                hits, moved = move.find(stretches_at(reached))
                froms.append(reached[hits])
                further.append(keys_of(moved))
            tos += further
            reached = np.setdiff1d(np.concatenate(further), seen)
            seen = np.concatenate((seen, reached))
        order = np.argsort(np.concatenate(tos), kind="stable")
        return np.concatenate(froms)[order], np.concatenate(tos)[order]

    def _newest_of(self, moves: Moves) -> Stretches:
        """What the newest snapshots need, where they find it."""
        found = stretches_at(np.concatenate((_NONE, *self._newest)))
        moves.apply(found)
        _, firsts = np.unique(keys_of(found), return_index=True)
        return found.some(np.sort(firsts))


def keys_of(stretches: Stretches) -> Keys:
    """A number for each stretch, which ascends by pack and place."""
    return (stretches.pack << _AT_BITS | stretches.at) << _LENGTH_BITS | (stretches.length - 1)


def stretches_at(keys: Keys) -> Stretches:
    """The stretches of these numbers."""
    length = (keys & ((1 << _LENGTH_BITS) - 1)) + 1
    at = keys >> _LENGTH_BITS & ((1 << _AT_BITS) - 1)
    return Stretches(keys >> (_LENGTH_BITS + _AT_BITS), at, length)
