"""Databases in WAL mode that nobody has open, with or without a log that was copied along with them, as from a phone."""

import shutil
import sqlite3
from pathlib import Path

import pytest

import captured
import live_database
import wal_oracle
from captured import keep, read_all
from chatseal.capture.database import open_database
from chatseal.capture.options import CaptureOptions
from chatseal.errors import CaptureError, SourceChangedError


def forget_receipts(database: sqlite3.Connection) -> None:
    database.execute("BEGIN")
    database.execute("DELETE FROM receipt")
    database.execute("UPDATE total SET receipts = 0")
    database.execute("COMMIT")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A database and its log, copied while it was open and nobody wrote."""
    source, folder = tmp_path / "source.db", tmp_path / "copied"
    folder.mkdir()
    live_database.make(source)
    with sqlite3.connect(source, isolation_level=None) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        forget_receipts(database)
        for suffix in ("", "-wal"):
            shutil.copy(f"{source}{suffix}", folder / f"msgstore.db{suffix}")
    database.close()
    return folder / "msgstore.db"


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def test_the_log_is_laid_over_the_database_and_nothing_is_written(pair: Path, tmp_path: Path) -> None:
    before = names(pair), pair.read_bytes(), log_of(pair).read_bytes()
    content = captured.capture(pair)
    assert live_database.check(content, tmp_path / "copy.db")[2] == 0
    assert (names(pair), pair.read_bytes(), log_of(pair).read_bytes()) == before
    assert names(pair) == ["msgstore.db", "msgstore.db-wal"]


@pytest.mark.parametrize("size", [512, 1024, 4096, 65536])
def test_it_is_what_sqlite_makes_of_the_pair(tmp_path: Path, size: int) -> None:
    source, path = tmp_path / "source.db", tmp_path / "pair.db"
    live_database.make(source, page_size=size, auto_vacuum=2)
    with sqlite3.connect(source, isolation_level=None) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("DELETE FROM message WHERE id > 50")
        database.execute("PRAGMA incremental_vacuum")
        database.execute("UPDATE total SET count = (SELECT count(*) FROM message), bytes = (SELECT sum(length(body)) FROM message)")
        shutil.copy(source, path)
        shutil.copy(f"{source}-wal", log_of(path))
        content = captured.capture(path)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    assert content == source.read_bytes()
    live_database.check(content, tmp_path / "copy.db")


def test_a_database_that_was_closed_well_is_copied_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "closed.db"
    live_database.make(path)
    before = names(path)
    assert captured.capture(path) == path.read_bytes()
    assert names(path) == before


def test_what_was_not_committed_in_the_log_does_not_count(pair: Path, tmp_path: Path) -> None:
    log = log_of(pair).read_bytes()
    found = wal_oracle.read(log)
    assert found is not None
    whole = captured.capture(pair)
    step = 24 + 4096
    for cut in (1, step // 2, step):  # the last transaction was one of several frames
        log_of(pair).write_bytes(log[: len(log) - cut])
        content = captured.capture(pair)
        assert content != whole
        assert live_database.check(content, tmp_path / "copy.db")[2] > 0


@pytest.mark.parametrize("damage", ["a byte", "an old log's frames", "zeros"])
def test_frames_after_one_that_does_not_check_are_not_used(pair: Path, tmp_path: Path, damage: str) -> None:
    log = bytearray(log_of(pair).read_bytes())
    if damage == "a byte":
        log[32 + 24 + 4096 + 100] ^= 1
    elif damage == "zeros":
        log[32:] = bytes(len(log) - 32)
    else:
        log[32 + 8 : 32 + 16] = b"oldsalts"
    log_of(pair).write_bytes(log)
    image = open_database(pair, CaptureOptions())
    try:
        content, _ = keep(image)
        assert ["nothing that was committed" in warning for warning in image.warnings()] == [True]
    finally:
        image.close()
    assert content == pair.read_bytes()
    assert live_database.check(content, tmp_path / "copy.db")[2] > 0


def test_a_log_of_another_database_is_refused_and_not_mixed_in(pair: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other, isolation_level=None) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE other (body)")
        database.executemany("INSERT INTO other VALUES (?)", [("x" * 5000,)] * 30)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("UPDATE other SET body = 'y' WHERE rowid BETWEEN 10 AND 20")
        shutil.copy(f"{other}-wal", log_of(pair))
    database.close()
    with pytest.raises(CaptureError, match="do not make a whole database") as caught:
        captured.capture(pair)
    assert "another database's" in caught.value.remedy


def test_a_log_with_pages_of_another_size_is_refused(pair: Path) -> None:
    log_of(pair).write_bytes(wal_oracle.write([wal_oracle.Frame(1, bytes(1024), 1)], 1024))
    with pytest.raises(CaptureError, match="do not make a whole database"):
        captured.capture(pair)


def test_a_log_that_counts_pages_that_are_nowhere_is_refused(pair: Path) -> None:
    page = pair.read_bytes()[:4096]
    log_of(pair).write_bytes(wal_oracle.write([wal_oracle.Frame(1, page, 0xFFFFFFFF)], 4096))
    with pytest.raises(CaptureError, match="do not make a whole database"):
        captured.capture(pair)


def test_a_file_that_is_no_log_is_left_aside_with_a_warning(pair: Path, tmp_path: Path) -> None:
    log_of(pair).write_bytes(b"something else" * 100)
    image = open_database(pair, CaptureOptions())
    try:
        content, _ = keep(image)
        assert len(image.warnings()) == 1
    finally:
        image.close()
    assert content == pair.read_bytes()


def test_a_collation_that_only_the_application_has_is_no_damage(tmp_path: Path) -> None:
    source, path = tmp_path / "source.db", tmp_path / "pair.db"
    with sqlite3.connect(source, isolation_level=None) as database:
        database.create_collation("LOCALIZED", lambda a, b: (a > b) - (a < b))
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE name (text TEXT COLLATE LOCALIZED)")
        database.execute("CREATE INDEX by_name ON name (text)")
        database.executemany("INSERT INTO name VALUES (?)", [(str(i),) for i in range(300)])
        shutil.copy(source, path)
        shutil.copy(f"{source}-wal", log_of(path))
        content = captured.capture(path)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    assert content == source.read_bytes()


def test_an_application_that_opens_it_meanwhile_is_noticed(pair: Path, tmp_path: Path) -> None:
    for _ in range(2):  # once with a log and once without
        image = open_database(pair, CaptureOptions())
        with sqlite3.connect(pair, isolation_level=None) as database:
            try:
                read_all(image)
                database.execute("CREATE TABLE more (body)")
                database.execute("DROP TABLE more")
                assert not image.settle()
                content = read_all(image)
                assert image.settle()
            finally:
                image.close()
        database.close()
        live_database.check(content, tmp_path / "copy.db")


def test_an_application_that_comes_and_goes_each_time_ends_in_an_error(pair: Path) -> None:
    image = open_database(pair, CaptureOptions())

    def come_and_go(number: int) -> bool:
        read_all(image)
        with sqlite3.connect(pair, isolation_level=None) as database:
            database.execute(f"CREATE TABLE more{number} (body)")
        database.close()
        return image.settle()

    try:
        assert not any(come_and_go(number) for number in range(4))
        with pytest.raises(SourceChangedError, match="each of the 5 times"):
            come_and_go(5)
    finally:
        image.close()
