"""Situation: what the file system says of a database's files, to prove later that nobody wrote to them."""

import os
import time
from dataclasses import dataclass

TICK_NS = 20_000_000  # two writes within the file system's tick of the clock can leave the same times
Identity = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Situation:
    """Device, inode, size, mtime and ctime of the main file and of those beside it; None: not there."""

    main: Identity | None
    log: Identity | None
    journal: Identity | None
    has_shm: bool
    restless: bool  # written to a tick ago: the same times would prove nothing

    @classmethod
    def of(cls, path: bytes) -> "Situation":
        """How it is now, after waiting for a tick of the clock if it was written to just now. Opens nothing."""
        found = cls._look(path)
        if found.restless:
            time.sleep(TICK_NS / 1e9)
            found = cls._look(path)
        return found

    @classmethod
    def _look(cls, path: bytes) -> "Situation":
        main, log, journal = (_identity(path + suffix) for suffix in (b"", b"-wal", b"-journal"))
        now = time.time_ns()
        restless = any(one is not None and abs(now - one[4]) < TICK_NS for one in (main, log, journal))
        return cls(main, log, journal, os.path.lexists(path + b"-shm"), restless)

    def still(self, path: bytes, *, main_only: bool = False) -> bool:
        """Whether nobody wrote to the files since."""
        now = self._look(path)
        if main_only:
            return not self.restless and now.main == self.main
        mine, its = (self.main, self.log, self.journal, self.has_shm), (now.main, now.log, now.journal, now.has_shm)
        return not self.restless and mine == its


def _identity(path: bytes) -> Identity | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def length_of(identity: Identity | None) -> int:
    """Bytes; 0 if it is not there."""
    return identity[2] if identity else 0
