"""Walk: what there is to capture below the sources, one after another, in order."""

import errno
import os
import stat
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from chatseal.capture import kinds
from chatseal.capture.descriptor import open_folder, open_parent
from chatseal.capture.entry import Entry, EntryType
from chatseal.capture.hard_links import HardLinks
from chatseal.capture.kinds import Kinds
from chatseal.capture.names import AT_ONCE, entry_name, named_sources, sorted_names
from chatseal.capture.patterns import Patterns

DEPTH_MAX = 256  # folders below one another, each of them open
DATABASE_MIN = 512  # bytes: a page
CACHE_TAG = "CACHEDIR.TAG"
COMPANIONS = ("-wal", "-shm", "-journal")  # beside a database
BY_NATURE = {stat.S_IFSOCK: "a socket", stat.S_IFIFO: "a named pipe", stat.S_IFBLK: "a device", stat.S_IFCHR: "a device"}
NEVER_CONTENT = frozenset(BY_NATURE.values())  # reasons to skip that are no failure
_TOGETHER = 256  # files that are looked at in one go


Skipped = list[tuple[str, str]]  # (where on this machine, why)


class Found(NamedTuple):
    """What was found, and where it is on this machine."""

    entry: Entry
    path: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a walk of the same sources found that began at *since_ns*: files that have not changed since are not looked into again."""

    since_ns: int
    databases: frozenset[tuple[int, int]]  # device and inode


def reason_of(error: BaseException) -> str:
    """Why something was skipped, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "it vanished before it was read"
    if isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "it was replaced before it was read"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def walk(
    sources: Iterable[str | os.PathLike[str]] | Mapping[str, str],
    *,
    skipped: Skipped,
    patterns: Patterns | None = None,
    one_file_system: bool = False,
    exclude_caches: bool = False,
    leave_out: Iterable[str | os.PathLike[str]] = (),
    earlier: Mapping[str, Entry] | None = None,
    known: Known | None = None,
    links: HardLinks | None = None,
) -> Generator[Found]:
    """Every file, database, folder and link below *sources*: a folder before what is in it, names in order.

    They are called as names.named_sources does, unless *sources* is what that returns. Streaming: the names of at most names.AT_ONCE of a
    folder and DEPTH_MAX open folders are in memory. Links are not followed but for a source itself. What cannot be read or vanished, and
    sockets, pipes and devices, are put into *skipped* with a reason; the walk goes on.

    A database is a file that begins like SQLite's, or has beside it a -wal or -journal that does; its companions are no entries. The next
    names of a file with several have `same_as`. *patterns* tell what is wanted below the sources. *one_file_system*: a folder on
    another than its source is there, but empty. *exclude_caches*: of a folder with a CACHEDIR.TAG only that. *leave_out* is never entered
    and no entry. A file that is unchanged since *earlier* (by path) is what it was then. Raises ValueError for an empty name, OSError if no
    file can be opened any more."""
    with Kinds() as lookup:
        one = _Walk(lookup, skipped, patterns, one_file_system, exclude_caches, earlier or {}, known, links or HardLinks())
        for path in leave_out:
            try:
                one.leave_out.add(_identity(os.stat(path)))
            except OSError:
                continue  # what is not there is not met
        named = sources if isinstance(sources, Mapping) else named_sources(sources)
        one.sources.update(named.values())
        for name, path in named.items():
            yield from one.source(path, name)


def _identity(about: os.stat_result) -> tuple[int, int]:
    return about.st_dev, about.st_ino


def entry_of(about: os.stat_result, path: str, kind: EntryType) -> Entry:
    """The entry *path* of what *about* was asked of."""
    return Entry(
        path,
        kind,
        about.st_size if kind in ("file", "database") else 0,
        stat.S_IMODE(about.st_mode),
        about.st_uid,
        about.st_gid,
        about.st_mtime_ns,
        about.st_ctime_ns,
        about.st_dev,
        about.st_ino,
    )


class _Item(NamedTuple):
    """A name in a folder, what it is, and as what it would be kept if it is a file."""

    name: str
    about: os.stat_result
    entry: Entry


