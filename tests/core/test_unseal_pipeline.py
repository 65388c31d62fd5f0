"""The unsealing pipeline alone: every boundary, kind of end, window and ring; and the first fault in the order of the stream."""

import errno
import os
import random
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from chatseal import _core
from core import drive
from core.drive import HEAD, KEY, NONCE, PREFIX, Window, frames_payload, payload_of, records_of
from corpus import KIB, MIB, RECORD, chat, mixed, noise
from oracle import table_rows
from sealing.ways import chunks_of
from slow_writer import HEAD_MAGIC, block, data_frame, framed, record_nonce, skippable, stored_frame, stream_of

FRAME = 64 * KIB
SEALED = RECORD + 16
LENGTHS = [0, 1, RECORD - 1, RECORD, RECORD + 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 5 * FRAME + 777]


@lru_cache(maxsize=64)
def sealed(length: int, frame_size: int = FRAME) -> bytes:
    return drive.seal(mixed(length), Window(), frame_size=frame_size)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("frame_size", [FRAME, 65 * KIB + 1, MIB])
@pytest.mark.parametrize("length", LENGTHS)
def test_any_length_comes_back(length: int, frame_size: int, threads: int) -> None:
    window = Window(threads, slots=threads + 1, runs=threads + 1, ring=threads + 1)
    for make in (chat, noise):
        payload = drive.seal(make(length), Window(), frame_size=frame_size)
        assert drive.unseal(payload, window) == (make(length), None)


@pytest.mark.parametrize("excess", [-1, 0, 1])
@pytest.mark.parametrize("run", [1, 32, 64])
def test_a_stream_that_ends_at_the_border_of_a_record_or_a_run_comes_back(run: int, excess: int) -> None:
    plain = noise(run * RECORD)
    for _ in range(4):
        frames = [stored_frame(plain[at : at + FRAME]) for at in range(0, len(plain), FRAME)]
        stream = stream_of(framed(frames, {"kind": "stream"}))
        if len(stream) == run * RECORD + excess:
            break
        plain = plain[: len(plain) - (len(stream) - run * RECORD - excess)]
    assert len(stream) == run * RECORD + excess
    for threads in (1, 3):
        assert drive.unseal(payload_of(stream), Window(threads, slots=4, runs=4, ring=3)) == (plain, None)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    ("length", "step"),
    [
        *((length, 1) for length in (0, 1, RECORD + 1, FRAME)),
        *((length, step) for length in (0, 1, RECORD + 1, 9 * FRAME + 1) for step in (600, RECORD - 1, RECORD, FRAME + 1)),
    ],
)
def test_what_is_fed_in_any_steps_comes_back(length: int, step: int, threads: int) -> None:
    pieces = (bytes(piece) for piece in chunks_of(records_of(sealed(length)), step))
    pipe = _core.UnsealPipeline(threads + 1, threads + 1)
    assert drive.unseal_into(pipe, pieces, None, threads=threads, ring=3) == (mixed(length), None)
    assert (pipe.head, pipe.tail) == (HEAD[8:], b'{"size":%d}' % length)
    assert pipe.content_done == length


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("length", [0, 1, FRAME, 20 * FRAME + 5])
def test_files_and_memory_are_filled_where_they_lie(length: int, threads: int, tmp_path: Path) -> None:
    payload, plain = sealed(length), mixed(length)
    (tmp_path / "sealed").write_bytes(b"before" + payload)
    into = bytearray(length + 3)
    pipe = _core.UnsealPipeline(threads + 1, threads + 1)
    with open(tmp_path / "sealed", "rb") as source, open(tmp_path / "plain", "w+b") as target:
        span = (source.fileno(), 6 + len(PREFIX), len(payload) - len(PREFIX))
        assert drive.unseal_into(pipe, span, (target.fileno(), 11), threads=threads, ring=3) == (b"", None)
        assert drive.unseal_into(pipe, span, memoryview(into)[1:-2], threads=threads, ring=3) == (b"", None)
        assert drive.unseal_into(pipe, span, False, threads=threads, ring=3) == (b"", None)
        assert pipe.content_done == length
    assert (tmp_path / "plain").read_bytes() == (bytes(11) + plain if length else b"")
    assert into == b"\0" + plain + b"\0\0"


