"""Attributes: owner, mode and times of what is restored."""

import os
import stat
from collections import Counter
from collections.abc import Callable

from chatseal.capture.entry import Entry

SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
ORDINARY = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO
ID_END = (1 << 32) - 1


class Notes:
    """Warnings, one for each kind however often it comes: a snapshot may have a million files."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._times: Counter[str] = Counter()

    def add(self, what: str, path: str = "") -> None:
        self._first.setdefault(what, path)
        self._times[what] += 1

    def texts(self) -> list[str]:
        return [f"{what}{self._where(what)}" for what in self._first]

    def _where(self, what: str) -> str:
        first, more = self._first[what], self._times[what] - 1
        return "" if not first else f": {first}" if not more else f": {first} and {more} more"


def set_attributes(descriptor: int, entry: Entry, *, owner: bool, notes: Notes) -> None:
    """Give an open file or folder the owner (with *owner*), mode and times of *entry*; *notes* hears what was not possible.

    Bits that lend a program its owner's rights, and sticky bits, are given only together with the owner."""
    owned = owner and _set_owner(lambda: os.fchown(descriptor, entry.uid, entry.gid), entry, notes)
    try:
        # After the owner, whose change takes special bits away.
        os.fchmod(descriptor, entry.mode & (ORDINARY | SPECIAL if owned else ORDINARY))
    except OSError:
        notes.add("the mode could not be set", entry.path)
    _set_times(lambda ns: os.utime(descriptor, ns=ns), entry, notes)


def set_link_attributes(parent: int, name: bytes, entry: Entry, *, owner: bool, notes: Notes) -> None:
    """The same for a symbolic link, which is not followed and has no mode."""
    if owner:
        _set_owner(lambda: os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False), entry, notes)
    _set_times(lambda ns: os.utime(name, ns=ns, dir_fd=parent, follow_symlinks=False), entry, notes)


def _set_owner(change: Callable[[], None], entry: Entry, notes: Notes) -> bool:
    if 0 <= entry.uid < ID_END and 0 <= entry.gid < ID_END:  # the number after the last would mean: leave it
        try:
            change()
        except OSError:
            pass
        else:
            return True
    notes.add("the owner could not be set", entry.path)
    return False


def _set_times(change: Callable[[tuple[int, int]], None], entry: Entry, notes: Notes) -> None:
    try:
        change((entry.mtime_ns, entry.mtime_ns))
    except (OSError, OverflowError):
        notes.add("the time could not be set", entry.path)
