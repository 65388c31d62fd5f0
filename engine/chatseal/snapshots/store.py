"""Store: a place for snapshots, opened with a key."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from chatseal import events
from chatseal.capture.entry import Entry
from chatseal.capture.stream import Readable
from chatseal.copied import Copied
from chatseal.drilled import Drilled
from chatseal.errors import (
    IntegrityError,
    NoStoreError,
    ObjectExistsError,
    ObjectMissingError,
    StoreChangedError,
    StoreExistsError,
    WrongKeyError,
)
from chatseal.events import Report
from chatseal.format.object_names import CONFIG_NAME
from chatseal.keys.slots import Holder, Opener, openers_of
from chatseal.objects.addresses import open_store
from chatseal.objects.local_store import LocalStore
from chatseal.objects.object_store import ObjectStore
from chatseal.sealing.budget import Budget
from chatseal.sealing.source import PathLike
from chatseal.sealing.target import Writable
from chatseal.snapshots import catalogue, map_chain, pins, places
from chatseal.snapshots.backup import BackupOptions, backup
from chatseal.snapshots.catalogue import LATEST, Record
from chatseal.snapshots.check import CheckOptions, check
from chatseal.snapshots.config import LENGTH_MAX, Config
from chatseal.snapshots.content import Content
from chatseal.snapshots.copy import CopyOptions, copy, meet
from chatseal.snapshots.diff import diff
from chatseal.snapshots.drill import DrillOptions, drill
from chatseal.snapshots.forget import forget
from chatseal.snapshots.inspection import inspect
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.prune import PruneOptions, prune
from chatseal.snapshots.restore import RestoreOptions, content_of, restore, restore_file, restore_stream
from chatseal.snapshots.sealed_store import SealedStore


class Store:
    """A place for snapshots: a folder, or what `objects.addresses` knows. As a block it is closed at the end.

    Opening it reads its config with *key*: a BackupKey, a Password, or a list of them. Raises NoStoreError, WrongKeyError, IntegrityError
    and what stores raise. `warning` says if another store lies there, or an older state of it, than this machine knows: then nothing is
    backed up to it, though it can be read."""

    def __init__(self, url: PathLike, key: Opener | Sequence[Opener]) -> None:
        self._objects = open_store(os.fspath(url))
        try:
            self._sealed = SealedStore(self._objects, _open_config(self._objects, key))
            self.warning = self._pin()
        except BaseException:
            self._objects.close()
            raise

    def _pin(self) -> str:
        try:
            pins.check(self.url, self.config)
        except StoreChangedError as error:
            return str(error)
        except OSError as error:
            return f"whether {self.url} is the store that was there before cannot be told: {error}"
        with suppress(OSError):  # who only reads can do so without a place to remember things
            pins.keep(self.url, self.config)
        return ""

    @classmethod
    def create(cls, url: PathLike, key: Holder | Sequence[Holder]) -> "Store":
        """Make an empty store at *url* for the holders of *key*, backup keys and passwords, and open it.

        Tries out what the place can do. Raises StoreExistsError, HolderError, what stores raise, OSError."""
        objects = open_store(os.fspath(url), create=True)
        try:
            exists = StoreExistsError(f"there is a store at {objects.url} already")
            if next(iter(objects.list("")), None) is not None:
                if _has_config(objects):
                    raise exists
                raise _not_empty(objects.url)
            config = Config.new(puts_absent=objects.can_put_absent())
            try:
                objects.put(CONFIG_NAME, config.seal(key), absent=config.puts_absent)
            except ObjectExistsError:
                raise exists from None
            pins.forget(objects.url)
            pins.keep(objects.url, config)
        finally:
            objects.close()
        return cls(url, _as_opener(key))

    @property
    def url(self) -> str:
        """Where it lies."""
        return self._objects.url

    @property
    def id(self) -> str:
        """What it is called by itself, wherever it lies."""
        return self._sealed.config.store_id

    @property
    def config(self) -> Config:
        """Its generation, epochs and keys."""
        return self._sealed.config

    @property
    def sealed(self) -> SealedStore:
        """Its objects."""
        return self._sealed

    def backup(
        self,
        *sources: PathLike,
        streams: Mapping[str, Readable | Sequence[str]] | None = None,
        options: BackupOptions | None = None,
        progress: Report | None = None,
    ) -> events.Backup:
        """Make a snapshot of *sources*, files, databases and folders, and of *streams*, each a binary file object or a command's words.

        Databases are captured as they are at one moment, while others write to them. Only what changed since the snapshot before is sent.
        *progress* gets the bytes read. What cannot be read is in the result's `skipped`.

        Raises StoreChangedError, what stores raise, OSError."""
        self.check_pin()
        options = options or BackupOptions()
        own = [places.state_folder(), places.cache_folder(), *([self._objects.folder] if isinstance(self._objects, LocalStore) else [])]
        capture = replace(options.capture, leave_out=(*options.capture.leave_out, *map(os.path.abspath, own)))
        paths = [os.path.abspath(source) for source in sources]
        return backup(self._sealed, paths, streams or {}, replace(options, capture=capture), progress=progress)

    def forget(self, snapshots: "Iterable[Snapshot]") -> None:
        """Remove *snapshots* for good. What they alone needed stays until it is pruned.

        Raises StoreChangedError, StoreRefusedError where this credential may not delete, what stores raise, OSError."""
        self.check_pin()
        forget(self._sealed, [snapshot.record.name for snapshot in snapshots])

    def prune(self, *, exclusive: bool = False, dry_run: bool = False) -> events.Pruned:
        """Remove what no snapshot needs: condemn it, and remove what this machine has condemned a day ago or earlier.

        *exclusive* does it at once, and loses snapshots if somebody backs up meanwhile. Raises UnprunableError if something that tells
        what is needed cannot be read, StoreChangedError, StoreRefusedError, what stores raise, OSError."""
        self.check_pin()
        return prune(self._sealed, PruneOptions(exclusive=exclusive, dry_run=dry_run))

    def copy_to(
        self, url: PathLike, key: Opener | Sequence[Opener], *, options: CopyOptions | None = None, progress: Report | None = None
    ) -> Copied:
        """Copy all snapshots to *url*, an empty place or an earlier copy, which *key* opens, too. Only what is not there is sent.

        *progress* gets the bytes sent. Snapshots that cannot be copied are in the result's `skipped`. Raises StoreChangedError if another
        store lies there, StoreExistsError if other things do, NoStoreError, WrongKeyError, what stores raise, OSError."""
        objects = open_store(os.fspath(url), create=True)
        try:
            if objects.url == self.url:
                raise StoreExistsError(f"{self.url} cannot be copied to itself")
            config, warnings = meet(self._objects, objects, openers_of(key))
            done = copy(self._sealed, SealedStore(objects, config), options or CopyOptions(), progress=progress)
            return replace(done, warnings=warnings)
        finally:
            objects.close()

    def check_pin(self) -> None:
        """Raise StoreChangedError if another store lies there than this machine knows, or an older state of it; else remember it."""
        pins.check(self.url, self.config)
        pins.keep(self.url, self.config)

    def snapshots(self) -> "list[Snapshot]":
        """All snapshots, oldest first; those that are damaged are left out, and found by `check`."""
        return [Snapshot(self._sealed, record) for record in catalogue.read(self._sealed).records]

    def snapshot(self, wanted: str = LATEST, *, at: datetime | None = None) -> "Snapshot":
        """The snapshot whose id begins with *wanted*, or the latest, of those not younger than *at*. Raises NoStoreError."""
        return Snapshot(self._sealed, catalogue.read(self._sealed).find(wanted, at=at))

    def check(self, *, share: float = 0.0, threads: int | None = None, progress: Report | None = None) -> events.Checked:
        """Whether all snapshots can be restored: their structure, and of *share* of the packs, 0.0 to 1.0, every byte.

        All of it is read from the store; copies on this machine say nothing about what is there."""
        sealed = SealedStore(self._objects, self.config, copies=False)
        return check(sealed, CheckOptions(share, threads), progress=progress)

    def drill(self, wanted: str = LATEST, *, share: float = 1.0, threads: int | None = None, progress: Report | None = None) -> Drilled:
        """As Snapshot.drill, of the snapshot whose id begins with *wanted*, or the latest. Raises NoStoreError too."""
        return self.snapshot(wanted).drill(share=share, threads=threads, progress=progress)

    def inspect(self, name: str) -> dict[str, Any]:
        """What the object *name* of the store tells, as members for JSON. Raises NoStoreError, ObjectMissingError, IntegrityError."""
        return inspect(self._sealed, name)

    def close(self) -> None:
        """Let go of connections. A second call does nothing."""
        self._objects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.url!r})"


class Snapshot:
    """One moment. It stays usable as long as its store is open."""

    def __init__(self, sealed: SealedStore, record: Record) -> None:
        self._sealed, self._record = sealed, record

    @property
    def id(self) -> str:
        """32 digits; the first ones are enough to name it."""
        return self._record.id

    @property
    def time(self) -> datetime:
        """When it was made, by its writer's clock unless the store's says earlier."""
        return self._record.time

    @property
    def host(self) -> str:
        """The name of the machine that made it."""
        return self._record.manifest.host

    @property
    def user(self) -> str:
        """The name of who made it there."""
        return self._record.manifest.user

    @property
    def sources(self) -> tuple[str, ...]:
        """What was backed up: whole paths on that machine, and streams, as `stream:NAME`."""
        return self._record.manifest.sources

    @property
    def tags(self) -> tuple[str, ...]:
        """What its maker tagged it with."""
        return self._record.manifest.tags

    @property
    def size(self) -> int:
        """Bytes of all content in it."""
        return self._record.manifest.size

    @property
    def bytes_added(self) -> int:
        """Bytes that the store got for it, but for its own manifest."""
        return self._record.manifest.bytes_added

    @property
    def skipped(self) -> int:
        """Names that could not be read, and are not in it."""
        return self._record.manifest.skipped

    @property
    def record(self) -> Record:
        """Its object's name and all that it says of itself."""
        return self._record

    def entries(self) -> Iterable[Entry]:
        """What is in it, by path."""
        table = map_chain.load(self._sealed, self._record.manifest.maps, prints=False)
        return [table.entries[path].entry for path in sorted(table.entries)]

    def diff(self, other: "Snapshot", *, rows: bool = False) -> Iterator[events.Difference]:
        """What is other in *other* than in this one: entries, bytes of pages, and with *rows* the rows of databases' tables.

        For rows both databases are restored into a private temporary folder meanwhile."""
        return diff(self._sealed, self._record, other._record, rows=rows)

    def restore(
        self, folder: PathLike, *names: str, options: RestoreOptions | None = None, progress: Report | None = None
    ) -> events.Restored:
        """Restore all of it, or *names* with what is below them, under *folder*. What cannot be restored is in the result's `failed`."""
        return restore(self._sealed, self._record, folder, names, options or RestoreOptions(), progress=progress)

    def restore_file(
        self, name: str, target: PathLike, *, options: RestoreOptions | None = None, progress: Report | None = None
    ) -> events.Restored:
        """Restore one file or database as *target*. Raises NoStoreError, IntegrityError, TargetExistsError, OSError."""
        return restore_file(self._sealed, self._record, name, target, options or RestoreOptions(), progress=progress)

    def write_to(self, name: str, target: Writable, *, threads: int | None = None, progress: Report | None = None) -> int:
        """Write the content of *name* into a binary file object, in order; its bytes. Raises the same."""
        return restore_stream(self._sealed, self._record, name, target, Budget.of(threads, None), progress=progress)

    def drill(self, *, share: float = 1.0, threads: int | None = None, progress: Report | None = None) -> Drilled:
        """Restore all of it, or *share* of its entries, to nowhere: every byte is read, decrypted and compared, databases are looked at by
        SQLite. What cannot be restored is in the result's `failed`; if nothing is, this machine remembers when that was proven.

        Raises IntegrityError if its maps are damaged, what stores raise, OSError if there is no room for a database."""
        return drill(self._sealed, self._record, DrillOptions(share, threads), progress=progress)

    def open(self, name: str) -> Content:
        """The content of *name* as a seekable file, read by ranges straight from the store. Raises NoStoreError, IntegrityError."""
        table = map_chain.load(self._sealed, self._record.manifest.maps, prints=False)
        return Content(table, content_of(table, name), PackReader(self._sealed, Budget.of(1, None)))

    def __repr__(self) -> str:
        return f"Snapshot({self.id[: catalogue.SHORT]}, {self.time:%Y-%m-%d %H:%M:%S})"


