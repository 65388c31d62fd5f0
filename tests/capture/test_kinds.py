"""Kinds of files: told by their first bytes, without waiting, following or letting go of a lock."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from capture.sources import database, kinds_of, plant
from chatseal import _pages
from chatseal.capture import kinds
from chatseal.capture.kinds import Kinds

LOCKED = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
"""


@pytest.fixture(params=["apart", "kept"], autouse=True)
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    _pages.keep_descriptors(request.param == "kept")
    yield request.param
    _pages.keep_descriptors(False)


def test_each_file_is_what_its_first_bytes_say(tmp_path: Path) -> None:
    database(tmp_path / "database")
    plant(
        tmp_path,
        {
            "wal little": b"\x37\x7f\x06\x82",
            "wal big": b"\x37\x7f\x06\x83more",
            "journal": b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
            "tag": b"Signature: 8a477f597d28d172789f06886806bc55",
            "empty": b"",
            "nearly": b"SQLite format 3",
            "text": b"SQLite format 3 is a fine format",
            "folder/": b"",
        },
    )
    os.mkfifo(tmp_path / "pipe")
    os.symlink("database", tmp_path / "link")
    names = [
        "database",
        "wal little",
        "wal big",
        "journal",
        "tag",
        "empty",
        "nearly",
        "text",
        "folder",
        "pipe",
        "link",
        "not there",
        "n\xe4",
    ]
    known = [kinds.DATABASE, kinds.WAL, kinds.WAL, kinds.JOURNAL, kinds.CACHE]
    with Kinds() as lookup:
        assert list(lookup.of(str(tmp_path), names)) == known + [kinds.OTHER] * 8
        assert lookup.of(str(tmp_path), []) == b""
        assert lookup.of(str(tmp_path / "gone"), ["a", "b"]) == bytes([kinds.OTHER] * 2)
        many = ["database", "text"] * 2000
        assert lookup.of(str(tmp_path), many) == bytes([kinds.DATABASE, kinds.OTHER] * 2000)


def test_a_walk_lets_go_of_no_lock_of_this_process(tmp_path: Path, mode: str) -> None:
    path = database(tmp_path / "chat.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            assert kinds_of([tmp_path])[0] == {tmp_path.name: "folder", f"{tmp_path.name}/chat.db": "database"}
        said = subprocess.run([sys.executable, "-c", LOCKED, path], check=True, capture_output=True, text=True).stdout
        assert said == "database is locked\n", f"{mode}: another process may write into this transaction"
        connection.execute("ROLLBACK")


def test_looking_leaves_nothing_open(tmp_path: Path, mode: str) -> None:
    plant(tmp_path, {f"{i}": bytes(1000) for i in range(50)})
    with Kinds() as lookup:
        lookup.of(str(tmp_path), ["1"])
    before = len(os.listdir("/dev/fd"))
    with Kinds() as lookup:
        assert lookup.of(str(tmp_path), os.listdir(tmp_path)) == bytes(50)
    assert len(os.listdir("/dev/fd")) == before
    assert kinds.OTHER == 0


def test_a_zero_byte_in_a_name_is_refused(tmp_path: Path, mode: str) -> None:
    anchor = _pages.File(b"/")
    try:
        for folder, name in ((b"/", b"a\0b"), (b"/\0", b"a")):
            with pytest.raises(ValueError):
                _pages.kinds(anchor, folder, [name])
    finally:
        anchor.close()
