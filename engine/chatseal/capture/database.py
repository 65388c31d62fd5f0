"""Database: a SQLite database, live or not, as an image of one moment."""

import os
import stat
from typing import Protocol

from chatseal import _pages
from chatseal.capture.holder import Holder
from chatseal.capture.image import Image
from chatseal.capture.wal import WalImage
from chatseal.errors import CaptureError

MAGIC = b"SQLite format 3\0"


class DatabaseOptions(Protocol):
    """What open_database needs to know."""

    @property
    def max_hold(self) -> float | None:
        """Seconds that writers may be made to wait; None: as long as it takes."""

    @property
    def allow_network(self) -> bool:
        """Read also where locks may not reach all programs that write."""

    @property
    def allow_rollback(self) -> bool:
        """Let SQLite roll back in the source what a crash left half done."""


def open_database(path: str | bytes | os.PathLike[str], options: DatabaseOptions) -> Image:
    """The database at *path* as it is now; the moment is that of this call. Close the image.

    Nothing in the database's folder is written to but what any reader of a live database writes: its marks in the -shm file.
    Raises SourceBusyError, SourceChangedError, CaptureError, OSError."""
    real = os.path.realpath(os.fsencode(path))
    main = _pages.File(real)
    try:
        status, header = main.stat(), bytearray(100)
        if not stat.S_ISREG(status.mode):
            raise CaptureError(f"{os.fsdecode(path)} is not a regular file")
        header = header[: main.read_into(0, header)]
    finally:
        main.close()
    if not header.startswith(MAGIC):
        raise CaptureError(f"{os.fsdecode(path)} is not a SQLite database")
    owner = (status.uid, status.gid) if os.geteuid() == 0 and status.uid != 0 else None
    if not os.path.exists(real + b"-shm"):
        raise CaptureError(f"{os.fsdecode(path)} is not open in WAL mode")
    return WalImage(real, Holder(real, owner=owner))
