"""History: which snapshots of a store this machine has seen, so that its keeper cannot take some away, or show an older state, unnoticed.

A snapshot that goes leaves a forget record (forget.py). One that is gone without was *omitted*: deleted or withheld by somebody else. What
is omitted is told by three things: what this machine remembers; what a later snapshot of the same installation names as the one before;
and a *head* that somebody wrote down, for machines that remember nothing."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatseal.errors import DamagedError, IntegrityError, ObjectMissingError, StoreChangedError
from chatseal.format import object_names, strict_json
from chatseal.snapshots import catalogue, forget, name_list, places
from chatseal.snapshots.catalogue import Catalogue
from chatseal.snapshots.sealed_store import SealedStore

MOST = 1 << 16  # names of each kind that are remembered of a store: the ones that came last
FILE_MAX = 32 << 20
HEAD_DIGITS = 16
_NAME_MAX = 128
_HEAD = re.compile(rf"([0-9a-f]{{{HEAD_DIGITS}}})\.([1-9][0-9]{{0,17}})")


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a store at one address, oldest first: snapshots that were there, forget records, what these name, and what was
    omitted when somebody looked last."""

    snapshots: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()


def look(store: SealedStore, known: Catalogue | None = None) -> tuple[str, ...]:
    """What is omitted from the store: names of snapshots and forget records. What is there is remembered. With *known* it is also told by
    what manifests say of each other.

    Raises OSError where this machine cannot remember, and what stores raise."""
    path = path_of(store)
    with places.alone(path.with_suffix(".lock")):
        memory = _read(path)
        listed = {info.name for info in store.objects.list(object_names.SNAPSHOTS) if object_names.is_name(info.name)}
        records = [info.name for info in store.listed(object_names.FORGETS)]  # after the snapshots: a record comes before its snapshot goes
        read = _read_records(store, set(records) - set(memory.records))
        forgotten = dict.fromkeys((*memory.forgotten, *(name for names in read.values() for name in names)))
        snapshots = dict.fromkeys((*memory.snapshots, *sorted(listed)))
        gone = {name for name in snapshots if not (name in listed or name in forgotten or _is_dropped(store, name))}
        before = {record.manifest.previous for record in known.records} if known is not None else set()
        gaps = {name for name in before if name and not (name in listed or name in forgotten or _is_dropped(store, name))}
        if gaps - gone and len(memory.records) == MOST:  # a record that is not remembered any more may name it
            gaps -= forget.forgotten(store)
        withheld = {name for name in memory.records if name not in records and not _is_dropped(store, name)}
        omitted = tuple(sorted(gone | gaps | withheld))
        new = Memory(
            tuple(name for name in snapshots if name in listed or name in gone)[-MOST:],
            (*(name for name in memory.records if not _is_dropped(store, name)), *sorted(read))[-MOST:],
            tuple(forgotten)[-MOST:],
            omitted[:MOST],
        )
        if new != memory:
            places.write_whole(path, _encode(new))
    return omitted


def sentences(omitted: Collection[str]) -> tuple[str, ...]:
    """What is to be told people of what is omitted."""
    snapshots = snapshots_in(omitted)
    records = len(omitted) - len(snapshots)
    found = []
    if snapshots:
        short = ", ".join(name.rpartition("-")[2][: catalogue.SHORT] for name in snapshots[:8]) + (", ..." if len(snapshots) > 8 else "")
        was, them = ("snapshot that was there is", "it") if len(snapshots) == 1 else ("snapshots that were there are", "them")
        found.append(
            f"{len(snapshots)} {was} gone, and nobody has forgotten {them}: {short}. Whoever keeps the store has deleted or withholds"
            " something, or shows an older state; `chatseal forget --gone` takes note of what is lost"
        )
    if records:
        found.append(f"{records} of the records that tell what was forgotten {'is' if records == 1 else 'are'} gone from the store")
    return tuple(found)


def omitted_at_last_look(store_id: str) -> tuple[str, ...]:
    """What was omitted when somebody looked last at the store of that id, at whatever address. Raises OSError."""
    found: set[str] = set()
    for path in (places.state_folder() / "history").glob(f"{store_id}-*.json"):
        found.update(_read(path).omitted)
    return tuple(sorted(found))


