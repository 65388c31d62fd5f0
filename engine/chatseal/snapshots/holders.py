"""Holders: who may open a store, listed and changed (docs/format.md, section 10).

    add       one more slot for the same file key, in a new generation of the config
    remove    a fresh file key and a new epoch, so that who is removed opens nothing that comes later
    rotate    other slots for one holder; with *reseal* as remove does it

A fresh file key is wrapped with the keys of all who stay: nobody can make a slot for a key that is not at hand."""

from collections.abc import Sequence

from chatseal.errors import HolderError, LimitError
from chatseal.events import HolderChange, SlotReport
from chatseal.format.header import SLOTS_MAX, Slot
from chatseal.format.labels import CONFIG
from chatseal.keys import slot_search
from chatseal.keys.secret import Secret
from chatseal.keys.slots import FileKeySlots, Holder, Opener, openers_of, wrap, wrap_again
from chatseal.objects.object_store import ObjectStore
from chatseal.snapshots import config_object
from chatseal.snapshots.config import check_holders
from chatseal.snapshots.config_object import ConfigObject

Gone = int | Opener  # a slot by its number, or the slots that a key opens
Changed = tuple[HolderChange, ConfigObject]


def slots(objects: ObjectStore, openers: Sequence[Opener]) -> list[SlotReport]:
    """The slots of a store's config, in order; with *openers* the config is authentic, and each slot tells which of them open it.

    Raises NoStoreError, WrongKeyError if none of *openers* opens a slot, IntegrityError and what stores raise."""
    opened = config_object.read(objects, openers) if openers else None
    there = config_object.read_slots(objects) if opened is None else opened.slots
    return [
        SlotReport(
            number,
            slot.type,
            slot.arguments if slot.body else slot.arguments[:-1],  # of an unknown type: the last word is the body
            tuple(at for at, opener in enumerate(openers) if opened and slot_search.opens(opener, slot, opened.file_key, CONFIG)),
        )
        for number, slot in enumerate(there, 1)
    ]


def add(objects: ObjectStore, openers: Sequence[Opener], new: Holder | Sequence[Holder]) -> Changed:
    """Let the holders in *new* open the store too. *openers* open it now.

    Raises HolderError if a new key opens it already, or is a public key, LimitError, ObjectChangedError, WrongKeyError, IntegrityError and
    what stores raise."""
    holders = check_holders(new)
    opened = config_object.read(objects, openers)
    slots = list(opened.slots)
    for holder in holders:
        if there := slot_search.slots_of(holder, slots, opened.file_key, CONFIG):
            raise _mistake(f"the store opens with the new key already, by slot {there[0] + 1}", "Give a key that is not a holder yet.")
        slots += wrap(opened.file_key, [holder], CONFIG)
    return _write(objects, opened, FileKeySlots(opened.file_key, tuple(slots)), [])


def remove(objects: ObjectStore, openers: Sequence[Opener], gone: Gone | Sequence[Gone], *, force: bool = False) -> Changed:
    """Take slots out, those whose numbers (from 1 on) or whose keys are in *gone*, and begin a new epoch under a fresh file key.

    *openers* are the keys of all who stay: a slot that none of them opens cannot be made for the fresh file key, and raises HolderError
    unless *force*: then it goes, too. The last slot stays in any case. Raises otherwise what `add` raises."""
    named: Sequence[Gone] = [gone] if isinstance(gone, int) or not isinstance(gone, Sequence) else gone
    opened = config_object.read(objects, openers)
    removed: set[int] = set()
    for one in named:
        removed.update(_numbered(opened, one) if isinstance(one, int) else _slots_to_remove(opened, one))
    if not removed:
        raise ValueError("nothing to remove is named")
    staying = [number for number in range(len(opened.slots)) if number not in removed]
    if not staying:
        raise _mistake("the store would open for nobody: this takes its last slot", "Add a holder first.")
    fresh = Secret.random(32)
    again = {number: _again(opened, opened.slots[number], openers, fresh) for number in staying}
    lost = [number for number, slot in again.items() if slot is None]
    if len(lost) == len(staying):
        raise _mistake("the store would open for nobody whose key was given", "Give the keys of all who stay.")
    if lost and not force:
        raise _mistake(
            f"{_others(len(lost))} would be lost: the store gets a fresh file key, and a slot for that takes the holder's key",
            "Give the keys of all who stay, or let the others go too with --force.",
        )
    made = tuple(slot for slot in again.values() if slot is not None)
    return _write(objects, opened, FileKeySlots(fresh, made), sorted({*removed, *lost}), added=())


