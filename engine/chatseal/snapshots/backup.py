"""Backup: from sources to a snapshot, of which only what changed is sent."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from chatseal import events
from chatseal.capture.capture import Capture
from chatseal.capture.database import open_database
from chatseal.capture.entry import Entry
from chatseal.capture.options import CaptureOptions
from chatseal.capture.scrub import ScrubbedImage
from chatseal.capture.stream import CommandImage, Readable
from chatseal.errors import CaptureError, ChatsealError, IntegrityError, ObjectMissingError, SourceChangedError, StoreFailedError
from chatseal.events import Report, Reporter
from chatseal.format import object_names
from chatseal.format.manifest import Manifest
from chatseal.objects.uploads import Uploads
from chatseal.sealing.budget import LEVEL, Budget, check_level
from chatseal.snapshots import catalogue, map_chain, orphans, places, references
from chatseal.snapshots.catalogue import Record
from chatseal.snapshots.map_chain import Chain
from chatseal.snapshots.marker import check_whole
from chatseal.snapshots.orphans import Fragment, Journal
from chatseal.snapshots.pack_writer import Finished, PackContent, PackWriter
from chatseal.snapshots.page_map import UNIT_MIN, units_of
from chatseal.snapshots.page_table import PageTable, Units
from chatseal.snapshots.scan import Batch, Scanner, Work
from chatseal.snapshots.sealed_store import SealedStore

ATTEMPTS = 5  # until a store that loses objects, or a neighbour who prunes all the time, is given up
IN_FLIGHT = 4
MEMORY = 32 << 20  # bytes of packs on their way

Streams = Mapping[str, Readable | Sequence[str]]


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """How to back up. *threads* is all cores if None; *limit_upload* is bytes a second; *scrub* zeroes what databases have deleted."""

    tags: tuple[str, ...] = ()
    level: int = LEVEL
    threads: int | None = None
    limit_upload: int | None = None
    scrub: bool = False
    capture: CaptureOptions = field(default_factory=CaptureOptions)

    def __post_init__(self) -> None:
        check_level(self.level)
        Budget.of(self.threads, None)


def backup(
    store: SealedStore, sources: Sequence[str], streams: Streams, options: BackupOptions, *, progress: Report | None = None
) -> events.Backup:
    """Make a snapshot. Raises what stores raise, and KeyboardInterrupt; names that cannot be read are in the result's `skipped`.

    Whatever stops it, snapshots that are there stay whole, and what was sent is not sent again by the next run."""
    return _Run(store, sources, streams, options, progress).run()


class _Run:
    """One backup: what it knows, and what it has sent."""

    def __init__(
        self, store: SealedStore, sources: Sequence[str], streams: Streams, options: BackupOptions, progress: Report | None
    ) -> None:
        self._store, self._sources, self._streams, self._options = store, tuple(sources), streams, options
        self._reporter = Reporter(progress, None)
        self._began, self._time = time.perf_counter(), datetime.now(UTC)
        self._journal = Journal(store)
        self._lock = threading.Lock()
        self._left: dict[str, list[Fragment]] = {}  # by runs that were cut off
        self._sent: list[str] = []  # packs that the store has acknowledged
        self._begun: dict[str, bool] = {}  # streams that were opened, and whether that is possible once only
        self._read = self._added = self._packs = 0
        self._held = 0.0
        self._skipped: list[tuple[str, str]] = []
        self._warnings: list[str] = []

    def run(self) -> events.Backup:
        known = catalogue.read(self._store)
        named = tuple(sorted((*self._sources, *(f"stream:{name}" for name in self._streams))))
        parent, table = self._parent(known.parent(catalogue.this_host(), named))
        chain: Chain = parent.manifest.maps if parent is not None else ()
        earlier = {path: units.entry for path, units in table.entries.items()}
        for _ in range(ATTEMPTS):
            with Uploads(self._store.objects, objects=IN_FLIGHT, memory=MEMORY, limit=self._options.limit_upload) as uploads:
                seen = self._capture(table, earlier, uploads)
                chain = self._save_map(table, chain, earlier, seen, uploads)
                uploads.finish()
            needed = table.referred() | {part for parts in chain for part in parts}
            name = self._store.new_name(object_names.SNAPSHOTS)
            pending = references.announce(self._store, name, needed)
            lost = references.missing(self._store, needed)
            if not lost:
                manifest = self._manifest(known, named, chain, table)
                if self._confirm(name, pending, manifest):
                    self._journal.remove({*self._sent, *(part.place.name for path in table.entries for part in self._left.get(path, ()))})
                    return self._result(name, manifest, parent)
            references.withdraw(self._store, pending)
            table.drop_packs(lost)
            self._journal.remove(lost)
            chain, earlier = (), {path: entry for path, entry in earlier.items() if path in table.entries}
        raise StoreFailedError("the store loses objects, or somebody removes them, faster than they can be sent")

    def _parent(self, found: Record | None) -> tuple[Record | None, PageTable]:
        """What to compare with: nothing, if it is damaged. That it cannot be fetched now is no reason to send everything."""
        if found is None:
            return None, PageTable()
        try:
            return found, map_chain.load(self._store, found.manifest.maps)
        except (IntegrityError, ObjectMissingError) as error:
            self._warnings.append(f"snapshot {found.id} cannot be used to compare with, so everything is sent: {error}")
            return None, PageTable()

    # --- reading ---

    def _capture(self, table: PageTable, earlier: dict[str, Entry], uploads: Uploads) -> set[str]:
        """Bring *table* up to what the sources are now; the paths that were there."""
        options = self._options
        self._left = self._journal.fragments()
        self._skipped, self._warnings, seen = [], list(self._warnings), set[str]()
        with ExitStack() as stack:
            unchanged = {path: entry for path, entry in earlier.items() if table.entries[path].is_whole()}
            capture = stack.enter_context(
                Capture(
                    self._sources,
                    streams=self._streams,
                    open_database=open_database,
                    options=options.capture,
                    earlier=unchanged,
                    wrap=ScrubbedImage if options.scrub else None,
                )
            )
            budget = Budget.of(options.threads, None)
            packs = PackWriter(self._store, table, self._sender(uploads), level=options.level, budget=budget)
            stack.callback(packs.close)
            scanner = Scanner(self._store.config.fingerprint_key, budget.threads)
            stack.callback(scanner.close)
            work = self._work(capture, table, unchanged, seen)
            for batch in scanner.scan(work):
                self._take(batch, packs, capture)
                if batch.last and self._settle(batch.work, scanner, packs, capture):
                    seen.add(batch.work.entry.path)
            packs.flush()
            self._skipped += capture.skipped
            self._warnings += capture.warnings
        if not seen and self._skipped:
            raise _nothing_read(self._skipped)
        for path, units in table.entries.items():
            if units.entry.same_as and units.entry.same_as not in seen:  # met before the file it is another name of could not be read
                seen.discard(path)
                self._skipped.append((path, f"another name of {units.entry.same_as}, which could not be read"))
        for path in set(table.entries) - seen:
            del table.entries[path]
        return seen

    def _work(self, capture: Capture, table: PageTable, unchanged: dict[str, Entry], seen: set[str]) -> Iterator[Work]:
        """What is to be read; entries without content, and those known to be the same, are put into *table* as they are."""
        for entry in capture.entries:
            path = entry.path
            if entry.same_as or entry.type in ("folder", "link"):
                table.entries[path] = Units(replace(entry, size=0), UNIT_MIN, 0)
                seen.add(path)
            elif path in self._begun and path in table.entries and table.entries[path].is_whole():
                seen.add(path)
            elif self._begun.get(path):
                raise StoreFailedError(f"the store has lost objects, and {path} cannot be read a second time")
            elif path in unchanged and entry.is_unchanged(unchanged[path]):
                table.entries[path].entry = entry
                seen.add(path)
            else:
                try:
                    if entry.type != "stream":
                        check_whole(capture.path(entry))
                    image = capture.open(entry)
                except (ChatsealError, OSError) as error:
                    capture.skip(entry, error)
                    continue
                if entry.type == "stream":
                    self._begun[path] = not isinstance(image, CommandImage)
                units = table.entries.get(path)
                count = units_of(image.length, image.unit) if image.length is not None else 0
                if units is None or units.unit != image.unit:
                    units = table.entries[path] = Units(entry, image.unit, 0)
                if image.length is not None:
                    units.resize(count)
                units.entry = replace(entry, size=image.length or 0)
                orphans.adopt(table, units, self._left.get(path, []))
                yield Work(entry, image, units)

    def _take(self, batch: Batch, packs: PackWriter, capture: Capture) -> None:
        work = batch.work
        if batch.error is not None and not work.failed:
            work.failed = True
            capture.skip(work.entry, batch.error)
        if not work.failed:
            packs.add(work.units, batch)
            self._read += batch.length
            self._reporter.tick(self._read)
            if work.image.length is None and batch.last:
                length = batch.first * work.units.unit + batch.length
                work.units.resize(units_of(length, work.units.unit))
                work.units.entry = replace(work.units.entry, size=length)

    def _settle(self, work: Work, scanner: Scanner, packs: PackWriter, capture: Capture) -> bool:
        """After the last batch of an image: read it once more if it moved. Whether the entry goes into the snapshot."""
        image, units = work.image, work.units
        try:
            if not work.failed and not image.settle():
                assert image.length is not None
                units.resize(units_of(image.length, units.unit))
                units.entry = replace(units.entry, size=image.length)
                for batch in scanner.scan([again := Work(work.entry, image, units)]):
                    self._take(batch, packs, capture)
                work.failed = again.failed
                if not work.failed and not image.settle():
                    raise SourceChangedError(f"{work.entry.path} was written to while nobody could")
        except (ChatsealError, OSError) as error:
            work.failed = True
            capture.skip(work.entry, error)
        finally:
            self._held += image.held_seconds
            self._warnings += [f"{work.entry.path}: {text}" for text in image.warnings()]
            if not work.failed:
                units.entry = replace(capture.settled(work.entry, image), size=units.entry.size)
            image.close()
        return not work.failed

    # --- writing ---

    def _sender(self, uploads: Uploads) -> Finished:
        def acknowledged(content: PackContent) -> None:
            self._journal.record(content)
            with self._lock:
                self._sent.append(content.place.name)

        def send(content: PackContent, pieces: list[bytes]) -> None:
            self._added += content.place.length
            self._packs += 1
            uploads.submit(content.place.name, pieces, lambda: acknowledged(content))

        return send

    def _save_map(self, table: PageTable, chain: Chain, earlier: dict[str, Entry], seen: set[str], uploads: Uploads) -> Chain:
        """Send the map of *table*, full or what is other than in *chain*; the new chain."""

        def changed(units: Units) -> bool:
            return earlier.get(units.entry.path) != units.entry or bool(units.differs.any())

        def put(name: str, sealed: list[bytes]) -> None:
            self._added += sum(map(len, sealed))
            uploads.submit(name, sealed, lambda: None)

        gone = sorted(set(earlier) - seen)
        others = [units for units in table.entries.values() if changed(units)]
        if chain and not gone and not others:
            return chain
        moved = sum(int(units.differs.sum()) for units in others)
        full = not chain or len(chain) >= map_chain.LONGEST or 2 * moved > sum(map(len, table.entries.values()))
        parts = map_chain.save(self._store, table.write(full=full, gone=gone, changed=changed), put)
        return (parts,) if full else (*chain, parts)

    def _manifest(self, known: catalogue.Catalogue, named: tuple[str, ...], chain: Chain, table: PageTable) -> Manifest:
        writer = places.writer_id()
        last = known.last_of(writer)
        return Manifest(
            self._time,
            catalogue.this_host(),
            catalogue.this_user(),
            writer,
            last.manifest.sequence + 1 if last is not None else 1,
            named,
            chain,
            last.name if last is not None else "",
            self._options.tags,
            len(table.entries),
            sum(units.entry.size for units in table.entries.values()),
            self._read,
            self._added,
            len(self._skipped),
            time.perf_counter() - self._began,
        )

    def _confirm(self, name: str, pending: str, manifest: Manifest) -> bool:
        """Put the snapshot; False if somebody took it for dead meanwhile: then it is removed again."""
        sealed = self._store.seal(name, [manifest.encode()])
        self._store.objects.put(name, sealed)
        if not references.is_there(self._store, pending):
            self._store.objects.delete(name)
            return False
        self._added += sum(map(len, sealed))
        self._store.keep(name, sealed)
        references.withdraw(self._store, pending)
        return True

    def _result(self, name: str, manifest: Manifest, parent: Record | None) -> events.Backup:
        self._reporter.finish(self._read)
        return events.Backup(
            name.rpartition("-")[2],
            manifest.size,
            manifest.entries,
            self._read,
            self._added,
            self._packs,
            time.perf_counter() - self._began,
            self._held,
            parent.id if parent is not None else "",
            tuple(self._skipped),
            tuple(self._warnings),
        )


def _nothing_read(skipped: Sequence[tuple[str, str]]) -> CaptureError:
    path, reason = skipped[0]
    return CaptureError(f"nothing could be read, so there is no snapshot: {path}: {reason}").with_remedy(
        "Check the names, and who may read them."
    )
