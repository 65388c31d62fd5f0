"""Zeros in place of what nothing in a SQLite database refers to (ext/scrub.h). `scan`, `finish` and `scrub` release the GIL."""

from typing import final

from typing_extensions import Buffer

class NotScrubbable(Exception):
    """The bytes are no SQLite database, or have too many pages."""

@final
class Scrubber:
    """Accounts for every page of one database, then scrubs. One thread, but for `scrub`. ValueError out of turn or for parts of pages.

    In this order: each `trunk` of the freelist, each `root` that the schema names, `scan` of all pages in order, `finish`."""

    def __init__(self, header: Buffer, length: int) -> None:
        """For a database of *length* bytes; *header* is its beginning, at least 100 bytes. Raises NotScrubbable."""

    @property
    def page_length(self) -> int: ...
    @property
    def usable(self) -> int:
        """Bytes of a page without those reserved at its end."""

    @property
    def pages(self) -> int: ...
    @property
    def first_trunk(self) -> int:
        """Of the freelist; 0: it is empty."""

    def trunk(self, number: int, page: Buffer) -> int:
        """Page *number* is a trunk of the freelist; return the next one, 0 at the end or if something contradicts."""

    def root(self, number: int) -> None:
        """Page *number* is the root of a b-tree, which only the schema says."""

    def scan(self, data: Buffer) -> None:
        """Look through the next pages."""

    def finish(self) -> bool:
        """Account for every page; return whether nothing contradicts. If something does nothing can be scrubbed."""

    def scrub(self, first: int, data: Buffer) -> None:
        """Zero what nothing refers to in the pages from *first* on, where they lie. From any thread."""
