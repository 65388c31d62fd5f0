"""A live database with a write-ahead log: its main file and the frames of the log, as a read transaction sees them."""

import os
import threading
import time

from chatseal import _pages
from chatseal.capture.holder import Holder, ReadBegun
from chatseal.capture.main_file import page_length_of, unit_of
from chatseal.capture.stage import Stage
from chatseal.capture.wal_header import WalHeader
from chatseal.errors import CaptureError, SourceBusyError, SourceChangedError

MIB = 1 << 20
TRIES = 100
GROWTH_WORTH_A_WARNING = 64 * MIB
GROWTH_MAX = 1024 * MIB  # or the database's own length, if that is more
FREE_MIN = 64 * MIB  # of the file system that the log is on
WATCH_SECONDS = 0.25
PAGES_NOWHERE_MAX = 1024  # that the header counts, but neither file has


class WalImage:
    """The content at the moment of opening. Writers never wait; until `close` their log cannot begin anew, so it grows."""

    def __init__(self, path: bytes, holder: Holder) -> None:
        """*path* is the main file's; takes over *holder*. Raises SourceBusyError, CaptureError, SourceChangedError, OSError."""
        self._path, self._name, self._holder = path, os.fsdecode(path), holder
        self._main: _pages.File | None = None
        self._log: _pages.File | None = None
        self._watch = threading.Lock()
        self._next_watch = time.monotonic() + WATCH_SECONDS
        self._growth = 0
        self._holds = True
        self._given_up: str | None = None
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        for _ in range(TRIES):
            begun = self._holder.begin()
            if begun.shm is None:
                raise SourceChangedError(f"{self._name} is no longer in WAL mode")
            header = WalHeader.parse(begun.shm)
            if header is not None and self._look_at(begun, header):
                return
            self._holder.end()
        raise SourceBusyError(f"{self._name}: its write-ahead log did not lie still for a moment in {TRIES} tries")

    def _look_at(self, begun: ReadBegun, header: WalHeader) -> bool:
        """Make the overlay for a read transaction; False if its log is gone already."""
        self._close_files()
        self._main = _pages.File(self._path)
        main = self._main.stat()
        if (main.device, main.inode) not in begun.files:
            raise SourceChangedError(f"{self._name} was replaced while it was opened")
        index = None
        if not header.main_is_all:
            self._log = _pages.File(self._path + b"-wal")
            log = self._log.stat()
            if (log.device, log.inode) not in begun.files:
                raise SourceChangedError(f"{self._name}-wal was replaced while it was opened")
            try:
                index = _pages.Log(self._log, header.frames, header.pages, header.page_length, header.sums, header.salts)
            except (_pages.LogChanged, _pages.NotALog):
                return False
            self._log_length = log.size
        page_length = header.page_length if header.frames else page_length_of(self._main)
        if not page_length:
            raise CaptureError(f"{self._name} is damaged: its header names no page size")
        there = -(-main.size // page_length)
        pages = header.pages if header.frames else there
        if pages > max(there, index.last_page if index else 0) + PAGES_NOWHERE_MAX:
            raise CaptureError(f"{self._name} is damaged: its log counts {pages} pages, but there are {there}")
        self.unit = unit_of(page_length)
        self.length: int | None = pages * page_length
        self._growth_max = max(GROWTH_MAX, self.length)
        self._overlay = _pages.Overlay(self._main, index, page_length, self.length)
        return True

    def read_into(self, offset: int, buffer: memoryview) -> int:
        if self._log is not None and time.monotonic() >= self._next_watch:
            self._watch_log()
        if self._given_up is not None:
            raise SourceBusyError(self._given_up)
        return self._overlay.read_into(offset, buffer)

    def _watch_log(self) -> None:
        with self._watch:
            now = time.monotonic()
            if self._log is None or now < self._next_watch:
                return
            self._next_watch = now + WATCH_SECONDS
            self._growth = max(self._growth, self._log.stat().size - self._log_length)
            space = os.statvfs(self._path)
            if self._growth > self._growth_max or (self._growth > FREE_MIN and space.f_bavail * space.f_frsize < FREE_MIN):
                self._given_up = (
                    f"{self._name}-wal grew by {self._growth / 1e6:.0f} MB while the database was read, and there it may not go on"
                )
                self._holder.end()

    def settle(self) -> Stage | None:
        if self._given_up is not None:
            raise SourceBusyError(self._given_up)
        if self._holds:
            if not self._holder.still_holds():
                raise SourceChangedError(f"{self._name}: the read transaction ended too early")
            self._holder.end()  # everything is read: the log may begin anew
            self._holds = False
        return None

    def warnings(self) -> list[str]:
        if self._growth < GROWTH_WORTH_A_WARNING:
            return []
        return [
            f"{self._name}-wal grew by {self._growth / 1e6:.0f} MB while the database was read; the application's next checkpoint frees it"
        ]

    @property
    def held_seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        self._holder.close()
        self._close_files()

    def _close_files(self) -> None:
        for file in (self._main, self._log):
            if file is not None:
                file.close()
        self._main = self._log = None
