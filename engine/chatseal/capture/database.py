"""Database: a SQLite database, live or not, as an image of one moment.

How it is read depends on what is there (approach.py, docs/capture.md): a live write-ahead log (wal.py), a rollback journal (unlocked.py),
neither, or the leftovers of a program that ended (quiet.py, journal.py), or something that SQLite cannot read."""

import os

from chatseal.capture.approach import Approach
from chatseal.capture.image import Image
from chatseal.capture.options import CaptureOptions
from chatseal.errors import SourceChangedError

PASSES_MAX = 5
HELD_WORTH_A_WARNING = 1.0  # seconds


def open_database(path: str | bytes | os.PathLike[str], options: CaptureOptions) -> Image:
    """The database at *path* as it is now or, without a write-ahead log, when it settles. Close the image.

    Nothing in the database's folder is written to but what any reader of a live database writes: its marks in the -shm file.
    Raises SourceBusyError, SourceChangedError, CaptureError, OSError."""
    return DatabaseImage(os.path.realpath(os.fsencode(path)), options)


class DatabaseImage:
    """An Image that begins with the stage that costs writers least, and goes on to one that makes them wait if that was not enough."""

    def __init__(self, path: bytes, options: CaptureOptions) -> None:
        self._name, self._held, self._passes = os.fsdecode(path), 0.0, 1
        self._warnings: list[str] = []
        self._stage = Approach(path, options).choose()
        self.unit = self._stage.unit
        self.length = self._stage.length

    def read_into(self, offset: int, buffer: memoryview) -> int:
        return self._stage.read_into(offset, buffer)

    def settle(self) -> bool:
        following = self._stage.settle()
        if following is None:
            return True
        self._stage.close()
        self._held += self._stage.held_seconds
        self._warnings += self._stage.warnings()
        self._stage, self.length = following, following.length
        self._passes += 1
        if self._passes > PASSES_MAX:
            raise SourceChangedError(f"{self._name} changed each of the {PASSES_MAX} times that it was read")
        return False

    def warnings(self) -> list[str]:
        found = self._warnings + self._stage.warnings()
        if self.held_seconds >= HELD_WORTH_A_WARNING:
            found.append(f"programs that write to {self._name} had to wait for up to {self.held_seconds:.1f} s")
        return found

    @property
    def held_seconds(self) -> float:
        return self._held + self._stage.held_seconds

    def close(self) -> None:
        self._stage.close()
