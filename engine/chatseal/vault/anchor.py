"""Anchor: the end of the audit chain, kept outside the database, so that an older copy of the database is noticed.

    chatseal-vault-anchor 1 | index 19 digits | head 64 hex digits | sum 16 hex digits        a line of 4096 bytes, twice

Written in place, the older of the two lines each time: a line that was torn by a crash was never relied on, and the other, in a block of
its own, is whole."""

import os
import re
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from chatseal.errors import TargetExistsError, VaultBehindError, VaultDamagedError
from chatseal.part_file import write_whole
from chatseal.vault.audit import START, Head

if os.name == "posix":
    import fcntl

LINE = 4096
_LINE = re.compile(rb"(chatseal-vault-anchor 1 ([0-9]{19}) ([0-9a-f]{64})) ([0-9a-f]{16}) *\n")


class Anchor(Protocol):
    """Remembers the highest head that it was told. Any thread may call any method, and several processes may have the same one."""

    def read(self) -> Head:
        """The head. Raises VaultBehindError if it is lost, VaultDamagedError or OSError."""

    def advance(self, head: Head) -> None:
        """Remember *head*, durably before this returns, unless it is not higher. Calls at the same time share the waiting.
        Raises as `read` does."""


class FileAnchor:
    """An anchor in a file of its own: another disk than the database's, or a place that its backup does not bring back."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """The anchor in a file, which need not be there until it is asked."""
        self._path = Path(path)
        self._turn = threading.Condition()
        self._is_writing = False
        self._wanted = START
        self._safe = 0  # the index up to which all is on the disk

    @classmethod
    def create(cls, path: str | os.PathLike[str], head: Head, *, overwrite: bool = False) -> "FileAnchor":
        """A new anchor. Raises TargetExistsError or OSError."""
        try:
            write_whole(Path(path), _line(head) * 2, overwrite=overwrite)
        except FileExistsError:
            raise TargetExistsError(f"{os.fspath(path)} exists; a vault's anchor is never overwritten") from None
        return cls(path)

    def read(self) -> Head:
        """The head in the file."""
        with self._open() as descriptor:
            return max(self._lines(descriptor), key=lambda found: found[1].index)[1]

    def advance(self, head: Head) -> None:
        """Whoever comes while another writes waits for him, and then one of those who wait writes the highest head of all of them: a
        call waits for two writes at most."""
        with self._turn:
            if head.index > self._wanted.index:
                self._wanted = head
            while self._is_writing and self._safe < head.index:
                self._turn.wait()
            if self._safe >= head.index:
                return
            self._is_writing, wanted = True, self._wanted
        try:
            self._write(wanted)
        except BaseException:
            with self._turn:
                self._is_writing = False
                self._turn.notify_all()
            raise
        with self._turn:
            self._safe = max(self._safe, wanted.index)
            self._is_writing = False
            self._turn.notify_all()

    def _write(self, head: Head) -> None:
        with self._open() as descriptor:
            place, newest = max(self._lines(descriptor), key=lambda found: found[1].index)
            if head.index > newest.index:
                place, newest = 1 - place, head
            # Also what stands there already is written: whoever wrote it may have been stopped before it was on the disk.
            if os.pwrite(descriptor, _line(newest), place * LINE) != LINE:
                raise OSError(f"{self._path} was not written whole")
            os.fsync(descriptor)

    def _lines(self, descriptor: int) -> list[tuple[int, Head]]:
        data = os.pread(descriptor, 2 * LINE + 1, 0)
        found = [(place, head) for place in (0, 1) if (head := _head(data[place * LINE : place * LINE + LINE])) is not None]
        if not found or len(data) != 2 * LINE:
            raise VaultDamagedError(f"{self._path} is not a vault's anchor, or is damaged")
        return found

    def _open(self) -> "_Opened":
        return _Opened(self._path)


class _Opened:
    """The file, while no other process has it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise VaultBehindError(f"the vault's anchor {self._path} is gone") from None
        if os.name == "posix":
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            os.close(self._descriptor)


def _line(head: Head) -> bytes:
    text = f"chatseal-vault-anchor 1 {head.index:019} {head.hash.hex()}".encode()
    return (text + b" " + _sum(text)).ljust(LINE - 1) + b"\n"


def _head(line: bytes) -> Head | None:
    found = _LINE.fullmatch(line)
    if found is None or found[4] != _sum(found[1]):
        return None
    return Head(int(found[2]), bytes.fromhex(found[3].decode()))


def _sum(text: bytes) -> bytes:
    return sha256(text).hexdigest()[:16].encode()