def _open_config(objects: ObjectStore, key: Opener | Sequence[Opener]) -> Config:
    try:
        data = objects.get(CONFIG_NAME, LENGTH_MAX)
    except ObjectMissingError:
        raise NoStoreError(f"there is no store at {objects.url}").with_remedy(
            "Check the address; `chatseal init STORE` makes a new store."
        ) from None
    try:
        return Config.open(data, openers_of(key))
    except WrongKeyError as error:
        raise WrongKeyError(f"wrong key: it does not open the store at {objects.url}").with_remedy(
            "Use a key that the store was made for; `chatseal init` was given it."
        ) from error
    except IntegrityError as error:
        error.remedy = "Put back `config` from a copy of the store: the keys of everything else are in it."
        raise


def _has_config(objects: ObjectStore) -> bool:
    try:
        objects.info(CONFIG_NAME)
    except ObjectMissingError:
        return False
    return True


def _not_empty(url: str) -> StoreExistsError:
    return StoreExistsError(f"{url} is not empty, and what is there is no store").with_remedy(
        "Choose an empty or new place: a store shares its folder with nothing."
    )


def _as_opener(key: Holder | Sequence[Holder]) -> list[Opener]:
    from chatseal.keys.key_pair import PublicKey
    from chatseal.keys.vault_key import VaultKey

    holders = [key] if not isinstance(key, Sequence) else key
    keys = [holder.key if isinstance(holder, VaultKey) else holder for holder in holders]
    return [key for key in keys if not isinstance(key, PublicKey)]