def rotate(
    objects: ObjectStore, openers: Sequence[Opener], new: Holder | Sequence[Holder], *, reseal: bool = False, force: bool = False
) -> Changed:
    """Put slots for the holders in *new* in place of every slot that *openers* open. Other slots stay, and so do file key and epochs.

    With *reseal* there are a fresh file key and a new epoch for *new* alone: slots of other holders cannot be kept, which raises
    HolderError unless *force*. Raises otherwise what `add` raises."""
    holders = check_holders(new)
    opened = config_object.read(objects, openers)
    old = sorted({number for opener in openers for number in _slots_of(opened, opener)})
    kept = {number for holder in holders for number in _slots_of(opened, holder)}
    if reseal:
        others = len(set(range(len(opened.slots))) - kept - set(old))
        if others and not force:
            raise _mistake(
                f"the store has {_others(others)}, and a slot for a fresh file key takes the holder's key",
                "Name all holders that shall remain as new ones, or drop the others with --force.",
            )
        fresh = Secret.random(32)
        return _write(objects, opened, FileKeySlots(fresh, wrap(fresh, holders, CONFIG)), range(len(opened.slots)))
    if kept & set(old):
        raise _mistake(
            "the new key of the store is an old one",
            "Give a new key; to take another away, use `chatseal key remove`; for a fresh file key, add --reseal.",
        )
    made: list[Slot] = []
    for holder in holders:
        if not _slots_of(opened, holder) and not slot_search.slots_of(holder, made, opened.file_key, CONFIG):
            made += wrap(opened.file_key, [holder], CONFIG)
    changed = [slot for number, slot in enumerate(opened.slots) if number not in old]
    changed[old[0] : old[0]] = made
    return _write(objects, opened, FileKeySlots(opened.file_key, tuple(changed)), old)


def _write(
    objects: ObjectStore, opened: ConfigObject, kept: FileKeySlots, removed: Sequence[int], *, added: tuple[int, ...] | None = None
) -> Changed:
    """Put the next generation; with a fresh file key it begins an epoch. *added* are its slots of new holders: those that are other bytes,
    if it does not say."""
    if len(kept.slots) > SLOTS_MAX:
        raise LimitError(f"the store would have {len(kept.slots)} slots, and {SLOTS_MAX} are all that it can have").with_remedy(
            "Remove a holder who need not open it any more: `chatseal key remove`."
        )
    resealed = kept.file_key is not opened.file_key
    written = config_object.replace(objects, opened, opened.config.changed(new_epoch=resealed), kept)
    if added is None:
        added = tuple(number for number, slot in enumerate(kept.slots, 1) if slot not in opened.slots)
    gone = tuple(number + 1 for number in removed)
    return HolderChange(added, gone, len(kept.slots), resealed, other_names=0, owner_kept=True), written


def _again(opened: ConfigObject, slot: Slot, openers: Sequence[Opener], fresh: Secret) -> Slot | None:
    """*slot* for a fresh file key, if one of *openers* opens it."""
    for opener in openers_of(openers):
        if slot_search.opens(opener, slot, opened.file_key, CONFIG):
            return wrap_again(fresh, slot, opener)
    return None


def _slots_of(opened: ConfigObject, holder: Holder | Opener) -> list[int]:
    return slot_search.slots_of(holder, opened.slots, opened.file_key, CONFIG)


def _numbered(opened: ConfigObject, number: int) -> list[int]:
    if not 1 <= number <= len(opened.slots):
        raise _mistake(f"the store has no slot {number}", f"Its slots are 1 to {len(opened.slots)}; `chatseal key list` shows them.")
    return [number - 1]


def _slots_to_remove(opened: ConfigObject, opener: Opener) -> list[int]:
    if found := _slots_of(opened, opener):
        return found
    raise _mistake("the store does not open with the key that shall go", "`chatseal key list` shows who its holders are.")


def _others(count: int) -> str:
    return "a slot of another holder" if count == 1 else f"{count} slots of other holders"


def _mistake(message: str, remedy: str) -> HolderError:
    return HolderError(message).with_remedy(remedy)
