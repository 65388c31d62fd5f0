"""Target: where bytes go. A file appears whole or not at all; a pipe gets bytes in order."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from chatseal.errors import TargetExistsError
from chatseal.part_file import name_new, named, part_of, sync_folder
from chatseal.sealing.source import PathLike, flat

if TYPE_CHECKING:
    from typing_extensions import Buffer

PRIVATE = 0o600
ORDINARY = 0o666


@runtime_checkable
class Writable(Protocol):
    """A binary file object, as far as it is needed."""

    def write(self, data: "Buffer", /) -> int | None: ...


def write_all(file: Writable, data: "Buffer") -> None:
    """Write all of *data*, however little the file takes at a time."""
    with flat(data) as view:
        done = 0
        while done < len(view):
            n = file.write(view[done:])
            if n is None:
                # a raw file that would block; a buffered one returns a number
                raise BlockingIOError(errno.EAGAIN, "the target is in non-blocking mode")
            if not 0 <= n <= len(view) - done:
                raise ValueError("the target's write returned an impossible length")
            done += n


class FileTarget:
    """A file that is written beside its name and gets the name when it is complete and on stable storage."""

    def __init__(self, path: PathLike, *, overwrite: bool, mode: int) -> None:
        """Raises TargetExistsError at once, rather than after an hour, if the name is taken."""
        self.path = Path(path)
        self._overwrite = overwrite
        if not overwrite and os.path.lexists(path):
            raise _exists(self.path)
        self._part = part_of(self.path)
        self._is_there = True
        try:
            # Two C functions and no Python between them: Ctrl-C can come after each line, and a file object owns its descriptor.
            self._file = open(self._part, "x+b", buffering=0, opener=partial(os.open, mode=mode))  # noqa: SIM115
        except OSError as error:
            self._is_there = False
            raise named(error, self.path) from None
        except BaseException:
            self.discard()
            raise
        self.descriptor = self._file.fileno()

    def write_at(self, offset: int, data: "Buffer") -> None:
        """Write all of *data* at *offset*."""
        try:
            self._file.seek(offset)
            write_all(self._file, data)
        except OSError as error:
            raise named(error, self.path) from None

    def commit(self, mtime_ns: int | None = None, *, check: Callable[[], None] | None = None) -> None:
        """Flush to stable storage, then give the file its name. Raises TargetExistsError if somebody was faster.

        *check* is called in between: what it raises leaves the name as it was."""
        try:
            if mtime_ns is not None and os.utime in os.supports_fd:
                os.utime(self.descriptor, ns=(mtime_ns, mtime_ns))
            os.fsync(self.descriptor)
            self._close()
            if check is not None:
                check()
            if self._overwrite:
                os.replace(self._part, self.path)
            else:
                name_new(self._part, self.path)
            self._is_there = False
            sync_folder(self.path.parent)
        except TargetExistsError:
            raise
        except FileExistsError:
            raise _exists(self.path) from None
        except OSError as error:
            raise named(error, self.path) from None

    def discard(self) -> None:
        """Leave nothing behind. A second call does nothing."""
        self._close()
        if self._is_there:
            self._part.unlink(missing_ok=True)
            self._is_there = False

    def _close(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.discard()

    def __del__(self) -> None:
        # After Ctrl-C between the constructor and the block, or inside discard.
        if hasattr(self, "_is_there"):
            self.discard()


def _exists(path: Path) -> TargetExistsError:
    return TargetExistsError(f"{path} exists")


def is_special(path: PathLike) -> bool:
    """Whether the path names a device, pipe or socket: something to write into, not to replace."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def open_special(target: PathLike | Writable) -> Iterator[Writable]:
    """A device or pipe by its path, or a file object as it is, which is left open."""
    if isinstance(target, (str, os.PathLike)):
        with open(target, "wb", buffering=0) as file:
            yield file
    else:
        yield target
