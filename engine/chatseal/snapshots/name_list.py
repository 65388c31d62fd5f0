"""Name list: what `pending/`, `condemned/` and `forgets/` hold: names of objects, and nothing of any other folder than theirs."""

from collections.abc import Iterable
from itertools import pairwise

from chatseal.format import object_names, strict_json
from chatseal.format.strict_json import damaged

VERSION = 1
LONGEST = 256 << 20
NAMES_MAX = 1 << 22
REFERRED = (object_names.PACKS, object_names.MAPS, object_names.MOVES)  # nothing else is referred to, nothing else condemned
FORGOTTEN = (object_names.SNAPSHOTS,)


def encode(names: Iterable[str]) -> bytes:
    """The list's JSON."""
    return strict_json.encode({"version": VERSION, "names": sorted(set(names))})


def parse(data: bytes, folders: tuple[str, ...] = REFERRED) -> frozenset[str]:
    """The names, all of them in *folders*: no list of the condemned makes anybody remove a snapshot. Raises DamagedError."""
    members = strict_json.parse_object(data)
    strict_json.version(members, VERSION)
    names = strict_json.items(members, "names", NAMES_MAX, strict_json.a_text(128))
    if not all(any(object_names.is_name(name, folder) for folder in folders) for name in names):
        raise damaged()
    if any(before >= name for before, name in pairwise(names)):
        raise damaged()
    return frozenset(names)
