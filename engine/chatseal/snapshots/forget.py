"""Forget: snapshots are removed, and a record stays that says so. What only they needed is removed by `prune`.

The record comes first: a snapshot that is gone without one was taken away by somebody else."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta

from chatseal.errors import ChatsealError, ObjectMissingError
from chatseal.format import object_names
from chatseal.snapshots import name_list, retention
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.retention import Decision, RetentionPolicy
from chatseal.snapshots.sealed_store import SealedStore

LATE = timedelta(days=14)  # no backup takes so long: its `pending/` would have been removed meanwhile


def decide(
    policy: RetentionPolicy, records: Sequence[Record], *, days: int = retention.DAYS_MIN, trusting: bool = False
) -> list[list[Decision]]:
    """What *policy* makes of each group of *records* (machine and sources), newest first.

    Raises ChatsealError, unless *trusting*, if the store got a snapshot long after its writer's time: in a copy of a store all are of one
    day to the store, and whoever made up times could have the policy prefer theirs."""
    late = [record for record in records if record.stored - record.manifest.time > LATE]
    if late and not trusting:
        raise ChatsealError(
            f"{len(late)} of {len(records)} snapshots came to the store more than {LATE.days} days after the time that they tell"
        ).with_remedy("If the store is a copy of another, --trust-times counts the times that they tell; otherwise look at them first.")
    return [retention.decide(policy, group, days=days, trusting=trusting) for group in retention.groups(records)]


def forget(store: SealedStore, names: Iterable[str]) -> str:
    """Remove the snapshots *names*, objects of `snapshots/`, for good; the name of the record, or "" if there was nothing to remove.

    Killed at any moment, what is named in a record and still there is a snapshot like any other, and can be forgotten again. Raises
    StoreRefusedError where this credential may not delete, after the record was put, and what stores raise."""
    names = sorted(set(names))
    if not names:
        return ""
    written = record(store, names)
    for name in names:
        store.objects.delete(name)
    return written


def record(store: SealedStore, names: Iterable[str]) -> str:
    """Put a record that the snapshots *names* are forgotten; its name, or "" if there are none."""
    names = sorted(set(names))
    if not names:
        return ""
    name = store.new_name(object_names.FORGETS, names[0].encode())
    store.objects.put(name, store.seal(name, [name_list.encode(names)]))
    return name


def forgotten(store: SealedStore) -> set[str]:
    """Every snapshot that a record says was forgotten. Raises IntegrityError and what stores raise."""
    found: set[str] = set()
    for info in store.listed(object_names.FORGETS):
        with suppress(ObjectMissingError):
            found |= name_list.parse(store.read_kept(info.name, name_list.LONGEST), name_list.FORGOTTEN)
    return found
