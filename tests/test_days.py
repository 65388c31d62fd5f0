"""`bench/days.py`: the second day is the first with one more day of an application's life in it, the same each time."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pyzstd

import days
from corpus import noise

SIZE = 8_000_000
PAGE, MIB = days.PAGE, days.MIB


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return days.write_pair(tmp_path_factory.mktemp("days") / "new", SIZE)


@pytest.fixture
def both(pair: tuple[Path, Path]) -> Iterator[sqlite3.Connection]:
    """The second day, with the first attached as `old`."""
    with closing(sqlite3.connect(pair[1])) as connection:
        connection.execute("ATTACH ? AS old", (str(pair[0]),))
        yield connection


def number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def test_the_second_day_is_whole(both: sqlite3.Connection) -> None:
    assert both.execute("PRAGMA main.integrity_check").fetchall() == [("ok",)]
    both.execute("INSERT INTO main.message_fts (message_fts) VALUES ('integrity-check')")


def test_a_share_of_the_messages_is_new_with_all_that_belongs_to_them(both: sqlite3.Connection) -> None:
    last = number(both, "SELECT max(_id) FROM old.message")
    new = number(both, f"SELECT count(*) FROM message WHERE _id > {last}")
    assert new == int(last * days.NEW)
    for table in ("receipt_user", "message_media"):
        assert number(both, f"SELECT count(*) FROM {table} WHERE message_row_id > {last}") > 0
    texts = both.execute(f"SELECT _id, lower(text_data) FROM message WHERE _id > {last} AND text_data IS NOT NULL").fetchall()
    assert len(texts) > new // 2
    assert both.execute(f"SELECT docid, content FROM message_fts WHERE docid > {last}").fetchall() == texts
    start, end = both.execute(f"SELECT min(timestamp), max(timestamp) FROM message WHERE _id > {last}").fetchone()
    assert 0 < end - start < 4 * days.DAY_MS
    assert start >= number(both, "SELECT max(timestamp) FROM old.message")
    assert not number(both, "SELECT count(*) FROM message WHERE chat_row_id NOT IN (SELECT _id FROM chat)")


def test_statuses_changed_and_nothing_else_about_old_messages(both: sqlite3.Connection) -> None:
    joined = "FROM message m JOIN old.message o USING (_id) WHERE m.status"
    assert number(both, f"SELECT count(*) {joined} != o.status") > days.STATUSES * 0.9  # some were deleted after that
    assert number(
        both,
        "SELECT count(*) FROM (SELECT _id, text_data, timestamp FROM message INTERSECT SELECT _id, text_data, timestamp FROM old.message)",
    ) == number(both, "SELECT count(*) FROM message JOIN old.message USING (_id)")


def test_what_is_deleted_is_gone_from_every_table(both: sqlite3.Connection) -> None:
    assert number(both, "SELECT count(*) FROM old.message WHERE _id NOT IN (SELECT _id FROM main.message)") >= 1
    for table, column in (
        ("receipt_user", "message_row_id"),
        ("message_media", "message_row_id"),
        ("message_thumbnail", "message_row_id"),
        ("message_fts", "docid"),
    ):
        assert not number(both, f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT _id FROM message)")


def test_chats_know_their_last_message(both: sqlite3.Connection) -> None:
    assert not number(
        both, "SELECT count(*) FROM chat WHERE last_message_row_id IS NOT (SELECT max(_id) FROM message WHERE chat_row_id = chat._id)"
    )


def test_the_same_seed_makes_the_same_second_day_and_another_another(pair: tuple[Path, Path], tmp_path: Path) -> None:
    days.write_pair(pair[0].parent, SIZE)  # which is there
    assert sorted(path.name for path in pair[0].parent.iterdir()) == ["day1.db", "day2.db"]
    for seed in (days.SEED, days.SEED + 1):
        shutil.copyfile(pair[0], tmp_path / "again")
        days.apply_day(tmp_path / "again", SIZE, seed=seed)
        assert ((tmp_path / "again").read_bytes() == pair[1].read_bytes()) == (seed == days.SEED)


def test_little_changes_and_it_is_measured(pair: tuple[Path, Path]) -> None:
    found = days.changes(*pair)
    assert found.pages == pair[1].stat().st_size // PAGE
    assert 0.02 < found.changed / found.pages < 0.2
    assert f"{found.changed} of {found.pages} pages" in str(found)
    assert str(found.compressed) in str(found)


@pytest.mark.parametrize("changed", [[], [0], [1, 255, 256, 257], [299], range(300)])
@pytest.mark.parametrize("more", [-PAGE, 0, PAGE, 3 * MIB + 100])
def test_changed_pages_are_those_that_differ_at_their_place_and_those_beyond_the_end(changed: list[int], more: int, tmp_path: Path) -> None:
    old = noise(300 * PAGE)
    new = bytearray(old + noise(max(0, more), 1))[: 300 * PAGE + more]
    for page in changed:
        if page * PAGE < len(new):
            new[page * PAGE] ^= 1
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    pages = [bytes(new[at : at + PAGE]) for at in range(0, len(new), PAGE) if new[at : at + PAGE] != old[at : at + PAGE]]
    together = b"".join(pages)
    frames = [pyzstd.compress(together[at : at + MIB], 3) for at in range(0, len(together), MIB)]
    found = days.changes(tmp_path / "old", tmp_path / "new")
    assert (found.pages, found.changed, found.compressed) == (-(-len(new) // PAGE), len(pages), sum(map(len, frames)))
