"""In place: an older file becomes the restored one, only what differs is written, and a stop in between is known."""

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from chatseal.capture.entry import Entry
from chatseal.errors import (
    EXIT_BUSY,
    EXIT_DAMAGED,
    RestoringError,
    TargetBusyError,
    TargetExistsError,
    UnsafePathError,
    exit_code,
)
from chatseal.snapshots import held
from chatseal.snapshots.in_place import HIDDEN, MAGIC, InPlace, check_whole
from chatseal.snapshots.marker import ENDING
from chatseal.snapshots.place import Place
from chatseal.snapshots.tree import Tree
from corpus import noise
from snapshots import old_database
from snapshots.old_database import NEW, OLD, SIDE_FILES, STATES, State, beside, kinds, program

TIME = 1_700_000_000_123_456_789
UNIT, LARGE = 4096, 20480
FILE, DATABASE = Entry("x", "file", mode=0o640, mtime_ns=TIME), Entry("x", "database", mode=0o640, mtime_ns=TIME)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return old_database.whole(tmp_path_factory.mktemp("new") / "db", NEW, mode="wal")


@pytest.fixture
def path() -> Iterator[Path]:
    with old_database.place("msgstore.db") as path:
        yield path


def differences(file: InPlace, content: bytes, unit: int = UNIT) -> list[int]:
    """Offsets of units that the file does not have."""
    offsets = range(0, len(content), unit)
    return [
        offset for offset in offsets if os.pread(file.descriptor, unit, offset)[: len(content) - offset] != content[offset : offset + unit]
    ]


def restore(path: Path, content: bytes, entry: Entry = DATABASE, *, unit: int = UNIT) -> int:
    """Do what a restore does; how many units were written."""
    with InPlace(path) as file:
        found = differences(file, content, unit)
        for offset in found:
            file.write_at(offset, content[offset : offset + unit])
        file.commit(len(content), entry, owner=False)
    return len(found)


def stop_in_the_middle(path: Path, content: bytes) -> None:
    with InPlace(path) as file:
        for offset in differences(file, content)[:-1]:
            file.write_at(offset, content[offset : offset + UNIT])


# --- what comes back ----------------------------------------------------------------------------------------------------

LENGTHS = [0, 1, 15, 16, 17, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT, 3 * UNIT + 5]


@pytest.mark.parametrize("older", LENGTHS)
@pytest.mark.parametrize("newer", LENGTHS)
@pytest.mark.parametrize("begins", [b"", MAGIC], ids=["plain", "like a database"])
def test_any_length_becomes_any_other(begins: bytes, newer: int, older: int, path: Path) -> None:
    content = (begins + noise(newer, 1))[:newer]
    path.write_bytes((begins + noise(older, 2))[:older])
    inode = path.stat().st_ino
    restore(path, content, FILE)
    assert path.read_bytes() == content
    about = path.stat()
    assert (about.st_ino, stat.S_IMODE(about.st_mode), about.st_mtime_ns) == (inode, 0o640, TIME)
    assert not beside(path)


