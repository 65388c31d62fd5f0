"""Plain files: every byte, holes without reading them, and no mixture of two moments."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from capture.sources import content
from chatseal.capture.image import UNIT_OF_FILES
from chatseal.capture.plain_file import PlainFile
from chatseal.errors import SourceChangedError
from corpus import noise

LENGTHS = [0, 1, UNIT_OF_FILES - 1, UNIT_OF_FILES, UNIT_OF_FILES + 1, 3 * UNIT_OF_FILES, 3 * UNIT_OF_FILES + 1]


def opened(path: Path | str) -> PlainFile:
    return PlainFile(os.open(path, os.O_RDONLY), str(path))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("step", [UNIT_OF_FILES, 2 * UNIT_OF_FILES, 8 * UNIT_OF_FILES])
def test_a_file_is_read_whole_at_any_step(length: int, step: int, tmp_path: Path) -> None:
    data = noise(length)
    (tmp_path / "file").write_bytes(data)
    with closing(opened(tmp_path / "file")) as image:
        assert (image.length, image.unit) == (length, UNIT_OF_FILES)
        assert content(image, step) == data
        assert image.read_into(length + UNIT_OF_FILES, memoryview(bytearray(1))) == 0
        assert image.settle()
        assert image.warnings() == []
        assert image.held_seconds == 0


@pytest.mark.parametrize(
    "pieces", [[(0, 1)], [(100_000, 5)], [(0, 70_000), (500_000, 70_000)], [(65_536, 65_536), (200_000, 1), (999_999, 1)], []]
)
@pytest.mark.parametrize("step", [UNIT_OF_FILES, 16 * UNIT_OF_FILES])
def test_holes_are_zeros(pieces: list[tuple[int, int]], step: int, tmp_path: Path) -> None:
    wanted = bytearray(1_000_000)
    with open(tmp_path / "file", "wb") as file:
        file.truncate(len(wanted))
        for at, length in pieces:
            wanted[at : at + length] = noise(length, at)
            file.seek(at)
            file.write(wanted[at : at + length])
    with closing(opened(tmp_path / "file")) as image:
        buffer = memoryview(bytearray(b"\xff" * step))
        for at in range(0, len(wanted), step):
            n = image.read_into(at, buffer)
            assert buffer[:n] == wanted[at : at + step]
        assert image.settle()


def test_a_file_that_is_all_hole_is_not_read_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    os.truncate(tmp_path / "file", 1 << 40)
    with closing(opened(tmp_path / "file")) as image:
        monkeypatch.delattr(os, "preadv")
        buffer = memoryview(bytearray(b"\xff" * (1 << 20)))
        for at in (0, 1 << 30, (1 << 40) - (1 << 20)):
            assert image.read_into(at, buffer) == len(buffer)
            assert not any(buffer)
        assert image.read_into((1 << 40) - UNIT_OF_FILES, buffer) == UNIT_OF_FILES


def test_many_threads_read_one_sparse_file(tmp_path: Path) -> None:
    wanted = bytearray(64 * UNIT_OF_FILES)
    with open(tmp_path / "file", "wb") as file:
        file.truncate(len(wanted))
        for unit in range(0, 64, 3):
            at = unit * UNIT_OF_FILES + 4096 * (unit % 16)
            wanted[at : at + 4096] = noise(4096, unit)
            file.seek(at)
            file.write(wanted[at : at + 4096])
    got = bytearray(len(wanted))
    with closing(opened(tmp_path / "file")) as image:

        def read(first: int) -> None:
            for unit in range(first, 64, 4):
                at = unit * UNIT_OF_FILES
                image.read_into(at, memoryview(got)[at : at + UNIT_OF_FILES])

        threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert image.settle()
    assert got == wanted


def overwrite(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"other")


def append(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def backdate(path: Path) -> None:
    about = os.stat(path)
    overwrite(path)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def shorten(path: Path) -> None:
    os.truncate(path, os.stat(path).st_size // 2)


@pytest.mark.parametrize("change", [overwrite, append, shorten, backdate])
def test_a_file_that_is_written_to_while_it_is_read_is_read_once_more(change: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(noise(200_000))  # right before it is opened: the change may come in the same tick of the clock
    with closing(opened(path)) as image:
        buffer = memoryview(bytearray(UNIT_OF_FILES))
        image.read_into(0, buffer)
        change(path)
        assert not image.settle()
        assert image.length == path.stat().st_size
        assert content(image) == path.read_bytes()
        assert image.settle()
        assert (image.about.st_mtime_ns, image.about.st_size) == (path.stat().st_mtime_ns, path.stat().st_size)


@pytest.mark.parametrize("change", [overwrite, append, shorten, backdate])
def test_a_file_that_is_written_to_the_second_time_as_well_does_not_settle(change: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(noise(200_000))
    with closing(opened(path)) as image:
        image.read_into(0, memoryview(bytearray(UNIT_OF_FILES)))
        change(path)
        assert not image.settle()
        image.read_into(0, memoryview(bytearray(UNIT_OF_FILES)))
        change(path)
        with pytest.raises(SourceChangedError, match=r"while it was read"):
            image.settle()


@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_file_that_is_cut_off_is_told_at_once(is_sparse: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(noise(4 * UNIT_OF_FILES))
    if is_sparse:
        os.truncate(path, 100 * UNIT_OF_FILES)
    with closing(opened(path)) as image:
        os.truncate(path, UNIT_OF_FILES + 1)
        buffer = memoryview(bytearray(UNIT_OF_FILES))
        assert image.read_into(0, buffer) == UNIT_OF_FILES
        with pytest.raises(SourceChangedError, match="shorter"):
            image.read_into(UNIT_OF_FILES, buffer)
        with pytest.raises(SourceChangedError, match="shorter"):
            image.read_into(2 * UNIT_OF_FILES, buffer)


def test_a_write_in_the_same_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for _ in range(20):
        path.write_bytes(b"before")
        with closing(opened(path)) as image:
            overwrite(path)
            assert not image.settle()


def test_whole_seconds_in_a_time_mean_a_coarse_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    path = tmp_path / "file"
    path.write_bytes(b"x")
    now = time.time_ns() // 10**9 * 10**9 + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: now)
    os.utime(path, ns=(0, now))
    opened(path).close()
    assert slept == [2.0]


def test_a_file_that_says_it_is_empty_and_is_not_is_read_in_turn() -> None:
    with closing(opened("/proc/self/status")) as image:
        assert image.length is None
        data = content(image)
        assert data.startswith(b"Name:")
        assert image.bytes_read == len(data)
        with pytest.raises(ValueError, match="in turn"):
            image.read_into(0, memoryview(bytearray(1)))
        assert image.settle()
        assert len(image.warnings()) == 1


def test_what_is_no_file_is_refused_and_closed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    descriptor = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(SourceChangedError, match="not a file any more"):
        PlainFile(descriptor, "pipe")
    with pytest.raises(OSError):
        os.fstat(descriptor)


def test_a_read_that_fails_says_why() -> None:
    descriptor = os.open("/proc/self/mem", os.O_RDONLY)
    with pytest.raises(OSError):
        PlainFile(descriptor, "mem")
