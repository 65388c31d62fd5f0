"""Restore: from a snapshot back to a folder, a file or a stream."""

import errno
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chatseal import _pages, events
from chatseal.errors import ChatsealError, NoStoreError, StoreFailedError, StoreRefusedError
from chatseal.events import Report, Reporter
from chatseal.sealing.budget import Budget
from chatseal.sealing.source import PathLike
from chatseal.sealing.target import Writable, write_all
from chatseal.snapshots import map_chain
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.filling import Filler, ordered
from chatseal.snapshots.in_place import InPlace
from chatseal.snapshots.pack_reader import PackReader
from chatseal.snapshots.page_table import PageTable, Units
from chatseal.snapshots.runs import Numbers
from chatseal.snapshots.sealed_store import SealedStore
from chatseal.snapshots.tree import Tree
from chatseal.snapshots.window import Window

BATCH = 1 << 20  # bytes of an existing file that are compared at once
WINDOW = 32 << 20  # bytes for a stream, whose units come out of many packs


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """How to restore. *overwrite* replaces files that are there; *in_place* writes into those that are there what differs; *owner* gives
    files the user and group they had; *threads* is all cores if None."""

    overwrite: bool = False
    in_place: bool = False
    owner: bool = False
    threads: int | None = None

    def __post_init__(self) -> None:
        Budget.of(self.threads, None)


def restore(
    store: SealedStore, record: Record, folder: PathLike, names: Sequence[str], options: RestoreOptions, *, progress: Report | None = None
) -> events.Restored:
    """Restore a snapshot, or those *names* of it with what is below them, under *folder*.

    Files appear one by one, each whole or not at all. A file that is damaged or cannot be written is in the result's `failed`, and the
    others are restored. Raises NoStoreError for a name that is not there, what stores raise, and OSError of the folder."""
    table = map_chain.load(store, record.manifest.maps, prints=options.in_place)
    with PackReader(store, Budget.of(options.threads, None)) as packs:
        run = _Restore(store, table, packs, Path(folder), options, progress)
        return run.entries(record, chosen(table, names))


def restore_file(
    store: SealedStore, record: Record, name: str, target: PathLike, options: RestoreOptions, *, progress: Report | None = None
) -> events.Restored:
    """Restore one file or database of a snapshot as *target*. Raises NoStoreError, IntegrityError, TargetExistsError, OSError."""
    table = map_chain.load(store, record.manifest.maps, prints=options.in_place)
    units = content_of(table, name)
    path = Path(os.path.abspath(target))
    # its name is the caller's, not the store's: it gets another one before it meets the tree
    units.entry = replace(units.entry, path=path.name)
    with PackReader(store, Budget.of(options.threads, None)) as packs:
        run = _Restore(store, table, packs, path.parent, options, progress)
        result = run.entries(record, [units])
        if run.error is not None:
            raise run.error
        return result