@pytest.mark.parametrize("step", [1, 5, 15, 16, 17, 100, UNIT])
def test_the_first_bytes_of_a_database_come_back_in_pieces_of_any_size(step: int, path: Path, content: bytes) -> None:
    old_database.whole(path)
    with InPlace(path) as file:
        for offset in reversed(range(0, 200, step)):
            file.write_at(offset, content[offset : offset + step])
        assert os.pread(file.descriptor, 16, 0) == HIDDEN
        for offset in range(0, len(content), UNIT):
            file.write_at(offset, content[offset : offset + UNIT])
        file.commit(len(content), DATABASE, owner=False)
    assert path.read_bytes() == content


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_an_older_database_becomes_the_restored_one_in_every_state(state: State, path: Path, content: bytes) -> None:
    state(path)
    restore(path, content)
    assert path.read_bytes() == content
    assert not beside(path)
    assert kinds(path) == {NEW}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_without_a_change_nothing_is_lost_and_no_marker_made(state: State, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state(path)

    def refuse(*args: object) -> None:
        raise AssertionError("a marker was made")

    monkeypatch.setattr("chatseal.snapshots.in_place.Marker", refuse)
    with InPlace(path):
        pass
    assert kinds(path) == {OLD}
    assert restore(path, path.read_bytes()) == 0
    assert kinds(path) == {OLD}
    assert path.stat().st_mtime_ns == TIME
    assert not beside(path)


def test_only_what_differs_is_written(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE chat SET kind = 'changed' WHERE id = 17")
        database.commit()
    assert 1 <= restore(path, content) <= 3
    assert path.read_bytes() == content


def test_what_sqlite_cannot_read_is_restored_and_its_journals_go(path: Path, content: bytes) -> None:
    old_database.encrypted(path)
    with InPlace(path) as file:
        assert set(beside(path)) == {f"{path.name}-wal", f"{path.name}-journal"}
        file.write_at(0, content)
        assert beside(path) == [f"{path.name}{ENDING}"]
        file.commit(len(content), DATABASE, owner=False)
        assert len(file.warnings) == 1
    assert kinds(path) == {NEW}


def test_a_damaged_database_is_restored(path: Path, content: bytes) -> None:
    old_database.with_log(path)
    with path.open("r+b") as file:
        file.write(MAGIC + noise(3 * UNIT))
    restore(path, content)
    assert path.read_bytes() == content
    assert kinds(path) == {NEW}


def test_threads_write_at_once(path: Path, content: bytes) -> None:
    old_database.whole(path)
    with InPlace(path) as file:

        def write(first: int) -> None:
            for offset in range(first * 512, len(content), 4 * 512):
                file.write_at(offset, content[offset : offset + 512])

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        file.commit(len(content), DATABASE, owner=False)
    assert path.read_bytes() == content


def test_bits_that_lend_rights_are_dropped(path: Path) -> None:
    path.write_bytes(b"old")
    path.chmod(0o4755)
    restore(path, b"new", Entry("x", "file", mode=0o6755))
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


# --- a stop in between --------------------------------------------------------------------------------------------------


def test_a_stop_is_known_and_the_half_is_no_database(path: Path, content: bytes) -> None:
    old_database.whole(path)
    check_whole(path)
    stop_in_the_middle(path, content)
    with pytest.raises(RestoringError) as caught:
        check_whole(path)
    assert exit_code(caught.value) == EXIT_DAMAGED
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(RestoringError):
        check_whole(link)
    with closing(sqlite3.connect(path)) as database, pytest.raises(sqlite3.DatabaseError, match="not a database"):
        database.execute("SELECT * FROM chat")


@pytest.mark.parametrize("times", [1, 3])
def test_a_restore_over_a_stopped_one_goes_on(times: int, path: Path, content: bytes) -> None:
    older = old_database.whole(path)
    for _ in range(times):
        stop_in_the_middle(path, content)
    with InPlace(path) as file:
        assert file.was_stopped
        assert len(differences(file, content)) == 2  # the first, and the one that was missing
    assert restore(path, content) == 2
    check_whole(path)
    assert kinds(path) == {NEW}
    stop_in_the_middle(path, older)
    restore(path, older)
    assert kinds(path) == {OLD}


def test_a_stopped_one_is_whole_again_when_nothing_is_left_to_write(path: Path) -> None:
    path.write_bytes(b"content")
    path.with_name(path.name + ENDING).touch()
    assert restore(path, b"content", FILE) == 0
    check_whole(path)
    assert not beside(path)


@pytest.mark.parametrize("kind", ["link", "hard link", "folder"])
def test_a_planted_marker_is_not_written_through(kind: str, path: Path) -> None:
    precious, marker = path.parents[1] / "precious", path.with_name(path.name + ENDING)
    precious.write_bytes(b"precious")
    path.write_bytes(b"old")
    make: dict[str, Callable[[], None]] = {
        "link": lambda: marker.symlink_to(precious),
        "hard link": lambda: marker.hardlink_to(precious),
        "folder": marker.mkdir,
    }
    make[kind]()
    with suppress(OSError):
        restore(path, b"new", FILE)
    assert precious.read_bytes() == b"precious"
    assert marker.exists() == (kind == "folder")


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(state, id=name, marks=[] if name == "with a log" else pytest.mark.soak)
        for name, state in {**STATES, "encrypted": old_database.encrypted}.items()
    ],
)
def test_killed_at_any_call_the_file_is_whole_or_the_marker_stands(state: State, path: Path, content: bytes) -> None:
    nth, killed, seen = 1, True, set()
    while killed:
        for name in os.listdir(path.parent):
            (path.parent / name).unlink()
        state(path)

        def work(nth: int = nth) -> None:
            with InPlace(path) as file:
                old_database.count_down(nth)
                for offset in differences(file, content, LARGE):
                    file.write_at(offset, content[offset : offset + LARGE])
                file.commit(len(content), DATABASE, owner=False)

        killed = old_database.is_killed(work)
        try:
            check_whole(path)
        except RestoringError:
            seen.add("stopped")
        else:
            encrypted = path.read_bytes().startswith(b"encrypted")
            assert not encrypted or len(beside(path)) == 2
            seen |= {OLD} if encrypted else kinds(path)
        if nth % 5 == 0:
            restore(path, content)
            assert kinds(path) == {NEW}
        nth += 1
    assert path.read_bytes() == content
    assert not beside(path)
    assert seen == {OLD, "stopped", NEW}


