"""Part file: what is written beside its name, and gets the name when it is whole."""

import errno
import os
import re
import secrets
from functools import partial
from pathlib import Path

_DIGITS = 12
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)  # some network file systems
_PREFIX = 100  # bytes; most systems take names of 255
_NAME = re.compile(rf"\..*\.[0-9a-f]{{{_DIGITS}}}\.part", re.DOTALL)


def part_of(path: Path) -> Path:
    """A name beside *path* that nobody has."""
    return path.with_name(os.fsdecode(part_name(os.fsencode(path.name))))


def part_name(name: bytes) -> bytes:
    """A name for a file beside *name* until it is complete: another each time, and within the limit of names if *name* is long."""
    return b".%b.%b.part" % (name[:_PREFIX], secrets.token_hex(_DIGITS // 2).encode())


def is_part(path: str | os.PathLike[str]) -> bool:
    """Whether the name is one that a file has before it is complete: a run that was killed leaves it behind."""
    return _NAME.fullmatch(os.path.basename(path)) is not None


def name_new(part: Path, path: Path) -> None:
    """Give *part* the name *path*. Raises FileExistsError if it is taken, or OSError."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some network file systems): the best that is left is not atomic against another writer.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
        os.rename(part, path)
    else:
        os.unlink(part)


def named(error: OSError, path: Path) -> OSError:
    """The same error about the name that people know, not about the part file or a descriptor."""
    return OSError(error.errno, error.strerror, str(path)) if error.errno is not None else error


def write_whole(path: Path, data: bytes, *, mode: int = 0o600, overwrite: bool = False) -> None:
    """Write a small file durably, whole or not at all. Raises FileExistsError if it is there and not to be overwritten, or OSError."""
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "exists", str(path))
    part, is_new = part_of(path), False
    try:
        with open(part, "xb", opener=partial(os.open, mode=mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(part, path)
        else:
            name_new(part, path)
            is_new = True
        sync_folder(path.parent)
    except BaseException as error:
        for written in (part, path) if is_new else (part,):
            written.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise named(error, path) from None
        raise


def sync_folder(folder: Path) -> None:
    """Make a name in *folder* durable, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make *folder*, and those above it that are missing, for their owner alone and durably. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    sync_folder(folder.parent)
