"""Marker: a small file beside one that is being changed where it lies, so that a crash in between is known."""

import os
from contextlib import suppress
from types import TracebackType
from typing import Self

from chatseal.errors import RestoringError
from chatseal.sealing.source import PathLike
from chatseal.snapshots.place import Place

ENDING = ".chatseal-restoring"
_TEXT = b"The file beside this one is being restored by chatseal, or that was stopped. Do not use it; restore it again.\n"


class Marker:
    """The marker of the file at *place*: there, on stable storage, until `done`. One that an earlier run left is taken over."""

    def __init__(self, place: Place) -> None:
        """Raises OSError."""
        self._place = place.beside(ENDING)
        # One that is there stays as it is: it may be a link, or another name of a file that matters.
        with suppress(FileExistsError), open(self._place.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(_TEXT)
            file.flush()
            os.fsync(file.fileno())
        self._place.sync()

    def done(self) -> None:
        """The file is whole, on stable storage and under its name."""
        self._place.remove()
        self._place.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """It stays unless `done` was called."""


def stands(place: Place) -> bool:
    """Whether a restore of the file at *place* did not finish, or goes on."""
    return place.beside(ENDING).about() is not None


def remove(place: Place) -> None:
    """The file at *place* is a new one, so what stopped in the old one is of no account."""
    place.beside(ENDING).remove()


def check_whole(path: PathLike) -> None:
    """Raise RestoringError if the file at *path* is partly what it was and partly what was to be restored.

    That is damage, not a lock that passes: exit code 13. While a restore goes on it is the same, and nothing to copy either."""
    real = os.path.realpath(os.fspath(path))
    if os.path.lexists(real + ENDING):
        raise RestoringError(f"{os.fspath(path)} is not whole: a restore into it did not finish")
