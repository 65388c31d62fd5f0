"""Catalogue: which snapshots a store has, in the order of time, and which of them somebody means."""

import getpass
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from chatseal.errors import ChatsealError, IntegrityError, NoStoreError, ObjectMissingError
from chatseal.format import object_names
from chatseal.format.manifest import LENGTH_MAX, Manifest
from chatseal.objects.object_store import ObjectInfo
from chatseal.snapshots.sealed_store import SealedStore

LATEST = "latest"
SHORT = 8  # digits of a snapshot's name that people see
_FETCHERS = 8


@dataclass(frozen=True, slots=True)
class Record:
    """A snapshot: its object's name, what it says, and `time`: its own, or the store's where its own lies beyond that.

    `stored` is when the store got it, by the store's clock."""

    name: str
    manifest: Manifest
    time: datetime
    stored: datetime

    @property
    def id(self) -> str:
        """What people call it."""
        return self.name.rpartition("-")[2]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All snapshots of a store, oldest first, those whose manifests cannot be read, and the names of those of dropped epochs."""

    records: tuple[Record, ...]
    damaged: tuple[tuple[str, IntegrityError], ...] = ()
    dropped: tuple[str, ...] = ()
    epoch: int = 1  # the newest, which backups are sealed for

    def find(self, wanted: str, *, at: datetime | None = None) -> Record:
        """The snapshot that *wanted* names: `latest`, or the first digits of an id; none younger than *at*. Raises NoStoreError."""
        records = [record for record in self.records if at is None or record.time <= at]
        if wanted == LATEST:
            if not records:
                raise _no_snapshot("there is no snapshot" + (" of that time or before" if at else " in the store"))
            return records[-1]
        found = [record for record in records if wanted and record.id.startswith(wanted.lower().rpartition("-")[2])]
        gone = [name for name in self.dropped if wanted and name.rpartition("-")[2].startswith(wanted.lower().rpartition("-")[2])]
        if gone and not found:
            epoch = object_names.epoch_of(gone[0])
            raise _no_snapshot(f"snapshot {wanted} is of epoch {epoch}, which was dropped: nobody can read it any more")
        if len(found) != 1:
            raise _no_snapshot(f"there is no snapshot {wanted}" if not found else f"{wanted} may be one of {len(found)} snapshots")
        return found[0]

    def parent(self, host: str, sources: tuple[str, ...]) -> Record | None:
        """What a backup of *sources* is best compared with: the newest of the same sources here, elsewhere, or of one of them.

        Of the newest epoch alone: an epoch shares nothing with the ones before, so that it can be dropped, and begins with everything."""
        records = [record for record in self.records if object_names.epoch_of(record.name) == self.epoch]
        for good in (
            lambda m: m.host == host and m.sources == sources,
            lambda m: m.sources == sources,
            lambda m: bool(set(m.sources) & set(sources)),
        ):
            for record in reversed(records):
                if good(record.manifest):
                    return record
        return None

    def last_of(self, writer: str) -> Record | None:
        """The newest snapshot of one installation."""
        own = [record for record in self.records if record.manifest.writer == writer]
        return max(own, key=lambda record: record.manifest.sequence, default=None)


def read(store: SealedStore) -> Catalogue:
    """Read all manifests. Raises what stores raise; what is wrong with one snapshot is in `damaged`."""
    listed = [info for info in store.objects.list(object_names.SNAPSHOTS) if object_names.is_name(info.name, object_names.SNAPSHOTS)]
    dropped = tuple(info.name for info in listed if store.config.has_dropped(object_names.epoch_of(info.name)))
    infos = [info for info in listed if info.name not in dropped]

    def look(info: ObjectInfo, data: bytes | None = None) -> Record | tuple[str, IntegrityError] | None:
        try:
            manifest = Manifest.parse(store.read_kept(info.name, LENGTH_MAX) if data is None else data)
        except ObjectMissingError:  # forgotten meanwhile
            return None
        except IntegrityError as error:
            return info.name, error
        stored = _moment(info.modified)
        return Record(info.name, manifest, min(manifest.time, stored), stored)

    # Copies are read in this thread: that is Python's own work, at which threads are in each other's way. A store is waited for.
    found, missing = [], []
    for info in infos:
        data = store.read_copy(info.name, LENGTH_MAX)
        if data is None:
            missing.append(info)
        else:
            found.append(look(info, data))
    if missing:
        with ThreadPoolExecutor(_FETCHERS, "chatseal-catalogue") as pool:
            found += pool.map(look, missing)
    store.drop_copies(object_names.SNAPSHOTS, {info.name for info in infos})
    damaged = sorted((item for item in found if isinstance(item, tuple)), key=lambda item: item[0])
    if not damaged:
        maps = {part for record in found if isinstance(record, Record) for parts in record.manifest.maps for part in parts}
        store.drop_copies(object_names.MAPS, maps)
    records = sorted((item for item in found if isinstance(item, Record)), key=lambda r: (r.time, r.manifest.sequence, r.name))
    return Catalogue(tuple(records), tuple(damaged), dropped, store.config.epoch.number)


def _moment(modified: float) -> datetime:
    """When the store says that it got an object; what is no time at all counts as long ago, which never makes a snapshot the latest."""
    try:
        return datetime.fromtimestamp(modified, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def this_host() -> str:
    """The name of this machine, as snapshots tell it."""
    return socket.gethostname()


def this_user() -> str:
    """The name of who runs this, or their number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def _no_snapshot(text: str) -> ChatsealError:
    return NoStoreError(text).with_remedy("`chatseal snapshots` lists them.")
