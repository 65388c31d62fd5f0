"""The sealing pipeline alone: every boundary, every kind of end, every window; the stream it makes is the library's to judge."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import pyzstd
from hypothesis import given
from hypothesis import strategies as st

from chatseal import _core
from core import drive
from core.drive import HEAD, KEY, NONCE, PREFIX, Window, stream_of
from corpus import KIB, MIB, RECORD, chat, mixed, noise
from oracle import payload_size, table_rows
from sealing.ways import chunks_of
from slow_writer import data_frame

FRAME = 64 * KIB
LENGTHS = [0, 1, RECORD - 1, RECORD, RECORD + 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 5 * FRAME + 777]


def check(payload: bytes, plain: bytes, frame_size: int) -> list[tuple[int, int]]:
    """Right content in frames of the right size; the rows of its table."""
    stream = stream_of(payload)
    assert len(payload) == payload_size(len(stream))
    assert pyzstd.decompress(stream) == plain
    rows = table_rows(stream)
    whole, last = divmod(len(plain), frame_size)
    assert [content for _, content in rows] == [0, *[frame_size] * whole, *([last] if last else []), 0]
    return rows


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("frame_size", [FRAME, 65 * KIB + 1, MIB])
@pytest.mark.parametrize("length", LENGTHS)
def test_any_length_is_sealed_in_frames_of_one_size(length: int, frame_size: int, threads: int) -> None:
    for make in (chat, noise):
        plain = make(length)
        check(drive.seal(plain, Window(threads, slots=2 * threads), frame_size=frame_size), plain, frame_size)


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_a_stream_of_whole_records_ends_with_an_empty_record(excess: int) -> None:
    length = 3 * FRAME
    for _ in range(5):  # noise does not compress, so a byte of content is a byte of stream but for the digits of the size
        stream = stream_of(drive.seal(noise(length), Window(), frame_size=FRAME))
        length += (excess - len(stream)) % RECORD
        if len(stream) % RECORD == excess % RECORD:
            break
    assert len(stream) % RECORD == excess % RECORD
    payload = drive.seal(noise(length), Window(2, slots=3), frame_size=FRAME)
    check(payload, noise(length), FRAME)
    assert (len(payload) - len(PREFIX)) % (RECORD + 16) == (excess % RECORD) + 16


@pytest.mark.parametrize("head", [len(HEAD), RECORD - 1])
@pytest.mark.parametrize("length", [1, 100, 3 * FRAME])
def test_a_head_of_any_length_goes_before_the_first_frame(head: int, length: int) -> None:
    content = bytes(head - 8)
    first = HEAD if head == len(HEAD) else HEAD[:4] + len(content).to_bytes(4, "little") + content
    pipe = _core.SealPipeline(2)
    records = drive.seal_into(pipe, chat(length), None, head=first, frame_size=FRAME)
    assert isinstance(records, bytes)
    assert stream_of(PREFIX + records).startswith(first + b"\x28\xb5\x2f\xfd")


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("step", [1, 600, RECORD - 1, RECORD, FRAME + 1])
@pytest.mark.parametrize("length", [0, 1, RECORD + 1, FRAME, 2 * FRAME + 1])
def test_what_is_fed_in_any_steps_equals_what_lies_in_memory(length: int, step: int, threads: int) -> None:
    plain = mixed(length)
    pipe = _core.SealPipeline(threads + 1)
    fed = drive.seal_into(pipe, (bytes(piece) for piece in chunks_of(plain, step)), None, threads=threads, frame_size=FRAME)
    assert isinstance(fed, bytes)
    assert PREFIX + fed == drive.seal(plain, Window(), frame_size=FRAME), (
        "the payload depends on the plaintext, the key and the options alone"
    )


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("length", [0, 1, FRAME, 9 * FRAME + 5])
def test_a_file_as_source_and_target_makes_the_same_records_as_memory(length: int, threads: int, tmp_path: Path) -> None:
    plain = mixed(length)
    (tmp_path / "plain").write_bytes(b"before" + plain)
    with open(tmp_path / "plain", "rb") as source, open(tmp_path / "sealed", "w+b") as target:
        pipe = _core.SealPipeline(2 * threads)
        last = drive.seal_into(pipe, (source.fileno(), 6, length), (target.fileno(), 100), threads=threads, frame_size=FRAME)
        assert isinstance(last, bytes)
        os.pwrite(target.fileno(), last, 100 + pipe.records * (RECORD + 16))
    sealed = (tmp_path / "sealed").read_bytes()
    assert sealed[:100] == bytes(100)
    assert PREFIX + sealed[100:] == drive.seal(plain, Window(), frame_size=FRAME)


@given(
    length=st.integers(0, 700_000),
    frame_size=st.integers(FRAME, 200_000),
    threads=st.integers(1, 6),
    slots=st.integers(2, 12),
    level=st.sampled_from([-5, 1, 3]),
)
def test_any_window_makes_the_same_bytes(length: int, frame_size: int, threads: int, slots: int, level: int) -> None:
    plain = mixed(length)
    payload = drive.seal(plain, Window(threads, slots=slots), frame_size=frame_size, level=level)
    assert payload == drive.seal(plain, Window(), frame_size=frame_size, level=level)
    check(payload, plain, frame_size)


def test_many_threads_share_a_small_window() -> None:
    plain = mixed(40 * FRAME + 1)
    assert drive.seal(plain, Window(9, slots=2), frame_size=FRAME) == drive.seal(plain, Window(), frame_size=FRAME)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("fed", [False, True])
def test_frames_grow_where_the_table_would_become_too_long(fed: bool, threads: int) -> None:
    plain = chat(2 * FRAME + 2 * 4 * MIB + 16 * MIB + 5)
    source: bytes | Iterator[bytes] = iter([plain]) if fed else plain
    records = drive.seal_into(_core.SealPipeline(4), source, None, threads=threads, frame_size=FRAME, grow_at=(2, 4))
    assert isinstance(records, bytes)
    rows = table_rows(stream_of(PREFIX + records))
    assert [content for _, content in rows] == [0, FRAME, FRAME, 4 * MIB, 4 * MIB, 16 * MIB, 5, 0]
    assert drive.unseal(PREFIX + records, Window()) == (plain, None)


def test_frames_that_are_large_already_do_not_shrink_where_others_grow() -> None:
    plain = bytes(3 * 8 * MIB)
    records = drive.seal_into(_core.SealPipeline(2), plain, None, frame_size=8 * MIB, grow_at=(1, 9))
    assert isinstance(records, bytes)
    assert [content for _, content in table_rows(stream_of(PREFIX + records))] == [0, 8 * MIB, 8 * MIB, 8 * MIB, 0]


def test_one_pipeline_serves_many_payloads_of_other_sizes_and_levels() -> None:
    pipe = _core.SealPipeline(3)
    for length, level, frame_size, threads in (
        (300_000, 1, FRAME, 2),
        (0, 3, MIB, 1),
        (5, 19, FRAME, 1),
        (3 * MIB, 1, MIB, 2),
        (300_000, 1, FRAME, 1),
    ):
        plain = mixed(length)
        records = drive.seal_into(pipe, plain, None, threads=threads, level=level, frame_size=frame_size)
        assert isinstance(records, bytes)
        assert PREFIX + records == drive.seal(plain, Window(), level=level, frame_size=frame_size)
        assert pipe.content_done == pipe.content_taken == length


def test_a_frame_is_the_one_that_zstd_makes_of_the_same_bytes() -> None:
    plain = chat(FRAME)
    stream = stream_of(drive.seal(plain, Window(), frame_size=FRAME, level=3))
    (_, (length, _), _) = table_rows(stream)
    assert stream[len(HEAD) : len(HEAD) + length][:7] == data_frame(plain).wire[:7]


# --- Stops and faults -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_stop_in_the_middle_is_a_failure_and_the_pipeline_can_begin_again(threads: int) -> None:
    pipe = _core.SealPipeline(4)
    pipe.begin(KEY, NONCE, 1, FRAME, HEAD, noise(20 * FRAME), None)
    with drive.crew(pipe, threads) as wait:
        while not pipe.poll(wait) & _core.DRAIN:
            if not wait:
                pipe.step()
        pipe.stop()
        assert pipe.poll(wait) & _core.FAILED
        assert not pipe.step()
    pipe.close()
    records = drive.seal_into(pipe, chat(3 * FRAME), None, threads=threads, frame_size=FRAME)
    assert isinstance(records, bytes)
    assert PREFIX + records == drive.seal(chat(3 * FRAME), Window(), frame_size=FRAME)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_source_file_that_shrank_is_a_fault_with_its_place(threads: int) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(noise(5 * FRAME))
        file.flush()
        fault = drive.seal_into(_core.SealPipeline(3), (file.fileno(), 0, 9 * FRAME), None, threads=threads, frame_size=FRAME)
    assert isinstance(fault, tuple)
    assert (fault[0], fault[2], fault[3]) == (_core.SOURCE_SHRANK, _core.PLAINTEXT, 5 * FRAME)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_source_that_cannot_be_read_is_a_fault_with_the_systems_number(threads: int, tmp_path: Path) -> None:
    (tmp_path / "w").touch()
    with open(tmp_path / "w", "wb") as file:
        fault = drive.seal_into(_core.SealPipeline(3), (file.fileno(), 0, 9 * FRAME), None, threads=threads, frame_size=FRAME)
    assert fault == (_core.READ_FAILED, errno.EBADF, _core.PLAINTEXT, 0)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_target_that_cannot_be_written_is_a_fault_with_the_systems_number(threads: int, tmp_path: Path) -> None:
    (tmp_path / "r").touch()
    with open(tmp_path / "r", "rb") as file:
        fault = drive.seal_into(_core.SealPipeline(3), noise(9 * FRAME), (file.fileno(), 0), threads=threads, frame_size=FRAME)
    assert isinstance(fault, tuple)
    assert fault[:3] == (_core.WRITE_FAILED, errno.EBADF, _core.PLAINTEXT)


# --- What the caller must not do --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [0, 1, 65537])
def test_a_window_has_2_to_65536_slots(slots: int) -> None:
    with pytest.raises(ValueError, match="2 to 65536"):
        _core.SealPipeline(slots)


def test_a_head_of_a_record_or_more_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than a record"):
        _core.SealPipeline(2).begin(KEY, NONCE, 1, FRAME, bytes(RECORD), b"", None)


@pytest.mark.parametrize("target", [bytearray(MIB), False])
def test_a_target_that_would_lose_the_records_is_refused(target: object) -> None:
    pipe = _core.SealPipeline(2)
    with pytest.raises(TypeError):
        pipe.begin(KEY, NONCE, 1, FRAME, HEAD, b"content", target)  # type: ignore[arg-type]
    pipe.close()


def test_a_key_of_another_length_is_refused_and_the_pipeline_still_works() -> None:
    pipe = _core.SealPipeline(2)
    with pytest.raises(ValueError, match="32 bytes"):
        pipe.begin(KEY[:31], NONCE, 1, FRAME, HEAD, b"", None)
    assert isinstance(drive.seal_into(pipe, b"x", None, frame_size=FRAME), bytes)


def test_a_borrowed_buffer_is_given_back_at_close_and_at_the_next_begin() -> None:
    pipe, buffer = _core.SealPipeline(2), bytearray(10)
    pipe.begin(KEY, NONCE, 1, FRAME, HEAD, buffer, None)
    with pytest.raises(BufferError):
        buffer.append(1)
    pipe.begin(KEY, NONCE, 1, FRAME, HEAD, b"", None)
    buffer.append(1)
    pipe.begin(KEY, NONCE, 1, FRAME, HEAD, buffer, None)
    pipe.close()
    buffer.append(1)
    pipe.begin(KEY, NONCE, 1, FRAME, HEAD, buffer, None)
    del pipe
    buffer.append(1)


def test_a_span_keeps_its_pipeline_alive_and_an_output_is_read_only() -> None:
    pipe = _core.SealPipeline(2)
    pipe.begin(KEY, NONCE, 1, FRAME, HEAD, noise(FRAME), None)
    while not pipe.poll(0) & _core.DRAIN:
        pipe.step()
    span = pipe.output()
    view = memoryview(span)
    before = bytes(view)
    assert view.readonly
    assert len(span) == len(view)
    del pipe, span
    assert bytes(view) == before


# --- The most that a table holds --------------------------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.parametrize("excess", [0, 1])
def test_a_stream_has_at_most_2_to_22_frames(excess: int) -> None:
    """Frames of one byte, which only the core takes: head, tail and 2^22 - 2 of them fill the table."""
    plain = bytes(2**22 - 2 + excess)
    records = drive.seal_into(_core.SealPipeline(8), plain, None, threads=2, level=-5, frame_size=1, grow_at=(2**40, 2**41))
    if excess:
        assert isinstance(records, tuple)
        assert (records[0], records[3]) == (_core.TOO_MANY_FRAMES, 2**22 - 2)
    else:
        assert isinstance(records, bytes)
        stream = stream_of(PREFIX + records)
        assert int.from_bytes(stream[-9:-5], "little") == 2**22
        pipe = _core.UnsealPipeline(4, 64)
        assert drive.unseal_into(pipe, records, False, threads=2) == (b"", None)
        assert (pipe.frames, pipe.content_done) == (2**22 - 2, len(plain))
