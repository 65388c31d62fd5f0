"""Choice: which packs are to be gathered anew, because much of them is needed by nobody or the newest snapshots lie scattered in them."""

from collections.abc import Container
from typing import Final, NamedTuple

import numpy as np

from chatseal.snapshots.allowance import Allowance
from chatseal.snapshots.moves import Numbers, Stretches
from chatseal.snapshots.pack_list import PackList
from chatseal.snapshots.pack_writer import FRAME_SIZE
from chatseal.snapshots.page_map import PackPlace
from chatseal.snapshots.usage import Needed

_FRAME_BITS: Final = 32  # of a key that tells pack and frame


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

    excess = sum(one.excess for one in found) - sum(one.excess for one in chosen.values())
    limit = max_fragmentation.bytes_of(sum(one.newest for one in found))
    for one in sorted((one for one in left if one.excess), key=lambda one: one.excess / one.newest, reverse=True):
        if excess <= limit:
            break
        if one.number not in chosen:
            chosen[one.number] = one
            excess -= one.excess

    unused = sum(one.unused for one in found) - sum(one.unused for one in chosen.values())
    limit = max_unused.bytes_of(sum(one.place.length for one in found))
    for one in sorted((one for one in left if one.unused), key=lambda one: one.unused / one.place.length, reverse=True):
        if unused <= limit:
            break
        if one.number not in chosen:
            chosen[one.number] = one
            unused -= one.unused
    return list(chosen.values())


def _candidates(needed: Needed, packs: PackList) -> list[Candidate]:
    used, newest = (_bytes(stretches, len(packs)) for stretches in (needed.stretches, needed.newest))
    frames = np.unique(needed.newest.pack << _FRAME_BITS | needed.newest.at // FRAME_SIZE) >> _FRAME_BITS
    unsealed = np.bincount(frames, minlength=len(packs)) * FRAME_SIZE
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
