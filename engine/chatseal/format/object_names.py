"""Object names: what the objects of a store are called, and what their names tell (docs/format.md, section 10)."""

import re

from chatseal.errors import DamagedError
from chatseal.format import labels
from chatseal.format.labels import CONFIG, object_kind

CONFIG_NAME = "config"
PACKS, MAPS, MOVES = "packs/", "maps/", "moves/"  # what is referred to
PENDINGS, SNAPSHOTS, CONDEMNED, FORGETS = "pending/", "snapshots/", "condemned/", "forgets/"
LAST_LEN = 16  # bytes of a name that chance and the name key make

_KINDS = {
    PACKS: labels.PACK,
    MAPS: labels.MAP,
    MOVES: labels.MOVE,
    PENDINGS: labels.PENDING,
    SNAPSHOTS: labels.SNAPSHOT,
    CONDEMNED: labels.CONDEMNED,
    FORGETS: labels.FORGET,
}
_NAME = re.compile(rf"({'|'.join(_KINDS)})([1-9][0-9]{{0,8}})-([0-9a-f]{{32}})")


def name_of(folder: str, epoch: int, last: bytes) -> str:
    """The name of an object: its folder, the epoch whose key opens it, and 16 bytes that say nothing."""
    return f"{folder}{epoch}-{last[:LAST_LEN].hex()}"


def is_name(name: str, folder: str = "") -> bool:
    """Whether *name* is one that this version gives to objects, in *folder* if there is one. Others in a store are left alone."""
    return name.startswith(folder) and _NAME.fullmatch(name) is not None


def epoch_of(name: str) -> int:
    """The number of the epoch key that opens the object. Raises DamagedError."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise DamagedError("a store's object has a name that nothing gives")
    return int(found[2])


def kind_of(store_id: str, name: str) -> str:
    """What the object's payload is bound to. Raises DamagedError."""
    if name == CONFIG_NAME:
        return CONFIG
    found = _NAME.fullmatch(name)
    if found is None:
        raise DamagedError("a store's object has a name that nothing gives")
    return object_kind(_KINDS[found[1]], store_id, name)


def sibling(name: str, folder: str) -> str:
    """The object of the same last part in another folder: a snapshot's `pending/`."""
    return folder + name.partition("/")[2]
