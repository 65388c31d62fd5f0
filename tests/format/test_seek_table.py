"""The seek table: every place found, every lie refused."""

import struct
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import DamagedError
from chatseal.format.seek_table import FRAME_MAX, FRAMES_MAX, SeekTable, table_length
from slow_writer import seek_table

DATA = st.lists(st.tuples(st.integers(18, 5000), st.integers(1, 9000)), max_size=50)


def entries_of(data: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(30, 0), *data, (25, 0)]


def table_of(entries: list[tuple[int, int]]) -> SeekTable:
    frame = seek_table(entries)
    return SeekTable(frame, sum(length for length, _ in entries) + len(frame))


@given(data=DATA)
def test_every_byte_of_plaintext_is_in_the_frame_that_is_found(data: list[tuple[int, int]]) -> None:
    entries = entries_of(data)
    table = table_of(entries)
    assert table.data_frames == len(data)
    assert table.tail == table.place(len(entries) - 1)
    assert table.plain_length == sum(content for _, content in data)
    ats = [0, *accumulate(length for length, _ in entries)]
    offsets = [0, *accumulate(content for _, content in entries)]
    for number, (length, content) in enumerate(entries):
        place = table.place(number)
        assert place == (ats[number], length, offsets[number], content)
        for offset in {offsets[number], offsets[number] + content - 1} if content else set():
            assert table.find(offset) == place


@given(data=DATA, off=st.integers(-100, 100).filter(bool))
def test_a_table_that_does_not_fill_the_stream_is_damage(data: list[tuple[int, int]], off: int) -> None:
    frame = seek_table(entries_of(data))
    with pytest.raises(DamagedError):
        SeekTable(frame, sum(length for length, _ in entries_of(data)) + len(frame) + off)


@given(data=DATA, at=st.integers(0, 500), bit=st.integers(0, 7))
def test_a_flipped_bit_outside_the_sizes_of_contents_is_damage(data: list[tuple[int, int]], at: int, bit: int) -> None:
    frame = bytearray(seek_table(entries_of(data)))
    at %= len(frame)
    frame[at] ^= 1 << bit
    stream = sum(length for length, _ in entries_of(data)) + len(frame)
    row, byte = divmod(at - 8, 8)
    if 0 < row < len(data) + 1 and byte >= 4 and 8 <= at < len(frame) - 9:
        return  # a content's size: only the frame itself can tell
    with pytest.raises(DamagedError):
        SeekTable(bytes(frame), stream)


@pytest.mark.parametrize(
    "entries",
    {
        "no head": [(20, 5), (25, 0)],
        "no tail": [(30, 0), (20, 5)],
        "an empty frame": [(30, 0), (20, 0), (20, 5), (25, 0)],
        "content after the tail": [(30, 0), (20, 5), (25, 0), (20, 5)],
        "content after the padding": [(30, 0), (20, 5), (25, 0), (8, 0), (20, 5)],
        "padding shorter than its header": [(30, 0), (20, 5), (25, 0), (7, 0)],
        "padding above 1 GiB": [(30, 0), (20, 5), (25, 0), ((1 << 30) + 9, 0)],
        "1025 frames of padding": [(30, 0), (20, 5), (25, 0), *[(8, 0)] * 1025],
        "a frame of no bytes": [(30, 0), (0, 5), (25, 0)],
        "content above 16 MiB": [(30, 0), (20, (16 << 20) + 1), (25, 0)],
        "a frame above its bound": [(30, 0), (FRAME_MAX + 1, 5), (25, 0)],
        "one frame": [(30, 0)],
        "none": [],
    }.values(),
)
def test_entries_that_cannot_be_are_damage(entries: list[tuple[int, int]]) -> None:
    with pytest.raises(DamagedError):
        table_of(entries)


def test_the_largest_entries_are_accepted() -> None:
    assert table_of([(30, 0), (FRAME_MAX, 16 << 20), (25, 0)]).plain_length == 16 << 20
    table = table_of([(30, 0), (20, 5), (25, 0), *[((1 << 30) + 8, 0)] * 1024])
    assert (table.plain_length, table.data_frames, table.tail) == (5, 1, (50, 25, 5, 0))
    assert table.padding == [(75 + number * ((1 << 30) + 8), (1 << 30) + 8, 5, 0) for number in range(1024)]


@given(data=DATA, padding=st.lists(st.integers(8, 100_000), max_size=5))
def test_padding_after_the_tail_moves_nothing_before_it(data: list[tuple[int, int]], padding: list[int]) -> None:
    table, bare = table_of([*entries_of(data), *[(length, 0) for length in padding]]), table_of(entries_of(data))
    assert (table.plain_length, table.data_frames, table.tail) == (bare.plain_length, bare.data_frames, bare.tail)
    assert [place.length for place in table.padding] == padding
    for offset in range(0, bare.plain_length, 701):
        assert table.find(offset) == bare.find(offset)


@pytest.mark.parametrize("frames", [0, 1, FRAMES_MAX + 1, 2**32 - 1])
def test_a_number_of_frames_that_cannot_be_is_refused_before_anything_is_read(frames: int) -> None:
    with pytest.raises(DamagedError):
        table_length(struct.pack("<IBI", frames, 0, 0x8F92EAB1))


def test_the_longest_table_is_32_mib() -> None:
    assert table_length(struct.pack("<IBI", FRAMES_MAX, 0, 0x8F92EAB1)) == (32 << 20) + 17


@pytest.mark.parametrize("footer", [b"", bytes(8), struct.pack("<IBI", 3, 1, 0x8F92EAB1), struct.pack("<IBI", 3, 0, 0x8F92EAB2)])
def test_another_footer_is_damage(footer: bytes) -> None:
    with pytest.raises(DamagedError):
        table_length(footer)
