"""Tree: entries of a snapshot come back below one folder, and nowhere else."""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from chatseal.capture.entry import Entry
from chatseal.errors import ChatsealError, TargetExistsError
from chatseal.part_file import sync_folder
from chatseal.sealing.source import PathLike
from chatseal.snapshots import marker, replacement
from chatseal.snapshots.attributes import Notes, set_attributes, set_link_attributes
from chatseal.snapshots.entry_path import Parts, link_target, parts_of, unsafe
from chatseal.snapshots.held import JOURNALS, SIDE_FILES, has_journal
from chatseal.snapshots.in_place import InPlace
from chatseal.snapshots.new_file import NewFile
from chatseal.snapshots.place import FOLDER, NO_HARD_LINKS, Place

OWN = 0o700  # of folders until their own mode is set at the end, and of those that no entry describes
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that something was put into. *entry* is None if its mode and times are none of ours."""

    identity: tuple[int, int]
    entry: Entry | None


class Tree:
    """Restores entries below *folder*, which is made if it is not there. One thread at a time, but for `NewFile.write_at`.

    Paths of entries are hostile: each part is opened by itself, from the folder before it and never through a link, so whatever earlier
    entries or other processes put there, nothing is made, changed or replaced elsewhere. A link can lead anywhere, but nothing goes
    through it. Folders that are there already are used; without *overwrite* they keep their mode and times. Nothing but a file or link
    is ever replaced. With *owner* entries get their owner as far as this process may, and only then bits such as set-user-ID.

    Leaving the block without an error gives folders their modes and times and makes all names durable; with one, what was committed
    stays, and folders stay closed to others."""

    def __init__(self, folder: PathLike, *, overwrite: bool, owner: bool) -> None:
        """Raises OSError."""
        self._root, self._open, self._open_parts = -1, -1, Parts(())
        if os.name != "posix":
            raise ChatsealError("folders can be restored only on systems like Linux")
        self._folder, self._overwrite, self._owner = Path(folder), overwrite, owner
        self._notes = Notes()
        self._folders: dict[Parts, _Folder] = {}
        self._made: set[Parts] = set()  # folders that were not there before
        self._put: set[str] = set()  # paths of files and links
        self._databases: set[str] = set()
        self._with_journal: list[str] = []  # other files beside which lies what a program may take for their journal
        self._above = _make(self._folder)
        self._root = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)

    @property
    def warnings(self) -> list[str]:
        """What a person should know about the entries put so far, and about their folders after the block."""
        return self._notes.texts()

    def put_folder(self, entry: Entry) -> None:
        """Make a folder. Raises UnsafePathError, TargetExistsError if something else has its name, OSError."""
        parts = parts_of(entry.path)
        self._check_no_journal(entry.path)
        descriptor = self._enter(parts)
        if parts in self._made or self._overwrite:
            self._folders[parts] = _Folder(_identity(descriptor), entry)

    def put_link(self, entry: Entry) -> None:
        """Make a symbolic link. Raises UnsafePathError, TargetExistsError, OSError."""
        target = link_target(entry.target)
        place = self._place(entry.path)
        place.check_free(overwrite=self._overwrite)
        part = place.part()
        with place.named():
            os.symlink(target, part.name, dir_fd=place.folder)
            try:
                set_link_attributes(place.folder, part.name, entry, owner=self._owner, notes=self._notes)
                self._take(place, part, entry)
            except BaseException:
                part.remove()
                raise

    def put_name(self, entry: Entry) -> None:
        """Make another name of the file `same_as`, which this tree has put; a copy of it where there are no hard links.

        Raises UnsafePathError, TargetExistsError, FileNotFoundError if that file was not put, OSError."""
        source, place = parts_of(entry.same_as), self._place(entry.path)
        if entry.same_as not in self._put:
            raise FileNotFoundError(2, "The file whose other name this is was not restored", self._shown(entry.path))
        place.check_free(overwrite=self._overwrite)
        folder = os.dup(place.folder)  # that of the other name may be another one
        try:
            self._link(Place(folder, place.name, place.shown), source, entry)
        finally:
            os.close(folder)

    def open_file(self, entry: Entry) -> NewFile:
        """A file to be written, which appears when it is committed. Raises UnsafePathError, TargetExistsError, OSError."""
        place = self._place(entry.path)
        if entry.type == "database":
            replacement.check_ready(place, self._notes, overwrite=self._overwrite)
        else:
            place.check_free(overwrite=self._overwrite)
        return NewFile(
            place,
            entry,
            overwrite=self._overwrite,
            owner=self._owner,
            notes=self._notes,
            take=lambda place, part: self._take(place, part, entry),
        )

    def open_in_place(self, entry: Entry) -> InPlace | None:
        """The file that has the entry's name already, to write only what differs into; None if there is none, or it has to be replaced:
        it is no file, or has other names, which are not to change with it.

        Not bound to *overwrite*. Raises UnsafePathError, TargetBusyError, TargetExistsError, OSError."""
        place = self._place(entry.path)
        about = place.about()
        if about is None or not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
            return None
        # A journal that this tree has put is the new file's, and must not be brought into the old one.
        if any(entry.path + ending in self._put for ending in SIDE_FILES):
            return None
        file = InPlace(place, warn=self._notes)
        self._put.add(entry.path)
        return file

    def _link(self, place: Place, source: Parts, entry: Entry) -> None:
        other = Place(self._enter(source[:-1]), source[-1], self._shown(entry.same_as))
        part = place.part()
        with place.named():
            try:
                part.link(other)
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                self._copy(other, entry)
                return
            try:
                self._take(place, part, entry)
            finally:
                part.remove()  # still there if this was a name of that file already

    def _copy(self, other: Place, entry: Entry) -> None:
        source = other.open(os.O_RDONLY)
        try:
            about = os.fstat(source)
            if not stat.S_ISREG(about.st_mode):
                raise other.taken()
            with self.open_file(entry) as file:
                for offset in range(0, about.st_size, _PIECE):
                    file.write_at(offset, os.pread(source, _PIECE, offset))
                file.commit(about.st_size)
        finally:
            os.close(source)
        self._notes.add("other names of a file are copies, since there are no hard links here", entry.path)

    # --- where entries go -----------------------------------------------------------------------------------------------

    def _shown(self, path: str) -> str:
        return str(self._folder / path)

    def _place(self, path: str) -> Place:
        """Where *path* is, in a folder that stays open until the next call."""
        parts = parts_of(path)
        self._check_no_journal(path)
        descriptor = self._enter(parts[:-1])
        self._folders.setdefault(parts[:-1], _Folder(_identity(descriptor), None))
        return Place(descriptor, parts[-1], self._shown(path))

    def _take(self, place: Place, part: Place, entry: Entry) -> None:
        if entry.type == "database":
            self._databases.add(entry.path)
            if self._overwrite:
                replacement.replace(place, part, self._notes)
            else:
                replacement.check_ready(place, self._notes, overwrite=False)
                place.take(part, overwrite=False)
        else:
            place.take(part, overwrite=self._overwrite)
            if entry.type == "file" and has_journal(place):
                self._with_journal.append(entry.path)
        self._put.add(entry.path)
        if entry.type != "link":
            marker.remove(place)

    def _check_no_journal(self, path: str) -> None:
        """Beside a database of the same snapshot no file may be what SQLite would take for its journal."""
        for ending in SIDE_FILES:
            if path.endswith(ending) and path.removesuffix(ending) in self._databases:
                raise unsafe(path, "would be taken for a part of a database that is whole by itself")

    def _enter(self, parts: Parts, *, make: bool = True) -> int:
        """The folder *parts*, open until the next call, which may begin at it."""
        if self._open < 0 or parts[: len(self._open_parts)] != self._open_parts:
            self._leave()
            self._open = os.dup(self._root)
        while len(self._open_parts) < len(parts):
            here = parts[: len(self._open_parts) + 1]
            outer, self._open = self._open, self._step(self._open, here, make=make)
            self._open_parts = here
            os.close(outer)
        return self._open

    def _step(self, outer: int, parts: Parts, *, make: bool) -> int:
        path = b"/".join(parts).decode("utf-8", "surrogateescape")
        place = Place(outer, parts[-1], self._shown(path))
        try:
            with place.named():
                if make:
                    try:
                        os.mkdir(place.name, OWN, dir_fd=outer)
                    except FileExistsError:
                        pass
                    else:
                        self._made.add(parts)
                        self._folders.setdefault(parts[:-1], _Folder(_identity(outer), None))
                return os.open(place.name, FOLDER, dir_fd=outer)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):  # both mean that a link is in the way
                raise
        if path in self._put:
            raise unsafe(path, "is a file or link, and a folder for others")
        raise TargetExistsError(f"{place.shown} is no folder").with_remedy(
            "Remove it, or restore to another folder: nothing is written through a link."
        )

    def _leave(self) -> None:
        if self._open >= 0:
            os.close(self._open)
        self._open, self._open_parts = -1, Parts(())

    # --- the end --------------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Deepest first: what is put into a folder changes its time, and its mode may keep us out."""
        for parts in sorted(self._folders, key=len, reverse=True):
            folder = self._folders[parts]
            path = b"/".join(parts).decode("utf-8", "surrogateescape")
            try:
                descriptor = self._enter(parts, make=False)
            except (OSError, ChatsealError):
                self._notes.add("a folder was taken away meanwhile", path)
                continue
            if _identity(descriptor) != folder.identity:
                self._notes.add("another folder was put in place of one meanwhile", path)
                continue
            if folder.entry is not None:
                set_attributes(descriptor, folder.entry, owner=self._owner, notes=self._notes)
            os.fsync(descriptor)
        self._leave()
        os.fsync(self._root)
        for path in self._with_journal:
            if not any(path + ending in self._put for ending in JOURNALS):
                self._notes.add("beside a file lies an older journal (-wal, -journal); if it is a database, remove that", path)
        for above in self._above:
            sync_folder(above)

    def close(self) -> None:
        """Let go of folders. A second call does nothing."""
        self._leave()
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self.close()

    def __del__(self) -> None:
        self.close()


def _identity(descriptor: int) -> tuple[int, int]:
    about = os.fstat(descriptor)
    return about.st_dev, about.st_ino


def _make(folder: Path) -> list[Path]:
    """Make *folder* and what is missing above it; the folders whose names of these have to be made durable."""
    missing: list[Path] = []
    at = folder
    while not at.exists():
        missing.append(at)
        at = at.parent
    for at in reversed(missing):
        at.mkdir(OWN, exist_ok=True)
    return [at.parent for at in missing]
