"""Padding frames, made by the sealing pipeline piece by piece and dropped by the unsealing one, and nothing but zeros in them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import _core
from core import drive
from core.drive import PREFIX, Window, payload_of, records_of
from corpus import KIB, MIB, RECORD, chat, mixed, noise
from oracle import payload_size, table_rows
from sealing.ways import chunks_of
from slow_writer import Frame, framed, padding, seek_table, skippable, stored_frame, stream_of, table_entries

FRAME = 64 * KIB
MAGIC = 0x184D2A5C
PIECE = 16 * RECORD  # of stream in the last records that are handed over at a time


def sealed(plain: bytes, pad: Sequence[int], window: Window | None = None) -> bytes:
    window = window or Window()
    pipe = _core.SealPipeline(window.slots)
    records = drive.seal_into(pipe, plain, None, threads=window.threads, frame_size=FRAME, padding=pad)
    assert isinstance(records, bytes)
    return PREFIX + records


def check(payload: bytes, plain: bytes, pad: Sequence[int]) -> None:
    """What the library opens is the stream that the slow writer makes of the same frames."""
    stream = drive.stream_of(payload)
    assert len(payload) == payload_size(len(stream))
    rows, bare = table_rows(stream), drive.stream_of(sealed(plain, ()))
    without = table_rows(bare)
    body = bare[: sum(length for length, _ in without)]
    assert stream == body + b"".join(padding(size).wire for size in pad) + seek_table([*without, *[(8 + size, 0) for size in pad]])
    assert rows == [*without, *[(8 + size, 0) for size in pad]]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("pad", [[], [0], [1], [RECORD], [0, 0, 5], [PIECE], [PIECE + 1, 0, 3 * PIECE], [7] * 300], ids=len)
@pytest.mark.parametrize("length", [0, 1, FRAME, 3 * FRAME + 5])
def test_padding_stands_between_tail_and_table_and_is_dropped(length: int, pad: list[int], threads: int) -> None:
    payload = sealed(mixed(length), pad, Window(threads, slots=2 * threads))
    check(payload, mixed(length), pad)
    assert drive.unseal(payload, Window(threads, threads + 1, threads + 1, 3)) == (mixed(length), None)


@pytest.mark.parametrize("excess", [-1, 0, 1])
@pytest.mark.parametrize("border", [RECORD, PIECE, 2 * PIECE])
def test_a_padded_stream_that_ends_at_a_border_comes_back(border: int, excess: int) -> None:
    bare = len(drive.stream_of(sealed(b"x", [0])))
    payload = sealed(b"x", [border + excess - bare])
    assert len(drive.stream_of(payload)) == border + excess
    assert drive.unseal(payload, Window()) == (b"x", None)


@given(pad=st.lists(st.integers(0, 3 * PIECE), max_size=6), length=st.integers(0, 300_000), threads=st.integers(1, 3))
def test_any_padding_is_made_and_dropped(pad: list[int], length: int, threads: int) -> None:
    payload = sealed(chat(length), pad, Window(threads, slots=3))
    check(payload, chat(length), pad)
    assert drive.unseal(payload, Window(threads, slots=3, runs=3, ring=2)) == (chat(length), None)


def done(plain: bytes) -> _core.SealPipeline:
    """A pipeline that has dealt with *plain*, less than a record, and can be finished."""
    pipe = _core.SealPipeline(2)
    pipe.begin(drive.KEY, drive.NONCE, 1, FRAME, drive.HEAD, plain, None)
    while not pipe.poll(0) & _core.DONE:
        pipe.step()
    return pipe


def test_the_last_records_come_in_pieces() -> None:
    pipe = done(b"x")
    pieces = list(drive.finish(pipe, [5 * PIECE]))
    assert [len(piece) for piece in pieces[:-1]] == [16 * (RECORD + 16)] * 5
    assert 0 < len(pieces[-1]) < 16 * (RECORD + 16)
    assert pipe.last_records() == b""
    assert PREFIX + b"".join(pieces) == sealed(b"x", [5 * PIECE])
    assert (pipe.records, pipe.frames) == (0, 1)


def test_the_length_of_the_stream_before_the_end_is_told() -> None:
    for length in (0, 1, 5000, 16_000):
        rows = table_rows(drive.stream_of(sealed(noise(length), ())))
        assert done(noise(length)).stream_length == sum(frame for frame, _ in rows[:-1])


def test_what_cannot_be_in_a_stream_is_refused() -> None:
    for tail, pad in ((bytes(8 + 4097), []), (b"", [(1 << 30) + 1])):
        pipe = _core.SealPipeline(2)
        drive.seal_into(pipe, b"x", None)
        with pytest.raises(ValueError, match="too long"):
            pipe.finish(tail, pad)


def test_a_pipeline_pads_one_payload_and_not_the_next() -> None:
    pipe = _core.SealPipeline(2)
    for pad in ([PIECE], [], [3], []):
        records = drive.seal_into(pipe, chat(FRAME), None, frame_size=FRAME, padding=pad)
        assert isinstance(records, bytes)
        check(PREFIX + records, chat(FRAME), pad)


# --- Reading ----------------------------------------------------------------------------------------------------------

DATA = [stored_frame(noise(1000, seed)) for seed in range(3)]
PLAIN = b"".join(frame.plain for frame in DATA)


def payload_with(*pad: Frame) -> bytes:
    return payload_of(stream_of([*framed(DATA), *pad]))


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 5 * RECORD, 4 * MIB])
def test_one_bit_in_padding_is_damage_wherever_it_is(size: int, threads: int) -> None:
    for at in sorted({0, size // 2, size - 1, min(size - 1, RECORD), min(size - 1, 512 * KIB - 3)}):
        content = bytearray(size)
        content[at] = 0x10
        released, fault = drive.unseal(payload_with(padding(9), skippable(MAGIC, bytes(content))), Window(threads, 3, 3, 3))
        assert (released, fault) == (PLAIN, (_core.DAMAGED, 0, _core.PLAINTEXT, len(PLAIN)))


@pytest.mark.parametrize("threads", [1, 3])
def test_padding_longer_than_the_ring_is_dropped_as_it_comes(threads: int) -> None:
    payload = payload_with(padding(9 * MIB + 5), padding(0), padding(3 * MIB))
    pieces = (bytes(piece) for piece in chunks_of(records_of(payload), MIB + 7))
    pipe = _core.UnsealPipeline(threads + 1, threads + 1)
    assert drive.unseal_into(pipe, pieces, None, threads=threads, ring=2) == (PLAIN, None)
    assert (pipe.frames, pipe.content_done) == (3, len(PLAIN))


@pytest.mark.parametrize(
    ("why", "after"),
    {
        "a length above 1 GiB": MAGIC.to_bytes(4, "little") + b"\1\0\0\x40" + bytes(100),
        "a length that nothing follows": MAGIC.to_bytes(4, "little") + b"\x40\0\0\0",
        "half a header": MAGIC.to_bytes(4, "little") + b"\0\0",
        "half a magic": MAGIC.to_bytes(4, "little")[:2],
        "1025 frames": padding(0).wire * 1025,
        "data behind it": padding(5).wire + DATA[0].wire,
        "a tail behind it": padding(5).wire + framed(DATA)[-1].wire,
        "another skippable frame behind it": padding(5).wire + skippable(0x184D2A50, b"").wire,
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_padding_that_is_none_of_ours_is_damage_after_all_of_the_plaintext(why: str, after: bytes) -> None:
    stream = b"".join(frame.wire for frame in framed(DATA)) + after
    for table in (b"", seek_table([*table_entries(framed(DATA)), (len(after), 0)])):
        for threads in (1, 3):
            released, fault = drive.unseal(payload_of(stream + table), Window(threads))
            assert (released, fault) == (PLAIN, (_core.DAMAGED, 0, _core.PLAINTEXT, len(PLAIN))), why


def test_1024_padding_frames_are_read() -> None:
    assert drive.unseal(payload_with(*[padding(0)] * 1024), Window()) == (PLAIN, None)
