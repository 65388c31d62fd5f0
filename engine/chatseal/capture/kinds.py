"""Kinds: which files are databases, told by their first bytes, without a trace on the locks that this process may have on them."""

import os
from collections.abc import Sequence

from chatseal import _pages

DATABASE, WAL, JOURNAL, CACHE, OTHER = _pages.DATABASE, _pages.WAL, _pages.JOURNAL, _pages.CACHE, _pages.OTHER
_LOOK = 64  # bytes
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Kinds:
    """Looks into files. For one thread; close it."""

    def __init__(self) -> None:
        self._anchor: _pages.File | None = None

    def of(self, folder: str, names: Sequence[str]) -> bytes:
        """A byte for each of *names* in *folder*: DATABASE, WAL, JOURNAL, CACHE or OTHER, as what cannot be read is too. Raises OSError."""
        if not names:
            return b""
        if self._anchor is None:
            self._anchor = _pages.File(b"/")  # as long as one is open the threads that have descriptors of their own stay
        if self._anchor.is_apart:
            return _pages.kinds(self._anchor, os.fsencode(folder), list(map(os.fsencode, names)))
        held = _open_files()
        return bytes(_kind(os.path.join(folder, name), held) for name in names)

    def close(self) -> None:
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    def __enter__(self) -> "Kinds":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open_files() -> frozenset[tuple[int, int]]:
    """Device and inode of all that this process has open."""
    found = set()
    for descriptor in map(int, os.listdir("/dev/fd")):
        try:
            about = os.fstat(descriptor)
        except OSError:
            continue  # the listing's own
        found.add((about.st_dev, about.st_ino))
    return frozenset(found)


def _kind(path: str, held: frozenset[tuple[int, int]]) -> int:
    """The kind of one file where threads cannot have descriptors of their own: what the process has open already stays open in a File."""
    start = bytearray(_LOOK)
    try:
        about = os.lstat(path)
        if (about.st_dev, about.st_ino) in held:
            file = _pages.File(os.fsencode(path))
            try:
                return _pages.kind(start[: file.read_into(0, start)])
            finally:
                file.close()
        descriptor = os.open(path, _READ)
        try:
            return _pages.kind(os.pread(descriptor, _LOOK, 0))
        finally:
            os.close(descriptor)
    except OSError:
        return OTHER
