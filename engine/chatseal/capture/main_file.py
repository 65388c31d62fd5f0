"""The main file of a database, open, and what its header says."""

from chatseal import _pages
from chatseal.capture.image import UNIT_MIN
from chatseal.capture.situation import Situation
from chatseal.errors import SourceChangedError

MAGIC = b"SQLite format 3\0"
WAL_VERSION = 2  # in both bytes from 18 on: changes go to a write-ahead log


def page_length_of(main: _pages.File) -> int:
    """The page size that a database's header names; 0 if it is none."""
    header = bytearray(18)
    if main.read_into(0, header) < len(header):
        return 0
    size = int.from_bytes(header[16:18], "big")
    size = 65536 if size == 1 else size
    return size if size >= 512 and size & (size - 1) == 0 else 0


def whole_pages(length: int, page_length: int) -> int:
    """*length* rounded up to pages: SQLite reads what a last page lacks as zeros."""
    return -(-length // page_length) * page_length


def unit_of(page_length: int) -> int:
    return max(page_length, UNIT_MIN)


def open_main(path: bytes, name: str, situation: Situation | None = None) -> _pages.File:
    """The file at *path*, which is the one that *situation* is about."""
    main = _pages.File(path)
    try:
        status = main.stat()
        if situation is not None and (situation.main is None or situation.main[:2] != (status.device, status.inode)):
            raise SourceChangedError(f"{name} was replaced while it was opened")
    except BaseException:
        main.close()
        raise
    return main
