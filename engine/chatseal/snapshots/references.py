"""References: which objects a snapshot needs, written down while it is not there yet, and looked for before it counts.

The order of these steps is what lets somebody prune at the same time (docs/design/prune.md): pending, then condemned, then what is
there, then the snapshot, then pending once more."""

from collections.abc import Iterable
from contextlib import suppress

from chatseal.errors import IntegrityError, ObjectMissingError, StoreRefusedError
from chatseal.format import object_names
from chatseal.snapshots import name_list
from chatseal.snapshots.sealed_store import SealedStore


def announce(store: SealedStore, snapshot: str, names: Iterable[str]) -> str:
    """Put the `pending/` of a snapshot to be; its name."""
    pending = object_names.sibling(snapshot, object_names.PENDINGS)
    store.objects.put(pending, store.seal(pending, [name_list.encode(names)]))
    return pending


def withdraw(store: SealedStore, pending: str) -> None:
    """Remove a `pending/`. Who may not delete leaves it to whoever prunes."""
    with suppress(StoreRefusedError):
        store.objects.delete(pending)


def missing(store: SealedStore, names: Iterable[str]) -> set[str]:
    """Those of *names* that are not in the store, or about to be removed. The condemned are listed first, then what is there."""
    wanted = set(names)
    lost: set[str] = set()
    for info in store.objects.list(object_names.CONDEMNED):
        if object_names.is_name(info.name, object_names.CONDEMNED):
            with suppress(ObjectMissingError):  # its run has ended: what it deleted is missed below
                lost |= condemned(store, info.name) & wanted
    there: set[str] = set()
    for folder in name_list.REFERRED:
        if any(name.startswith(folder) for name in wanted):
            there.update(info.name for info in store.objects.list(folder) if info.name in wanted)
    return lost | (wanted - there)


def is_there(store: SealedStore, name: str) -> bool:
    """Whether the store has an object of that name."""
    try:
        store.objects.info(name)
    except ObjectMissingError:
        return False
    return True


def condemned(store: SealedStore, name: str) -> frozenset[str]:
    """What a list of `condemned/` names. Raises ObjectMissingError, IntegrityError."""
    try:
        return name_list.parse(store.read(name, name_list.LONGEST))
    except IntegrityError as error:
        raise error.with_remedy(
            "Nobody can tell what it condemns. When nobody backs up or prunes, `chatseal prune --exclusive` removes it."
        ) from None