def restore_stream(
    store: SealedStore, record: Record, name: str, target: Writable, budget: Budget, *, progress: Report | None = None
) -> int:
    """Write the content of one file or database of a snapshot into *target*, in order; its bytes. Raises the same."""
    table = map_chain.load(store, record.manifest.maps, prints=False)
    units = content_of(table, name)
    reporter = Reporter(progress, units.entry.size)
    window = Window(min(WINDOW, units.entry.size))
    with PackReader(store, budget) as packs:
        for begin in range(0, units.entry.size, WINDOW):
            window.move(begin, min(WINDOW, units.entry.size - begin))
            numbers = np.arange(begin // units.unit, -(-(begin + window.length) // units.unit))
            filler = Filler(table, packs)
            filler.expect(units, numbers)
            filler.fill(units, window, numbers, tick=lambda _: None)
            write_all(target, window.content)
            reporter.tick(begin + window.length)
    reporter.finish(units.entry.size)
    return units.entry.size


def chosen(table: PageTable, names: Sequence[str]) -> list[Units]:
    """The entries of *names*, what is below them, and the folders above them; all if there are no names. Raises NoStoreError."""
    if not names:
        return list(table.entries.values())
    wanted = [name.strip("/") for name in names]
    for name in wanted:
        if not any(_is_below(path, name) for path in table.entries):
            raise no_name(name)
    above = {name[:at] for name in wanted for at, letter in enumerate(name) if letter == "/"}
    found = [units for path, units in table.entries.items() if path in above or any(_is_below(path, name) for name in wanted)]
    there = {units.entry.path for units in found}
    return [_with_content(table, units, there) for units in found]


def _with_content(table: PageTable, units: Units, there: set[str]) -> Units:
    """*units*, or if it is another name of a file that was not chosen, that file's content under this name."""
    other = units.entry.same_as
    if not other or other in there or other not in table.entries:
        return units
    lead = table.entries[other]
    copy = Units(replace(lead.entry, path=units.entry.path), lead.unit, 0, prints=lead.has_prints)
    copy.prints, copy.packs, copy.at, copy.differs = lead.prints, lead.packs, lead.at, lead.differs
    return copy


def content_of(table: PageTable, name: str) -> Units:
    """The entry *name*, which has content; of a file with several names, the one that holds it. Raises NoStoreError."""
    units = table.entries.get(name.strip("/"))
    if units is not None and units.entry.same_as:
        units = table.entries.get(units.entry.same_as)
    if units is None:
        raise no_name(name)
    if units.entry.type in ("folder", "link"):
        raise NoStoreError(f"{name} is a {units.entry.type} in the snapshot, not a file").with_remedy("Restore it with --to DIR.")
    return units


def no_name(name: str) -> ChatsealError:
    """The error for a name that a snapshot does not have."""
    return NoStoreError(f"the snapshot has no {name}").with_remedy("`chatseal ls SNAPSHOT` lists what it has.")


def _is_below(path: str, name: str) -> bool:
    return path == name or path.startswith(name + "/")


class _Restore:
    """One restore under one folder."""

    def __init__(
        self, store: SealedStore, table: PageTable, packs: PackReader, folder: Path, options: RestoreOptions, progress: Report | None
    ) -> None:
        self._store, self._filler, self._folder, self._options = store, Filler(table, packs), folder, options
        self._progress = progress
        self._began = time.perf_counter()
        self._done = self._written = self._files = 0
        self._failed: list[tuple[str, str]] = []
        self._warnings: list[str] = []
        self.error: ChatsealError | OSError | None = None  # the first
        self._reporter = Reporter(None, None)

    def entries(self, record: Record, entries: Sequence[Units]) -> events.Restored:
        self._reporter = Reporter(self._progress, sum(units.entry.size for units in entries))
        options = self._options
        for units in entries if not options.in_place else ():
            self._filler.expect(units)
        with Tree(self._folder, overwrite=options.overwrite or options.in_place, owner=options.owner) as tree:
            for units in ordered(entries):
                try:
                    self._entry(tree, units)
                    self._files += units.entry.type != "folder"
                except (OSError, ChatsealError) as error:
                    if self._is_of_all(error):
                        raise
                    self.error = self.error or error
                    self._failed.append((units.entry.path, str(error)))
        self._warnings += tree.warnings
        self._reporter.finish(self._done)
        return events.Restored(
            record.id,
            len(entries),
            sum(units.entry.size for units in entries) if not self._failed else self._done,
            self._written,
            time.perf_counter() - self._began,
            tuple(self._failed),
            tuple(self._warnings),
        )

    def _is_of_all(self, error: ChatsealError | OSError) -> bool:
        """Whether the other entries will fare no better: the disk is full, or the store does not answer."""
        if isinstance(error, OSError):
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        return isinstance(error, (StoreFailedError, StoreRefusedError)) and not self._store.is_reachable()

    def _entry(self, tree: Tree, units: Units) -> None:
        entry = units.entry
        if entry.type == "folder":
            tree.put_folder(entry)
        elif entry.same_as:
            tree.put_name(entry)
        elif entry.type == "link":
            tree.put_link(entry)
        elif self._options.in_place and (there := tree.open_in_place(entry)) is not None:
            with there:
                self._in_place(units, there)
        else:
            if self._options.in_place:
                self._filler.expect(units)
            with tree.open_file(entry) as file:
                self._filler.fill(units, file, tick=self._tick)
                file.commit(entry.size)

    def _in_place(self, units: Units, file: InPlace) -> None:
        entry = units.entry
        different = self._different(units, file.descriptor)
        self._filler.expect(units, different)
        self._done += max(0, entry.size - len(different) * units.unit)
        self._filler.fill(units, file, different, tick=self._tick)
        file.commit(entry.size, entry, owner=self._options.owner)

    def _different(self, units: Units, descriptor: int) -> Numbers:
        """Numbers of those units that the file does not have."""
        fingerprinter = _pages.Fingerprinter(self._store.config.fingerprint_key.view)
        buffer = memoryview(bytearray(BATCH))
        found = []
        per_batch = BATCH // units.unit
        for first in range(0, len(units), per_batch):
            wanted = min(BATCH, units.entry.size - first * units.unit)
            got = os.preadv(descriptor, [buffer[:wanted]], first * units.unit)
            prints = units.prints[first : first + per_batch].copy().reshape(-1)
            marks = np.full(min(per_batch, len(units) - first), _pages.CHANGED, np.uint8)
            if whole := got // units.unit * units.unit if got < wanted else got:
                fingerprinter.compare(buffer[:whole], units.unit, len(marks), prints.data, marks.data)
            found.append(first + np.flatnonzero(marks != _pages.SAME))
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def _tick(self, n: int) -> None:
        self._done += n
        self._written += n
        self._reporter.tick(self._done)
