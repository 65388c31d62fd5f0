"""What was backed up comes back, of every snapshot, whatever happened to the sources in between."""

import io
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatseal import BackupOptions, RestoreOptions, Store
from chatseal.errors import CaptureError, NoStoreError, TargetExistsError
from chatseal.snapshots.marker import ENDING
from snapshots.conftest import KEY
from snapshots.scene import PAGE, add_messages, backed_up, database, described, noise, rows_of

UNIT = 65536


def make_tree(folder: Path) -> None:
    """A bit of everything that a folder can hold."""
    (folder / "media" / "deep").mkdir(parents=True)
    (folder / "empty folder").mkdir(mode=0o700)
    (folder / "empty").touch()
    for number, length in enumerate((1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT + 5)):
        (folder / "media" / f"{number}.jpg").write_bytes(noise(length, number))
    (folder / "media" / "zeros").write_bytes(bytes(2 * UNIT + 100))
    (folder / "media" / "deep" / "line\nbreak \u2603").write_bytes(b"named by a poet")
    Path(os.fsdecode(os.fsencode(folder) + b"/media/caf\xe9")).write_bytes(b"not UTF-8")
    (folder / "link").symlink_to("media/1.jpg")
    (folder / "dangling").symlink_to("../nowhere")
    os.link(folder / "media" / "1.jpg", folder / "media" / "same.jpg")
    with open(folder / "sparse", "wb") as file:
        file.seek(5 * UNIT)
        file.write(b"end")
    (folder / "media" / "0.jpg").chmod(0o444)
    os.utime(folder / "media" / "2.jpg", ns=(1, 1_234_567_890_123_456_789))
    os.utime(folder / "empty folder", ns=(1, 987_654_321))


def test_a_folder_comes_back_as_it_was(store: Store, source: Path, tmp_path: Path) -> None:
    make_tree(source)
    done = backed_up(store, source)
    result = store.snapshot().restore(tmp_path / "out")
    assert (result.failed, result.snapshot) == ((), done.snapshot)
    assert described(tmp_path / "out" / "source") == described(source)
    assert (tmp_path / "out" / "source" / "sparse").stat().st_blocks * 512 < 3 * UNIT
    assert store.check(share=1.0).broken == ()


def test_unchanged_files_are_not_read_again_and_add_nothing(store: Store, source: Path) -> None:
    make_tree(source)
    first = backed_up(store, source)
    second = backed_up(store, source)
    assert (second.bytes_read, second.packs, second.parent) == (0, 0, first.snapshot)
    assert second.bytes_added < 8192  # a manifest


def test_every_day_comes_back(store: Store, source: Path, tmp_path: Path) -> None:
    days = []
    with database(source / "chat.db") as connection:
        for day in range(6):
            add_messages(connection, 40, seed=100 + day)
            if day == 3:
                connection.execute("DELETE FROM messages WHERE id % 3 = 0")
                connection.execute("VACUUM")
            if day == 4:
                connection.execute("DELETE FROM messages WHERE id > 300")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (source / f"{day}.txt").write_bytes(noise(1000, day))
            (source / f"{day - 2}.txt").unlink(missing_ok=True)
            done = backed_up(store, source)
            days.append((done.snapshot, connection.execute("SELECT * FROM messages ORDER BY id").fetchall()))
    for number, (snapshot, rows) in enumerate(days):
        out = tmp_path / f"day {number}"
        assert store.snapshot(snapshot).restore(out).failed == ()
        assert rows_of(out / "source" / "chat.db") == rows
        texts = {path.name for path in (out / "source").glob("*.txt")}
        assert texts == {f"{day}.txt" for day in range(max(0, number - 1), number + 1)}
    assert store.check(share=1.0).broken == ()


