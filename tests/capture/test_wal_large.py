"""Databases over 1 GiB, where SQLite keeps its locks on a page of their own."""

import sqlite3
from pathlib import Path

import pytest

import live_database
from chatseal.capture.database import open_database
from chatseal.capture.image import Image
from chatseal.capture.options import CaptureOptions

LOCK = 1 << 30


def grow(path: Path, size: int) -> None:
    """Make a database end just before the page of locks. The pages that it gets are a hole, and nothing uses them."""
    with path.open("r+b") as file:
        file.seek(28)
        file.write((LOCK // size).to_bytes(4, "big"))
        file.truncate(LOCK)


def copy_sparsely(image: Image, path: Path) -> None:
    assert image.length is not None
    step = 1 << 20
    buffer, zeros = bytearray(step), bytes(step)
    with path.open("wb") as target:
        for offset in range(0, image.length, step):
            done = image.read_into(offset, memoryview(buffer))
            assert done == min(step, image.length - offset)
            if buffer[:done] != zeros[:done]:
                target.seek(offset)
                target.write(buffer[:done])
        target.truncate(image.length)


@pytest.mark.parametrize(("mode", "size"), [("wal", 4096), ("delete", 65536)])
def test_the_page_of_locks_is_zeros_and_the_pages_behind_it_are_there(tmp_path: Path, mode: str, size: int) -> None:
    path, copy = tmp_path / "large.db", tmp_path / "copy.db"
    live_database.make(path, page_size=size, mode=mode)
    grow(path, size)
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("CREATE TABLE behind AS SELECT id, body FROM message")
        expected = database.execute("SELECT count(*), sum(length(body)), max(hex(body)) FROM behind").fetchall()
        image = open_database(path, CaptureOptions())
        try:
            copy_sparsely(image, copy)
            assert image.settle()
        finally:
            image.close()
    database.close()
    assert copy.stat().st_size > LOCK + size
    with copy.open("rb") as file:
        file.seek(LOCK)
        assert not any(file.read(size))
        assert any(file.read(size))
    with sqlite3.connect(f"file:{copy}?immutable=1", uri=True) as database:
        assert database.execute("SELECT count(*), sum(length(body)), max(hex(body)) FROM behind").fetchall() == expected
    database.close()
    copy.unlink()
    path.unlink()
