"""Databases in WAL mode that are written to while they are captured."""

import sqlite3
from pathlib import Path

import pytest

import live_database
from captured import keep
from chatseal.capture.database import open_database
from chatseal.capture.options import CaptureOptions


def capture(path: Path, copy: Path) -> tuple[int, int, int]:
    image = open_database(path, CaptureOptions())
    try:
        content, reads = keep(image)
        assert reads == 1
        assert image.held_seconds == 0
        return live_database.check(content, copy)
    finally:
        image.close()


def capture_often(folder: Path, captures: int, page_size: int, auto_vacuum: int) -> None:
    path = folder / "live.db"
    live_database.make(path, page_size=page_size, auto_vacuum=auto_vacuum)
    with live_database.writer(path) as writer:
        found = {capture(path, folder / "copy.db") for _ in range(captures)}
    assert len(found) > captures // 4, "the writer did not write meanwhile"
    assert writer.commits >= len(found)


@pytest.mark.parametrize(("page_size", "auto_vacuum"), [(512, 1), (1024, 0), (4096, 2), (4096, 1), (65536, 0)])
def test_every_copy_is_whole_while_a_process_writes_checkpoints_and_vacuums(tmp_path: Path, page_size: int, auto_vacuum: int) -> None:
    capture_often(tmp_path, 4, page_size, auto_vacuum)


@pytest.mark.soak
@pytest.mark.parametrize(("page_size", "auto_vacuum"), [(512, 2), (2048, 1), (4096, 0), (8192, 2), (65536, 1)])
def test_a_thousand_copies_are_whole(tmp_path: Path, page_size: int, auto_vacuum: int) -> None:
    capture_often(tmp_path, 200, page_size, auto_vacuum)


def test_a_copy_is_of_the_moment_of_opening(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    live_database.make(path)
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("DELETE FROM receipt")
        database.execute("UPDATE total SET receipts = 0")
        image = open_database(path, CaptureOptions())
        try:
            database.execute("CREATE TABLE later AS SELECT * FROM message")
            database.execute("DROP TABLE message")
            content, _ = keep(image)
        finally:
            image.close()
    database.close()
    assert live_database.check(content, tmp_path / "copy.db")[2] == 0


def test_the_reader_leaves_nothing_behind_and_the_log_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    live_database.make(path)
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("DELETE FROM receipt WHERE message = 1")
        log = Path(f"{path}-wal").read_bytes()
        before = sorted(tmp_path.iterdir())
        image = open_database(path, CaptureOptions())
        keep(image)
        image.close()
        assert sorted(tmp_path.iterdir()) == before
        assert Path(f"{path}-wal").read_bytes() == log
        # and nobody keeps the log from beginning anew
        assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    database.close()
