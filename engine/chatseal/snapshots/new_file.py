"""New file: written beside its name in an open folder; it gets the name when it is complete and on stable storage."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chatseal.capture.entry import Entry
from chatseal.sealing.source import flat
from chatseal.snapshots.attributes import Notes, set_attributes
from chatseal.snapshots.place import Place

if TYPE_CHECKING:
    from typing_extensions import Buffer


_can_be_named: set[int] = set()  # devices that have shown it


def write_all_at(descriptor: int, offset: int, data: "Buffer") -> None:
    """Write all of *data* at *offset*, however little the system takes at a time."""
    with flat(data) as view:
        done = 0
        while done < len(view):
            done += os.pwrite(descriptor, view[done:], offset + done)


def _without_a_name(part: Place) -> int:
    """A new file in the folder of *part* that has no name, so that nothing of it is left if this process is killed; -1 where the system
    has no such thing, or will not give it a name."""
    flags = getattr(os, "O_TMPFILE", 0)
    if not flags:
        return -1
    try:
        device = os.fstat(part.folder).st_dev
        if device not in _can_be_named:
            with open(os.open(".", flags | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=part.folder), "rb") as trial:
                _give_name(trial.fileno(), part)
            part.remove()
            _can_be_named.add(device)
        return os.open(".", flags | os.O_RDWR | os.O_CLOEXEC, 0o600, dir_fd=part.folder)
    except OSError:
        return -1


def _give_name(descriptor: int, place: Place) -> None:
    os.link(f"/proc/self/fd/{descriptor}", place.name, dst_dir_fd=place.folder, follow_symlinks=True)


@dataclass(frozen=True, slots=True)
class _Nowhere(Place):
    """Where a file without a name is: it can be called something that is free, but replaces nothing."""

    descriptor: int

    def be_called(self, place: Place) -> None:
        _give_name(self.descriptor, place)

    def remove(self) -> bool:
        return False


class NewFile:
    """A file for *entry* at *place*, whose folder it keeps open by itself. What is not committed leaves nothing behind. Where the system
    can make files without a name not even a kill does, but for one that comes just when an older file is replaced.

    `write_at` may be called from any thread, the rest from one. `descriptor` is open for reading and writing until `close`."""

    def __init__(
        self, place: Place, entry: Entry, *, overwrite: bool, owner: bool, notes: Notes, take: Callable[[Place, Place], None]
    ) -> None:
        """*take* gives what is at the second place the name of the first, which is that of something else only with *overwrite*."""
        self._overwrite, self._entry, self._owner, self._notes, self._take = overwrite, entry, owner, notes, take
        self.descriptor, self._is_there = -1, False
        self._place = Place(os.dup(place.folder), place.name, place.shown)
        self._part = self._place.part()
        try:
            self.descriptor = _without_a_name(self._part)
            if self.descriptor < 0:
                self._is_there = True
                self.descriptor = self._part.open(os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except OSError:
            self._is_there = False
            self.close()
            raise
        except BaseException:
            self.close()
            raise

    def write_at(self, offset: int, data: "Buffer") -> None:
        """Write all of *data* at *offset*. What lies between two pieces is zeros."""
        with self._place.named():
            write_all_at(self.descriptor, offset, data)

    def commit(self, length: int) -> None:
        """Make the file *length* bytes long, flush it and give it its attributes and its name. Raises TargetExistsError, OSError."""
        with self._place.named():
            os.ftruncate(self.descriptor, length)
            set_attributes(self.descriptor, self._entry, owner=self._owner, notes=self._notes)
            os.fsync(self.descriptor)
            if not self._is_there and not self._overwrite:
                self._take(self._place, _Nowhere(self._place.folder, self._part.name, self._place.shown, self.descriptor))
                return
            if not self._is_there:
                self._is_there = True
                _give_name(self.descriptor, self._part)
            self._take(self._place, self._part)
            self._is_there = False

    def close(self) -> None:
        """Let go of the file; if it was not committed there is none. A second call does nothing."""
        if self._place.folder < 0:
            return
        folder, self._place = self._place.folder, Place(-1, self._place.name, self._place.shown)
        try:
            if self.descriptor >= 0:
                os.close(self.descriptor)
                self.descriptor = -1
            if self._is_there:
                self._is_there = False
                with suppress(FileNotFoundError):
                    os.unlink(self._part.name, dir_fd=folder)
        finally:
            os.close(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_part"):
            self.close()
