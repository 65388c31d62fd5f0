"""Snapshot: one moment of a store, opened to be looked at, compared and restored."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from chatseal import events
from chatseal.capture.entry import Entry
from chatseal.drilled import Drilled
from chatseal.events import Report
from chatseal.sealing.budget import Budget
from chatseal.sealing.source import PathLike
from chatseal.sealing.target import Writable
from chatseal.snapshots import catalogue, map_chain
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.content import Content
from chatseal.snapshots.diff import diff
from chatseal.snapshots.drill import DrillOptions, drill
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.restore import RestoreOptions, content_of, restore, restore_file, restore_stream
from chatseal.snapshots.sealed_store import SealedStore


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
