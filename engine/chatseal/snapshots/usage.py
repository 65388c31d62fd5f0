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

Keys = NDArray[np.int64]  # a stretch each, ascending


@dataclass(frozen=True, slots=True)
class Needed:
    """What snapshots need: `stretches` by pack and place, each once, the names of the packs in which they lie, and of moves.

    `newest` is what the newest snapshots need of it, where they find it, each once, in the order in which it is restored."""

    stretches: Stretches
    newest: Stretches
    packs: frozenset[str]
    moves: frozenset[str]


class Usage:
    """Gathers what tables use, as their maps tell it; the tables share `packs`."""

    def __init__(self) -> None:
        self.packs = PackList()
        self._keys: Keys = np.empty(0, np.int64)
        self._newest: list[Keys] = []

    def add(self, table: PageTable, *, newest: bool = False) -> None:
        """Take in where every unit of *table* lies, which is that of one of the *newest* snapshots. Raises LimitError for more packs than
        can be told apart."""
        found = [np.empty(0, np.int64)]
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
        """What is needed of packs and of *moves*.

        A move frees the place that it was from if it leads to packs that are there, and nothing of it is *doubtful*: about to be removed.
        It is needed in any case, with where it leads, because others may trust it. Raises DamagedError if moves have no end."""
        reached, held, used = self._keys, [np.empty(0, np.int64)], set[str]()
        for _ in range(DEPTH_MAX):
            stretches, further = _stretches(reached), [np.empty(0, np.int64)]
            is_free = np.zeros(len(reached), np.bool_)
            for move in moves:
                hits, moved = move.find(stretches)
                if len(hits):
                    used.add(move.name)
                    further.append(keys_of(moved))
                    if move.name not in doubtful:
                        is_free[hits] |= moves.are_sound(moved, doubtful)
            held.append(reached[~is_free])
            reached = np.unique(np.concatenate(further))
            if not len(reached):
                found = _stretches(np.unique(np.concatenate(held)))
                packs = frozenset(self.packs[number].name for number in np.unique(found.pack).tolist())
                return Needed(found, self._newest_of(moves), packs, frozenset(used))
        raise damaged()

    def _newest_of(self, moves: Moves) -> Stretches:
        """What the newest snapshots need, where they find it."""
        found = _stretches(np.concatenate((np.empty(0, np.int64), *self._newest)))
        moves.apply(found)
        _, firsts = np.unique(keys_of(found), return_index=True)
        return found.some(np.sort(firsts))


def keys_of(stretches: Stretches) -> Keys:
    """A number for each stretch, which ascends by pack and place."""
    return (stretches.pack << _AT_BITS | stretches.at) << _LENGTH_BITS | (stretches.length - 1)


def _stretches(keys: Keys) -> Stretches:
    length = (keys & ((1 << _LENGTH_BITS) - 1)) + 1
    at = keys >> _LENGTH_BITS & ((1 << _AT_BITS) - 1)
    return Stretches(keys >> (_LENGTH_BITS + _AT_BITS), at, length)
