"""What anybody may have written into a -shm or -wal file, and what a capture may cost the file system."""

import os
import random
import sqlite3
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import captured
import live_database
import wal_oracle
from captured import keep, read_all
from chatseal.capture import wal
from chatseal.capture.database import open_database
from chatseal.capture.options import CaptureOptions
from chatseal.capture.wal_header import WalHeader
from chatseal.errors import CaptureError, SourceBusyError, SourceChangedError


def shm(size: int = 4096, frames: int = 7, pages: int = 9, backfilled: int = 3, version: int = 3007000, initialised: int = 1) -> bytes:
    """The first 136 bytes of a shared-memory file."""
    header = struct.pack("=IIIBBHII2I8s", version, 0, 77, initialised, 0, size & 0xFFFF or 1, frames, pages, 1, 2, b"saltsalt")
    header += struct.pack("=2I", *wal_oracle.sums(header, struct.pack("=I", 1) != struct.pack("<I", 1)))
    return header * 2 + struct.pack("=I", backfilled).ljust(40, b"\0")


def test_a_header_is_read() -> None:
    assert WalHeader.parse(shm()) == WalHeader(4096, 7, 9, (1, 2), b"saltsalt", 3)
    for size in (512 << i for i in range(8)):
        found = WalHeader.parse(shm(size))
        assert found is not None
        assert found.page_length == size
    nothing = WalHeader.parse(shm(frames=0, backfilled=0))
    assert nothing is not None
    assert nothing.main_is_all


@given(place=st.integers(0, 95), change=st.integers(1, 255))
def test_a_header_with_any_other_byte_is_not_taken(place: int, change: int) -> None:
    damaged = bytearray(shm())
    damaged[place] ^= change
    assert WalHeader.parse(bytes(damaged)) is None


@pytest.mark.parametrize(
    "wrong",
    [shm(version=3007001), shm(initialised=0), shm(300), shm(256), shm(pages=0), shm()[:99], b""],
    ids=["version", "not initialised", "no power of 2", "too small", "no pages", "too short", "empty"],
)
def test_a_whole_header_that_cannot_be_is_not_taken(wrong: bytes) -> None:
    assert WalHeader.parse(wrong) is None


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_header_or_none(data: bytes) -> None:
    assert WalHeader.parse(data) is None


@pytest.fixture
def live(tmp_path: Path) -> Path:
    path = tmp_path / "live.db"
    live_database.make(path)
    return path


@pytest.mark.parametrize("seed", range(6))
def test_any_bytes_as_shm_and_log_end_in_a_copy_or_an_error_and_soon(live: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatseal.capture.holder.BUSY_SECONDS", 0.2)
    chance = random.Random(seed)
    log = bytearray(wal_oracle.write([wal_oracle.Frame(chance.randrange(1, 40), chance.randbytes(4096), 40) for _ in range(20)], 4096))
    for _ in range(seed):
        log[chance.randrange(len(log))] ^= 0xFF
    Path(f"{live}-wal").write_bytes(log if seed % 2 else chance.randbytes(50_000))
    Path(f"{live}-shm").write_bytes((shm(pages=0xFFFFFFFF, frames=0x7FFFFFFF) + chance.randbytes(32768))[:32768])
    before = time.monotonic()
    try:
        content = captured.capture(live)
        assert len(content) <= 4096 * 1200
    except (CaptureError, SourceBusyError, SourceChangedError):
        pass
    assert time.monotonic() - before < 60


def test_a_log_that_grows_beyond_the_cap_ends_the_capture_and_lets_the_log_begin_anew(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "GROWTH_MAX", 1 << 20)
    monkeypatch.setattr(wal, "WATCH_SECONDS", 0.0)
    with sqlite3.connect(live, isolation_level=None) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("DELETE FROM receipt WHERE message = 1")
        image = open_database(live, CaptureOptions())
        try:
            first = memoryview(bytearray(image.unit))
            image.read_into(0, first)
            database.execute("CREATE TABLE big AS SELECT zeroblob(3000000) AS body")
            with pytest.raises(SourceBusyError, match=r"grew by 3\.\d MB|grew by 3 MB"):
                read_all(image)
            for _ in range(2):
                with pytest.raises(SourceBusyError):
                    image.read_into(0, first)
                with pytest.raises(SourceBusyError):
                    image.settle()
            assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        finally:
            image.close()
    database.close()


def test_a_log_that_grows_much_is_told_of(live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "GROWTH_WORTH_A_WARNING", 1 << 20)
    monkeypatch.setattr(wal, "WATCH_SECONDS", 0.0)
    with sqlite3.connect(live, isolation_level=None) as database:
        database.execute("DELETE FROM receipt WHERE message = 1")
        image = open_database(live, CaptureOptions())
        try:
            database.execute("CREATE TABLE big AS SELECT zeroblob(3000000) AS body")
            keep(image)
            assert len(image.warnings()) == 1
            assert "grew by 3" in image.warnings()[0]
        finally:
            image.close()
    database.close()


def test_a_process_that_is_killed_while_it_holds_is_noticed(live: Path) -> None:
    with sqlite3.connect(live, isolation_level=None) as database:
        database.execute("DELETE FROM receipt WHERE message = 1")
        image = open_database(live, CaptureOptions())
        try:
            read_all(image)
            image._stage._holder._process.kill()  # type: ignore[attr-defined]
            with pytest.raises(SourceChangedError, match="the process that held it ended"):
                image.settle()
        finally:
            image.close()
    database.close()


@pytest.mark.parametrize(
    "name", [b"with space.db", b"100%41?mode=rw#&.db", b"not utf-8 \xff\xfe.db", "\u00fcml\u00e4ut.db".encode(), b"'\".db"]
)
def test_any_name_is_the_name_of_that_file(tmp_path: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.path.join(bytes(tmp_path), name)))
    live_database.make(path)
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("DELETE FROM receipt")
        database.execute("UPDATE total SET receipts = 0")
        (tmp_path / "link").symlink_to(path)
        before = sorted(os.listdir(tmp_path))
        for way in (path, tmp_path / "link"):
            assert live_database.check(captured.capture(way), tmp_path.parent / "copy.db")[2] == 0
        assert sorted(os.listdir(tmp_path)) == before
    database.close()


def test_a_path_longer_than_sqlite_takes_is_copied_as_it_lies_there(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(3):
        folder /= "x" * 200
    folder.mkdir(parents=True)
    live_database.make(tmp_path / "live.db", mode="delete")
    path = (tmp_path / "live.db").rename(folder / "live.db")
    assert captured.capture(path) == path.read_bytes()
