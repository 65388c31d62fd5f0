"""Seek table: which frame holds a byte, and where that frame lies (docs/format.md, sections 4 and 5)."""

import sys
from array import array
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from chatseal.errors import DamagedError
from chatseal.format import padding

MAGIC_TABLE = 0x184D2A5E
MAGIC_SEEKABLE = 0x8F92EAB1
FRAMES_MAX = 2**22
CONTENT_MAX = 16 << 20
FRAME_MAX = CONTENT_MAX + (CONTENT_MAX >> 8)
HEADER_LEN = 8
ROW_LEN = 8
FOOTER_LEN = 9
ALWAYS_THERE = 2  # head and tail
SKIPPABLE_HEADER_LEN = 8


class FramePlace(NamedTuple):
    """A frame: its bytes in the stream, its content's bytes in the plaintext."""

    at: int
    length: int
    offset: int
    content_length: int


def length_of(frames: int) -> int:
    """Bytes of the table frame for so many frames before it."""
    return HEADER_LEN + ROW_LEN * frames + FOOTER_LEN


def table_length(footer: bytes) -> int:
    """Bytes of the whole table frame, from its last FOOTER_LEN bytes. Raises DamagedError."""
    frames = int.from_bytes(footer[:4], "little")
    if len(footer) != FOOTER_LEN or footer[4] or int.from_bytes(footer[5:], "little") != MAGIC_SEEKABLE:
        raise _damaged()
    if not ALWAYS_THERE <= frames <= FRAMES_MAX:
        raise _damaged()
    return length_of(frames)


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
        # the frames without content are the head, the tail, and the padding after it
        if contents[0] or 0 not in contents[1:]:
            raise _damaged()
        self._tail = tail = contents.index(0, 1)
        if any(contents[tail:]) or len(contents) - tail - 1 > padding.FRAMES_MAX:
            raise _damaged()
        if max(lengths[: tail + 1]) > FRAME_MAX or max(contents) > CONTENT_MAX or min(lengths) == 0:
            raise _damaged()
        if not all(SKIPPABLE_HEADER_LEN <= length <= SKIPPABLE_HEADER_LEN + padding.CONTENT_MAX for length in lengths[tail + 1 :]):
            raise _damaged()
        self._at = array("Q", accumulate(lengths, initial=0))
        self._offset = array("Q", accumulate(contents, initial=0))
        if self._at[-1] != stream_length - whole:
            raise _damaged()

    @property
    def data_frames(self) -> int:
        """Frames with content."""
        return self._tail - 1

    @property
    def tail(self) -> FramePlace:
        """Where the tail lies."""
        return self.place(self._tail)

    @property
    def padding(self) -> list[FramePlace]:
        """Where the padding frames lie."""
        return [self.place(number) for number in range(self._tail + 1, len(self._at) - 1)]

    @property
    def plain_length(self) -> int:
        """Bytes of plaintext."""
        return self._offset[-1]

    def place(self, frame: int) -> FramePlace:
        """Where frame number *frame* lies; 0 is the head."""
        at, offset = self._at[frame], self._offset[frame]
        return FramePlace(at, self._at[frame + 1] - at, offset, self._offset[frame + 1] - offset)

    def find(self, offset: int) -> FramePlace:
        """The data frame that holds byte *offset* of the plaintext, which is below plain_length."""
        return self.place(bisect_right(self._offset, offset) - 1)
