"""Seek table: which frame holds a byte, and where that frame lies (docs/format.md, sections 4 and 5)."""

import sys
from array import array
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from chatseal.errors import DamagedError

MAGIC_TABLE = 0x184D2A5E
MAGIC_SEEKABLE = 0x8F92EAB1
FRAMES_MAX = 2**22
CONTENT_MAX = 16 << 20
FRAME_MAX = CONTENT_MAX + (CONTENT_MAX >> 8)
HEADER_LEN = 8
ROW_LEN = 8
FOOTER_LEN = 9
WITHOUT_CONTENT = 2  # head and tail


class FramePlace(NamedTuple):
    """A data frame: its bytes in the stream, its content's bytes in the plaintext."""

    at: int
    length: int
    offset: int
    content_length: int


def table_length(footer: bytes) -> int:
    """Bytes of the whole table frame, from its last FOOTER_LEN bytes. Raises DamagedError."""
    frames = int.from_bytes(footer[:4], "little")
    if len(footer) != FOOTER_LEN or footer[4] or int.from_bytes(footer[5:], "little") != MAGIC_SEEKABLE or not 2 <= frames <= FRAMES_MAX:
        raise _damaged()
    return HEADER_LEN + ROW_LEN * frames + FOOTER_LEN


def _damaged() -> DamagedError:
    return DamagedError("the seek table is damaged")


class SeekTable:
    """The rows of a table frame, as running sums. 16 bytes of memory a frame."""

    def __init__(self, frame: bytes | memoryview, stream_length: int) -> None:
        """Parse the table *frame* at the end of a stream of *stream_length* bytes. Raises DamagedError."""
        whole = table_length(bytes(frame[-FOOTER_LEN:]))
        begin = MAGIC_TABLE.to_bytes(4, "little") + (whole - HEADER_LEN).to_bytes(4, "little")
        if len(frame) != whole or frame[:HEADER_LEN] != begin:
            raise _damaged()
        rows = array("I", bytes(frame[HEADER_LEN:-FOOTER_LEN]))
        if sys.byteorder == "big":
            rows.byteswap()
        lengths, contents = rows[0::2], rows[1::2]
        if max(lengths) > FRAME_MAX or max(contents) > CONTENT_MAX or min(lengths) == 0:
            raise _damaged()
        # head and tail are the frames without content, and nothing else is
        if contents[0] or contents[-1] or 0 in contents[1:-1]:
            raise _damaged()
        self._at = array("Q", accumulate(lengths, initial=0))
        self._offset = array("Q", accumulate(contents, initial=0))
        if self._at[-1] != stream_length - whole:
            raise _damaged()

    @property
    def frames(self) -> int:
        """Frames before the table, head and tail included."""
        return len(self._at) - 1

    @property
    def data_frames(self) -> int:
        """Frames with content."""
        return self.frames - WITHOUT_CONTENT

    @property
    def plain_length(self) -> int:
        """Bytes of plaintext."""
        return self._offset[-1]

    def place(self, frame: int) -> FramePlace:
        """Where frame number *frame* lies; 0 is the head, the last one the tail."""
        at, offset = self._at[frame], self._offset[frame]
        return FramePlace(at, self._at[frame + 1] - at, offset, self._offset[frame + 1] - offset)

    def find(self, offset: int) -> FramePlace:
        """The data frame that holds byte *offset* of the plaintext, which is below plain_length."""
        return self.place(bisect_right(self._offset, offset) - 1)
