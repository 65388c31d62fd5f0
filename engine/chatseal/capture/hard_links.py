"""Hard links: the files with several names that were met, so that each is captured once."""

import os

from chatseal.capture.entry import Entry

KNOWN_MAX = 1 << 18  # files some of whose names were not met yet; of more, every name is captured as a file of its own


class HardLinks:
    """The first name of each, until all its names were met. For one thread."""

    def __init__(self) -> None:
        self._first: dict[tuple[int, int], tuple[str, int]] = {}  # and how many names are left to meet

    def first(self, about: os.stat_result, path: str) -> str:
        """The first path under which this file, which has several names, was met; empty if it is *path*."""
        key = (about.st_dev, about.st_ino)
        met = self._first.pop(key, None)
        if met is not None:
            if met[1] > 1:
                self._first[key] = (met[0], met[1] - 1)
            return met[0]
        if len(self._first) < KNOWN_MAX:
            self._first[key] = (path, about.st_nlink - 1)
        return ""

    def forget(self, entry: Entry) -> None:
        """The file was not captured after all under this name: its next one is the first."""
        key = (entry.device, entry.inode)
        if self._first.get(key, ("", 0))[0] == entry.path:
            del self._first[key]
