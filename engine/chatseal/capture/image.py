"""Image: the content of one file as it is at the moment of capture."""

from typing import Protocol

UNIT_MIN = 4096  # of a database with smaller pages several make a unit
UNIT_OF_FILES = 65536


class Image(Protocol):
    """Bytes that lie still, or that tell when they did not. Used by one thread but for `read_into`; closed by whoever opened it."""

    unit: int  # bytes that are compared and located as one; the last unit may be shorter
    length: int | None  # bytes of content, multiples of the page size for a database; None for a stream, which is read in turn

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill *buffer* with the content from *offset* (a multiple of the unit) on; fewer bytes only at the end.

        From any thread, in any order; a stream (length None) from one thread, in turn. Raises SourceChangedError, OSError."""

    def settle(self) -> bool:
        """Call after everything has been read. True: what was read is the content at one moment.

        False: it may not be; from now on until `close` the file lies still (writers wait), its length may be another: read everything
        once more, keep what differs from the first time, then settle again.
        Raises SourceChangedError if there is no such moment: what was read is not to be kept."""

    def warnings(self) -> list[str]:
        """What a person should know about this capture (after settle)."""

    @property
    def held_seconds(self) -> float:
        """How long writers had to wait because of this capture."""

    def close(self) -> None:
        """Let go of locks and files."""
