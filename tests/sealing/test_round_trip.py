"""What is sealed comes back, whatever its length, its kind of source and target, its frames, threads and keys; and the oracle agrees."""

import io
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, PrivateKey
from chatseal.keys.slots import Holder
from corpus import KEY_BYTES, KIB, MIB, PAIR_BYTES, RECORD, chat, mixed, noise
from oracle import ZSTD, check_everything, take_apart
from sealing import ways
from sealing.ways import OddPipe

FRAME = 64 * KIB
LENGTHS = [0, 1, RECORD - 1, RECORD, RECORD + 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 5 * FRAME + 777]
KEY, PAIR = BackupKey(KEY_BYTES), PrivateKey(PAIR_BYTES)


def sealed(plain: bytes, key: Holder | list[Holder] = KEY, **options: Any) -> bytes:
    target = io.BytesIO()
    summary = chatseal.seal(plain, target, key, **options)
    assert (summary.plain_bytes, summary.sealed_bytes) == (len(plain), len(target.getvalue()))
    return target.getvalue()


@pytest.mark.skipif(ZSTD is None, reason="the zstd command is not installed; the other oracles were asked")
def test_the_zstd_command_is_among_the_oracles() -> None:
    check_everything(sealed(chat(100_000)), KEY, chat(100_000))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("frame_size", [FRAME, 65 * KIB + 1, MIB])
@pytest.mark.parametrize("length", LENGTHS)
def test_any_length_satisfies_the_oracle(length: int, frame_size: int, threads: int) -> None:
    for make in (chat, noise):
        file = sealed(make(length), frame_size=frame_size, threads=threads)
        parts = check_everything(file, KEY, make(length), command=threads == 2)
        whole, last = divmod(length, frame_size)
        assert [content for _, content in parts.rows] == [0, *[frame_size] * whole, *([last] if last else []), 0]


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_a_stream_that_ends_at_the_border_of_a_record_satisfies_the_oracle(excess: int) -> None:
    length = 3 * FRAME
    for _ in range(5):  # noise does not compress, so a byte of content is a byte of stream but for the digits of the size
        parts = take_apart(chatseal.seal_bytes(noise(length), KEY), KEY)
        if not (off := (excess - len(parts.stream)) % RECORD):
            break
        length += off
    assert len(parts.stream) % RECORD == excess % RECORD
    for file in (chatseal.seal_bytes(noise(length), KEY), b"".join(chatseal.seal_chunks([noise(length)], KEY))):
        for way in (*ways.FORWARD[2:], ways.random_access):
            assert way(file, KEY, Path()).end == "ok", way.__name__
    check_everything(file, KEY, noise(length))


@pytest.mark.parametrize("level", [-7, 1, 3, 9, 19, 22])
def test_any_level_satisfies_the_oracle(level: int) -> None:
    check_everything(sealed(chat(300_000), level=level), KEY, chat(300_000), command=False)


def test_large_frames_of_noise_behind_small_ones_satisfy_the_oracle() -> None:
    plain = chat(MIB) + noise(33 * MIB)
    for threads in (1, 2):
        target = bytearray(len(plain))
        file = sealed(plain, frame_size=16 * MIB, level=-5, threads=threads)
        chatseal.unseal(io.BytesIO(file), target, KEY, threads=threads)
        assert target == plain
    check_everything(file, KEY, plain, command=False)


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_each_of_several_holders_opens_the_file_alone() -> None:
    other, pair = BackupKey.generate(), PrivateKey.generate()
    plain = chat(70_000)
    file = sealed(plain, [KEY, PAIR.public_key, other, pair.public_key])
    for key in (KEY, PAIR, other, pair):
        check_everything(file, key, plain, command=False)
        assert all(way(file, key, Path()).end == "ok" for way in ways.FORWARD[2:])


