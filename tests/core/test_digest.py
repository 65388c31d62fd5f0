"""The digest of the frames, as both pipelines make it: the same as hashlib's, whoever hashes and in whatever window."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal import _core
from core import drive
from core.drive import HEAD, KEY, NONCE, PREFIX, Window, frames_payload, payload_of, records_of
from corpus import KIB, MIB, chat, mixed, noise
from oracle import table_rows
from sealing.ways import chunks_of
from slow_writer import SIGNATURE_PREFIX, Frame, framed, frames_digest, skippable, stored_frame, stream_of

FRAME = 64 * KIB
LENGTHS = [0, 1, FRAME - 1, FRAME, FRAME + 1, 5 * FRAME + 777]


def right(prefix: bytes, stream: bytes) -> bytes:
    """By hashlib, from the stream that was opened by the library."""
    digest, at = hashlib.sha512(prefix), 0
    for length, content in table_rows(stream):
        if content or at == 0:
            digest.update(hashlib.sha512(stream[at : at + length]).digest())
        at += length
    return digest.digest()


def sealed(plain: bytes, window: Window, frame_size: int = FRAME, prefix: bytes = SIGNATURE_PREFIX) -> tuple[bytes, bytes]:
    """The payload and its digest."""
    pipe = _core.SealPipeline(window.slots)
    records = drive.seal_into(pipe, plain, None, threads=window.threads, frame_size=frame_size, digest_prefix=prefix)
    assert isinstance(records, bytes)
    return PREFIX + records, pipe.digest()


def unsealed(payload: bytes, window: Window, prefix: bytes = SIGNATURE_PREFIX) -> tuple[bytes, bytes]:
    """The plaintext and the digest."""
    pipe = _core.UnsealPipeline(window.runs, window.slots)
    plain, fault = drive.unseal_into(pipe, records_of(payload), None, threads=window.threads, ring=window.ring, digest_prefix=prefix)
    assert fault is None
    return plain, pipe.digest()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("length", LENGTHS)
def test_both_pipelines_make_the_digest_that_hashlib_makes(length: int, threads: int) -> None:
    for plain in (chat(length), noise(length)):
        payload, digest = sealed(plain, Window(threads, slots=2 * threads))
        assert digest == right(SIGNATURE_PREFIX, drive.stream_of(payload))
        assert unsealed(payload, Window(threads, threads + 1, threads + 1, 3)) == (plain, digest)


@given(
    length=st.integers(0, 900_000),
    frame_size=st.integers(FRAME, 200_000),
    threads=st.integers(1, 6),
    slots=st.integers(2, 12),
    runs=st.integers(2, 9),
    ring=st.integers(2, 8),
)
def test_any_window_makes_the_same_digest(length: int, frame_size: int, threads: int, slots: int, runs: int, ring: int) -> None:
    payload, digest = sealed(mixed(length), Window(threads, slots=slots), frame_size)
    assert digest == right(SIGNATURE_PREFIX, drive.stream_of(payload))
    assert unsealed(payload, Window(threads, slots, runs, ring)) == (mixed(length), digest)


@pytest.mark.parametrize("prefix", [b"", b"x", bytes(200)])
def test_the_prefix_is_part_of_the_digest(prefix: bytes) -> None:
    payload, digest = sealed(chat(2 * FRAME), Window(), prefix=prefix)
    assert digest == right(prefix, drive.stream_of(payload))
    assert unsealed(payload, Window(2, 3, 3, 3), prefix) == (chat(2 * FRAME), digest)


def test_hashing_changes_nothing_else() -> None:
    assert sealed(mixed(MIB), Window(2, 4))[0] == drive.seal(mixed(MIB), Window(), frame_size=FRAME)


@given(lengths=st.lists(st.integers(1, 400_000), max_size=12), threads=st.integers(1, 3))
def test_frames_that_wrap_around_the_ring_are_hashed_as_they_are(lengths: list[int], threads: int) -> None:
    data = [stored_frame(noise(length, seed)) for seed, length in enumerate(lengths)]
    head = framed([], {"kind": "stream"})[0]
    plain = b"".join(frame.plain for frame in data)
    assert unsealed(frames_payload(data), Window(threads, slots=3, runs=3, ring=2)) == (plain, frames_digest([head, *data]))


@pytest.mark.parametrize("threads", [1, 3])
def test_files_and_memory_and_nowhere_are_hashed_alike(threads: int, tmp_path: Path) -> None:
    plain = mixed(7 * FRAME + 5)
    (tmp_path / "plain").write_bytes(plain)
    with open(tmp_path / "plain", "rb") as source, open(tmp_path / "sealed", "w+b") as target:
        pipe = _core.SealPipeline(2 * threads)
        span = (source.fileno(), 0, len(plain))
        last = drive.seal_into(pipe, span, (target.fileno(), 0), threads=threads, frame_size=FRAME, digest_prefix=SIGNATURE_PREFIX)
        assert isinstance(last, bytes)
        digest = pipe.digest()
        target.seek(pipe.records * (16 * KIB + 16))
        target.write(last)
        target.flush()
        length = target.tell()
        back = _core.UnsealPipeline(threads + 1, threads + 1)
        with open(tmp_path / "back", "w+b") as file:
            for into in ((file.fileno(), 0), bytearray(len(plain)), False):
                span = (target.fileno(), 0, length)
                assert drive.unseal_into(back, span, into, threads=threads, ring=3, digest_prefix=SIGNATURE_PREFIX)[1] is None
                assert back.digest() == digest
    pieces = (bytes(piece) for piece in chunks_of(plain, 10_007))
    fed = _core.SealPipeline(2 * threads)
    assert isinstance(drive.seal_into(fed, pieces, None, threads=threads, frame_size=FRAME, digest_prefix=SIGNATURE_PREFIX), bytes)
    assert fed.digest() == digest


def test_a_head_of_any_length_is_hashed_whole() -> None:
    for length in (15, 100, 4096):
        head = skippable(0x184D2A5A, b'{"kind":"file"}'.ljust(length))
        frames = [head, *framed([stored_frame(b"x")])[1:]]
        pipe = _core.UnsealPipeline(2, 2)
        drive.unseal_into(pipe, records_of(payload_of(stream_of(frames))), None, digest_prefix=b"")
        assert pipe.digest() == frames_digest_of(frames[:2])


def frames_digest_of(frames: list[Frame]) -> bytes:
    return hashlib.sha512(b"".join(hashlib.sha512(frame.wire).digest() for frame in frames)).digest()


def test_one_pipeline_hashes_only_where_it_is_asked_to() -> None:
    seal, unseal = _core.SealPipeline(3), _core.UnsealPipeline(3, 3)
    for prefix in (b"a", None, b"b", None):
        records = drive.seal_into(seal, chat(3 * FRAME), None, frame_size=FRAME, digest_prefix=prefix)
        assert isinstance(records, bytes)
        assert drive.unseal_into(unseal, records, None, digest_prefix=prefix) == (chat(3 * FRAME), None)
        for pipe in (seal, unseal):
            if prefix is None:
                with pytest.raises(_core.LibraryFailed):
                    pipe.digest()
            else:
                assert pipe.digest() == right(prefix, drive.stream_of(PREFIX + records))
                with pytest.raises(_core.LibraryFailed):
                    pipe.digest()  # once


def test_a_stop_in_the_middle_leaves_a_pipeline_that_hashes_again() -> None:
    pipe = _core.SealPipeline(4)
    pipe.begin(KEY, NONCE, 1, FRAME, HEAD, noise(20 * FRAME), None, digest_prefix=b"x")
    pipe.step()
    pipe.stop()
    pipe.close()
    records = drive.seal_into(pipe, chat(3 * FRAME), None, frame_size=FRAME, digest_prefix=b"y")
    assert isinstance(records, bytes)
    assert pipe.digest() == right(b"y", drive.stream_of(PREFIX + records))
