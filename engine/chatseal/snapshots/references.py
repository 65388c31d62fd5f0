"""References: which objects a snapshot needs, written down while it is not there yet, and looked for before it counts.

The order of these steps is what lets somebody prune at the same time (docs/design/prune.md): pending, then condemned, then what is
there, then the snapshot, then pending once more."""

from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise

from chatseal.errors import ObjectMissingError, StoreRefusedError
from chatseal.format import object_names, strict_json
from chatseal.format.strict_json import damaged
from chatseal.snapshots.sealed_store import SealedStore

VERSION = 1
LONGEST = 256 << 20
NAMES_MAX = 1 << 22
_REFERRED = (object_names.PACKS, object_names.MAPS)


def encode(names: Iterable[str]) -> bytes:
    """A list of packs and maps, as `pending/` and `condemned/` hold it."""
    return strict_json.encode({"version": VERSION, "names": sorted(set(names))})


def parse(data: bytes) -> frozenset[str]:
    """Raises DamagedError."""
    members = strict_json.parse_object(data)
    strict_json.version(members, VERSION)
    names = strict_json.items(members, "names", NAMES_MAX, strict_json.a_text(128))
    # nothing else is referred to, nothing else condemned: no list makes anybody remove a snapshot
    if not all(any(object_names.is_name(name, folder) for folder in _REFERRED) for name in names):
        raise damaged()
    if any(before >= name for before, name in pairwise(names)):
        raise damaged()
    return frozenset(names)


def announce(store: SealedStore, snapshot: str, names: Iterable[str]) -> str:
    """Put the `pending/` of a snapshot to be; its name."""
    pending = object_names.sibling(snapshot, object_names.PENDINGS)
    store.objects.put(pending, store.seal(pending, [encode(names)]))
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
                lost |= parse(store.read(info.name, LONGEST)) & wanted
    there: set[str] = set()
    for folder in (object_names.PACKS, object_names.MAPS):
        there.update(info.name for info in store.objects.list(folder) if info.name in wanted)
    return lost | (wanted - there)


def is_there(store: SealedStore, name: str) -> bool:
    """Whether the store has an object of that name."""
    try:
        store.objects.info(name)
    except ObjectMissingError:
        return False
    return True