@given(
    length=st.integers(0, 900_000),
    frame_size=st.integers(FRAME, 200_000),
    threads=st.integers(1, 6),
    slots=st.integers(2, 12),
    runs=st.integers(2, 9),
    ring=st.integers(2, 8),
)
def test_any_window_gives_the_same_bytes(length: int, frame_size: int, threads: int, slots: int, runs: int, ring: int) -> None:
    payload = drive.seal(mixed(length), Window(), frame_size=frame_size)
    assert drive.unseal(payload, Window(threads, slots, runs, ring)) == (mixed(length), None)


# --- Runs of the plaintext -----------------------------------------------------------------------------------------


def rows(runs: list[tuple[int, int, int]]) -> memoryview:
    """(offset in the file, byte of the plaintext, length) each, as the pipeline takes them."""
    return np.array(runs, np.int64).reshape(-1, 3).data


@given(length=st.integers(1, 5 * FRAME), cuts=st.sets(st.integers(1, 5 * FRAME - 1), max_size=20), seed=st.integers(0, 999))
def test_runs_of_the_plaintext_go_where_they_belong_and_nothing_else_is_written(length: int, cuts: set[int], seed: int) -> None:
    chance = random.Random(seed)
    borders = [0, *sorted(cut for cut in cuts if cut < length), length]
    pieces = list(pairwise(borders))
    chosen = [piece for piece in pieces if chance.random() < 0.7] or pieces[:1]
    places, end = {}, 3
    for begin, stop in chance.sample(chosen, len(chosen)):
        places[begin] = end
        end += stop - begin + chance.choice((0, 0, 5))
    expected = bytearray(end)
    for begin, stop in chosen:
        expected[places[begin] : places[begin] + stop - begin] = mixed(length)[begin:stop]
    with tempfile.TemporaryFile() as target:
        target.truncate(end)
        runs = rows([(places[begin], begin, stop - begin) for begin, stop in chosen])
        pipe = _core.UnsealPipeline(4, 4)
        records = records_of(sealed(length))
        assert drive.unseal_into(pipe, records, (target.fileno(), runs), threads=3, ring=3) == (b"", None)
        assert pipe.content_done == length
        target.seek(0)
        assert target.read() == expected


def test_runs_beyond_the_plaintext_have_nothing_to_write(tmp_path: Path) -> None:
    with open(tmp_path / "plain", "w+b") as target:
        runs = rows([(5, FRAME - 1, 100), (500, 10 * FRAME, 7)])
        pipe = _core.UnsealPipeline(2, 2)
        assert drive.unseal_into(pipe, records_of(sealed(FRAME)), (target.fileno(), runs), threads=1, ring=3) == (b"", None)
    assert (tmp_path / "plain").read_bytes() == bytes(5) + mixed(FRAME)[-1:]


@pytest.mark.parametrize(
    "runs",
    [
        [(0, 5, 5), (9, 9, 1)],
        [(0, 5, 5), (9, 4, 1)],
        [(0, 5, 0)],
        [(0, 5, -1)],
        [(0, -1, 5)],
        [(-1, 0, 5)],
        [(0, 0, 1 << 62)],
        [(1 << 62, 0, 1)],
        [(0, (1 << 62) - 1, (1 << 62) - 1), (0, 0, 1)],
        [],
    ],
)
def test_runs_that_lie_over_one_another_or_nowhere_are_refused(runs: list[tuple[int, int, int]]) -> None:
    pipe = _core.UnsealPipeline(2, 2)
    with tempfile.TemporaryFile() as target, pytest.raises(ValueError, match="runs"):
        pipe.begin(KEY, NONCE, 2 * _core.RING_STEP, records_of(sealed(FRAME)), (target.fileno(), rows(runs)))
    with pytest.raises((ValueError, TypeError)):
        pipe.begin(KEY, NONCE, 2 * _core.RING_STEP, records_of(sealed(FRAME)), (1, memoryview(b"no rows of int64")))


