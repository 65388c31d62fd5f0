"""Files that SQLite cannot read, such as encrypted databases, and databases where nobody can be asked to wait."""

import random
import sqlite3
from pathlib import Path

import pytest

import captured
import live_database
from captured import keep, read_all
from chatseal import _pages
from chatseal.capture import file_system
from chatseal.capture.database import open_database
from chatseal.capture.options import CaptureOptions
from chatseal.errors import CaptureError, SourceChangedError


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    path = tmp_path / "signal.db"
    path.write_bytes(random.Random(1).randbytes(40 * 4096))
    return path


def test_one_that_lies_still_is_copied_byte_by_byte(encrypted: Path) -> None:
    image = open_database(encrypted, CaptureOptions())
    try:
        assert (image.unit, image.length) == (4096, 40 * 4096)
        assert keep(image) == (encrypted.read_bytes(), 1)
    finally:
        image.close()


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_one_that_is_in_use_is_refused_with_the_remedy(encrypted: Path, suffix: str) -> None:
    encrypted.with_name(encrypted.name + suffix).write_bytes(b"anything")
    with pytest.raises(CaptureError, match="in use") as caught:
        captured.capture(encrypted)
    assert "Close the program" in caught.value.remedy


@pytest.mark.parametrize("what", ["written", "longer", "shorter", "replaced", "a log appears"])
def test_one_that_changes_while_it_is_read_is_refused(encrypted: Path, what: str) -> None:
    image = open_database(encrypted, CaptureOptions())
    try:
        read_all(image)
        if what == "written":
            with encrypted.open("r+b") as file:
                file.write(b"x")
        elif what == "longer":
            with encrypted.open("ab") as file:
                file.write(b"x")
        elif what == "shorter":
            with encrypted.open("r+b") as file:
                file.truncate(4096)
            with pytest.raises(SourceChangedError, match="shorter"):
                read_all(image)
        elif what == "replaced":
            other = encrypted.with_name("other")
            other.write_bytes(encrypted.read_bytes())
            other.rename(encrypted)
        else:
            encrypted.with_name(encrypted.name + "-wal").write_bytes(b"x")
        with pytest.raises(SourceChangedError):
            image.settle()
    finally:
        image.close()


def garbage(kind: str) -> bytes:
    chance = random.Random(2)
    header = bytearray(b"SQLite format 3\0" + chance.randbytes(84))
    header[16:20] = b"\x10\0\x01\x01"  # pages of 4096 bytes, no log
    if kind == "only the first line":
        return bytes(header[:16])
    if kind == "no page size":
        header[16:18] = b"\x12\x34"
    if kind == "a later version":
        header[18:20] = b"\x07\x07"
    if kind == "a log":
        header[18:20] = b"\x02\x02"
    return bytes(header) + chance.randbytes(30_000)


@pytest.mark.parametrize("kind", ["only the first line", "no page size", "a later version", "a log", "wrong pages"])
@pytest.mark.parametrize("beside", ["", "-shm"])
def test_what_only_begins_like_a_database_is_copied_as_it_is_or_refused(tmp_path: Path, kind: str, beside: str) -> None:
    path = tmp_path / "garbage.db"
    path.write_bytes(garbage(kind))
    if beside:
        path.with_name(path.name + beside).write_bytes(random.Random(3).randbytes(32768))
    content = captured.capture(path)
    assert content[: len(garbage(kind))] == garbage(kind)
    assert not content[len(garbage(kind)) :].strip(b"\0")


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.write_bytes(b"")
    assert captured.capture(path) == b""


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="not a regular file"):
        captured.capture(tmp_path)
    with pytest.raises(FileNotFoundError):
        captured.capture(tmp_path / "nothing")


def test_a_schema_that_cannot_be_parsed_is_no_obstacle(tmp_path: Path) -> None:
    for mode in ("delete", "wal"):
        path = tmp_path / f"{mode}.db"
        live_database.make(path, mode=mode)
        with sqlite3.connect(path, isolation_level=None) as database:
            database.execute("PRAGMA writable_schema = ON")
            database.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE nonsense (' WHERE name = 'receipt'")
            content = captured.capture(path)
            assert len(content) % 4096 == 0
        database.close()
        assert content == path.read_bytes()


def test_where_locks_may_not_reach_the_writers_it_is_refused_unless_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "far.db"
    live_database.make(path, mode="delete")
    monkeypatch.setitem(file_system.SHARED, _pages.file_system(bytes(tmp_path)), "NFS")  # as if this were one
    with pytest.raises(CaptureError, match="of kind NFS") as caught:
        captured.capture(path)
    assert "--allow-network-fs" in caught.value.remedy
    assert captured.capture(path, CaptureOptions(allow_network=True)) == path.read_bytes()
