"""Inspection: what one object of a store is, and what it says."""

import io
from collections import Counter
from typing import Any

from chatseal.errors import NoStoreError
from chatseal.format import object_names, strict_json
from chatseal.format.labels import word_of
from chatseal.format.manifest import LENGTH_MAX as MANIFEST_MAX
from chatseal.format.manifest import Manifest
from chatseal.format.object_names import CONDEMNED, CONFIG_NAME, FORGETS, MAPS, MOVES, PENDINGS, SNAPSHOTS
from chatseal.sealing.opening import read_header, taker
from chatseal.sealing.source import Source
from chatseal.snapshots import config, map_chain, moves, name_list
from chatseal.snapshots.page_map import MapReader
from chatseal.snapshots.sealed_store import SealedStore


def inspect(store: SealedStore, name: str) -> dict[str, Any]:
    """What the object *name* tells, as members for JSON; no secret is among them, but file names may be.

    Raises NoStoreError for what is no name, ObjectMissingError, IntegrityError, what stores raise. Of a pack only the ends are read."""
    if name != CONFIG_NAME and not object_names.is_name(name):
        raise NoStoreError(f"no object of a store is called {name}").with_remedy(
            "Give a name as `chatseal check` shows it, such as `packs/...`, or `config`."
        )
    info = store.objects.info(name)
    found: dict[str, Any] = {"object": name, "kind": word_of(store.kind(name)), "bytes": info.size}
    if name == CONFIG_NAME:
        return found | _config(store)
    found["epoch"] = object_names.epoch_of(name)
    with store.open(name, info.size) as reader:
        found |= {"plain_bytes": reader.size, "frames": reader.frames, "padding_bytes": reader.padding}
    if name.startswith(SNAPSHOTS):
        manifest = Manifest.parse(store.read(name, MANIFEST_MAX))
        found |= {"manifest": strict_json.parse_object(manifest.encode())}
    elif name.startswith((PENDINGS, CONDEMNED)):
        found |= {"names": sorted(name_list.parse(store.read(name, name_list.LONGEST)))}
    elif name.startswith(FORGETS):
        found |= {"names": sorted(name_list.parse(store.read(name, name_list.LONGEST), name_list.FORGOTTEN))}
    elif name.startswith(MAPS):
        found |= _map(store.read(name, map_chain.PART_MAX))
    elif name.startswith(MOVES):
        moved = moves.read(store, name)
        places = {word: [place.name for place in places] for word, places in (("sources", moved.sources), ("targets", moved.targets))}
        found |= {**places, "runs": len(moved.source), "bytes": int(moved.length.sum())}
    return found


def _config(store: SealedStore) -> dict[str, Any]:
    data = store.objects.get(CONFIG_NAME, config.LENGTH_MAX)
    header = read_header(taker(Source(positioned=data, length=len(data))), CONFIG_NAME, CONFIG_NAME).header
    own = store.config
    return {
        "store": own.store_id,
        "generation": own.generation,
        "created": own.created.isoformat(),
        "epochs": [epoch.number for epoch in own.epochs],
        "puts_absent": own.puts_absent,
        "slots": dict(Counter(slot.type for slot in header.slots)),
    }


def _map(plain: bytes) -> dict[str, Any]:
    """The head of a map; parts after the first begin in the middle of one."""
    if not plain.startswith(b'{"version":'):
        return {"part": "a later one"}
    reader = MapReader(io.BufferedReader(io.BytesIO(plain)))
    return {"part": "the first", "full": reader.head.full, "entries": reader.head.entries, "packs": [p.name for p in reader.head.packs]}
