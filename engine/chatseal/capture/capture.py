"""Capture: one run's sources, from finding what there is to its images."""

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from types import TracebackType

from chatseal.capture.descriptor import open_below
from chatseal.capture.entry import Entry
from chatseal.capture.hard_links import HardLinks
from chatseal.capture.image import Image
from chatseal.capture.names import distinct, named_sources, system_name
from chatseal.capture.options import CaptureOptions
from chatseal.capture.plain_file import PlainFile
from chatseal.capture.stream import CommandImage, Readable, StreamImage
from chatseal.capture.walk import Found, Known, Skipped, entry_of, reason_of, walk
from chatseal.errors import ChatsealError

HELD_MAX = 64  # databases whose reads begin before any is copied
_CLOCKS_DIFFER = 5_000_000_000  # nanoseconds, between ours and a file system's

OpenDatabase = Callable[[str, CaptureOptions], Image]
Wrap = Callable[[Image], Image]
PathLike = str | os.PathLike[str]


class Capture:
    """What there is to back up, and its content. For one thread but for the images' `read_into`.

    Entering it opens the databases among the sources, so that all of them are read as they are at nearly one moment: the first HELD_MAX;
    the others when their turn comes, as a warning says. The entries then come from a second walk. *streams*: names, each with a binary file
    object or the words of a command. *earlier* (by path): what was no database then and is unchanged is not looked into again; not to open
    what `Entry.is_unchanged` is for the caller. *wrap* is put around each database's image. ValueError for an impossible name."""

    def __init__(
        self,
        sources: Sequence[PathLike] = (),
        *,
        streams: Mapping[str, Readable | Sequence[str]] | None = None,
        open_database: OpenDatabase,
        options: CaptureOptions | None = None,
        earlier: Mapping[str, Entry] | None = None,
        wrap: Wrap | None = None,
    ) -> None:
        self.skipped: Skipped = []
        self.warnings: list[str] = []
        self._roots = named_sources(sources)
        self._streams: dict[str, Readable | Sequence[str]] = {}
        for name, stream in (streams or {}).items():
            if not name or "/" in name or "\0" in name or name in (os.curdir, os.pardir):
                raise ValueError(f"a stream cannot have the name {name!r}")
            self._streams[distinct(name, {*self._roots, *self._streams})] = stream
        self._open_database, self._options, self._wrap = open_database, options or CaptureOptions(), wrap
        self._earlier = earlier or {}
        self._links = HardLinks()
        self._held: dict[str, Image | Exception] = {}
        self._open = ExitStack()
        self._entries: Iterator[Entry] = iter(())

    def __enter__(self) -> "Capture":
        since = time.time_ns() - _CLOCKS_DIFFER
        try:
            known = Known(since, self._begin_reads())
            found = self._open.enter_context(closing(self._walk(self.skipped, known, self._links)))
            self._entries = self._all_entries(found)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for image in self._held.values():
            if not isinstance(image, Exception):
                self._open.callback(image.close)
        self._held.clear()
        self._open.close()

    @property
    def entries(self) -> Iterator[Entry]:
        """What there is, in the order of walk.walk, then the streams; each is yielded once. Raises OSError."""
        return self._entries

    def open(self, entry: Entry) -> Image:
        """The content of a file, database or stream, to be read, settled and closed by the caller before the capture ends.

        Raises OSError, SourceChangedError, CaptureError, SourceBusyError: `skip` it then. A file can be opened again, a
        stream cannot."""
        if entry.type == "stream":
            stream = self._streams[entry.path]
            return StreamImage(stream, entry.path) if isinstance(stream, Readable) else CommandImage(stream, entry.path)
        if entry.type == "file":
            root, *parts = entry.path.split("/")
            return PlainFile(open_below(self._roots[root], list(map(system_name, parts))), self.path(entry))
        if entry.type != "database":
            raise ValueError(f"a {entry.type} has no content")
        image = self._held.pop(entry.path, None) or self._open_database(self.path(entry), self._options)
        if isinstance(image, Exception):
            raise image
        try:
            return image if self._wrap is None else self._wrap(image)
        except BaseException:
            image.close()
            raise

    def skip(self, entry: Entry, error: BaseException) -> None:
        """Say that *entry* is not captured after all; if it is a file with several names, the next one that is met takes its place."""
        self.skipped.append((self.path(entry), reason_of(error)))
        self._links.forget(entry)

    def settled(self, entry: Entry, image: Image) -> Entry:
        """*entry* as it is to be kept: with what is known now that *image* was read to its end and settled."""
        if isinstance(image, PlainFile):
            kept = entry_of(image.about, entry.path, "file")
            return kept if image.length is not None else replace(kept, size=image.bytes_read)
        if isinstance(image, StreamImage):
            return replace(entry, size=image.bytes_read, mtime_ns=time.time_ns())
        return replace(entry, size=image.length or 0)

    def _begin_reads(self) -> frozenset[tuple[int, int]]:
        """Open the first databases there are, and return which files are some."""
        databases: set[tuple[int, int]] = set()
        more = 0
        with closing(self._walk([], None, HardLinks())) as found:
            for entry, path in found:
                if entry.type != "database":
                    continue
                databases.add((entry.device, entry.inode))
                if entry.same_as:
                    continue
                if len(self._held) == HELD_MAX:
                    more += 1
                    continue
                try:
                    self._held[entry.path] = self._open_database(path, self._options)
                except (ChatsealError, OSError) as error:
                    self._held[entry.path] = error  # told when it is its turn
        if more:
            self.warnings.append(
                f"{more} of {HELD_MAX + more} databases are not read as they are at the same moment as the first {HELD_MAX}, but later"
            )
        return frozenset(databases)

    def _walk(self, skipped: Skipped, known: Known | None, links: HardLinks) -> Generator[Found]:
        options = self._options
        return walk(
            self._roots,
            skipped=skipped,
            patterns=options.patterns,
            one_file_system=options.one_file_system,
            exclude_caches=options.exclude_caches,
            leave_out=options.leave_out,
            earlier=self._earlier,
            known=known,
            links=links,
        )

    def _all_entries(self, found: Iterator[Found]) -> Iterator[Entry]:
        for entry, _ in found:
            yield entry
        for name in self._streams:
            yield Entry(name, "stream", uid=os.getuid(), gid=os.getgid(), mtime_ns=time.time_ns())

    def path(self, entry: Entry) -> str:
        """Where *entry* is on this machine."""
        if entry.type == "stream":
            return entry.path
        root, *parts = entry.path.split("/")
        return os.path.join(self._roots[root], *map(system_name, parts))
