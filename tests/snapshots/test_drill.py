"""A drill restores to nowhere: what it says comes back does, what it says does not does not, and it leaves nothing behind."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from chatseal import Store
from chatseal.drilled import Drilled
from chatseal.errors import StoreFailedError
from chatseal.format.object_names import MAPS, PACKS
from chatseal.snapshots import catalogue, drill, pack_writer, proofs, trial_database
from chatseal.snapshots.drill import DrillOptions
from snapshots.conftest import KEY
from snapshots.scene import backed_up, database, noise
from snapshots.wrapped_store import Bench

MB = 1 << 20


def fill(folder: Path) -> None:
    """A database, a large file, one with a hole, one that is empty, other names of one, a link and a folder."""
    with database(folder / "chat.db", 300):
        pass
    (folder / "photo.jpg").write_bytes(noise(3 * MB + 17))
    with open(folder / "hole", "wb") as file:
        file.truncate(MB)
        file.seek(MB // 2)
        file.write(noise(10))
    (folder / "empty").write_bytes(b"")
    os.link(folder / "photo.jpg", folder / "same.jpg")
    (folder / "link").symlink_to("photo.jpg")
    (folder / "below").mkdir()


def pages(path: Path) -> list[Path]:
    """Files that are there, also ones in memory."""
    return sorted(found for found in path.rglob("chatseal-drill-*"))


def test_what_comes_back_is_said_with_its_bytes_databases_and_rows(store: Store, source: Path) -> None:
    fill(source)
    backed_up(store, source)
    done = store.drill()
    size = sum((source / name).stat().st_size for name in ("chat.db", "photo.jpg", "hole", "empty"))
    assert (done.entries, done.tried, done.size, done.failed, done.warnings) == (4, 4, size, (), ())
    (found,) = done.databases
    assert (found.path, found.whole, found.tables) == ("source/chat.db", True, (("messages", 300),))
    assert done.snapshot == store.snapshot().id


def test_a_sample_is_a_part_of_the_files_and_another_each_time(store: Store, source: Path) -> None:
    for number in range(40):
        (source / str(number)).write_bytes(noise(1000 + number, number))
    backed_up(store, source)
    found = [store.drill(share=0.1) for _ in range(5)]
    assert {done.tried for done in found} == {4}
    assert {done.entries for done in found} == {40}
    assert len({done.size for done in found}) > 1


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError):
        DrillOptions(share)


def test_every_pack_is_read_from_the_store_though_maps_are_kept_here(store: Store, source: Path, places: Path, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    assert list((places / "cache").rglob("*"))
    shutil.rmtree(tmp_path / "store" / MAPS)
    with pytest.raises(Exception, match="maps/"):
        store.drill()


@pytest.mark.parametrize("name", ["chat.db", "photo.jpg"])
def test_a_damaged_pack_is_found_and_names_what_needs_it(store: Store, source: Path, tmp_path: Path, name: str) -> None:
    fill(source)
    others = {"chat.db", "photo.jpg", "same.jpg", "link"} - {name, "link"}
    for other in others if name == "chat.db" else {"chat.db"}:
        (source / other).unlink()
    backed_up(store, source)
    for pack in (tmp_path / "store" / PACKS).rglob("*"):
        if pack.is_file():
            data = bytearray(pack.read_bytes())
            data[len(data) // 2] ^= 1
            pack.write_bytes(data)
    done = store.drill()
    assert f"source/{name}" in {path for path, _ in done.failed}
    assert proofs.read(store.id) == ()


def test_units_that_are_not_what_the_map_says_are_found_though_every_pack_is_authentic(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench()
    (source / "one").write_bytes(noise(100_000))
    bench.backup(source)
    record = catalogue.read(bench.store).find("latest")

    class Other(drill.Nowhere):
        def write_at(self, offset: int, data: memoryview) -> None:  # type: ignore[override]
            changed = bytearray(data)
            changed[-1] ^= 1
            super().write_at(offset, memoryview(changed))

    assert drill.drill(bench.store, record, DrillOptions()).failed == ()
    monkeypatch.setattr(drill, "Nowhere", Other)
    assert [path for path, _ in drill.drill(bench.store, record, DrillOptions()).failed] == ["source/one"]


def test_a_missing_unit_is_found(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    (source / "one").write_bytes(noise(100_000))
    bench.backup(source)
    record = catalogue.read(bench.store).find("latest")
    monkeypatch.setattr(drill.Nowhere, "write_at", lambda *_: None)
    assert drill.drill(bench.store, record, DrillOptions()).failed == (("source/one", "a part of it never came"),)


def test_a_store_that_does_not_answer_any_more_ends_the_drill(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_writer, "PLAIN", 2 * 65536)
    bench = Bench()
    (source / "one").write_bytes(noise(500_000))
    bench.backup(source)
    record = catalogue.read(bench.store).find("latest")

    def gone(call: str, name: str) -> None:
        raise StoreFailedError("no answer")

    def first_pack(call: str, name: str) -> None:
        if name.startswith(PACKS):
            bench.objects.before = gone
            gone(call, name)

    bench.objects.before = first_pack
    with pytest.raises(StoreFailedError):
        drill.drill(bench.store, record, DrillOptions())


# --- databases -----------------------------------------------------------------------------------------------------------


def broken(path: Path) -> None:
    """A database with an index that lacks rows: SQLite opens it, and `integrity_check` sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE message (text)")
        connection.executemany("INSERT INTO message VALUES (?)", ((str(n),) for n in range(100)))
        connection.execute("CREATE INDEX by_text ON message (text)")
        connection.execute("PRAGMA writable_schema=ON")
        (before,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'by_text'").fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'by_text'")
        connection.execute("PRAGMA writable_schema=RESET")
        connection.execute("INSERT INTO message VALUES ('more')")
        connection.execute(before.replace("by_text", "other"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'other'")
    assert sqlite_says(path) != "ok"


def sqlite_says(path: Path) -> str:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def test_a_database_that_was_broken_when_it_was_backed_up_proves_nothing(store: Store, source: Path) -> None:
    broken(source / "chat.db")
    backed_up(store, source)
    done = store.drill()
    ((path, reason),) = done.failed
    assert path == "source/chat.db"
    assert "but SQLite says" in reason
    assert not done.databases[0].whole
    assert proofs.read(store.id) == ()


def test_what_sqlite_lacks_an_extension_for_is_a_warning_and_the_rows_are_counted(store: Store, source: Path) -> None:
    with closing(sqlite3.connect(source / "chat.db", isolation_level=None)) as connection:
        connection.create_collation("PHONE", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE TABLE contact (name TEXT COLLATE PHONE)")
        connection.execute("CREATE INDEX by_name ON contact (name)")
        connection.executemany("INSERT INTO contact VALUES (?)", (("b",), ("a",)))
    backed_up(store, source)
    done = store.drill()
    assert done.failed == ()
    assert "PHONE" in done.warnings[0]
    assert done.databases[0].tables == (("contact", 2),)


def test_names_of_tables_are_taken_as_they_are_and_views_and_triggers_are_left_alone(store: Store, source: Path) -> None:
    with closing(sqlite3.connect(source / "chat.db", isolation_level=None)) as connection:
        connection.execute('CREATE TABLE "a""b; DROP" (x)')
        connection.execute('INSERT INTO "a""b; DROP" VALUES (1)')
        connection.execute("CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
    backed_up(store, source)
    assert store.drill().databases[0].tables == (('a"b; DROP', 1),)


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "on disk"])
def test_the_file_for_sqlite_has_no_name_while_anything_is_in_it(
    store: Store, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if in_memory and not trial_database.fits_in_memory(MB):
        pytest.skip("this machine has no place in memory for files")
    monkeypatch.setattr(trial_database, "fits_in_memory", lambda _: in_memory)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    fill(source)
    backed_up(store, source)
    seen: list[int] = []
    write = trial_database.TrialDatabase.write_at

    def watched(self: trial_database.TrialDatabase, offset: int, data: memoryview) -> None:
        about = os.fstat(self.descriptor)
        seen.append(about.st_nlink)
        assert about.st_mode & 0o777 == 0o600
        assert os.readlink(f"/proc/self/fd/{self.descriptor}").startswith(str(trial_database.MEMORY if in_memory else temporary))
        write(self, offset, data)

    monkeypatch.setattr(trial_database.TrialDatabase, "write_at", watched)
    assert store.drill().databases[0].whole
    assert set(seen) == {0}
    assert pages(temporary) == pages(trial_database.MEMORY) == []


KILLED = """
import os, signal, sys
from chatseal import BackupKey, Store
from chatseal.snapshots import trial_database
def judge(self, size):
    print("there", flush=True)
    signal.pause()
trial_database.TrialDatabase.judge = judge
trial_database.fits_in_memory = lambda _: False
with Store(sys.argv[1], BackupKey(bytes(range(32)))) as store:
    store.drill()
"""


def test_a_drill_that_is_killed_leaves_no_plaintext(store: Store, source: Path, tmp_path: Path) -> None:
    with database(source / "chat.db", 300):
        pass
    backed_up(store, source)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    words = [sys.executable, "-c", KILLED, str(tmp_path / "store")]
    with subprocess.Popen(words, env={**os.environ, "TMPDIR": str(temporary)}, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"there\n"
        running.send_signal(signal.SIGKILL)
    assert list(temporary.rglob("*")) == []


def test_all_of_a_disk_that_is_full_is_said_once(store: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    fill(source)
    backed_up(store, source)
    before = trial_database.TrialDatabase.__init__

    def full(self: trial_database.TrialDatabase, size: int) -> None:
        before(self, size)
        descriptor = os.open("/dev/full", os.O_RDWR)
        os.dup2(descriptor, self.descriptor)
        os.close(descriptor)

    monkeypatch.setattr(trial_database.TrialDatabase, "__init__", full)
    with pytest.raises(OSError, match="No space left"):
        store.drill()


# --- what is remembered --------------------------------------------------------------------------------------------------


def proof(store: Store, drilled: Drilled, now: float) -> None:
    proofs.keep(store.id, store.snapshot().record.manifest, drilled, now=now)


def test_when_and_of_what_it_was_proven_is_remembered(store: Store, source: Path) -> None:
    fill(source)
    backed_up(store, source)
    before = int(time.time())
    done = store.drill()
    snapshot = store.snapshot()
    found = proofs.of(store.id, snapshot.host, snapshot.sources)
    assert found is not None
    assert found.snapshot == done.snapshot
    assert before <= found.proven <= time.time()
    assert (found.entries, found.tried, found.size, found.rows, found.is_whole) == (4, 4, done.size, 300, True)
    assert proofs.of(store.id, "elsewhere", snapshot.sources) is None


def test_a_sample_does_not_stand_in_for_the_whole_and_the_newest_of_each_is_kept(store: Store, source: Path) -> None:
    for number in range(4):
        (source / str(number)).write_bytes(noise(100, number))
    backed_up(store, source)
    snapshot, whole, sample = store.snapshot(), store.drill(), store.drill(share=0.5)
    for now, drilled in ((1000, sample), (2000, whole), (3000, sample), (4000, sample)):
        proof(store, drilled, now)
    assert [(one.proven, one.tried) for one in proofs.read(store.id)[-2:]] == [(2000, 4), (4000, 2)]
    found = proofs.of(store.id, snapshot.host, snapshot.sources)
    assert found is not None
    assert (found.is_whole, found.proven) == (True, 2000)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"version":2,"proofs":[]}', b'{"version":1,"proofs":[{}]}', b"\xff" * 100])
def test_a_file_that_makes_no_sense_proves_nothing_and_stops_nothing(store: Store, source: Path, text: bytes) -> None:
    (source / "one").write_bytes(b"1")
    backed_up(store, source)
    proofs.path_of(store.id).parent.mkdir(parents=True)
    proofs.path_of(store.id).write_bytes(text)
    assert proofs.read(store.id) == ()
    store.drill()
    assert len(proofs.read(store.id)) == 1


def test_without_a_place_to_remember_things_a_drill_still_says_what_it_found(
    source: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "one").write_bytes(b"1")
    backed_up(store, source)
    monkeypatch.setenv("CHATSEAL_STATE_DIR", "/dev/null/nowhere")
    with Store(store.url, KEY) as other:
        assert other.drill().failed == ()
