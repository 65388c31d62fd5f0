"""A database that nobody has open, as far as can be seen: read where it lies, and proved at the end to have lain still."""

import os
from collections.abc import Callable
from typing import Protocol

from chatseal import _pages
from chatseal.capture.situation import Situation
from chatseal.capture.stage import Again, Stage
from chatseal.errors import SourceChangedError


class Reads(Protocol):
    """What the content is read through."""

    def read_into(self, offset: int, buffer: memoryview) -> int: ...


class QuietImage:
    """Content that is as it was at the moment of *situation* if at the end the files still are."""

    def __init__(
        self,
        path: bytes,
        situation: Situation,
        reads: Reads,
        files: list[_pages.File],
        *,
        unit: int,
        length: int,
        again: Again | None,
        warnings: list[str] | None = None,
        confirm: Callable[[], None] | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        """Takes over *files*. *again* is what to do if somebody wrote; None: that is an error. *confirm* has the last word and raises,
        *release* is called by `close`."""
        self._path, self._situation, self._reads, self._files = path, situation, reads, files
        self.unit = unit
        self.length: int | None = length
        self._again, self._warnings, self._confirm, self._release = again, warnings or [], confirm, release

    def read_into(self, offset: int, buffer: memoryview) -> int:
        return self._reads.read_into(offset, buffer)

    def settle(self) -> Stage | None:
        if not self._situation.still(self._path):
            if self._again is None:
                raise SourceChangedError(f"{os.fsdecode(self._path)} was written to while it was read")
            return self._again()
        if self._confirm is not None:
            self._confirm()
        return None

    def warnings(self) -> list[str]:
        return self._warnings

    @property
    def held_seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        if self._release is not None:
            self._release()
        for file in self._files:
            file.close()


class CloneImage:
    """A copy by reference, which nobody else can write to."""

    def __init__(self, clone: _pages.File, reads: Reads, *, unit: int, length: int, held_seconds: float) -> None:
        """Takes over *clone*. *held_seconds*: how long writers waited while it was made."""
        self._clone, self._reads, self.unit, self._held = clone, reads, unit, held_seconds
        self.length: int | None = length

    def read_into(self, offset: int, buffer: memoryview) -> int:
        return self._reads.read_into(offset, buffer)

    def settle(self) -> Stage | None:
        return None

    def warnings(self) -> list[str]:
        return []

    @property
    def held_seconds(self) -> float:
        return self._held

    def close(self) -> None:
        self._clone.close()
