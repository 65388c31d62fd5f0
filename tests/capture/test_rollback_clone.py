"""On a file system that copies by reference, a database that nobody can be asked to wait for long is copied so."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import captured
import live_database
from captured import keep
from chatseal.capture.database import open_database
from chatseal.capture.options import CaptureOptions
from chatseal.errors import CaptureError


@pytest.fixture(scope="module")
def btrfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on Btrfs."""
    if shutil.which("mkfs.btrfs") is None:
        pytest.skip("there is no mkfs.btrfs to make a file system with")
    disk, folder = tmp_path_factory.mktemp("disk") / "image", tmp_path_factory.mktemp("btrfs")
    with disk.open("wb") as file:
        file.truncate(150 << 20)
    subprocess.run(["mkfs.btrfs", "-q", disk], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", disk, folder], check=False, capture_output=True).returncode != 0:
        pytest.skip("only who may mount can try this")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def clones(btrfs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = btrfs / "temporary"
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_writers_wait_for_a_moment_and_the_copy_is_of_that(btrfs: Path, clones: Path, tmp_path: Path) -> None:
    path = btrfs / "live.db"
    live_database.make(path, mode="delete")
    before = sorted(btrfs.iterdir())
    image = open_database(path, CaptureOptions())
    try:
        with sqlite3.connect(path, isolation_level=None) as database:
            database.execute("BEGIN")
            database.execute("DELETE FROM receipt")
            database.execute("UPDATE total SET receipts = 0")
            database.execute("COMMIT")
        database.close()
        content, reads = keep(image)
        assert reads == 1
        assert 0 < image.held_seconds < 5
        assert sorted(btrfs.iterdir()) == before
        assert not list(clones.iterdir())
    finally:
        image.close()
    assert live_database.check(content, tmp_path / "copy.db")[2] > 0


def test_every_copy_is_whole_while_a_process_writes(btrfs: Path, clones: Path, tmp_path: Path) -> None:
    path = btrfs / "busy.db"
    live_database.make(path, mode="delete", auto_vacuum=1)
    with live_database.writer(path, "delete"):
        for _ in range(4):
            live_database.check(captured.capture(path), tmp_path / "copy.db")


def test_an_encrypted_database_is_copied_at_one_moment_or_refused_if_in_use(btrfs: Path, clones: Path) -> None:
    path = btrfs / "encrypted.db"
    before = b"\xa5" * 8192
    path.write_bytes(before)
    image = open_database(path, CaptureOptions())
    try:
        path.write_bytes(b"\x5a" * 8192)
        assert keep(image) == (before, 1)
    finally:
        image.close()
    (btrfs / "encrypted.db-wal").write_bytes(b"x")
    with pytest.raises(CaptureError, match="in use"):
        captured.capture(path)


def test_without_a_place_for_the_copy_there_are_two_passes(btrfs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = btrfs / "passes.db"
    live_database.make(path, mode="delete")
    image = open_database(path, CaptureOptions())
    try:
        with sqlite3.connect(path, isolation_level=None) as database:
            database.execute("DELETE FROM receipt")
            database.execute("UPDATE total SET receipts = 0")
        database.close()
        content, reads = keep(image)
        assert reads == 2
    finally:
        image.close()
    assert live_database.check(content, tmp_path / "copy.db")[2] == 0