def test_a_day_sends_the_pages_that_changed(store: Store, source: Path) -> None:
    with database(source / "chat.db", 20_000) as connection:
        first = backed_up(store, source)
        connection.execute("UPDATE messages SET text = 'other' WHERE id = 9000")
        second = backed_up(store, source)
    assert first.size > 1_000_000
    assert second.bytes_read == second.size
    assert second.bytes_added < 30_000  # one page, in objects of 5 kB each at least


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_sequence_of_changes_to_a_file(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("changes")
    file, states = folder / "file", []
    file.write_bytes(b"")
    edges = [0, 1, UNIT - 1, UNIT, UNIT + 1, 2 * UNIT, 17 * UNIT, 17 * UNIT + 3]
    with Store.create(folder / "store", KEY) as store:
        for seed in range(data.draw(st.integers(1, 5))):
            at, length = data.draw(st.sampled_from(edges)), data.draw(st.sampled_from(edges))
            with open(file, "r+b") as opened:
                if data.draw(st.booleans()):
                    opened.truncate(at)
                else:
                    opened.seek(at)
                    opened.write(bytes(length) if data.draw(st.booleans()) else noise(length, seed))
            states.append((backed_up(store, file).snapshot, file.read_bytes()))
        for number, (snapshot, content) in enumerate(states):
            store.snapshot(snapshot).restore(folder / f"out{number}")
            assert (folder / f"out{number}" / "file").read_bytes() == content
            with store.snapshot(snapshot).open("file") as opened:
                assert opened.read() == content
        assert store.check(share=1.0).broken == ()


def test_a_part_of_a_snapshot(store: Store, source: Path, tmp_path: Path) -> None:
    make_tree(source)
    backed_up(store, source)
    snapshot = store.snapshot()
    snapshot.restore(tmp_path / "part", "source/media/deep", "source/media/same.jpg")
    found = described(tmp_path / "part" / "source")
    assert set(found) == {"media", "media/deep", "media/deep/line\nbreak \u2603", "media/same.jpg"}
    assert (tmp_path / "part/source/media/same.jpg").read_bytes() == noise(UNIT - 1, 1)
    with pytest.raises(NoStoreError):
        snapshot.restore(tmp_path / "none", "source/medi")


def test_one_file_to_a_path_a_stream_and_as_a_file_object(store: Store, source: Path, tmp_path: Path) -> None:
    make_tree(source)
    backed_up(store, source)
    snapshot, content = store.snapshot(), noise(3 * UNIT + 5, 4)
    snapshot.restore_file("source/media/4.jpg", tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == content
    with pytest.raises(TargetExistsError):
        snapshot.restore_file("source/media/4.jpg", tmp_path / "one")
    snapshot.restore_file("source/media/3.jpg", tmp_path / "one", options=RestoreOptions(overwrite=True))
    assert (tmp_path / "one").read_bytes() == noise(UNIT + 1, 3)
    stream = io.BytesIO()
    assert snapshot.write_to("source/media/4.jpg", stream) == len(content)
    assert stream.getvalue() == content
    with snapshot.open("source/media/4.jpg") as file:
        for at in (0, 1, UNIT - 1, UNIT, 2 * UNIT + 7, len(content) - 3, len(content), len(content) + 9):
            for length in (0, 1, 100, UNIT, 2 * UNIT + 1):
                file.seek(at)
                assert file.read(length) == content[at : at + length]
    with pytest.raises(NoStoreError):
        snapshot.open("source/media")


def test_a_database_is_read_as_a_file(store: Store, source: Path) -> None:
    with database(source / "chat.db", 3000, page_size=PAGE):
        backed_up(store, source)
    with store.snapshot().open("source/chat.db") as file:
        assert file.read(16) == b"SQLite format 3\0"
        connection = sqlite3.connect(":memory:")
        file.seek(0)
        image = bytearray(b"".join(iter(lambda: file.read(100_000), b"")))
        image[18:20] = b"\x01\x01"  # a database in memory has no WAL
        connection.deserialize(bytes(image))
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (3000,)
        connection.close()


def test_into_an_existing_database_only_what_differs_is_written(store: Store, source: Path, tmp_path: Path) -> None:
    with database(source / "chat.db", 20_000) as connection:
        backed_up(store, source)
        store.snapshot().restore(tmp_path / "out")
        connection.execute("UPDATE messages SET text = 'other' WHERE id = 9000")
        add_messages(connection, 500, seed=77)
        backed_up(store, source)
        rows = connection.execute("SELECT * FROM messages ORDER BY id").fetchall()
    done = store.snapshot().restore(tmp_path / "out", options=RestoreOptions(in_place=True))
    assert done.failed == ()
    assert 0 < done.bytes_written < done.size / 4
    assert rows_of(tmp_path / "out" / "source" / "chat.db") == rows
    again = store.snapshot().restore(tmp_path / "out", options=RestoreOptions(in_place=True))
    assert again.bytes_written == 0


def test_streams(store: Store, tmp_path: Path) -> None:
    for length in (0, 1, UNIT, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 * (1 << 20) + 17):
        done = store.backup(streams={"dump": io.BytesIO(noise(length))})
        assert (done.size, done.skipped) == (length, ())
        out = io.BytesIO()
        store.snapshot().write_to("dump", out)
        assert out.getvalue() == noise(length)
    again = store.backup(streams={"dump": io.BytesIO(noise(length))})
    assert again.packs == 0


def test_a_command_that_fails_leaves_no_snapshot(store: Store) -> None:
    store.backup(streams={"dump": ["sh", "-c", "echo half"]})
    with pytest.raises(CaptureError):
        store.backup(streams={"dump": ["sh", "-c", "echo half; exit 3"]})
    assert len(store.snapshots()) == 1


def test_a_source_that_is_not_there_is_named_and_the_others_are_backed_up(store: Store, source: Path) -> None:
    (source / "a").write_bytes(b"a")
    done = store.backup(source, source.parent / "missing")
    assert [path for path, _ in done.skipped] == [str(source.parent / "missing")]
    assert {entry.path for entry in store.snapshot().entries()} == {"source", "source/a"}


def test_tags_and_what_a_snapshot_says_of_itself(store: Store, source: Path) -> None:
    (source / "a").write_bytes(b"abc")
    store.backup(source, options=BackupOptions(tags=("weekly", "before update")))
    manifest = store.snapshot().record.manifest
    assert (manifest.tags, manifest.sources, manifest.size) == (("weekly", "before update"), (str(source),), 3)
    assert (manifest.sequence, manifest.previous) == (1, "")
    backed_up(store, source)
    second = store.snapshot().record.manifest
    assert (second.sequence, second.previous) == (2, store.snapshots()[0].record.name)


def test_a_file_that_is_half_restored_is_not_taken_for_one(store: Store, source: Path) -> None:
    (source / "a").write_bytes(b"half this, half that")
    (source / f"a{ENDING}").touch()
    done = store.backup(source)
    assert [path for path, _ in done.skipped] == [str(source / "a")]
    assert "restore into it did not finish" in done.skipped[0][1]


def test_what_was_deleted_does_not_travel_when_scrubbed(store: Store, source: Path, tmp_path: Path) -> None:
    with database(source / "chat.db", 2000) as connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("UPDATE messages SET text = 'what nobody shall read ' || id WHERE id % 2")
        connection.execute("DELETE FROM messages WHERE id % 2")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = connection.execute("SELECT * FROM messages ORDER BY id").fetchall()
        assert b"what nobody shall read" in (source / "chat.db").read_bytes()
        done = store.backup(source, options=BackupOptions(scrub=True))
        assert (done.skipped, done.warnings) == ((), ())
    store.snapshot().restore(tmp_path / "out")
    assert b"what nobody shall read" not in (tmp_path / "out" / "source" / "chat.db").read_bytes()
    assert rows_of(tmp_path / "out" / "source" / "chat.db") == rows
