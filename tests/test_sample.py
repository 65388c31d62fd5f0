"""`chatseal.sample`: a database that SQLite finds whole, of the size asked for, and as compressible as a real one."""

import base64
import os
import re
import sqlite3
import statistics
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pyzstd

from chatseal.sample import MIN_SIZE, Summary, write_sample

SIZE, SEED, MIB = 8_000_000, 1, 1 << 20
SMALL = 1_500_000  # for what does not depend on the size
TABLES = {"chats": "chat", "messages": "message", "media": "message_media", "thumbnails": "message_thumbnail"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    path = tmp_path_factory.mktemp("sample") / "msgstore.db"
    return path, write_sample(path, SIZE, seed=SEED)


@pytest.fixture
def database(written: tuple[Path, Summary]) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(written[0])) as connection:
        yield connection


@pytest.mark.parametrize("size", [4_000_000, 5_678_901, 12_000_000])
def test_the_size_is_met_within_two_percent(tmp_path: Path, size: int) -> None:
    held = write_sample(tmp_path / "msgstore.db", size)
    assert held.bytes == (tmp_path / "msgstore.db").stat().st_size
    assert held.bytes == pytest.approx(size, rel=0.02)


def test_the_summary_counts_what_the_file_holds(written: tuple[Path, Summary], database: sqlite3.Connection) -> None:
    path, held = written
    assert held.bytes == path.stat().st_size
    for field, table in TABLES.items():
        assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (getattr(held, field),)
        assert getattr(held, field) > 0


def test_the_same_seed_and_size_give_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    contents = []
    for name, seed in (("one", SEED), ("again", SEED), ("other", SEED + 1)):
        write_sample(tmp_path / name, SMALL, seed=seed)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_sqlite_finds_no_fault_in_tables_indexes_and_search_index(database: sqlite3.Connection) -> None:
    assert database.execute("PRAGMA page_size").fetchone() == (4096,)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.execute("INSERT INTO message_fts (message_fts) VALUES ('integrity-check')")


def test_search_finds_exactly_the_messages_that_say_a_word(database: sqlite3.Connection) -> None:
    texts = dict(database.execute("SELECT _id, text_data FROM message WHERE text_data IS NOT NULL"))
    said = {number: set(re.findall(r"[a-z]+", text.lower())) for number, text in texts.items()}
    for word in ("haha", min(said[500]), max(said[5000])):
        expected = [number for number in texts if word in said[number]]
        found = database.execute("SELECT docid FROM message_fts WHERE content MATCH ? ORDER BY docid", (word,))
        assert [number for (number,) in found] == expected != []


@pytest.mark.parametrize("seed", [SEED, 2, 3])
def test_zstd_makes_it_between_2_0_and_2_6_times_smaller(tmp_path: Path, seed: int) -> None:
    write_sample(tmp_path / "msgstore.db", SIZE, seed=seed)
    data = (tmp_path / "msgstore.db").read_bytes()
    in_frames = sum(len(pyzstd.compress(data[at : at + MIB], 3)) for at in range(0, len(data), MIB))
    assert 2.0 < len(data) / in_frames < 2.6
    assert 2.0 < len(data) / len(pyzstd.compress(data, 3)) < 2.6


def test_every_mebibyte_shrinks_about_as_much_as_the_whole(written: tuple[Path, Summary]) -> None:
    data = written[0].read_bytes()
    pieces = [data[at : at + MIB] for at in range(0, len(data) - MIB, MIB)]
    assert all(1.8 < MIB / len(pyzstd.compress(piece, 3)) < 2.9 for piece in pieces)
    assert all(b"\xff\xd8\xff\xe0" in piece for piece in pieces)  # thumbnails everywhere, not in one heap


def test_messages_are_as_long_as_in_chat_and_in_time_order(database: sqlite3.Connection) -> None:
    texts = [text for (text,) in database.execute("SELECT text_data FROM message WHERE text_data IS NOT NULL")]
    assert 5 <= statistics.median(len(text.split()) for text in texts) <= 7
    stamps = [stamp for (stamp,) in database.execute("SELECT timestamp / 1000 FROM message ORDER BY _id")]
    assert stamps == sorted(stamps)


def test_every_reference_leads_somewhere(database: sqlite3.Connection) -> None:
    references = {
        "message.chat_row_id": "chat._id",
        "message.sender_jid_row_id": "jid._id",  # 0 in a chat of two
        "chat.jid_row_id": "jid._id",
        "chat.last_message_row_id": "message._id",
        "receipt_user.receipt_user_jid_row_id": "jid._id",
        "receipt_user.message_row_id": "message._id",
        "message_media.message_row_id": "message._id",
        "message_thumbnail.message_row_id": "message_media.message_row_id",
    }
    for reference, target in references.items():
        (table, column), (other, key) = reference.split("."), target.split(".")
        lost = f"SELECT count(*) FROM {table} WHERE {column} > 0 AND {column} NOT IN (SELECT {key} FROM {other})"
        assert database.execute(lost).fetchone() == (0,), reference


def test_keys_and_hashes_are_random_and_thumbnails_look_like_jpeg(database: sqlite3.Connection) -> None:
    keys = [key for (key,) in database.execute("SELECT key_id FROM message")]
    assert all(re.fullmatch("[0-9A-F]{32}", key) for key in keys)
    assert len(set(keys)) == len(keys)
    media = database.execute("SELECT media_key, file_hash, enc_file_hash FROM message_media").fetchall()
    for key, *hashes in media:
        assert {len(key), *(len(base64.b64decode(text, validate=True)) for text in hashes)} == {32}
    assert len({value for row in media for value in row}) == 3 * len(media)
    thumbnails = [thumbnail for (thumbnail,) in database.execute("SELECT thumbnail FROM message_thumbnail")]
    assert all(thumbnail.startswith(b"\xff\xd8\xff") and 1024 <= len(thumbnail) <= 6200 for thumbnail in thumbnails)


def test_progress_rises_to_the_size(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    write_sample(tmp_path / "msgstore.db", SMALL, progress=lambda done, total: heard.append((done, total)))
    done = [step for step, _ in heard]
    assert done == sorted(done)
    assert {total for _, total in heard} == {SMALL}
    assert SMALL - 4096 < done[-1] <= SMALL


def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        assert any(tmp_path.iterdir())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "msgstore.db", SMALL, progress=fail)
    assert list(tmp_path.iterdir()) == []


def test_the_target_is_absent_until_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "msgstore.db"
    seen: list[bool] = []
    write_sample(target, SMALL, progress=lambda done, total: seen.append(target.exists()))
    assert not any(seen)
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_target_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "kept.db").write_bytes(b"mine")
    (tmp_path / "dangling.db").symlink_to("nowhere")
    for name in ("kept.db", "dangling.db"):
        with pytest.raises(FileExistsError):
            write_sample(tmp_path / name, SMALL)
    assert (tmp_path / "kept.db").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["dangling.db", "kept.db"]


def test_a_target_that_comes_meanwhile_is_refused_and_kept(tmp_path: Path) -> None:
    target = tmp_path / "msgstore.db"

    def arrive(done: int, total: int) -> None:
        target.write_bytes(b"mine")

    with pytest.raises(FileExistsError):
        write_sample(target, SMALL, progress=arrive)
    assert target.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_sample(tmp_path / "nowhere" / "msgstore.db", SMALL)


def test_less_than_a_megabyte_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1000000"):
        write_sample(tmp_path / "msgstore.db", MIN_SIZE - 1)
    assert list(tmp_path.iterdir()) == []
