"""Choice: which packs are to be gathered anew, because much of them is needed by nobody or the newest snapshots lie scattered in them."""

from collections.abc import Callable, Container
from typing import NamedTuple

import numpy as np

from chatseal.snapshots.allowance import Allowance
from chatseal.snapshots.filling import frames_of_packs
from chatseal.snapshots.moves import Numbers, Stretches
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.pack_writer import FRAME_SIZE
from chatseal.snapshots.page_map import PackPlace
from chatseal.snapshots.usage import Needed


class Candidate(NamedTuple):
    """A pack of which something is needed: its number; how many bytes of the object, in proportion, are not (`unused`); how many of its
    plaintext the newest snapshots need, and how many more are unsealed for these, because they share a frame (`excess`)."""

    number: int
    place: PackPlace
    unused: float
    newest: int
    excess: int


def choose(
    needed: Needed,
    packs: PackList,
    spared: Container[str],
    *,
    max_unused: Allowance,
    max_fragmentation: Allowance,
    dropped: Container[str] = (),
) -> list[Candidate]:
    """Packs to be gathered anew: those that are *dropped* and still needed; so many that those left make the newest snapshots unseal no
    more in excess than *max_fragmentation* has; and so many that in those left no more is unused than *max_unused* has. Those with the
    greatest share of it first.

    None of *spared*, of which nobody knows what part is needed, or which may be removed soon."""
    found = _candidates(needed, packs)
    chosen = {one.number: one for one in found if one.place.name in dropped and one.place.name not in spared}
    left = [one for one in found if one.place.name not in spared]

    def take(too_much: Callable[[Candidate], float], share: Callable[[Candidate], float], limit: float) -> None:
        """Choose more, those with the greatest *share* first, until those that are left have no more than *limit* of what is too much."""
        rest = sum(too_much(one) for one in found if one.number not in chosen)
        for one in sorted((one for one in left if too_much(one) and one.number not in chosen), key=share, reverse=True):
            if rest <= limit:
                break
            chosen[one.number] = one
            rest -= too_much(one)

    newest, length = sum(one.newest for one in found), sum(one.place.length for one in found)
    take(lambda one: one.excess, lambda one: one.excess / one.newest, max_fragmentation.bytes_of(newest))
    take(lambda one: one.unused, lambda one: one.unused / one.place.length, max_unused.bytes_of(length))
    return list(chosen.values())


def _candidates(needed: Needed, packs: PackList) -> list[Candidate]:
    used, newest = (_bytes(stretches, len(packs)) for stretches in (needed.stretches, needed.newest))
    unsealed = frames_of_packs(needed.newest.pack, needed.newest.at, len(packs)) * FRAME_SIZE
    found = []
    for number in np.flatnonzero(used).tolist():
        place = packs[number]
        excess = max(0, min(int(unsealed[number]), place.plain) - int(newest[number]))
        found.append(Candidate(number, place, place.length * max(0.0, 1 - used[number] / place.plain), int(newest[number]), excess))
    return found


def _bytes(stretches: Stretches, packs: int) -> Numbers:
    """How many bytes of each of so many packs they are."""
    found = np.zeros(packs, np.int64)
    np.add.at(found, stretches.pack, stretches.length)
    return found
