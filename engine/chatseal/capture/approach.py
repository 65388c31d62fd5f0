"""Approach: how to read the database at a path. What is there decides, each time anew."""

import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from chatseal import _pages
from chatseal.capture.file_system import may_clone, shared_name
from chatseal.capture.holder import Holder, RefusedError, locked
from chatseal.capture.image import UNIT_MIN, UNIT_OF_FILES
from chatseal.capture.journal import Journal, JournalOverlay
from chatseal.capture.main_file import MAGIC, WAL_VERSION, open_main, page_length_of, unit_of, whole_pages
from chatseal.capture.options import CaptureOptions
from chatseal.capture.quiet import CloneImage, QuietImage
from chatseal.capture.situation import Situation, length_of
from chatseal.capture.stage import Stage
from chatseal.capture.unlocked import UnlockedImage
from chatseal.capture.wal import WalImage
from chatseal.errors import CaptureError, SourceChangedError

HOT = "SQLITE_READONLY_ROLLBACK"
UNREADABLE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
HEADER_LEN = 100
SQLITE_PATH_MAX = 500  # bytes; it opens none that is longer, so no program does that writes to it through SQLite


class Approach:
    """Chooses stages for the database at *path*, which has no link in it."""

    def __init__(self, path: bytes, options: CaptureOptions) -> None:
        self._path, self._name, self._options = path, os.fsdecode(path), options
        self._may_roll_back = options.allow_rollback

    def choose(self) -> Stage:
        """The stage that costs writers least. Raises SourceBusyError, SourceChangedError, CaptureError, OSError."""
        situation = Situation.of(self._path)
        header, page_length = self._look(situation)
        shared = None if self._options.allow_network else shared_name(self._path)
        if shared is not None:
            raise _refused(
                f"{self._name} is on a file system of kind {shared}, where locks may not reach all who write to it",
                "Back it up on the machine that writes to it, or say with --allow-network-fs that nobody writes to it meanwhile.",
            )
        whole = header.startswith(MAGIC) and len(header) == HEADER_LEN and max(header[18:20]) <= WAL_VERSION and page_length
        if not whole or len(self._path) > SQLITE_PATH_MAX:
            return self._unreadable(situation)
        try:
            # SQLite reads a log that is there whatever the header says
            if header[19] == WAL_VERSION or situation.log is not None:
                return WalImage(self._path, self._holder()) if situation.has_shm else self._cold(situation, page_length)
            if length_of(situation.journal):  # hot, or of a transaction under way, or kept for the next one
                with self._held_briefly():
                    pass
            return self._clone_under_lock(page_length) or self._unlocked(situation)
        except RefusedError as refused:
            return self._if_refused(refused)

    def _if_refused(self, refused: RefusedError) -> Stage:
        situation = Situation.of(self._path)
        if refused.reason == HOT:
            return self._hot(situation)
        if refused.reason.startswith(UNREADABLE):
            return self._unreadable(situation)
        refused.remedy = "Run as the owner of the database, and look at it with SQLite's own tools."
        raise refused

    def _look(self, situation: Situation) -> tuple[bytes, int]:
        """The header of the main file, and the page size in it."""
        main = open_main(self._path, self._name)
        try:
            status, header = main.stat(), bytearray(HEADER_LEN)
            if not stat.S_ISREG(status.mode):
                raise CaptureError(f"{self._name} is not a regular file")
            if situation.main is None or situation.main[:2] != (status.device, status.inode):
                raise SourceChangedError(f"{self._name} was replaced while it was opened")
            # as root: as the owner of the files, so that none is left behind that is not his
            self._owner = (status.uid, status.gid) if hasattr(os, "geteuid") and os.geteuid() == 0 and status.uid != 0 else None
            return bytes(header[: main.read_into(0, header)]), page_length_of(main)
        finally:
            main.close()

    def _holder(self, may_write: bool = False) -> Holder:
        return Holder(self._path, owner=self._owner, may_write=may_write)

    @contextmanager
    def _held_briefly(self, may_write: bool = False) -> Iterator[None]:
        holder = self._holder(may_write)
        try:
            holder.begin(self._options.max_hold)
            yield
            holder.end()
        finally:
            holder.close()

    def _unlocked(self, situation: Situation) -> Stage:
        return UnlockedImage(self._path, situation, self._holder, self._options.max_hold, self._if_refused)

    def _cold(self, situation: Situation, page_length: int) -> Stage:
        """A database in WAL mode that nobody has open, perhaps with a log that was copied along. Makes no -shm file."""
        if situation.log is None:
            main = open_main(self._path, self._name, situation)
            return self._quiet(situation, [main], page_length, None, [])
        holder, files = self._holder(), list[_pages.File]()
        try:
            if holder.is_locked():
                raise locked(f"{self._name} is in use by a program that keeps it for itself")
            holder.start_check()
            before, situation = situation.main, Situation.of(self._path)
            if situation.main != before:
                raise SourceChangedError(f"{self._name} was written to while it was opened")
            files.append(open_main(self._path, self._name, situation))
            files.append(_pages.File(self._path + b"-wal"))
            warnings, log = [], None
            try:
                log = _pages.Log(files[1])
                if log.frames and log.page_length != page_length:
                    raise self._mismatch()
            except _pages.NotALog:
                pass
            if (log is None or not log.frames) and length_of(situation.log):
                warnings.append(f"{self._name}-wal has nothing that was committed: the database is copied without it")
                log = None
            confirm = partial(self._confirm, holder)
            return self._quiet(situation, files, page_length, log if log and log.frames else None, warnings, confirm, holder.close)
        except BaseException:
            for file in files:
                file.close()
            holder.close()
            raise

    def _quiet(
        self,
        situation: Situation,
        files: list[_pages.File],
        page_length: int,
        log: _pages.Log | None,
        warnings: list[str],
        confirm: Callable[[], None] | None = None,
        release: Callable[[], None] | None = None,
    ) -> QuietImage:
        length = log.pages * page_length if log else whole_pages(length_of(situation.main), page_length)
        if log and log.pages > max(-(-length_of(situation.main) // page_length), log.last_page):
            raise self._mismatch()
        overlay = _pages.Overlay(files[0], log, page_length, length)
        return QuietImage(
            self._path,
            situation,
            overlay,
            files,
            unit=unit_of(page_length),
            length=length,
            again=self.choose,
            warnings=warnings,
            confirm=confirm,
            release=release,
        )

    def _confirm(self, holder: Holder) -> None:
        found = holder.finish_check()
        if found == "damaged":
            raise self._mismatch()

    def _mismatch(self) -> CaptureError:
        return _refused(
            f"{self._name} and the -wal file beside it do not make a whole database",
            "Copy both again while no program writes to them; if the -wal file is another database's, move it away.",
        )

    def _hot(self, situation: Situation) -> Stage:
        """The leftovers of a program that crashed in a transaction."""
        if self._may_roll_back:
            self._may_roll_back = False
            with self._held_briefly(may_write=True):
                pass
            return self.choose()
        files = [open_main(self._path, self._name, situation)]
        try:
            files.append(_pages.File(self._path + b"-journal"))
            journal = Journal.read(files[1], page_length_of(files[0]), self._name)
            if journal is None:
                raise CaptureError(f"{self._name} was left in the middle of a transaction, by a journal that cannot be read")
            overlay = JournalOverlay(files[0], files[1], journal)
        except BaseException:
            for file in files:
                file.close()
            raise
        words = f"{self._name} was left in the middle of a transaction by a program that crashed; the copy is of the moment before it"
        return QuietImage(
            self._path,
            situation,
            overlay,
            files,
            unit=unit_of(journal.page_length),
            length=overlay.length,
            again=self.choose,
            warnings=[words],
        )

    def _unreadable(self, situation: Situation) -> Stage:
        """Bytes that SQLite cannot read, such as an encrypted database. Whoever writes to it is not asked to wait, so it must lie still."""
        if length_of(situation.log) or self._journal_counts(situation):
            raise _refused(
                f"{self._name} is in use, or was when its program crashed, and SQLite cannot read it: encrypted, or damaged",
                "Close the program that uses it, so that it has neither a -wal nor a -journal file, and try again.",
            )
        holder = self._holder()
        try:
            if holder.is_locked():
                raise locked(f"{self._name} is in use by a program that keeps it for itself")
        finally:
            holder.close()
        length = length_of(situation.main)
        unit = UNIT_OF_FILES if length % UNIT_MIN else UNIT_MIN
        main = open_main(self._path, self._name, situation)
        if (clone := self._clone(main)) is not None:
            if self._journal_counts(after := Situation.of(self._path)) or after.log or clone.stat().size != length:
                clone.close()
            else:
                main.close()
                return CloneImage(clone, Exactly(clone, self._name), unit=unit, length=length, held_seconds=0.0)
        return QuietImage(self._path, situation, Exactly(main, self._name), [main], unit=unit, length=length, again=None)

    def _journal_counts(self, situation: Situation) -> bool:
        """Whether there is a journal, other than one that is kept with zeros for a header."""
        if not length_of(situation.journal):
            return False
        journal, start = _pages.File(self._path + b"-journal"), bytearray(8)
        try:
            journal.read_into(0, start)
        finally:
            journal.close()
        return any(start)

    def _clone_under_lock(self, page_length: int) -> Stage | None:
        """A copy by reference, made while writers wait for a moment; None where the file system cannot."""
        main = open_main(self._path, self._name)
        try:
            if (trial := self._clone(main)) is None:
                return None
            trial.close()
            with self._held_briefly():
                since = time.monotonic()
                clone = self._clone(main)
                held = time.monotonic() - since
            if clone is None:
                return None
        finally:
            main.close()
        length = whole_pages(clone.stat().size, page_length)
        overlay = _pages.Overlay(clone, None, page_length, length)
        return CloneImage(clone, overlay, unit=unit_of(page_length), length=length, held_seconds=held)

    def _clone(self, main: _pages.File) -> _pages.File | None:
        if not may_clone(self._path):
            return None
        for folder in dict.fromkeys((tempfile.gettempdir(), "/var/tmp", os.path.expanduser("~"))):
            try:
                return main.clone(os.fsencode(folder))
            except OSError:
                continue
        return None


class Exactly:
    """A file's own bytes, all of them or an error."""

    def __init__(self, file: _pages.File, name: str) -> None:
        self._file, self._name, self._length = file, name, file.stat().size

    def read_into(self, offset: int, buffer: memoryview) -> int:
        wanted = max(0, min(len(buffer), self._length - offset))
        if self._file.read_into(offset, buffer[:wanted]) < wanted:
            raise SourceChangedError(f"{self._name} became shorter while it was read")
        return wanted


def _refused(text: str, remedy: str) -> CaptureError:
    return CaptureError(text).with_remedy(remedy)
