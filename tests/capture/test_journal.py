"""Databases that a program left in the middle of a transaction when it crashed, with a journal to roll it back."""

import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import captured
import live_database
from captured import keep, read_all
from chatseal import _pages
from chatseal.capture.database import open_database
from chatseal.capture.journal import Journal
from chatseal.capture.options import CaptureOptions
from chatseal.errors import CaptureError

CRASH = """
import os, random, sqlite3, sys
path, mode, synchronous, rounds = sys.argv[1:5]
database = sqlite3.connect(path, isolation_level=None)
database.execute(f"PRAGMA journal_mode = {mode}")
database.execute(f"PRAGMA synchronous = {synchronous}")
database.execute("PRAGMA cache_size = 5")  # so that half of the transaction is in the file already
for other in sys.argv[5:]:
    database.execute("ATTACH ? AS other", (other,))
    database.execute("BEGIN")
    database.execute("CREATE TABLE other.more AS SELECT * FROM message")
if len(sys.argv) == 5:
    database.execute("BEGIN")
chance = random.Random(3)
for _ in range(int(rounds)):
    database.execute("UPDATE message SET body = ? WHERE id % 3 = ?", (chance.randbytes(700), chance.randrange(3)))
    database.execute("DELETE FROM receipt WHERE message % 7 = ?", (chance.randrange(7),))
database.execute("INSERT INTO message (chat, body) SELECT chat, body FROM message")
os.kill(os.getpid(), 9)
"""


def crash(path: Path, mode: str = "delete", synchronous: str = "FULL", rounds: int = 3, other: Path | None = None) -> bytes:
    """Let a program crash in a transaction; return the database as it was before."""
    before = path.read_bytes()
    command = [sys.executable, "-c", CRASH, str(path), mode, synchronous, str(rounds)]
    subprocess.run(command + ([str(other)] if other else []), check=False, timeout=60)
    assert path.read_bytes() != before
    return before


def journal_of(path: Path) -> Path:
    return path.with_name(path.name + "-journal")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "live.db"
    live_database.make(path, mode="delete")
    return path


@pytest.mark.parametrize("size", [512, 4096, 65536])
@pytest.mark.parametrize(("mode", "synchronous"), [("delete", "FULL"), ("persist", "NORMAL"), ("truncate", "OFF"), ("delete", "EXTRA")])
def test_the_copy_is_of_before_the_transaction_and_nothing_is_written(tmp_path: Path, size: int, mode: str, synchronous: str) -> None:
    path = tmp_path / "live.db"
    live_database.make(path, mode=mode, page_size=size, rows=100)
    before = crash(path, mode, synchronous)
    there = {file: file.read_bytes() for file in tmp_path.iterdir()}
    image = open_database(path, CaptureOptions())
    try:
        content, reads = keep(image)
        assert reads == 1
        assert "in the middle of a transaction" in image.warnings()[0]
    finally:
        image.close()
    assert content == before
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == there


def test_it_is_what_sqlite_makes_of_it(path: Path, tmp_path: Path) -> None:
    crash(path, rounds=30)
    content = captured.capture(path)
    again = tmp_path / "again.db"
    shutil.copy(path, again)
    shutil.copy(journal_of(path), journal_of(again))
    with sqlite3.connect(again) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    assert content == again.read_bytes()
    live_database.check(content, tmp_path / "copy.db")


def test_sqlite_rolls_back_in_the_source_if_that_is_allowed(path: Path) -> None:
    before = crash(path)
    assert captured.capture(path, CaptureOptions(allow_rollback=True)) == before
    assert path.read_bytes() == before
    assert not journal_of(path).exists()


def test_a_program_that_comes_and_rolls_back_meanwhile_is_noticed(path: Path) -> None:
    before = crash(path)
    image = open_database(path, CaptureOptions())
    try:
        read_all(image)
        with sqlite3.connect(path) as database:
            database.execute("SELECT * FROM total").fetchall()
        database.close()
        assert not image.settle()
        assert read_all(image) == before
        assert image.settle()
    finally:
        image.close()


def test_a_program_that_crashes_between_the_passes_is_rolled_back_in_the_copy(path: Path) -> None:
    image = open_database(path, CaptureOptions())
    try:
        read_all(image)
        before = crash(path)
        assert not image.settle()
        assert read_all(image) == before
        assert image.settle()
    finally:
        image.close()


def test_a_transaction_over_several_databases_is_refused_with_the_remedy(path: Path, tmp_path: Path) -> None:
    """Whether it was committed can only be told from the super-journal; so write one's name at the end, as SQLite does."""
    crash(path)
    name = bytes(tmp_path / "live.db-mj12345678")
    Path(name.decode()).write_bytes(bytes(journal_of(path)) + b"\0")
    number = (1 << 30) // 4096 + 1
    with journal_of(path).open("ab") as journal:
        end = (
            number.to_bytes(4, "big")
            + name
            + len(name).to_bytes(4, "big")
            + sum(name).to_bytes(4, "big")
            + b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
        )
        journal.write(end)
    with pytest.raises(CaptureError, match="over several databases") as caught:
        captured.capture(path)
    assert "rolls back" in caught.value.remedy


def test_a_journal_that_is_kept_for_the_next_transaction_is_no_hot_one(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    live_database.make(path, mode="persist")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = persist")
        database.execute("UPDATE total SET count = count")
    database.close()
    assert journal_of(path).stat().st_size > 0
    assert captured.capture(path) == path.read_bytes()


@given(data=st.data())
def test_no_journal_makes_the_reader_fail_in_another_way_than_said(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    source = folder / "hot.journal"
    if not source.exists():
        path = folder / "hot.db"
        live_database.make(path, mode="delete", rows=60)
        crash(path, rounds=2)
        shutil.copy(journal_of(path), source)
    journal = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        journal[data.draw(st.integers(0, 40) | st.integers(0, len(journal) - 1))] ^= data.draw(st.integers(1, 255))
    del journal[data.draw(st.just(len(journal)) | st.integers(0, len(journal))) :]
    (folder / "journal").write_bytes(journal)
    file = _pages.File(bytes(folder / "journal"))
    try:
        found = Journal.read(file, 4096, "name")
    except CaptureError:
        return
    if found is not None:
        assert len(found.numbers) == len(found.offsets) <= len(journal) // 4096
        assert all(offset + 4096 <= len(journal) for offset in found.offsets)


def test_a_journal_of_random_bytes_is_none(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(random.Random(1).randbytes(100_000))
    assert Journal.read(_pages.File(bytes(tmp_path / "journal")), 4096, "name") is None
