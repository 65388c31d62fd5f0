"""Names: what a source, and everything below it, is called in a snapshot."""

import heapq
import os
import sys
from collections.abc import Iterable, Iterator

AT_ONCE = 1 << 16  # names of one folder in memory
ROOT = "root"  # what the source `/` is called: it has no last part

_IS_UTF_8 = sys.getfilesystemencoding() == "utf-8"


def entry_name(name: str) -> str:
    """The system's *name* as an entry spells it: UTF-8, any other byte as a surrogate escape."""
    return name if _IS_UTF_8 else os.fsencode(name).decode("utf-8", "surrogateescape")


def system_name(name: str) -> str:
    """The entry's *name* as this system spells it."""
    return name if _IS_UTF_8 else os.fsdecode(name.encode("utf-8", "surrogateescape"))


def named_sources(sources: Iterable[str | os.PathLike[str]]) -> dict[str, str]:
    """The name of each source, and where it really is, in order.

    A source has its own last part as its name, `.` and `..` that of the folder they stand for, `/` ROOT. The second of a name gets `-2`
    after it, the third `-3`; a source that is given twice is there once. Raises ValueError for an empty source."""
    found: dict[str, str] = {}
    for source in sources:
        given = os.fspath(source)
        if not given:
            raise ValueError("a source has an empty name")
        real = os.path.realpath(given)
        if real in found.values():
            continue
        last = os.path.basename(given.rstrip("/"))
        if last in ("", os.curdir, os.pardir):
            last = os.path.basename(real) or ROOT
        found[distinct(entry_name(last), found)] = real
    return found


def distinct(name: str, taken: Iterable[str]) -> str:
    """*name*, or with the first of `-2`, `-3`, ... after it that is not in *taken*."""
    others, free, n = set(taken), name, 2
    while free in others:
        free, n = f"{name}-{n}", n + 1
    return free


def sorted_names(folder: int, at_once: int = AT_ONCE) -> Iterator[list[str]]:
    """The names in an open folder, sorted, in lists of at most *at_once*. A larger folder is read once for each list. Raises OSError."""
    names: list[str] = []
    with os.scandir(folder) as there:
        for item in there:
            names.append(item.name)
            if len(names) > at_once:
                break
    if len(names) <= at_once:
        names.sort()
        yield names
        return
    last = ""
    while True:
        os.lseek(folder, 0, os.SEEK_SET)  # its position is shared with the copy that scandir made
        with os.scandir(folder) as there:
            names = heapq.nsmallest(at_once, (item.name for item in there if item.name > last))
        if not names:
            return
        yield names
        last = names[-1]