def snapshots_in(omitted: Iterable[str]) -> list[str]:
    """Those of *omitted* that are snapshots."""
    return sorted(name for name in omitted if name.startswith(object_names.SNAPSHOTS))


def take_note(store: SealedStore, omitted: Collection[str]) -> None:
    """Put a forget record for the snapshots in *omitted*, so that no machine tells of them again, and remember omitted records no more.

    Raises OSError and what stores raise."""
    forget.record(store, snapshots_in(omitted))
    path = path_of(store)
    with places.alone(path.with_suffix(".lock")):
        memory = _read(path)
        records = tuple(name for name in memory.records if name not in omitted)
        places.write_whole(path, _encode(Memory(memory.snapshots, records, memory.forgotten)))


def head(store: SealedStore, known: Catalogue) -> str:
    """Text to be written down: from it another machine tells whether the store is at least as new. Of the latest snapshot the first digits
    of its id, which nobody can choose, and the generation of the config; empty if there is no snapshot."""
    return f"{known.records[-1].id[:HEAD_DIGITS]}.{store.config.generation}" if known.records else ""


def parse_head(text: str) -> tuple[str, int]:
    """The digits and the generation in a head. Raises ValueError."""
    found = _HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"a head is {HEAD_DIGITS} hexadecimal digits, a dot and a number, as 0123456789abcdef.1")
    return found[1], int(found[2])


def check_head(store: SealedStore, text: str) -> None:
    """Raise StoreChangedError if the store is older than a head that was written down: its snapshot is neither there nor forgotten, or the
    config is of an earlier generation. ValueError for what is no head; IntegrityError and what stores raise."""
    digits, generation = parse_head(text)
    if store.config.generation < generation:
        raise _older(f"its config is of generation {store.config.generation}, and was of {generation} then")
    listed = {info.name for info in store.objects.list(object_names.SNAPSHOTS)}
    names = (*listed, *forget.forgotten(store))
    if not any(name.rpartition("-")[2].startswith(digits) for name in names if object_names.is_name(name, object_names.SNAPSHOTS)):
        raise _older(f"snapshot {digits} is neither there nor forgotten")


def path_of(store: SealedStore) -> Path:
    """The file with what is remembered of a store at its address. One that is damaged counts as empty: then this machine knows nothing."""
    where = hashlib.sha256(store.objects.url.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return places.state_folder() / "history" / f"{store.config.store_id}-{where}.json"


def _is_dropped(store: SealedStore, name: str) -> bool:
    return store.config.has_dropped(object_names.epoch_of(name))


def _read_records(store: SealedStore, records: Iterable[str]) -> dict[str, frozenset[str]]:
    """What forget records name, of those that can be read: another is as good as not there."""
    found: dict[str, frozenset[str]] = {}
    for name in records:
        with suppress(ObjectMissingError, IntegrityError):
            found[name] = name_list.parse(store.read_kept(name, name_list.LONGEST), name_list.FORGOTTEN)
    return found


def _read(path: Path) -> Memory:
    try:
        with open(path, "rb") as file:
            members = strict_json.parse_object(file.read(FILE_MAX))
        strict_json.version(members, 1)
        kinds = {"snapshots": object_names.SNAPSHOTS, "records": object_names.FORGETS, "forgotten": object_names.SNAPSHOTS, "omitted": ""}
        return Memory(**{kind: strict_json.items(members, kind, MOST, _name_of(folder)) for kind, folder in kinds.items()})
    except (FileNotFoundError, DamagedError):
        return Memory()


def _name_of(folder: str) -> Callable[[Any], str]:
    def name(value: Any) -> str:
        if not isinstance(value, str) or not object_names.is_name(value, folder):
            raise strict_json.damaged()
        return value

    return name


def _encode(memory: Memory) -> bytes:
    members = {"snapshots": memory.snapshots, "records": memory.records, "forgotten": memory.forgotten, "omitted": memory.omitted}
    return json.dumps({"version": 1, **members}).encode() + b"\n"


def _older(what: str) -> StoreChangedError:
    return StoreChangedError(f"the store is older than the head that was written down: {what}").with_remedy(
        "Whoever keeps it shows an older state, or has deleted the newest snapshots. Look for a copy elsewhere."
    )
