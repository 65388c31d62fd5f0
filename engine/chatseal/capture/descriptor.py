"""Descriptor: how files and folders are opened: never through a link, never waiting for a pipe, and leaving their access time alone."""

import os
from collections.abc import Sequence

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NO_TRACE = getattr(os, "O_NOATIME", 0)  # for the owner and root alone
_PLACE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC  # a folder to find names in, which needs no right to list it


def open_file(name: str, folder: int | None = None) -> int:
    """A descriptor of *name* in the open *folder*. What it turned out to be is for the caller to find out. Raises OSError."""
    return _open(name, _READ, folder)


def open_folder(name: str, folder: int | None = None) -> int:
    """A descriptor of a folder that can be listed. Raises OSError, NotADirectoryError if it is a link."""
    return _open(name, _READ | os.O_DIRECTORY, folder)


def open_parent(path: str) -> int:
    """A descriptor of the folder that *path* is in, to find names in. Raises OSError."""
    return os.open(os.path.dirname(path) or os.curdir, _PLACE | os.O_DIRECTORY)


def open_below(root: str, parts: Sequence[str]) -> int:
    """A descriptor of the file at *parts* below *root*, or of *root* itself if there are none. No part after *root* may be a link.

    So nobody who may write to a folder in between can lead a reader that may read more than he out of it. Raises OSError."""
    if not parts:
        return open_file(root)
    here = os.open(root, _PLACE | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            further = os.open(part, _PLACE | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = further
        return open_file(parts[-1], here)
    finally:
        os.close(here)


def _open(name: str, flags: int, folder: int | None) -> int:
    try:
        return os.open(name, flags | _NO_TRACE, dir_fd=folder)
    except PermissionError:
        if not _NO_TRACE:
            raise
        return os.open(name, flags, dir_fd=folder)