@pytest.mark.parametrize("count", [1, 2, 16, 31, 32])
def test_up_to_32_holders_fit_into_a_header(count: int) -> None:
    pairs = [PrivateKey.generate() for _ in range(count)]
    file = sealed(b"hello", [pair.public_key for pair in pairs])
    assert len(take_apart(file, pairs[-1]).header) == -(-(count * 1569 + 150) // 4096) * 4096
    check_everything(file, pairs[-1], b"hello", command=False)
    mixed_keys = sealed(b"hello", [KEY, *(pair.public_key for pair in pairs[1:])])
    assert chatseal.unseal_bytes(mixed_keys, KEY) == b"hello"


def test_no_two_files_share_a_byte_of_key_salt_or_payload() -> None:
    first, second = (take_apart(sealed(b"the same"), KEY) for _ in range(2))
    assert first.file_key != second.file_key
    assert first.payload[:24] != second.payload[:24]
    assert first.payload[56:] != second.payload[56:]


def test_a_header_has_a_size_line_where_the_writer_could_know_it(tmp_path: Path) -> None:
    chatseal.seal(io.BytesIO(b"x"), tmp_path / "sealed", KEY)
    with_size = [(tmp_path / "sealed").read_bytes(), chatseal.seal_bytes(b"x", KEY)]
    without = [sealed(b"x"), b"".join(chatseal.seal_chunks([b"x"], KEY))]
    assert [take_apart(file, KEY).size for file in with_size] == [len(file) - 4096 for file in with_size]
    assert [take_apart(file, KEY).size for file in without] == [None, None]


def test_the_head_tells_name_and_time_of_a_file_and_of_a_stream_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "chät 😀.db", tmp_path / "sealed"
    source.write_bytes(b"x")
    os.utime(source, ns=(1, 1_234_567_890_123_456_789))
    chatseal.seal(source, target, KEY)
    assert take_apart(target.read_bytes(), KEY).head == {"kind": "file", "name": "chät 😀.db", "mtime": 1_234_567_890_123_456_789}
    assert take_apart(sealed(b"x"), KEY).head == {"kind": "stream"}


@pytest.mark.parametrize("name", [b"\xff\xfe not utf-8", b"a" * 255, '"\\\n\u2028'.encode()])
def test_any_name_of_a_file_can_be_sealed(name: bytes, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
    Path(path).write_bytes(b"x")
    file = io.BytesIO()
    chatseal.seal(path, file, KEY)
    parts = check_everything(file.getvalue(), KEY, b"x", command=False)
    if name.startswith(b"\xff"):
        assert "name" not in parts.head, "a name that is no UTF-8 is left out"
    else:
        assert parts.head["name"] == name.decode()


def test_unseal_to_a_path_gives_the_time_of_modification_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    os.utime(source, ns=(1, 1_111_111_111_111_111_111))
    chatseal.seal(source, tmp_path / "sealed", KEY)
    chatseal.unseal(tmp_path / "sealed", tmp_path / "back", KEY)
    assert (tmp_path / "back").stat().st_mtime_ns == 1_111_111_111_111_111_111


# --- Any of it --------------------------------------------------------------------------------------------------------


@given(
    length=st.one_of(st.sampled_from(LENGTHS), st.integers(0, 500_000)),
    make=st.sampled_from([chat, mixed, noise]),
    frame_size=st.one_of(st.sampled_from([FRAME, 65 * KIB + 1, MIB]), st.integers(FRAME, 300_000)),
    threads=st.integers(1, 4),
    level=st.sampled_from([-7, 1, 3]),
    step=st.one_of(st.none(), st.integers(500, 100_000)),
    public=st.booleans(),
)
def test_whatever_is_sealed_satisfies_the_oracle(
    length: int, make: Callable[[int], bytes], frame_size: int, threads: int, level: int, step: int | None, public: bool
) -> None:
    plain, holder, opener = make(length), (PAIR.public_key if public else KEY), (PAIR if public else KEY)
    source: bytes | OddPipe = plain if step is None else OddPipe(plain, step)
    target = io.BytesIO()
    chatseal.seal(source, target, holder, frame_size=frame_size, threads=threads, level=level)
    check_everything(target.getvalue(), opener, plain, command=False)
    back = io.BytesIO()
    chatseal.unseal(OddPipe(target.getvalue(), step or 7777), back, opener, threads=threads)
    assert back.getvalue() == plain


@pytest.mark.soak
@pytest.mark.parametrize("frame_size", [FRAME, 65 * KIB + 1, MIB])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_length_about_a_border_satisfies_the_oracle(threads: int, frame_size: int) -> None:
    borders = {border * n for border in (RECORD, FRAME, frame_size) for n in (1, 2, 3)}
    for length, make in itertools.product(sorted(b + off for b in borders for off in range(-3, 4)), (chat, noise)):
        check_everything(sealed(make(length), frame_size=frame_size, threads=threads), KEY, make(length))


# --- Messages in memory -----------------------------------------------------------------------------------------------


@given(data=st.binary(max_size=5000), level=st.integers(-7, 6), threads=st.integers(1, 2))
def test_a_message_comes_back(data: bytes, level: int, threads: int) -> None:
    file = chatseal.seal_bytes(data, KEY, level=level, threads=threads)
    assert chatseal.unseal_bytes(file, KEY) == data
    check_everything(file, KEY, data, command=False)


def test_progress_is_reported_and_ends_with_everything_done(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(noise(3 * MIB))
    for source in (tmp_path / "plain", io.BytesIO(noise(3 * MIB))):
        seen: list[chatseal.Progress] = []
        chatseal.seal(source, tmp_path / "sealed", KEY, progress=seen.append, overwrite=True)
        assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
        assert seen[-1] == chatseal.Progress(3 * MIB, 3 * MIB)
    works: list[Callable[[Callable[[chatseal.Progress], None]], object]] = [
        lambda report: chatseal.unseal(tmp_path / "sealed", io.BytesIO(), KEY, progress=report),
        lambda report: chatseal.verify(tmp_path / "sealed", KEY, progress=report),
    ]
    for work in works:
        seen.clear()
        work(seen.append)
        assert seen[-1] == chatseal.Progress(3 * MIB, 3 * MIB)


def test_a_summary_tells_sizes_frames_and_rates() -> None:
    target = io.BytesIO()
    summary = chatseal.seal(chat(3 * FRAME), target, KEY, frame_size=FRAME, threads=2)
    assert (summary.plain_bytes, summary.sealed_bytes, summary.threads) == (3 * FRAME, len(target.getvalue()), 2)
    assert summary.frames == chatseal.verify(target.getvalue(), KEY).frames
    assert summary.ratio == pytest.approx(3 * FRAME / len(target.getvalue()))
    assert summary.rate == pytest.approx(3 * FRAME / summary.seconds)
    assert 0 <= summary.serial_seconds <= summary.seconds
    assert chatseal.Summary(1, 1, 1, 0.0, 1, 0.0).rate == 0


def test_a_sealed_file_can_be_a_source_again() -> None:
    inner = sealed(chat(100_000))
    assert chatseal.unseal_bytes(chatseal.unseal_bytes(sealed(inner), KEY), KEY) == chat(100_000)


@pytest.mark.parametrize("name", ["é" * 127, "😂" * 63, "n" * 255, "\udcff" * 255])
def test_a_file_can_have_the_longest_name_that_the_system_takes(name: str, tmp_path: Path) -> None:
    chatseal.seal(b"plain", tmp_path / name, KEY)
    assert os.listdir(tmp_path) == [name]
