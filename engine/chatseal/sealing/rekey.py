"""Rekey: another header before the same payload, in a new file that takes the old one's place whole or not at all.

    hold       resolve links, open, lock: one change of a file at a time
    replace    new header and payload beside it, attributes kept, flushed; is the old file still the one that was read? rename

The old file is never written to. Whatever stops this, the name leads to the old file or to the new one."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chatseal.errors import SourceChangedError
from chatseal.sealing.source import PathLike, Source
from chatseal.sealing.target import PRIVATE, FileTarget

_LOCKED = (errno.EWOULDBLOCK, errno.EACCES)
_NOT_KEPT = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENODATA, errno.EINVAL)  # attributes that are not ours to give


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that this process alone may change the holders of, as long as others ask. `path` has no symbolic link in it."""

    path: Path
    source: Source
    about: os.stat_result

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def other_names(self) -> int:
        """Hard links to it, which will go on leading to the old file."""
        return self.about.st_nlink - 1

    def is_there(self) -> bool:
        """Whether the name still leads to this file."""
        now = os.stat(self.path, follow_symlinks=False)
        return (now.st_dev, now.st_ino) == (self.about.st_dev, self.about.st_ino)

    def check_unchanged(self) -> None:
        """Raise SourceChangedError if something else was written, into the file or under its name."""
        self.source.check_unchanged()
        if not self.is_there():
            message = f"{self.path} was replaced by another file meanwhile; that one is left as it is"
            raise SourceChangedError(message).with_remedy("Try again, when nothing else writes to it.")


@contextmanager
def hold(path: PathLike) -> Iterator[HeldFile]:
    """Open and lock the file that *path* leads to. OSError with EBUSY if somebody else is at it; OSError for what is no regular file."""
    real = Path(os.path.realpath(path, strict=True))
    _check_regular(os.stat(real).st_mode, real)  # before it is opened: a named pipe would wait for a writer
    with open(real, "rb", buffering=0) as file:
        _lock(file.fileno(), real)
        about = os.fstat(file.fileno())
        _check_regular(about.st_mode, real)
        positioned = (file.fileno(), 0, about.st_size)
        held = HeldFile(real, Source(name=real.name, positioned=positioned, length=about.st_size, descriptor=file.fileno()), about)
        if not held.is_there():  # somebody was faster, between our opening and our locking
            raise _busy(real)
        try:
            yield held
        except OSError as error:
            if error.filename is None and error.errno is not None:
                raise OSError(error.errno, error.strerror, str(real)) from None
            raise


def _check_regular(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def _lock(descriptor: int, path: Path) -> None:
    """An advisory lock that ends with the descriptor. Where a file system has none, the look before the rename is all there is."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # not on this system
        return
    except OSError as error:
        if error.errno in _LOCKED:
            raise _busy(path) from None


def _busy(path: Path) -> OSError:
    return OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))


def replace(held: HeldFile, header: bytes, write_payload: Callable[[FileTarget, int], None]) -> bool:
    """Put *header* and what *write_payload* writes behind it, given the target and the offset, in place of the file.

    Mode, time of modification and extended attributes stay; False if its owner or group could not."""
    with FileTarget(held.path, overwrite=True, mode=PRIVATE) as target:
        write_payload(target, len(header))
        target.write_at(0, header)
        owner_kept = _keep_attributes(held, target.descriptor)
        target.commit(held.about.st_mtime_ns, check=held.check_unchanged)
    return owner_kept


def _keep_attributes(held: HeldFile, descriptor: int) -> bool:
    about = held.about
    owner_kept = True
    if hasattr(os, "fchown"):
        for owner, group in ((-1, about.st_gid), (about.st_uid, -1)):
            with suppress(OSError):
                os.fchown(descriptor, owner, group)
        now = os.fstat(descriptor)
        owner_kept = (now.st_uid, now.st_gid) == (about.st_uid, about.st_gid)
    _keep_extended(held, descriptor)
    if hasattr(os, "fchmod"):
        with _unless_not_ours():  # after the owner, whose change takes rights away, and after access control lists
            os.fchmod(descriptor, stat.S_IMODE(about.st_mode))
    return owner_kept


def _keep_extended(held: HeldFile, descriptor: int) -> None:
    if not hasattr(os, "listxattr"):
        return
    assert isinstance(held.source.positioned, tuple)
    source = held.source.positioned[0]
    with _unless_not_ours():
        for name in os.listxattr(source):
            with _unless_not_ours():
                os.setxattr(descriptor, name, os.getxattr(source, name))


@contextmanager
def _unless_not_ours() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_KEPT:
            raise
