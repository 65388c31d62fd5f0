"""A database with a rollback journal: first read without any lock, then, if somebody wrote meanwhile, held still and compared."""

import os
import time
from collections.abc import Callable

from chatseal import _pages
from chatseal.capture.holder import Holder, ReadBegun, RefusedError
from chatseal.capture.main_file import open_main, page_length_of, unit_of, whole_pages
from chatseal.capture.situation import Situation
from chatseal.capture.stage import Stage
from chatseal.capture.wal import WalImage
from chatseal.errors import CaptureError, SourceBusyError, SourceChangedError

StartHolder = Callable[[], Holder]
IfRefused = Callable[[RefusedError], Stage]  # the stage for a database that SQLite does not read, or the error


class _RawImage:
    """The main file, page by page, as it lies there."""

    def __init__(self, main: _pages.File, name: str) -> None:
        self._main, self._name = main, name
        page_length = page_length_of(main)
        if not page_length:
            raise CaptureError(f"{name} is damaged: its header names no page size")
        self.unit = unit_of(page_length)
        self.length: int | None = whole_pages(main.stat().size, page_length)
        self._overlay = _pages.Overlay(main, None, page_length, self.length)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        return self._overlay.read_into(offset, buffer)

    def warnings(self) -> list[str]:
        return []


class UnlockedImage(_RawImage):
    """The first pass: writers do not notice it, so it may be torn."""

    def __init__(self, path: bytes, situation: Situation, start_holder: StartHolder, max_hold: float | None, if_refused: IfRefused) -> None:
        name = os.fsdecode(path)
        main = open_main(path, name, situation)
        try:
            super().__init__(main, name)
        except BaseException:
            main.close()
            raise
        self._path, self._situation, self._max_hold = path, situation, max_hold
        self._start_holder, self._if_refused = start_holder, if_refused
        self._held = 0.0

    def settle(self) -> Stage | None:
        """Nothing to read again if, under a lock that keeps writers out, the file is as it was before."""
        holder = self._start_holder()
        try:
            begun = holder.begin(self._max_hold)
            since = time.monotonic()
            if begun.shm is None and not self._situation.still(self._path, main_only=True):
                return HeldImage(self._path, holder, begun, since, self._max_hold)
            holder.end()
            self._held = time.monotonic() - since
            if begun.shm is not None:
                self._held = 0.0
                return WalImage(self._path, holder)
        except RefusedError as refused:  # such as for the journal of a program that crashed meanwhile
            holder.close()
            return self._if_refused(refused)
        except BaseException:
            holder.close()
            raise
        holder.close()
        return None

    @property
    def held_seconds(self) -> float:
        return self._held

    def close(self) -> None:
        self._main.close()


class HeldImage(_RawImage):
    """The second pass, under SQLite's shared lock: writers wait when they commit, for at most *max_hold* seconds."""

    def __init__(self, path: bytes, holder: Holder, begun: ReadBegun, since: float, max_hold: float | None) -> None:
        """Takes over *holder*, which holds since the time.monotonic() of *since*, unless this raises."""
        name = os.fsdecode(path)
        main = open_main(path, name)
        try:
            status = main.stat()
            if (status.device, status.inode) not in begun.files:
                raise SourceChangedError(f"{name} was replaced while it was read")
            super().__init__(main, name)
        except BaseException:
            main.close()
            raise
        self._holder, self._since, self._max_hold = holder, since, max_hold
        self._until: float | None = None

    def read_into(self, offset: int, buffer: memoryview) -> int:
        if self._max_hold is not None and time.monotonic() - self._since > self._max_hold:
            raise self._too_long()
        return super().read_into(offset, buffer)

    def settle(self) -> Stage | None:
        if self._until is None:
            if not self._holder.still_holds():
                raise self._too_long()
            self._let_go()
        return None

    def _too_long(self) -> SourceBusyError:
        return SourceBusyError(f"{self._name}: its writers would have to wait for longer than {self._max_hold:g} s")

    def _let_go(self) -> None:
        self._holder.end()
        self._until = time.monotonic()

    @property
    def held_seconds(self) -> float:
        held = (time.monotonic() if self._until is None else self._until) - self._since
        return held if self._max_hold is None else min(held, self._max_hold)

    def close(self) -> None:
        self._until = self._until or time.monotonic()
        self._holder.close()
        self._main.close()