def test_a_run_that_cannot_be_written_is_the_fault(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with open(tmp_path / "plain", "rb") as target:
        pipe = _core.UnsealPipeline(3, 3)
        runs = rows([(0, FRAME + 10, 100), (200, 2 * FRAME, 7)])
        _, fault = drive.unseal_into(pipe, records_of(sealed(5 * FRAME)), (target.fileno(), runs), threads=2, ring=3)
    assert fault == (_core.WRITE_FAILED, errno.EBADF, _core.PLAINTEXT, FRAME + 10)


def test_many_threads_share_a_small_window() -> None:
    assert drive.unseal(sealed(40 * FRAME + 1), Window(9, slots=2, runs=2, ring=2)) == (mixed(40 * FRAME + 1), None)


# --- The ring ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("fed", [False, True])
def test_the_ring_grows_for_a_frame_longer_than_itself(fed: bool, threads: int) -> None:
    plain = [chat(FRAME), noise(16 * MIB), chat(5), noise(3 * MIB)]
    payload = records_of(frames_payload([data_frame(piece) for piece in plain]))
    source: bytes | Iterator[bytes] = (bytes(piece) for piece in chunks_of(payload, MIB + 1)) if fed else payload
    pipe = _core.UnsealPipeline(threads + 2, threads + 2)
    for _ in range(2):  # the second time it is large already
        assert drive.unseal_into(pipe, source, None, threads=threads, ring=2) == (b"".join(plain), None)
        source = payload


def test_a_ring_of_one_run_serves_a_stream_that_fits_into_it() -> None:
    assert drive.unseal(sealed(100_000), Window(ring=1)) == (mixed(100_000), None)


@given(lengths=st.lists(st.integers(1, 400_000), min_size=1, max_size=12), threads=st.integers(1, 3))
def test_frames_of_any_lengths_wrap_around_the_ring(lengths: list[int], threads: int) -> None:
    pieces = [noise(length, seed) for seed, length in enumerate(lengths)]
    payload = frames_payload([stored_frame(piece) for piece in pieces])
    assert drive.unseal(payload, Window(threads, slots=3, runs=3, ring=2)) == (b"".join(pieces), None)


def test_thousands_of_tiny_frames_come_back() -> None:
    pieces = [bytes([i % 251]) * (1 + i % 3) for i in range(4000)]
    assert drive.unseal(frames_payload([stored_frame(piece) for piece in pieces]), Window(3, slots=4, runs=3)) == (b"".join(pieces), None)


# --- Damage -----------------------------------------------------------------------------------------------------------

BIG = 30 * FRAME + 99
BLOCK = block(0, 128 * KIB, bytes(128 * KIB), last=False)
BAD = [0, 1, 5, 31, 32, 33, 63, 64]


def released_before(payload: bytes, record: int) -> bytes:
    """Content of the frames that end before *record*."""
    at = released = 0
    for length, content in table_rows(stream_of_payload(payload)):
        at += length
        if at > record * RECORD:
            break
        released += content
    return mixed(BIG)[:released]


def stream_of_payload(payload: bytes) -> bytes:
    aead, records = AESGCM(KEY), records_of(payload)
    return b"".join(
        aead.decrypt(record_nonce(NONCE, number), records[at : at + SEALED], None)
        for number, at in enumerate(range(0, len(records), SEALED))
    )


def damage(payload: bytes, *records: int) -> bytes:
    """One bit of each of these records flipped."""
    changed = bytearray(payload)
    for number in records:
        begin = len(PREFIX) + number * SEALED
        changed[random.Random(number).randrange(begin, min(begin + SEALED, len(payload)))] ^= 4
    return bytes(changed)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("record", BAD)
def test_a_damaged_record_is_named_and_all_frames_before_it_and_no_more_come_out(record: int, threads: int) -> None:
    payload = sealed(BIG)
    released, fault = drive.unseal(damage(payload, record), Window(threads, slots=threads + 1, runs=threads + 1, ring=3))
    assert fault == (_core.DAMAGED, 0, _core.RECORD, record * SEALED)
    assert released == released_before(payload, record)


@pytest.mark.parametrize("threads", [1, 2, 5])
@given(records=st.sets(st.integers(0, len(sealed(BIG)) // SEALED - 1), min_size=2, max_size=6))
def test_of_several_damaged_records_the_first_is_reported(records: set[int], threads: int) -> None:
    payload = sealed(BIG)
    released, fault = drive.unseal(damage(payload, *records), Window(threads, slots=2 * threads, runs=threads + 2, ring=threads + 2))
    assert fault == (_core.DAMAGED, 0, _core.RECORD, min(records) * SEALED)
    assert released == released_before(payload, min(records))


def test_a_damaged_last_record_is_told_from_the_others() -> None:
    payload = sealed(BIG)
    last = (len(payload) - len(PREFIX)) // SEALED
    for threads in (1, 3):
        released, fault = drive.unseal(damage(payload, last), Window(threads))
        assert fault == (_core.DAMAGED, 0, _core.LAST_RECORD, last * SEALED)
        assert released == released_before(payload, last)


@pytest.mark.parametrize("kept", [0, 1, 15])
@pytest.mark.parametrize("records", [0, 1, 31, 32, 33])
def test_an_end_inside_a_tag_or_after_a_full_record_is_a_cut(records: int, kept: int) -> None:
    payload = sealed(BIG)
    for threads in (1, 3):
        released, fault = drive.unseal(payload[: len(PREFIX) + records * SEALED + kept], Window(threads))
        assert fault == (_core.CUT_OFF, 0, _core.LAST_RECORD, records * SEALED)
        assert released == released_before(payload, records)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("bad", [0, 1, 7, 19])
def test_a_frame_that_lies_is_placed_by_its_plaintext_and_those_before_it_come_out(bad: int, threads: int) -> None:
    pieces = [noise(50_000, seed) for seed in range(20)]
    frames = [stored_frame(piece) for piece in pieces]
    for wrong in (bad, min(bad + 3, 19)):  # of two, the earlier one counts
        frames[wrong] = stored_frame(pieces[wrong], checksum=b"\1\2\3\4")
    released, fault = drive.unseal(frames_payload(frames), Window(threads, slots=threads + 1, runs=threads + 1, ring=4))
    assert fault == (_core.DAMAGED, 0, _core.PLAINTEXT, bad * 50_000)
    assert released == b"".join(pieces[:bad])


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_bad_frame_before_a_bad_record_wins_whoever_is_faster(threads: int) -> None:
    pieces = [noise(RECORD, seed) for seed in range(80)]
    frames = [stored_frame(piece) for piece in pieces]
    frames[2] = stored_frame(pieces[2], checksum=b"\1\2\3\4")
    payload = damage(frames_payload(frames), 40)
    for _ in range(10):
        released, fault = drive.unseal(payload, Window(threads, slots=threads + 1, runs=threads + 1, ring=4))
        assert fault == (_core.DAMAGED, 0, _core.PLAINTEXT, 2 * RECORD)
        assert released == b"".join(pieces[:2])


@pytest.mark.parametrize(
    ("why", "stream"),
    {
        "nothing at all": b"",
        "half a magic": HEAD[:3],
        "a head alone": HEAD,
        "data before the head": stored_frame(b"x").wire + HEAD,
        "another skippable frame first": skippable(0x184D2A50, b"{}").wire,
        "a head longer than 4096 bytes": skippable(HEAD_MAGIC, b"x" * 4097).wire,
        "a head that claims 4 GiB": HEAD[:4] + b"\xff\xff\xff\xff",
        "a frame that does not end": stream_of(framed([stored_frame(noise(100))]))[: len(HEAD) + 60],
        "an endless row of blocks": HEAD + stored_frame(b"x", content_size=MIB, blocks=block(0, 0, b"", last=False) * (6 << 20)).wire,
        "a row of blocks above a frame's limit": HEAD + stored_frame(b"x", content_size=16 * MIB, blocks=BLOCK * 130).wire,
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_authentic_stream_that_is_none_of_ours_is_damage_and_releases_nothing(why: str, stream: bytes) -> None:
    for threads in (1, 3):
        released, fault = drive.unseal(payload_of(stream), Window(threads))
        assert (released, fault is not None and fault[:3]) == (b"", (_core.DAMAGED, 0, _core.PLAINTEXT)), why


@pytest.mark.soak
@pytest.mark.parametrize("threads", [1, 3])
def test_a_stream_of_more_than_2_to_22_frames_is_refused_after_those_that_may_be(threads: int) -> None:
    tiny = stored_frame(b"x", descriptor=0b0010_0100)
    payload = payload_of(HEAD + tiny.wire * 2**22)
    pipe = _core.UnsealPipeline(4, 64)
    _, fault = drive.unseal_into(pipe, records_of(payload), False, threads=threads)
    assert fault == (_core.TOO_MANY_FRAMES, 0, _core.PLAINTEXT, 2**22 - 1)
    assert pipe.content_done == 2**22 - 1


def test_a_stream_without_its_table_is_damage_after_all_of_its_plaintext() -> None:
    frames = framed([stored_frame(b"x"), stored_frame(b"yz")])
    for left in (frames, frames[:-1]):
        released, fault = drive.unseal(payload_of(b"".join(frame.wire for frame in left)), Window(2))
        assert (released, fault) == (b"xyz", (_core.DAMAGED, 0, _core.PLAINTEXT, 3))


@pytest.mark.parametrize("threads", [1, 3])
def test_a_target_in_memory_that_is_too_small_is_full_and_not_written_beyond(threads: int) -> None:
    into = bytearray(2 * FRAME + 10)
    pipe = _core.UnsealPipeline(2, 2)
    _, fault = drive.unseal_into(pipe, records_of(sealed(BIG)), memoryview(into)[: 2 * FRAME], threads=threads, ring=2)
    assert fault == (_core.TARGET_FULL, 0, _core.PLAINTEXT, 2 * FRAME)
    assert into == mixed(BIG)[: 2 * FRAME] + bytes(10)


@pytest.mark.parametrize("threads", [1, 3])
def test_files_that_cannot_be_read_or_written_are_faults_with_the_systems_number(threads: int, tmp_path: Path) -> None:
    payload = sealed(BIG)
    (tmp_path / "sealed").write_bytes(payload)
    span = (len(PREFIX), len(payload) - len(PREFIX))
    with open(tmp_path / "sealed", "rb") as source, open(tmp_path / "w", "wb") as written:
        pipe = _core.UnsealPipeline(3, 3)
        _, fault = drive.unseal_into(pipe, (written.fileno(), *span), False, threads=threads)
        assert fault is not None
        assert (fault[0], fault[1], fault[3]) == (_core.READ_FAILED, errno.EBADF, 0)
        _, fault = drive.unseal_into(pipe, (source.fileno(), *span), (source.fileno(), 0), threads=threads)
        assert fault is not None
        assert (fault[0], fault[1]) == (_core.WRITE_FAILED, errno.EBADF)
        assert (tmp_path / "sealed").read_bytes() == payload


@pytest.mark.parametrize("threads", [1, 3])
def test_a_source_file_that_shrank_is_a_fault_of_its_own(threads: int) -> None:
    payload = sealed(BIG)
    with tempfile.TemporaryFile() as file:
        file.write(payload)
        file.flush()
        os.ftruncate(file.fileno(), 40 * SEALED)
        released, fault = drive.unseal_into(
            _core.UnsealPipeline(3, 3), (file.fileno(), len(PREFIX), len(records_of(payload))), None, threads=threads
        )
    assert fault is not None
    assert fault[0] == _core.SOURCE_SHRANK
    assert mixed(BIG).startswith(released)


# --- Life of a pipeline -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_stop_in_the_middle_is_a_failure_and_the_pipeline_can_begin_again(threads: int) -> None:
    pipe, payload = _core.UnsealPipeline(3, 3), sealed(BIG)
    pipe.begin(KEY, NONCE, 3 * _core.RING_STEP, records_of(payload), None)
    with drive.crew(pipe, threads) as wait:
        while not pipe.poll(wait) & _core.DRAIN:
            if not wait:
                pipe.step()
        pipe.stop()
        assert pipe.poll(wait) & _core.FAILED
        assert not pipe.step()
    pipe.close()
    assert drive.unseal_into(pipe, records_of(payload), None, threads=threads, ring=3) == (mixed(BIG), None)


def test_one_pipeline_serves_many_payloads_good_and_bad() -> None:
    pipe = _core.UnsealPipeline(3, 3)
    for length, threads in ((300_000, 2), (0, 1), (BIG, 2), (5, 1), (BIG, 1)):
        payload = sealed(length)
        assert drive.unseal_into(pipe, records_of(payload), None, threads=threads) == (mixed(length), None)
        _, fault = drive.unseal_into(pipe, records_of(damage(payload, 0)), None, threads=threads)
        assert fault is not None
        assert fault[0] == _core.DAMAGED


@pytest.mark.parametrize(("runs", "frames"), [(1, 2), (2, 1), (0, 0), (65537, 2), (2, 65537)])
def test_windows_have_2_to_65536_slots(runs: int, frames: int) -> None:
    with pytest.raises(ValueError, match="2 to 65536"):
        _core.UnsealPipeline(runs, frames)


@pytest.mark.parametrize("ring", [0, 1, _core.RING_STEP + 1])
def test_a_ring_is_whole_runs(ring: int) -> None:
    with pytest.raises(ValueError, match="whole runs"):
        _core.UnsealPipeline(2, 2).begin(KEY, NONCE, ring, b"", None)


def test_only_the_last_run_may_be_short() -> None:
    pipe = _core.UnsealPipeline(2, 2)
    pipe.begin(KEY, NONCE, 2 * _core.RING_STEP, None, None)
    assert pipe.poll(0) == _core.FEED
    assert len(pipe.reserve()) == _core.RUN_LENGTH
    with pytest.raises(ValueError, match="only the last run"):
        pipe.commit(_core.RUN_LENGTH - 1, False)


def test_a_borrowed_buffer_is_given_back_at_close_and_at_the_next_begin() -> None:
    pipe, source, target = _core.UnsealPipeline(2, 2), bytearray(10), bytearray(10)
    pipe.begin(KEY, NONCE, _core.RING_STEP, source, target)
    for buffer in (source, target):
        with pytest.raises(BufferError):
            buffer.append(1)
    pipe.begin(KEY, NONCE, _core.RING_STEP, b"", None)
    source.append(1)
    target.append(1)
    pipe.begin(KEY, NONCE, _core.RING_STEP, source, target)
    pipe.close()
    source.append(1)
    target.append(1)


def test_a_read_only_target_is_refused() -> None:
    with pytest.raises(BufferError):
        _core.UnsealPipeline(2, 2).begin(KEY, NONCE, _core.RING_STEP, b"", b"read only")