@dataclass(slots=True)
class _Folder:
    """An open folder under way."""

    descriptor: int
    path: str
    inside: str
    device: int  # of the source
    above: frozenset[tuple[int, int]]  # the folders it is in, and itself
    companions: frozenset[str] | None  # the names in it that a database may have beside it; None: not known
    with_companions: set[str] = field(default_factory=set)  # files whose companions are no entries

    def place(self, name: str) -> str:
        """Where *name* is on this machine."""
        return f"{self.path}/{name}" if self.path != "/" else f"/{name}"

    def may_have(self, name: str) -> bool:
        return self.companions is None or name in self.companions


@dataclass(slots=True)
class _Walk:
    lookup: Kinds
    skipped: Skipped
    patterns: Patterns | None
    one_file_system: bool
    exclude_caches: bool
    earlier: Mapping[str, Entry]
    known: Known | None
    links: HardLinks
    leave_out: set[tuple[int, int]] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    waiting: list[Found] = field(default_factory=list)  # folders that are entries if anything in them is

    def skip(self, path: str, why: BaseException | str) -> None:
        self.skipped.append((path, why if isinstance(why, str) else reason_of(why)))

    def source(self, path: str, inside: str) -> Iterator[Found]:
        try:
            about = os.lstat(path)
            if _identity(about) in self.leave_out:
                return self.skip(path, "it is where the backup itself is kept")
            opened = open_folder(path) if stat.S_ISDIR(about.st_mode) else open_parent(path)
        except OSError as error:
            return self.skip(path, "there is no such file" if isinstance(error, FileNotFoundError) else error)
        if stat.S_ISDIR(about.st_mode):
            yield from self.folder(opened, about, path, inside, about.st_dev, frozenset())
            return
        try:
            here = _Folder(opened, os.path.dirname(path), "", about.st_dev, frozenset(), None)
            if owner := self.owner_of(here, os.path.basename(path)):
                if here.place(owner) not in self.sources:
                    self.skip(path, f"it belongs to {owner}, which is to be named instead")
                return
            yield from self.files(here, [_Item(os.path.basename(path), about, entry_of(about, inside, "file"))])
        finally:
            os.close(opened)

    def owner_of(self, here: _Folder, name: str) -> str:
        """The database in the same folder that *name* is a companion of, or nothing."""
        for suffix in COMPANIONS:
            owner = name.removesuffix(suffix)
            if owner in ("", name):
                continue
            try:
                about = os.lstat(owner, dir_fd=here.descriptor)
            except OSError:
                continue
            if owner in self.databases(here, [_Item(owner, about, entry_of(about, "", "file"))]):
                return owner
        return ""

    def folder(
        self, opened: int, about: os.stat_result, path: str, inside: str, device: int, above: frozenset[tuple[int, int]]
    ) -> Iterator[Found]:
        """The open folder, and all that is in it. Closes it."""
        try:
            self.waiting.append(Found(entry_of(about, inside, "folder"), path))
            if self.patterns is None or self.patterns.includes(inside, is_folder=True):
                yield from self.folders()
            if self.one_file_system and about.st_dev != device:
                return
            if _identity(about) in above:
                return self.skip(path, "it is in itself")
            if len(above) >= DEPTH_MAX:
                return self.skip(path, f"it is more than {DEPTH_MAX} folders deep")
            here = _Folder(opened, path, inside, device, above | {_identity(about)}, None)
            if self.exclude_caches and self.lookup.of(path, [CACHE_TAG])[0] == kinds.CACHE:
                yield from self.names(here, [CACHE_TAG])
                return
            lists = sorted_names(opened)
            while True:
                try:
                    names = next(lists, None)
                except OSError as error:
                    return self.skip(path, error)
                if names is None:
                    return
                if len(names) < AT_ONCE:  # these are all
                    here.companions = frozenset(name for name in names if name.endswith(COMPANIONS))
                yield from self.names(here, names)
        finally:
            os.close(opened)
            if self.waiting and self.waiting[-1].entry.path == inside:
                self.waiting.pop()

    def folders(self) -> Iterator[Found]:
        """The folders that waited for something in them."""
        yield from self.waiting
        self.waiting.clear()

    def names(self, here: _Folder, names: list[str]) -> Iterator[Found]:
        """The entries of *names*. Files up to the next folder are looked at together: what is said of them is fresh when they come."""
        together: list[_Item] = []
        for name in names:
            inside = f"{here.inside}/{entry_name(name)}"
            try:
                about = os.lstat(name, dir_fd=here.descriptor)
            except OSError as error:
                self.skip(here.place(name), error)
                continue
            is_folder = stat.S_ISDIR(about.st_mode)
            if self.leave_out and _identity(about) in self.leave_out:
                continue
            if not self.is_wanted(inside, is_folder):
                if any(here.may_have(name + suffix) for suffix in COMPANIONS):
                    here.with_companions.add(name)  # which go where it goes
                continue
            if not is_folder:
                together.append(_Item(name, about, entry_of(about, inside, "file")))
                if len(together) < _TOGETHER:
                    continue
            yield from self.files(here, together)
            together = []
            if is_folder:
                try:
                    opened = open_folder(name, here.descriptor)
                except OSError as error:
                    self.skip(here.place(name), error)
                    continue
                # what was opened may be another than was asked about
                yield from self.folder(opened, os.fstat(opened), here.place(name), inside, here.device, here.above)
        yield from self.files(here, together)

    def is_wanted(self, inside: str, is_folder: bool) -> bool:
        """Whether to look at a file, or into a folder."""
        if self.patterns is None:
            return True
        return not self.patterns.excludes(inside, is_folder=is_folder) and (is_folder or self.patterns.includes(inside, is_folder=False))

    def files(self, here: _Folder, items: list[_Item]) -> Iterator[Found]:
        """The entries of *items*, none of which is a folder."""
        databases = self.databases(here, items)
        for name, about, entry in items:
            kind = stat.S_IFMT(about.st_mode)
            if kind == stat.S_IFREG:
                if name in databases:
                    here.with_companions.add(name)
                    entry = replace(entry, type="database")
                elif name.endswith(COMPANIONS) and any(name.removesuffix(suffix) in here.with_companions for suffix in COMPANIONS):
                    continue
                if about.st_nlink > 1 and (same_as := self.links.first(about, entry.path)):
                    entry = replace(entry, same_as=same_as)
            elif kind == stat.S_IFLNK:
                try:
                    target = os.readlink(name, dir_fd=here.descriptor)
                except OSError as error:
                    self.skip(here.place(name), "it was replaced before it was read" if error.errno == errno.EINVAL else error)
                    continue
                entry = replace(entry, type="link", size=0, target=entry_name(target))
            else:
                self.skip(here.place(name), BY_NATURE.get(kind, "neither a file nor a folder"))
                continue
            if self.waiting:
                yield from self.folders()
            yield Found(entry, here.place(name))

    def databases(self, here: _Folder, items: list[_Item]) -> set[str]:
        """The names of those *items* that are databases."""
        found: set[str] = set()
        asked: list[tuple[str, str]] = []  # whose kind it is, and which file tells it
        for name, about, entry in items:
            if not stat.S_ISREG(about.st_mode):
                continue
            if here.companions is None or here.companions:
                asked += [(name, name + suffix) for suffix in ("-wal", "-journal") if here.may_have(name + suffix)]
            if self.known is not None and _identity(about) in self.known.databases:
                found.add(name)
            elif about.st_size >= DATABASE_MIN and not self.is_as_before(entry):
                asked.append((name, name))
        told = self.lookup.of(here.path, [name for _, name in asked])
        for (whose, name), kind in zip(asked, told, strict=True):
            if kind == kinds.DATABASE if name == whose else kind in (kinds.WAL, kinds.JOURNAL):
                found.add(whose)
        return found

    def is_as_before(self, entry: Entry) -> bool:
        """Whether it is known already not to be a database by itself."""
        if self.known is not None and entry.ctime_ns < self.known.since_ns:
            return True
        before = self.earlier.get(entry.path)
        return before is not None and entry.is_unchanged(before)
