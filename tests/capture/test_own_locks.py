"""An application that has a database open in this very process keeps its locks on it while the database is captured, and afterwards.

POSIX drops a process's locks on a file as soon as it closes any descriptor of the file."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import live_database
from captured import keep, read_all
from chatseal import _pages
from chatseal.capture.database import open_database
from chatseal.capture.options import CaptureOptions

SHARED = (0x40000002, 510)  # bytes of the main file; all readers lock them
RESERVED = (0x40000001, 1)
READ_MARKS = (120, 8)  # bytes of the -shm file

TRY = """
import fcntl, os, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, int(sys.argv[3]), int(sys.argv[2]))
        print("free")
    except BlockingIOError:
        print("locked")
"""


def is_locked(path: Path, where: tuple[int, int]) -> bool:
    """Whether another process finds these bytes of the file locked."""
    command = [sys.executable, "-I", "-S", "-c", TRY, str(path), *map(str, where)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout == "locked\n"


@pytest.fixture(params=["descriptors of their own", "descriptors that are kept"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    _pages.keep_descriptors(request.param != "descriptors of their own")
    yield request.param
    _pages.keep_descriptors(False)


def test_this_test_would_see_a_lost_lock(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    live_database.make(path, mode="delete")
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        assert is_locked(path, RESERVED)
        path.read_bytes()
        assert not is_locked(path, RESERVED)
    database.close()


def test_an_open_write_transaction_keeps_its_lock(tmp_path: Path, way: str) -> None:
    path = tmp_path / "own.db"
    live_database.make(path, mode="delete")
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("DELETE FROM receipt")
        image = open_database(path, CaptureOptions())
        try:
            assert is_locked(path, RESERVED)
            content, _ = keep(image)
            assert is_locked(path, RESERVED)
        finally:
            image.close()
        assert is_locked(path, RESERVED)
        assert is_locked(path, SHARED)
        database.execute("UPDATE total SET receipts = 0")
        database.execute("COMMIT")
    database.close()
    assert live_database.check(content, tmp_path / "copy.db")[2] > 0
    assert live_database.check(path.read_bytes(), tmp_path / "copy.db")[2] == 0


def test_a_reader_of_a_log_keeps_its_mark_and_sees_what_it_saw(tmp_path: Path, way: str) -> None:
    path = tmp_path / "own.db"
    live_database.make(path)
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute("DELETE FROM receipt WHERE message < 5")
        database.execute("BEGIN")
        (count,) = database.execute("SELECT count(*) FROM receipt").fetchone()
        shm = Path(f"{path}-shm")
        assert is_locked(shm, READ_MARKS)
        for _ in range(2):
            image = open_database(path, CaptureOptions())
            keep(image)
            image.close()
        assert is_locked(shm, READ_MARKS)
        assert is_locked(path, SHARED)
        with live_database.writer(path):
            for _ in range(3):
                image = open_database(path, CaptureOptions())
                keep(image)
                image.close()
            assert database.execute("SELECT count(*) FROM receipt").fetchone() == (count,)
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.execute("COMMIT")
    database.close()


def test_rows_that_this_process_commits_during_captures_are_there_afterwards(tmp_path: Path, way: str) -> None:
    """What went wrong when the connection was in this process: another program's commit went over one of this process."""
    for mode in ("wal", "delete"):
        path = tmp_path / f"{mode}.db"
        live_database.make(path, mode=mode)
        with sqlite3.connect(path, isolation_level=None, timeout=30) as database, live_database.writer(path, mode, pause=0.001):
            database.execute("CREATE TABLE own (number INTEGER)")
            for number in range(15):
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO own VALUES (?)", (number,))
                if number % 5 == 0:
                    image = open_database(path, CaptureOptions())
                    try:
                        read_all(image)
                    finally:
                        image.close()
                database.execute("COMMIT")
        assert database.execute("SELECT count(*) FROM own").fetchone() == (15,)
        database.close()
        live_database.check(path.read_bytes(), tmp_path / "copy.db")


def test_no_descriptor_of_the_database_is_left(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    live_database.make(path, mode="delete")
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        image = open_database(path, CaptureOptions())
        assert not any(os.path.realpath(f"/proc/self/fd/{n}") == str(path) for n in os.listdir("/proc/self/fd"))
        keep(image)
        image.close()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_kept_descriptors_are_used_again(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    live_database.make(path, mode="delete")
    _pages.keep_descriptors(True)
    try:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            image = open_database(path, CaptureOptions())
            keep(image)
            image.close()
        assert len(os.listdir("/proc/self/fd")) <= before + 2
    finally:
        _pages.keep_descriptors(False)
