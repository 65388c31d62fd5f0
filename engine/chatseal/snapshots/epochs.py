"""Epochs: the spans of a store's life with a key of their own (docs/format.md, section 10). An epoch shares no object with another.

    new     a fresh key for all that comes; the next backup sends everything
    drop    the key of an older epoch is taken out of the config, for good: what is sealed for it nobody opens any more

Dropping is the only erasure there is: who keeps the store may keep every object, and cannot be made to delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chatseal.errors import ChatsealError, NoStoreError
from chatseal.format import object_names
from chatseal.keys.slots import FileKeySlots, Opener
from chatseal.objects.object_store import ObjectStore
from chatseal.snapshots import catalogue, config_object, forget, name_list
from chatseal.snapshots.config_object import ConfigObject
from chatseal.snapshots.sealed_store import SealedStore


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of a store: its `snapshots`, when the `first` and the `last` were made (None if that cannot be read), its objects.

    `is_newest`: what is backed up now is sealed for it. `is_dropped`: its key is gone, and what is left of it nobody can read."""

    number: int
    snapshots: int
    first: datetime | None
    last: datetime | None
    objects: int
    bytes: int
    is_newest: bool
    is_dropped: bool


def listed(store: SealedStore) -> list[Epoch]:
    """The epochs that the store has keys of, and those that it has nothing but objects of, by number. Raises what stores raise."""
    objects: dict[int, list[int]] = {epoch.number: [] for epoch in store.config.epochs}
    erased: dict[int, int] = {}
    for info in store.objects.list(""):
        if object_names.is_name(info.name):
            number = object_names.epoch_of(info.name)
            objects.setdefault(number, []).append(info.size)
            erased[number] = erased.get(number, 0) + info.name.startswith(object_names.SNAPSHOTS)
    times: dict[int, list[datetime]] = {}
    for record in catalogue.read(store).records:
        times.setdefault(object_names.epoch_of(record.name), []).append(record.time)
    return [
        Epoch(
            number,
            erased.get(number, 0),
            min(times.get(number, ()), default=None),
            max(times.get(number, ()), default=None),
            len(sizes),
            sum(sizes),
            number == store.config.epoch.number,
            store.config.has_dropped(number),
        )
        for number, sizes in sorted(objects.items())
        if store.config.has_dropped(number) or any(number == epoch.number for epoch in store.config.epochs)
    ]


def new(objects: ObjectStore, openers: Sequence[Opener]) -> ConfigObject:
    """Begin a new epoch, for the same holders. Raises LimitError, ObjectChangedError, WrongKeyError, IntegrityError, what stores raise."""
    opened = config_object.read(objects, openers)
    return config_object.replace(objects, opened, opened.config.changed(new_epoch=True), FileKeySlots(opened.file_key, opened.slots))


def drop(store: SealedStore, openers: Sequence[Opener], number: int) -> ConfigObject:
    """Take the key of epoch *number* out of the config. That its snapshots are gone is written down before, as if they were forgotten.

    Raises NoStoreError if there is no such epoch, ChatsealError of the newest, or if no snapshot would be left, and what `new` raises."""
    opened = config_object.read(store.objects, openers)
    check_drop(store, number)
    _keep_records(store, number)
    return config_object.replace(store.objects, opened, opened.config.without_epoch(number), FileKeySlots(opened.file_key, opened.slots))


def check_drop(store: SealedStore, number: int) -> Epoch:
    """What would be destroyed. Raises what `drop` raises before it changes anything."""
    found = {epoch.number: epoch for epoch in listed(store)}
    if number not in found:
        raise NoStoreError(f"the store has no epoch {number}").with_remedy("`chatseal epoch list` shows those that it has.")
    if found[number].is_dropped:
        raise NoStoreError(f"epoch {number} was dropped already").with_remedy("`chatseal prune` removes what is left of it.")
    if found[number].is_newest:
        raise ChatsealError(f"epoch {number} is the newest, for which backups are sealed").with_remedy(
            "Begin a new one with `chatseal epoch new`, make a backup, and drop it then."
        )
    if not any(epoch.snapshots for epoch in found.values() if epoch.number != number and not epoch.is_dropped):
        raise ChatsealError("there would be no snapshot left: the other epochs have none yet").with_remedy("Make a backup first.")
    return found[number]


def _keep_records(store: SealedStore, number: int) -> None:
    """Who finds a snapshot gone looks for its record: put one of all that is in the dropped epoch, and what its records tell once more."""
    names = {info.name for info in store.listed(object_names.SNAPSHOTS) if object_names.epoch_of(info.name) == number}
    for info in store.listed(object_names.FORGETS):
        if object_names.epoch_of(info.name) == number:
            names |= name_list.parse(store.read_kept(info.name, name_list.LONGEST), name_list.FORGOTTEN)
    forget.record(store, names)


def sweep(store: SealedStore) -> None:
    """Delete what tells of snapshots of dropped epochs: nobody can read it, and what it needed is spare now. For who prunes."""
    folders = (object_names.SNAPSHOTS, object_names.PENDINGS, object_names.CONDEMNED, object_names.FORGETS)
    for folder in folders:
        for info in store.objects.list(folder):
            if object_names.is_name(info.name, folder) and store.config.has_dropped(object_names.epoch_of(info.name)):
                store.objects.delete(info.name)
