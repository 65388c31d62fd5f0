"""Held file: no program can use it through SQLite meanwhile, and it needs no journal beside it."""

import errno
import os
import shutil
import stat
import struct
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from chatseal.errors import ChatsealError, TargetBusyError, TargetExistsError
from chatseal.snapshots.place import Place

JOURNALS = ("-wal", "-journal")  # what they hold belongs to the database
SIDE_FILES = (*JOURNALS, "-shm")
HOT = bytes.fromhex("d9d505f920a163d7")  # begins a rollback journal that waits to be rolled back
SECTOR = 512  # bytes: the smallest page
TRIES = 3
_LOCK_BYTE, _LOCK_LEN = 0x40000000, 512  # where all that use SQLite lock a file
_FLOCK = "hhqqi4x"
_kept: list[int] = []


class Held:
    """The file at *place*, locked until `close` against everything that opens it with SQLite, in this process too.

    What journals beside it held has been brought into it, by SQLite in another process. `is_whole` is False if that was not possible,
    because the file is damaged or none that SQLite can read: then it and its journals belong together still."""

    def __init__(self, place: Place) -> None:
        """Raises TargetBusyError, TargetExistsError if it is no file, ChatsealError if SQLite fails, OSError."""
        self._place, self.descriptor = place, -1
        for _ in range(TRIES):
            about = place.about()
            if about is not None and not stat.S_ISREG(about.st_mode):
                raise TargetExistsError(f"{place.shown} is no file")
            self.is_whole = self._settle(about)
            try:
                self._open()
                if self._is_as_settled():
                    return
            except BaseException:
                self.close()
                raise
            self.close()
        raise TargetBusyError(f"{place.shown} is opened by a program again and again")

    def _settle(self, about: os.stat_result | None) -> bool:
        # Most files are none that SQLite has ever seen; no process is started for them.
        if about is not None and about.st_size % SECTOR and not has_journal(self._place):
            return True
        word, _, reason = _settled(self._place).partition(" ")
        if word == "busy":
            raise _busy(self._place, "a program has it open")
        if word not in ("plain", "settled", "unreadable"):
            raise ChatsealError(f"{self._place.shown}: SQLite cannot bring it and its journal together ({reason or 'it did not answer'})")
        return word != "unreadable"

    def _open(self) -> None:
        import fcntl

        if not hasattr(fcntl, "F_OFD_SETLK"):
            raise ChatsealError(f"{self._place.shown} cannot be locked: this needs Linux")
        self.descriptor = self._place.open(os.O_RDWR)
        lock = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _LOCK_BYTE, _LOCK_LEN, 0)
        with self._place.named():
            try:
                fcntl.fcntl(self.descriptor, fcntl.F_OFD_SETLK, lock)
                return
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            other = struct.unpack(_FLOCK, fcntl.fcntl(self.descriptor, fcntl.F_OFD_GETLK, lock))
        if other[0] != fcntl.F_UNLCK and other[4] == os.getpid():
            # This very program has it open with SQLite. To close our descriptor would drop its locks, and with them its data.
            _kept.append(self.descriptor)
            self.descriptor = -1
        raise _busy(self._place, "a program has it open")

    def _is_as_settled(self) -> bool:
        """Whether nobody came between the other process and the lock."""
        about, here = self._place.about(), os.fstat(self.descriptor)
        same = about is not None and (about.st_dev, about.st_ino) == (here.st_dev, here.st_ino)
        return same and not (self.is_whole and has_journal(self._place))

    def close(self) -> None:
        """Let go of the file. A second call does nothing."""
        # No unlocking before: closing drops POSIX locks of this process first, while nobody can have new ones yet.
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            self.close()


def has_journal(place: Place) -> bool:
    """Whether beside a database lies what belongs to it: a write-ahead log with content, or a journal to be rolled back."""
    log, journal = (place.beside(ending) for ending in JOURNALS)
    about = log.about()
    if about is not None and about.st_size:
        return True
    if not journal.is_file():
        return False
    descriptor = journal.open(os.O_RDONLY)
    try:
        return os.pread(descriptor, len(HOT), 0) == HOT
    finally:
        os.close(descriptor)


def _settled(place: Place) -> str:
    interpreter = sys.executable or shutil.which("python3")
    if not interpreter:
        raise ChatsealError(f"{place.shown}: there is no Python interpreter to run beside this program")
    program = Path(__file__).with_name("settling.py").read_text(encoding="utf-8")
    # Nothing of the environment but where libraries are: keys may be there.
    environment = {word: os.environ[word] for word in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if word in os.environ}
    ended = subprocess.run(
        [interpreter, "-I", "-S", "-c", program, str(place.folder), place.name.hex()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[place.folder],
        env=environment,
        check=False,
        process_group=0,  # Ctrl-C at the terminal is for this process to handle
    )
    return ended.stdout.decode("ascii", "replace").strip() if ended.returncode == 0 else ""


def _busy(place: Place, why: str) -> TargetBusyError:
    return TargetBusyError(f"{place.shown} is in use: {why}")
