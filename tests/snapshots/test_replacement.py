"""A database is restored where another one was: no journal of the old one meets the new one, at no moment."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatseal.capture.entry import Entry
from chatseal.errors import EXIT_BUSY, ChatsealError, TargetBusyError, TargetExistsError, UnsafePathError, exit_code
from chatseal.snapshots import held
from chatseal.snapshots.marker import ENDING, check_whole
from chatseal.snapshots.tree import Tree
from snapshots import old_database
from snapshots.old_database import NEW, OLD, SIDE_FILES, STATES, State, beside, kinds, program

ENTRY = Entry("msgstore.db", "database")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return old_database.whole(tmp_path_factory.mktemp("new") / "db", NEW, mode="wal")


@pytest.fixture
def path() -> Iterator[Path]:
    with old_database.place(ENTRY.path) as path:
        yield path


def put(path: Path, content: bytes, *, overwrite: bool = True) -> list[str]:
    with Tree(path.parent, overwrite=overwrite, owner=False) as tree, tree.open_file(ENTRY) as file:
        file.write_at(0, content)
        file.commit(len(content))
    return tree.warnings


@pytest.mark.parametrize("ending", SIDE_FILES)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_journal_without_its_database_is_refused_and_kept(when: str, ending: str, path: Path, content: bytes) -> None:
    stale = path.with_name(path.name + ending)
    with Tree(path.parent, overwrite=False, owner=False) as tree:
        if when == "before":
            stale.write_bytes(b"stale")
            with pytest.raises(TargetExistsError) as caught:
                tree.open_file(ENTRY)
        else:
            with tree.open_file(ENTRY) as file:
                stale.write_bytes(b"stale")
                with pytest.raises(TargetExistsError) as caught:
                    file.commit(len(content))
    assert stale.name in str(caught.value)
    assert caught.value.remedy != TargetExistsError.remedy
    assert os.listdir(path.parent) == [stale.name]
    assert stale.read_bytes() == b"stale"


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_an_old_database_is_replaced_with_all_that_belongs_to_it(state: State, path: Path, content: bytes) -> None:
    state(path)
    had_journal = state in (old_database.with_log, old_database.with_hot_journal)
    warnings = put(path, content)
    assert path.read_bytes() == content
    assert not beside(path)
    assert kinds(path) == {NEW}
    assert [("journal" in warning) for warning in warnings] == [True] * had_journal


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
def test_what_is_not_committed_leaves_the_old_database_as_it_was_to_sqlite(state: State, path: Path) -> None:
    state(path)
    with Tree(path.parent, overwrite=True, owner=False) as tree, tree.open_file(ENTRY) as file:
        file.write_at(0, b"half")
    assert kinds(path) == {OLD}


def test_journals_without_a_database_are_set_aside(path: Path, content: bytes) -> None:
    for ending in SIDE_FILES:
        path.with_name(path.name + ending).write_bytes(ending.encode())
    warnings = put(path, content)
    assert "1 more" in warnings[0]
    assert kinds(path) == {NEW}
    aside = beside(path)
    assert [path.with_name(name).read_bytes() for name in aside] == [b"-journal", b"-wal"]
    assert all(any(name.endswith(word) for word in warnings[0].replace(":", "").split()) for name in aside)


def test_journals_of_what_sqlite_cannot_read_are_set_aside(path: Path, content: bytes) -> None:
    old_database.encrypted(path)
    assert "1 more" in put(path, content)[0]
    assert kinds(path) == {NEW}
    assert [path.with_name(name).read_bytes() for name in beside(path)] == [b"its journal", b"its log"]


def test_a_link_to_a_database_is_replaced_and_the_database_is_not(path: Path, content: bytes, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    old_database.with_log(elsewhere)
    before = elsewhere.read_bytes()
    path.symlink_to(elsewhere)
    put(path, content)
    assert not path.is_symlink()
    assert kinds(path) == {NEW}
    assert elsewhere.read_bytes() == before
    assert kinds(elsewhere) == {OLD}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_that_a_program_uses_is_not_replaced_and_the_program_goes_on(mode: str, path: Path, content: bytes) -> None:
    old_database.whole(path, mode=mode)
    with Tree(path.parent, overwrite=True, owner=False) as tree, tree.open_file(ENTRY) as late:
        late.write_at(0, content)
        with program(path, "BEGIN IMMEDIATE" if mode == "delete" else "SELECT 1 FROM chat") as other:
            for attempt in (lambda: tree.open_file(ENTRY), lambda: late.commit(len(content))):
                with pytest.raises(TargetBusyError) as caught:
                    attempt()
                assert exit_code(caught.value) == EXIT_BUSY
            assert other.say("UPDATE chat SET filling = 1") == "[]"
            assert other.say("COMMIT" if mode == "delete" else "SELECT 1") in ("[]", "[(1,)]")
            assert other.say("SELECT count(*) FROM chat WHERE filling = 1") == f"[({old_database.ROWS},)]"
    assert kinds(path) == {OLD}
    assert put(path, content) == []
    assert kinds(path) == {NEW}


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_an_application_in_this_process_keeps_its_locks(mode: str, path: Path, content: bytes) -> None:
    """To close any descriptor of its database would drop them."""
    old_database.whole(path, mode=mode)
    with closing(sqlite3.connect(path, isolation_level=None)) as application:
        application.execute("BEGIN IMMEDIATE")
        application.execute("UPDATE chat SET filling = 1")
        with pytest.raises(TargetBusyError):
            put(path, content)
        with program(path) as other:
            assert "locked" in other.say("BEGIN IMMEDIATE")
            application.execute("COMMIT")
            assert other.say("SELECT count(*) FROM chat WHERE filling = 1") == f"[({old_database.ROWS},)]"


def test_an_application_that_comes_between_in_this_process_keeps_its_locks(
    path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_database.whole(path, mode="wal")
    monkeypatch.setattr(held, "_settled", lambda place: "settled")
    with closing(sqlite3.connect(path, isolation_level=None)) as application:
        application.execute("BEGIN IMMEDIATE")
        with pytest.raises(TargetBusyError):
            put(path, content)
        with program(path) as other:
            assert "locked" in other.say("BEGIN EXCLUSIVE")
    monkeypatch.setattr(held, "_kept", [])


def test_a_database_of_a_snapshot_gets_no_journal_from_the_same_snapshot(path: Path, content: bytes) -> None:
    for ending in SIDE_FILES:
        with Tree(path.parent, overwrite=True, owner=False) as tree:
            with tree.open_file(ENTRY) as file:
                file.write_at(0, content)
                file.commit(len(content))
            with pytest.raises(UnsafePathError):
                tree.open_file(Entry(ENTRY.path + ending, "file"))
            for put_any in (tree.put_link, tree.put_folder):
                with pytest.raises(UnsafePathError):
                    put_any(Entry(ENTRY.path + ending, "link", target="x"))
            with pytest.raises(UnsafePathError):
                tree.put_name(Entry(ENTRY.path + ending, "file", same_as=ENTRY.path))
    assert not beside(path)


def test_an_older_journal_beside_another_file_is_told(path: Path) -> None:
    old_database.encrypted(path)
    with Tree(path.parent, overwrite=True, owner=False) as tree:
        for name in (path.name, "x", "x-wal"):
            with tree.open_file(Entry(name, "file")) as file:
                file.write_at(0, b"x")
                file.commit(1)
    assert len(tree.warnings) == 1
    assert path.name in tree.warnings[0]


def test_the_marker_of_a_restore_that_stopped_goes_with_the_file_that_it_was_about(path: Path, content: bytes) -> None:
    for entry in (ENTRY, Entry("x", "file")):
        marker = path.parent / f"{entry.path}{ENDING}"
        marker.touch()
        with Tree(path.parent, overwrite=False, owner=False) as tree, tree.open_file(entry) as file:
            file.write_at(0, content)
            assert marker.exists()
            file.commit(len(content))
        assert not marker.exists()


def test_a_helper_that_fails_or_is_not_there_is_an_error_that_says_so(
    path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old_database.with_log(path)
    for executable, match in (("/bin/false", "did not answer"), ("", "no Python interpreter")):
        monkeypatch.setattr("sys.executable", executable)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ChatsealError, match=match):
            put(path, content)
    assert kinds(path) == {OLD}


PAIRS = {"with a log": old_database.with_log, "encrypted": old_database.encrypted}
OTHERS = {name: state for name, state in STATES.items() if name not in PAIRS}


@pytest.mark.parametrize(
    "state",
    [
        *(pytest.param(state, id=name) for name, state in PAIRS.items()),
        *(pytest.param(state, id=name, marks=pytest.mark.soak) for name, state in OTHERS.items()),
    ],
)
def test_killed_at_any_call_it_leaves_the_old_database_or_the_new_one_whole(state: State, path: Path, content: bytes) -> None:
    """Or, if it could not be read, a marker, and its journal beside it or aside."""
    nth, killed, seen = 1, True, set()
    while killed:
        for name in os.listdir(path.parent):
            (path.parent / name).unlink()
        state(path)
        old = path.read_bytes()

        def work(nth: int = nth) -> None:
            with Tree(path.parent, overwrite=True, owner=False) as tree, tree.open_file(ENTRY) as file:
                file.write_at(0, content)
                old_database.count_down(nth)
                file.commit(len(content))

        killed = old_database.is_killed(work)
        stopped = (path.parent / f"{path.name}{ENDING}").exists()
        if state is not old_database.encrypted:
            assert not stopped
            seen |= (now := kinds(path))
            assert len(now) == 1
        elif path.read_bytes() == old:
            logs = [name for name in beside(path) if "-wal" in name]
            assert [path.with_name(name).read_bytes() for name in logs] == [b"its log"]
            assert stopped or logs == [f"{path.name}-wal"]
        else:
            assert kinds(path) == {NEW}
        if nth % 3 == 0:
            put(path, content)
            assert kinds(path) == {NEW}
            check_whole(path)
        nth += 1
    assert kinds(path) == {NEW}
    check_whole(path)
    assert nth > 8
    assert seen == {OLD, NEW} or state is old_database.encrypted
