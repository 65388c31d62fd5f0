"""In place: an older file becomes the one that is restored by writing only what differs."""

import os
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chatseal.capture.entry import Entry
from chatseal.errors import TargetExistsError
from chatseal.sealing.source import PathLike, flat
from chatseal.snapshots.attributes import Notes, set_attributes
from chatseal.snapshots.held import SIDE_FILES, Held
from chatseal.snapshots.marker import Marker, check_whole, stands
from chatseal.snapshots.new_file import write_all_at
from chatseal.snapshots.place import Place

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["InPlace", "check_whole"]

MAGIC = b"SQLite format 3\0"
HIDDEN = b"chatseal restore"  # instead of MAGIC meanwhile: no program takes for a database what is half one and half another


class InPlace:
    """An existing file, plain or a database, that nobody else can use through SQLite until `close`.

    Its user compares it with what is to be restored through `descriptor`, writes what differs, and commits. Before the first change a
    marker file is made beside it, which is removed when all is on stable storage: while it stands the file is partly the old and partly
    the new one, `check_whole` refuses it, and a database does not begin like one. To restore into it again mends it: `was_stopped` tells
    that an earlier restore did not finish, and whoever compares finds out what is left. Without a change nothing is written.

    `write_at` and reading are for any thread, the rest for one."""

    def __init__(self, path: "PathLike | Place", *, warn: Notes | None = None) -> None:
        """*path* is followed if it is a link; a place is not, and its folder is kept open by itself.

        Raises FileNotFoundError, TargetBusyError if a program has it open, TargetExistsError if it is no file or has several names,
        ChatsealError if SQLite fails, OSError."""
        self._notes = warn or Notes()
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._marker: Marker | None = None
        self._hidden: bytearray | None = None  # the first bytes of a database that is being changed
        self._place = place = _place(path)
        try:
            if place.about() is None:
                raise FileNotFoundError(2, "No such file", place.shown)
            self.was_stopped = stands(place)
            self._held = Held(place)
            self.descriptor, self._was_whole = self._held.descriptor, self._held.is_whole
            self._begins = os.pread(self.descriptor, len(MAGIC), 0)
            if os.fstat(self.descriptor).st_nlink > 1:
                raise TargetExistsError(f"{place.shown} has other names (hard links), whose content would change, too").with_remedy(
                    "Remove them, or restore to another name, or with --force."
                )
        except BaseException:
            self.close()
            raise

    @property
    def warnings(self) -> list[str]:
        """What a person should know."""
        return self._notes.texts()

    def write_at(self, offset: int, data: "Buffer") -> None:
        """Write all of *data* at *offset*. The first bytes of a database are kept back until `commit`."""
        self._begin()
        with self._place.named(), flat(data) as view:
            kept = 0
            if self._hidden is not None and offset < len(self._hidden):
                kept = min(len(view), len(self._hidden) - offset)
                with self._lock:
                    self._hidden[offset : offset + kept] = view[:kept]
            write_all_at(self.descriptor, offset + kept, view[kept:])

    def commit(self, length: int, entry: Entry, *, owner: bool) -> None:
        """Make the file *length* bytes long, give it the attributes of *entry*, flush it, and remove the marker. Raises OSError."""
        if self.was_stopped or not self._was_whole or os.fstat(self.descriptor).st_size != length:
            self._begin()
        with self._place.named():
            if entry.type == "database":
                self._remove_side_files()  # Held has seen that there is nothing in them
            if self._marker is not None:
                os.ftruncate(self.descriptor, length)
                os.fsync(self.descriptor)
                if self._hidden is not None:
                    # Last: whoever opens it now opens the restored one.
                    write_all_at(self.descriptor, 0, self._hidden[:length])
            set_attributes(self.descriptor, entry, owner=owner, notes=self._notes)
            os.fsync(self.descriptor)
            if self._marker is not None:
                self._marker.done()
                self._marker, self._hidden, self.was_stopped = None, None, False

    def _begin(self) -> None:
        """Before the first change, once."""
        with self._lock:
            if self._marker is not None:
                return
            marker = Marker(self._place)
            if not self._was_whole:
                self._notes.add("a journal that belonged to what was there before was removed", self._place.shown)
            if self._begins in (MAGIC, HIDDEN) or not self._was_whole:
                self._remove_side_files()
            if self._begins in (MAGIC, HIDDEN):
                with self._place.named():
                    write_all_at(self.descriptor, 0, HIDDEN)
                    os.fsync(self.descriptor)
                self._hidden = bytearray(self._begins)
            self._marker = marker

    def _remove_side_files(self) -> None:
        for ending in SIDE_FILES:
            self._place.beside(ending).remove()
        self._place.sync()

    def close(self) -> None:
        """Let go of the file. What was changed and not committed stays, and the marker says so. A second call does nothing."""
        if self._held is not None:
            self._held.close()
            self._held = None
        if self._place.folder >= 0:
            folder, self._place = self._place.folder, Place(-1, self._place.name, self._place.shown)
            os.close(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_place"):
            self.close()


def _place(path: "PathLike | Place") -> Place:
    if isinstance(path, Place):
        return Place(os.dup(path.folder), path.name, path.shown)
    real, shown = os.path.realpath(os.fspath(path)), os.fspath(path)
    folder = os.open(os.path.dirname(real), os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    return Place(folder, os.fsencode(os.path.basename(real)), shown)