CALLS = ["open", "pwrite", "ftruncate", "fchmod", "fsync", "unlink", "stat", "pread"]


@pytest.mark.parametrize("call", CALLS)
def test_when_any_call_fails_the_file_is_whole_or_the_marker_stands(
    call: str, path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, nth = getattr(os, call), 0
    opened = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(held, "_settled", lambda place: "settled")
    while True:
        nth, count = nth + 1, 0
        for name in os.listdir(path.parent):
            (path.parent / name).unlink()
        old_database.whole(path)

        def fail(*args: object, nth: int = nth, **options: object) -> object:
            nonlocal count
            count += 1
            if count == nth:
                raise OSError(errno.EIO, "Input/output error")
            return real(*args, **options)

        failed = False
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            try:
                restore(path, content, unit=LARGE)
            except OSError:
                failed = True
        if not path.with_name(path.name + ENDING).exists():
            assert kinds(path) == ({OLD} if failed and path.read_bytes() != content else {NEW})
        if count < nth:
            break
        if nth % 5 == 0:
            restore(path, content)
            assert kinds(path) == {NEW}
    assert not failed
    assert nth > 1
    assert len(os.listdir("/proc/self/fd")) == opened


# --- others who use the file --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_writer_that_holds_the_database_is_not_disturbed(mode: str, path: Path, content: bytes) -> None:
    old_database.whole(path, mode=mode)
    with program(path, "BEGIN IMMEDIATE", "UPDATE chat SET filling = 1") as writer:
        with pytest.raises(TargetBusyError) as caught:
            InPlace(path)
        assert exit_code(caught.value) == EXIT_BUSY
        assert caught.value.remedy
        assert writer.say("COMMIT") == "[]"
        assert writer.say("SELECT count(*) FROM chat WHERE filling = 1") == f"[({old_database.ROWS},)]"
        if mode == "wal":  # who has read once has it open
            with pytest.raises(TargetBusyError):
                InPlace(path)
    restore(path, content)
    assert kinds(path) == {NEW}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_nobody_reads_or_writes_while_it_is_held(mode: str, path: Path, content: bytes) -> None:
    old_database.whole(path, mode=mode)
    with program(path) as early, InPlace(path) as file, program(path) as late:
        for statement in ("SELECT * FROM chat", "BEGIN IMMEDIATE", "PRAGMA journal_mode = DELETE"):
            assert "locked" in early.say(statement)
            assert "locked" in late.say(statement)
        file.write_at(0, content)
        assert "locked" in late.say("SELECT * FROM chat")
        file.commit(len(content), DATABASE, owner=False)
        assert "locked" in late.say("SELECT * FROM chat")
        file.close()
        for other in (early, late):
            assert other.say("SELECT DISTINCT kind FROM chat") == "[('new',)]"


def test_an_application_in_this_process_keeps_its_locks(path: Path) -> None:
    old_database.whole(path, mode="wal")
    with closing(sqlite3.connect(path, isolation_level=None)) as application:
        application.execute("SELECT * FROM chat").fetchall()
        with pytest.raises(TargetBusyError):
            InPlace(path)
        with program(path) as other:
            assert "locked" in other.say("PRAGMA journal_mode = DELETE")


@pytest.mark.parametrize("what", ["a database", "a plain file"])
def test_two_restores_do_not_meet(what: str, path: Path) -> None:
    if what == "a database":
        old_database.whole(path)
    else:
        path.write_bytes(b"plain")
    with InPlace(path), pytest.raises(TargetBusyError):
        InPlace(path)
    InPlace(path).close()


@pytest.mark.parametrize("often", [1, 2, 3, 99])
def test_a_program_that_comes_before_the_lock_and_leaves_a_log_is_noticed(
    often: int, path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled, left = held._settled, often
    old_database.whole(path, mode="wal")

    def come(place: Place) -> str:
        nonlocal left
        word = settled(place)
        if left:
            left -= 1
            for ending in ("", *SIDE_FILES):
                path.with_name(path.name + ending).unlink(missing_ok=True)
            old_database.with_log(path)
        return word

    monkeypatch.setattr(held, "_settled", come)
    if often < held.TRIES:
        restore(path, content)
        assert kinds(path) == {NEW}
    else:
        with pytest.raises(TargetBusyError, match="again and again"):
            InPlace(path)
        assert kinds(path) == {OLD}


# --- what is no file to write into --------------------------------------------------------------------------------------


def test_a_file_with_other_names_is_refused(path: Path) -> None:
    path.write_bytes(b"old")
    path.with_name("other").hardlink_to(path)
    with pytest.raises(TargetExistsError, match="hard links") as caught:
        InPlace(path)
    assert caught.value.remedy != TargetExistsError.remedy


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused(kind: str, path: Path) -> None:
    if kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(TargetExistsError, match="no file"):
        InPlace(path)


def test_what_is_not_there_is_said_to_be_missing(path: Path) -> None:
    for missing in (path, path / "below"):
        with pytest.raises(FileNotFoundError) as caught:
            InPlace(missing)
        assert str(path) in str(caught.value)
        check_whole(missing)


def test_a_path_is_followed_and_the_marker_lies_beside_the_file_itself(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(path)
    stop_in_the_middle(link, b"new" * UNIT)
    assert beside(path) == [f"{path.name}{ENDING}"]
    restore(link, b"new", FILE)
    assert link.is_symlink()
    assert path.read_bytes() == b"new"


def test_a_name_too_long_for_a_marker_is_refused_before_any_change(path: Path) -> None:
    long = path.with_name("n" * 250)
    long.write_bytes(b"old")
    with pytest.raises(OSError) as caught:
        restore(long, b"new", FILE)
    assert caught.value.errno == errno.ENAMETOOLONG
    assert long.read_bytes() == b"old"


# --- below a tree -------------------------------------------------------------------------------------------------------


def test_below_a_tree_a_hostile_path_leads_nowhere(path: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    path.symlink_to(outside)
    (path.parent / "folder").symlink_to(tmp_path)
    with Tree(path.parent, overwrite=True, owner=False) as tree:
        for unsafe in ("../outside", str(outside), "", "a/../../outside"):
            with pytest.raises(UnsafePathError):
                tree.open_in_place(Entry(unsafe, "file"))
        with pytest.raises(TargetExistsError):
            tree.open_in_place(Entry("folder/outside", "file"))
        assert tree.open_in_place(Entry(path.name, "file")) is None
        assert tree.open_in_place(Entry("missing/name", "file")) is None
    assert outside.read_bytes() == b"precious"


def test_below_a_tree_a_file_that_is_there_is_written_into(path: Path, content: bytes) -> None:
    old_database.with_log(path)
    entry = Entry(path.name, "database", mtime_ns=TIME)
    with Tree(path.parent, overwrite=True, owner=False) as tree:
        file = tree.open_in_place(entry)
        assert file is not None
        with file:
            file.write_at(0, content)
            file.commit(len(content), entry, owner=False)
        tree.put_name(Entry("other", "database", same_as=path.name))
    assert kinds(path) == {NEW}
    assert path.samefile(path.with_name("other"))


def test_below_a_tree_a_journal_of_the_snapshot_is_not_brought_into_an_older_file(path: Path) -> None:
    old_database.whole(path)
    with Tree(path.parent, overwrite=True, owner=False) as tree:
        with tree.open_file(Entry(f"{path.name}-wal", "file")) as file:
            file.write_at(0, b"log")
            file.commit(3)
        assert tree.open_in_place(Entry(path.name, "file")) is None
    assert path.with_name(f"{path.name}-wal").read_bytes() == b"log"


def test_below_a_tree_a_file_with_other_names_is_replaced_and_they_keep_their_content(path: Path) -> None:
    path.write_bytes(b"old")
    other = path.with_name("a backup by hard links")
    other.hardlink_to(path)
    with Tree(path.parent, overwrite=True, owner=False) as tree:
        assert tree.open_in_place(Entry(path.name, "file")) is None
        with tree.open_file(Entry(path.name, "file")) as file:
            file.write_at(0, b"new")
            file.commit(3)
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"old")
