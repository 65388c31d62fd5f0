"""Databases with a rollback journal: two passes, and how long writers wait."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import captured
import live_database
from captured import keep, read_all
from chatseal.capture.database import open_database
from chatseal.capture.options import CaptureOptions
from chatseal.errors import EXIT_BUSY, SourceBusyError

MODES = ["delete", "truncate", "persist", "memory", "off"]


def capture(path: Path, copy: Path) -> tuple[int, float, tuple[int, int, int]]:
    image = open_database(path, CaptureOptions())
    try:
        content, reads = keep(image)
        image.close()
        assert image.held_seconds < 30
        return reads, image.held_seconds, live_database.check(content, copy)
    finally:
        image.close()


@pytest.mark.parametrize(("page_size", "auto_vacuum", "mode"), [(512, 1, "delete"), (4096, 2, "persist"), (65536, 0, "truncate")])
def test_every_copy_is_whole_while_a_process_writes_and_vacuums(tmp_path: Path, page_size: int, auto_vacuum: int, mode: str) -> None:
    path = tmp_path / "live.db"
    live_database.make(path, page_size=page_size, auto_vacuum=auto_vacuum, mode=mode)
    with live_database.writer(path, mode) as writer:
        found = [capture(path, tmp_path / "copy.db") for _ in range(4)]
    assert writer.commits > 4
    for reads, held, _ in found:
        assert reads == 1 or held > 0


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("page_size", [512, 4096])
def test_a_hundred_copies_are_whole(tmp_path: Path, page_size: int, mode: str) -> None:
    path = tmp_path / "live.db"
    live_database.make(path, page_size=page_size, auto_vacuum=1, mode=mode)
    with live_database.writer(path, mode):
        for _ in range(100):
            capture(path, tmp_path / "copy.db")


@pytest.mark.parametrize("mode", MODES)
def test_a_database_that_nobody_writes_to_is_read_once(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "still.db"
    live_database.make(path, mode=mode)
    before = sorted(tmp_path.iterdir()), path.stat().st_ctime_ns, path.stat().st_mtime_ns
    reads, held, _ = capture(path, tmp_path.parent / "copy.db")
    assert reads == 1
    assert held < 1
    assert (sorted(tmp_path.iterdir()), path.stat().st_ctime_ns, path.stat().st_mtime_ns) == before


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A database; tests write to it between the passes."""
    path = tmp_path / "live.db"
    live_database.make(path, mode="delete")
    return path


def forget_receipts(path: Path, timeout: float = 0.0) -> None:
    with sqlite3.connect(path, isolation_level=None, timeout=timeout) as database:
        database.execute("BEGIN")
        database.execute("DELETE FROM receipt")
        database.execute("UPDATE total SET receipts = 0")
        database.execute("COMMIT")
    database.close()


def test_between_the_passes_nothing_is_locked_and_in_the_second_the_file_lies_still(changed: Path, tmp_path: Path) -> None:
    image = open_database(changed, CaptureOptions())
    try:
        first = read_all(image)
        forget_receipts(changed)
        assert image.held_seconds == 0
        assert not image.settle()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            forget_receipts(changed)
        second = read_all(image)
        assert second != first
        assert image.settle()
        forget_receipts(changed)  # it let go as soon as it could
        held = image.held_seconds
        assert 0 < held < 10
        time.sleep(0.05)
        assert image.held_seconds == held
        assert live_database.check(second, tmp_path / "copy.db")[2] == 0
    finally:
        image.close()


def test_a_commit_that_changes_the_file_within_the_same_tick_is_seen(changed: Path, tmp_path: Path) -> None:
    for _ in range(5):
        forget_receipts(changed)
        image = open_database(changed, CaptureOptions())
        try:
            read_all(image)
            with sqlite3.connect(changed) as database:
                database.execute("INSERT INTO receipt VALUES (1, 'new')")
                database.execute("UPDATE total SET receipts = 1")
            database.close()
            assert not image.settle()
            content = read_all(image)
            assert image.settle()
        finally:
            image.close()
        assert live_database.check(content, tmp_path / "copy.db")[2] == 1


def test_writers_do_not_wait_for_longer_than_allowed_even_if_the_reader_hangs(changed: Path) -> None:
    image = open_database(changed, CaptureOptions(max_hold=0.3))
    try:
        read_all(image)
        forget_receipts(changed)
        assert not image.settle()
        forget_receipts(changed, timeout=20)  # waits, and then may
        with pytest.raises(SourceBusyError, match=r"longer than 0\.3 s") as caught:
            read_all(image)
        with pytest.raises(SourceBusyError):
            image.settle()
        assert caught.value.exit_code == EXIT_BUSY
        assert "--max-hold" in caught.value.remedy
        assert image.held_seconds == 0.3
    finally:
        image.close()


def test_a_second_pass_finds_a_database_of_another_size_and_page_size(changed: Path, tmp_path: Path) -> None:
    image = open_database(changed, CaptureOptions())
    try:
        unit, length = image.unit, image.length
        read_all(image)
        with sqlite3.connect(changed, isolation_level=None) as database:
            database.execute("PRAGMA page_size = 16384")
            database.execute("VACUUM")
        database.close()
        assert not image.settle()
        assert image.unit == unit
        assert image.length != length
        content = read_all(image)
        assert image.settle()
    finally:
        image.close()
    live_database.check(content, tmp_path / "copy.db")
    assert content == changed.read_bytes()


def test_a_database_that_goes_over_to_a_log_meanwhile_is_read_through_it(changed: Path, tmp_path: Path) -> None:
    image = open_database(changed, CaptureOptions())
    with sqlite3.connect(changed, isolation_level=None) as database:
        try:
            read_all(image)
            database.execute("PRAGMA journal_mode = wal")
            database.execute("DELETE FROM receipt")
            database.execute("UPDATE total SET receipts = 0")
            assert not image.settle()
            content = read_all(image)
            assert image.settle()
        finally:
            image.close()
    database.close()
    assert live_database.check(content, tmp_path / "copy.db")[2] == 0


HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.argv[2:]: database.execute(line)
print("there", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_in_exclusive_locking_mode_is_refused_with_the_remedy(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "live.db"
    live_database.make(path, mode=mode)
    monkeypatch.setattr("chatseal.capture.holder.BUSY_SECONDS", 0.2)
    statements = ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "DELETE FROM receipt", "COMMIT"]
    before = sorted(tmp_path.iterdir())
    with subprocess.Popen([sys.executable, "-c", HOLD, path, *statements], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        with pytest.raises(SourceBusyError) as caught:
            captured.capture(path)
        assert "locking_mode = EXCLUSIVE" in caught.value.remedy
        process.communicate(b"")
    assert {p.name for p in tmp_path.iterdir()} <= {p.name for p in before} | {"live.db-wal", "live.db-journal"}
