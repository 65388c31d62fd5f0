"""Old databases: what is there already where one is restored to, in every state that SQLite leaves, and programs that use it."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

SIDE_FILES = ("-wal", "-journal", "-shm")
OLD, NEW = "old", "new"
ROWS = 40
State = Callable[[Path], object]


@contextmanager
def place(name: str) -> Iterator[Path]:
    """Where a database may lie, in an empty folder of another one; in memory where that is possible, since much is flushed."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="chatseal-tests-") as outer:
        folder = Path(outer, "to")
        folder.mkdir()
        yield folder / name


def whole(path: Path, kind: str = OLD, *, mode: str = "delete", rows: int = ROWS) -> bytes:
    """A database of *rows* rows, all of one *kind*, and nothing beside it; its bytes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}").fetchone()
        database.execute("CREATE TABLE chat (id INTEGER PRIMARY KEY, kind TEXT, filling BLOB)")
        database.executemany("INSERT INTO chat VALUES (?, ?, zeroblob(1000))", [(n, kind) for n in range(rows)])
    return path.read_bytes()


def with_log(path: Path) -> None:
    """Half of the rows are in a write-ahead log that nobody has open."""
    made = path.with_name("being made")
    made.mkdir()
    whole(made / "db", mode="wal", rows=ROWS // 2)
    with closing(sqlite3.connect(made / "db")) as database, database:
        database.executemany("INSERT INTO chat VALUES (?, ?, zeroblob(1000))", [(n, OLD) for n in range(ROWS // 2, ROWS)])
        database.commit()
        _take(made / "db", path)
    shutil.rmtree(made)


def with_hot_journal(path: Path) -> None:
    """A transaction was under way when the power failed: the database is nonsense without its journal."""
    made = path.with_name("being made")
    made.mkdir()
    whole(made / "db")
    with closing(sqlite3.connect(made / "db", isolation_level=None)) as database:
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("UPDATE chat SET kind = 'torn', filling = randomblob(1000)")
        _take(made / "db", path)
    shutil.rmtree(made)
    assert path.with_name(path.name + "-journal").read_bytes()[:8] == bytes.fromhex("d9d505f920a163d7")


def with_journal_kept(path: Path) -> None:
    """The journal of the last transaction lies there and means nothing."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = PERSIST").fetchone()
        whole_again = [(n, OLD) for n in range(ROWS)]
        database.execute("CREATE TABLE chat (id INTEGER PRIMARY KEY, kind TEXT, filling BLOB)")
        database.executemany("INSERT INTO chat VALUES (?, ?, zeroblob(1000))", whole_again)
        database.commit()
    assert path.with_name(path.name + "-journal").stat().st_size


def with_empty_log(path: Path) -> None:
    whole(path, mode="wal")
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).touch()


STATES: dict[str, State] = {
    "whole": whole,
    "whole, WAL": partial(whole, mode="wal"),
    "with a log": with_log,
    "with a hot journal": with_hot_journal,
    "with a journal kept": with_journal_kept,
    "with an empty log": with_empty_log,
}


def _take(made: Path, path: Path) -> None:
    for ending in ("", *SIDE_FILES):
        if (source := made.with_name(made.name + ending)).exists():
            shutil.copyfile(source, path.with_name(path.name + ending))


def encrypted(path: Path) -> None:
    """No database to SQLite, with a log and a journal beside it."""
    path.write_bytes(b"encrypted" * 4096)
    path.with_name(path.name + "-wal").write_bytes(b"its log")
    path.with_name(path.name + "-journal").write_bytes(b"its journal")


def kinds(path: Path) -> set[str]:
    """The kinds of the rows of a database that is whole, looked at in a copy with what lies beside it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        _take(path, copy)
        with closing(sqlite3.connect(copy)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            rows = database.execute("SELECT kind, count(*) FROM chat GROUP BY kind").fetchall()
    assert all(count == ROWS for _, count in rows), rows
    return {kind for kind, _ in rows}


def beside(path: Path) -> list[str]:
    """What lies in the folder besides the database."""
    return sorted(name for name in os.listdir(path.parent) if name != path.name)


_PROGRAM = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
for line in sys.stdin:
    try:
        print(database.execute(line).fetchall(), flush=True)
    except sqlite3.Error as error:
        print(error, flush=True)
"""


class Program:
    """Another process that uses a database."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", _PROGRAM, str(path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, statement: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(statement, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def program(path: Path, *statements: str) -> Iterator[Program]:
    """A program that has made *statements* and has the database open."""
    with closing(Program(path)) as running:
        for statement in statements:
            running.say(statement)
        yield running


CALLS = ("open", "pwrite", "ftruncate", "fchmod", "utime", "fsync", "unlink", "rename", "link")


def is_killed(work: Callable[[], None]) -> bool:
    """Whether *work*, done in a copy of this process, was killed. Raises if it failed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def count_down(nth: int) -> None:
    """From now on this process is killed when it is about to make the *nth* call that could change a file."""
    left = nth

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
