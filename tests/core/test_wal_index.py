"""The index of a write-ahead log in C, against the oracle: any log, damaged anywhere, read in any pieces."""

import random
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wal_oracle
from chatseal import _pages
from wal_oracle import Frame

frames = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 255), st.sampled_from([0, 0, 5, 9, 14])), max_size=30)


def built(made: list[tuple[int, int, int]], page_length: int, is_big: bool) -> bytes:
    chance = random.Random(5)
    contents = [bytes([fill]) * 8 + chance.randbytes(page_length - 8) for _, fill, _ in made]
    return wal_oracle.write(
        [Frame(page, content, pages) for (page, _, pages), content in zip(made, contents, strict=True)], page_length, is_big=is_big
    )


def opened(folder: Path, main: bytes, log: bytes) -> tuple[_pages.File, _pages.File]:
    (folder / "main").write_bytes(main)
    (folder / "log").write_bytes(log)
    return _pages.File(bytes(folder / "main")), _pages.File(bytes(folder / "log"))


@given(
    made=frames,
    page_length=st.sampled_from([512, 1024, 4096]),
    is_big=st.booleans(),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=2),
    cut=st.integers(0, 700),
    main_length=st.integers(0, 20_000),
    pieces=st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 9_000)), min_size=1, max_size=5),
)
def test_a_log_is_indexed_up_to_its_last_whole_commit_and_read_over_the_main_file(
    tmp_path: Path,
    made: list[tuple[int, int, int]],
    page_length: int,
    is_big: bool,
    damage: list[tuple[float, int]],
    cut: int,
    main_length: int,
    pieces: list[tuple[int, int]],
) -> None:
    log = bytearray(built(made, page_length, is_big))
    for place, change in damage:
        log[int(place * len(log))] ^= change
    log = log[: max(0, len(log) - cut)]
    main = random.Random(6).randbytes(main_length)
    expected = wal_oracle.read(bytes(log))
    main_file, log_file = opened(tmp_path, main, bytes(log))
    if expected is None:
        with pytest.raises(_pages.NotALog):
            _pages.Log(log_file)
        return
    index = _pages.Log(log_file)
    assert (index.frames, index.pages, index.page_length) == (expected.frames, expected.pages, expected.page_length)
    assert (index.distinct, index.last_page) == (len(expected.newest), max(expected.newest, default=0))
    length = 14 * index.page_length
    whole = wal_oracle.image(main, expected, index.page_length, length)
    overlay = _pages.Overlay(main_file, index, index.page_length, length)
    for offset, size in pieces:
        buffer = bytearray(b"\xaa" * size)
        done = overlay.read_into(offset, buffer)
        assert bytes(buffer[:done]) == whole[offset : offset + size]
        assert buffer[done:] == b"\xaa" * (size - done)


@given(made=frames.filter(lambda made: any(pages for *_, pages in made)), change=st.integers(0, 6))
def test_a_live_log_is_the_one_that_the_header_told_of_or_refused(tmp_path: Path, made: list[tuple[int, int, int]], change: int) -> None:
    log = built(made, 512, False)
    found = wal_oracle.read(log)
    assert found is not None
    told: dict[str, object] = {"frames": found.frames, "pages": found.pages, "page_length": 512, "sums": found.sums, "salts": found.salts}
    _, file = opened(tmp_path, b"", log)
    assert _pages.Log(file, **told).frames == found.frames  # type: ignore[arg-type]
    name, wrong = [
        ("frames", found.frames + 1),
        ("frames", 0xFFFFFFFF),
        ("pages", found.pages + 1),
        ("page_length", 1024),
        ("sums", (found.sums[0] ^ 1, found.sums[1])),
        ("sums", (found.sums[0], found.sums[1] ^ 1)),
        ("salts", b"othersal"),
    ][change]
    with pytest.raises(_pages.LogChanged):
        _pages.Log(file, **{**told, name: wrong})  # type: ignore[arg-type]


def test_a_huge_log_without_content_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "main").write_bytes(b"")
    with (tmp_path / "log").open("wb") as log:
        log.write(built([(1, 1, 1)], 512, False))
        log.truncate(1 << 42)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    index = _pages.Log(_pages.File(bytes(tmp_path / "log")), frames=0)
    assert index.frames == 1
    with pytest.raises(_pages.LogChanged):
        _pages.Log(_pages.File(bytes(tmp_path / "log")), 0xFFFFFFF0, 1, 512, (1, 1), b"saltsalt")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10


def test_the_page_of_locks_and_what_is_nowhere_read_as_zeros(tmp_path: Path) -> None:
    lock = 1 << 30
    for page_length in (512, 4096, 65536):
        with (tmp_path / "main").open("wb") as main:
            main.seek(lock - 65536)
            main.write(b"\x11" * 65536 * 3)
        number = lock // page_length + 1
        log = wal_oracle.write([Frame(number, b"\x22" * page_length), Frame(number + 1, b"\x33" * page_length, number + 9)], page_length)
        (tmp_path / "log").write_bytes(log)
        index = _pages.Log(_pages.File(bytes(tmp_path / "log")))
        overlay = _pages.Overlay(_pages.File(bytes(tmp_path / "main")), index, page_length, lock + 65536 * 4)
        buffer = bytearray(65536 * 5)
        assert overlay.read_into(lock - 65536, buffer) == len(buffer)
        after = b"\0" * page_length + b"\x33" * page_length
        expected = b"\x11" * 65536 + after + b"\x11" * (65536 * 2 - len(after))
        assert buffer == expected.ljust(65536 * 5, b"\0")
        middle = bytearray(page_length)
        overlay.read_into(lock + page_length // 2, middle)
        assert middle == (after + b"\x11" * page_length)[page_length // 2 :][:page_length]


def test_impossible_arguments_are_refused(tmp_path: Path) -> None:
    main, log = opened(tmp_path, b"x" * 4096, built([(1, 1, 1)], 512, False))
    index = _pages.Log(log)
    for page_length in (0, 100, 256, 513, 131072):
        with pytest.raises(ValueError):
            _pages.Overlay(main, None, page_length, 100)
    with pytest.raises(ValueError):
        _pages.Overlay(main, index, 1024, 100)
    with pytest.raises(ValueError):
        _pages.Log(log, salts=b"short")
    log.close()
    with pytest.raises(OSError):
        _pages.Log(log)
    with pytest.raises(OSError):
        _pages.Overlay(main, index, 512, 4096).read_into(0, bytearray(4096))
    with pytest.raises(OSError):
        _pages.Log(_pages.File(bytes(tmp_path)))  # a folder
