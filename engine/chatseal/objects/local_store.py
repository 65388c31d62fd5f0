"""Local store: a folder, on a disk of this machine or mounted from another one."""

import contextlib
import errno
import io
import os
import secrets
import stat
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatseal.errors import NotHereYetError, ObjectChangedError, ObjectExistsError, ObjectMissingError, StoreFailedError
from chatseal.objects import synced_folder
from chatseal.objects.names import check_name, check_prefix, check_range, is_name
from chatseal.objects.object_store import ObjectInfo
from chatseal.objects.pieces import Pieces
from chatseal.objects.probe import can_put_absent
from chatseal.part_file import named, sync_folder

try:
    import fcntl
except ImportError:  # not on this system
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from typing_extensions import Buffer

PARTS: Final = ".parts"  # what is being put; no name of an object begins with a dot
PART_LIFE: Final = 24 * 3600  # seconds after which a part is that of a run that was killed
FILE_MODE, FOLDER_MODE = 0o600, 0o700
_FOLLOW_NOTHING = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # what lies there may be anything
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_NOT_THERE = (FileNotFoundError, NotADirectoryError)


class LocalStore:
    """An ObjectStore in *folder*, one file for each object, mode 0600 in folders of mode 0700.

    Objects are written in `.parts/` beside, flushed, and then get their name, which is flushed too. A missing folder reads as an empty
    store; only with *create* does the first put make it, so that a disk that is not mounted is not mistaken for an empty one."""

    def __init__(self, folder: str | os.PathLike[str], *, create: bool = False) -> None:
        """Touches nothing."""
        self.folder = Path(os.path.abspath(folder))
        self.url = str(self.folder)
        self._create = create
        self._lock = threading.Lock()
        self._identity: tuple[int, int] | None = None  # of the folder that was put into first
        self._durable: set[Path] = set()  # folders whose names are on stable storage
        self._is_clean = False

    @cached_property
    def service(self) -> str | None:
        """Who carries the folder between machines, None if nobody is known to: then what is missing may only not have arrived yet."""
        return synced_folder.service_of(self.folder)

    def put(self, name: str, data: "Buffer | Sequence[Buffer]", *, absent: bool = False) -> None:
        check_name(name)
        path = self._path(name)
        part = self.folder / PARTS / secrets.token_hex(16)
        with Pieces(data) as pieces:
            try:
                self._make_folders(part.parent, path.parent)
                self._write(part, pieces)
                if absent:
                    self._name_absent(part, name)
                else:
                    os.replace(part, path)
                sync_folder(path.parent)
            except OSError as error:
                raise named(error, path) from None
            finally:
                with contextlib.suppress(OSError):  # as a rule it is not there any more; else it is removed after a day
                    os.unlink(part)

    def swap(self, name: str, data: "Buffer | Sequence[Buffer]", before: bytes) -> None:
        with self._alone(name):
            if self.get(name, max(len(before), self.info(name).size)) != before:
                raise ObjectChangedError(f"{name} in {self.url} is another one by now")
            self.put(name, data)

    def get(self, name: str, limit: int) -> bytes:
        with self.open_file(name) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise StoreFailedError(f"{name} in {self.url} has {size} bytes, more than the {limit} that it can have")
            return self._read(file, name, size)

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        check_range(offset, length)
        with self.open_file(name) as file:
            rest = max(0, os.fstat(file.fileno()).st_size - offset)
            file.seek(offset)
            return self._read(file, name, min(length, rest))

    def info(self, name: str) -> ObjectInfo:
        check_name(name)
        try:
            status = os.lstat(self._path(name))
        except _NOT_THERE:
            placeholder = synced_folder.placeholder_of(self._path(name))
            if not placeholder.is_file():
                raise self._missing(name) from None
            return ObjectInfo(name, synced_folder.awaited_size(placeholder), os.lstat(placeholder).st_mtime)
        self._check_ordinary(status, name)
        return ObjectInfo(name, status.st_size, status.st_mtime)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        return self._walk(prefix)

    def delete(self, name: str) -> None:
        check_name(name)
        path = self._path(name)
        if path.is_dir():
            return
        try:
            os.unlink(path)
            sync_folder(path.parent)
        except _NOT_THERE:
            return

    def can_put_absent(self) -> bool:
        return can_put_absent(self, length=4096)

    def close(self) -> None:
        """Nothing to let go of."""

    def __repr__(self) -> str:
        return f"LocalStore({self.url!r})"

    # --- reading --------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        """Where the object is. Raises StoreFailedError where a link inside the folder leads elsewhere."""
        path = self.folder / name
        for folder in path.relative_to(self.folder).parents[:-1]:
            if (self.folder / folder).is_symlink():
                raise StoreFailedError(f"{self.folder / folder} is a link; a store has none")
        return path

    def open_file(self, name: str) -> io.FileIO:
        check_name(name)
        path = self._path(name)
        try:
            file = open(path, "rb", buffering=0, opener=lambda path, flags: os.open(path, flags | _FOLLOW_NOTHING))  # noqa: SIM115
        except (*_NOT_THERE, IsADirectoryError):
            raise self._missing(name) from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._foreign(name) from None
            raise
        try:
            self._check_ordinary(os.fstat(file.fileno()), name)
        except BaseException:
            file.close()
            raise
        return file

    def _read(self, file: io.FileIO, name: str, length: int) -> bytes:
        """*length* bytes, fewer only if the file has become shorter. One allocation, as a rule."""
        pieces: list[bytes] = []
        try:
            while length and (piece := file.read(length)):
                pieces.append(piece)
                length -= len(piece)
        except OSError as error:
            raise named(error, self.folder / name) from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _walk(self, prefix: str) -> Iterator[ObjectInfo]:
        waiting = [prefix]
        while waiting:
            folder = waiting.pop()
            try:
                scan = os.scandir(self._path(f"{folder}-").parent)
            except _NOT_THERE:
                continue
            with scan:
                for entry in scan:
                    name = folder + entry.name
                    if (awaited := synced_folder.awaited(entry.name)) is not None:
                        name = folder + awaited
                    if not is_name(name):
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # deleted since
                    if awaited is not None:
                        if stat.S_ISREG(status.st_mode) and not os.path.lexists(self.folder / name):
                            yield ObjectInfo(name, synced_folder.awaited_size(Path(entry.path)), status.st_mtime)
                    elif stat.S_ISDIR(status.st_mode):
                        waiting.append(name + "/")
                    elif stat.S_ISREG(status.st_mode):
                        yield ObjectInfo(name, status.st_size, status.st_mtime)

    def _check_ordinary(self, status: os.stat_result, name: str) -> None:
        if stat.S_ISDIR(status.st_mode):
            raise self._missing(name)
        if not stat.S_ISREG(status.st_mode):
            raise self._foreign(name)

    def _missing(self, name: str) -> ObjectMissingError:
        if self.service is None and not synced_folder.placeholder_of(self.folder / name).is_file():
            return ObjectMissingError(f"no {name} in {self.url}")
        return NotHereYetError(f"{name} is not here yet: {self.service or 'iCloud Drive'} has not brought it to {self.url}")

    def _foreign(self, name: str) -> StoreFailedError:
        return StoreFailedError(f"{self.folder / name} is not an ordinary file")

    # --- writing --------------------------------------------------------------------------------------------------------

    def _make_folders(self, *folders: Path) -> None:
        """Make *folders*, those above them, and the store's own if that is wanted; their names are durable afterwards.

        One that is there already may have been made by somebody who crashed before the name was flushed, so it is flushed once too."""
        with self._lock:
            self._check_identity()
            for folder in folders:
                inner = folder.relative_to(self.folder)
                for one in (*reversed(inner.parents), inner):
                    if one.parts:
                        _make_folder(self.folder / one, self._durable)

    def _check_identity(self) -> None:
        """The folder must be there, and the same one as before: a disk may have been unmounted since."""
        if self._create and self._identity is None:
            for folder in (*reversed(self.folder.parents), self.folder):
                if not folder.is_dir():
                    _make_folder(folder, self._durable)
        status = os.stat(self.folder)
        identity = status.st_dev, status.st_ino
        if self._identity not in (None, identity):
            raise StoreFailedError(f"{self.url} is another folder than before; has a disk been unmounted?")
        self._identity = identity

    def _write(self, part: Path, pieces: Pieces) -> None:
        with open(part, "xb", buffering=0, opener=partial(os.open, mode=FILE_MODE)) as file:
            self._clean(os.fstat(file.fileno()).st_mtime)
            for piece in pieces:
                done = 0
                while done < len(piece):
                    written = file.write(piece[done:])
                    if not written:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    done += written
            os.fsync(file.fileno())

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """As long as the block lasts nobody else who asks is in it, on this machine and where the file system's locks reach."""
        try:
            descriptor = os.open(self.folder, os.O_RDONLY)
        except _NOT_THERE:
            raise self._missing(name) from None
        try:
            if fcntl is not None:
                with contextlib.suppress(OSError):  # not every network file system has locks
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _name_absent(self, part: Path, name: str) -> None:
        try:
            os.link(part, self.folder / name)
        except FileExistsError:
            raise ObjectExistsError(f"{name} exists in {self.url}") from None
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            raise StoreFailedError(f"{self.url} is on a file system that cannot refuse a name that is taken") from None

    def _clean(self, now: float) -> None:
        """Remove, once, what runs that were killed left. *now* is by the file system's own clock."""
        with self._lock:
            if self._is_clean:
                return
            self._is_clean = True
        with os.scandir(self.folder / PARTS) as scan:
            for entry in scan:
                with contextlib.suppress(OSError):  # somebody else cleans too
                    if now - entry.stat(follow_symlinks=False).st_mtime > PART_LIFE:
                        os.unlink(entry)


def _make_folder(path: Path, durable: set[Path]) -> None:
    if path in durable:
        return
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, FOLDER_MODE)
    sync_folder(path.parent)
    durable.add(path)
