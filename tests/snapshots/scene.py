"""What tests of snapshots have in common: databases, trees, and whether two of them are the same."""

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chatseal import Store
from chatseal.events import Backup

PAGE = 4096


def noise(length: int, seed: int = 1) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return hashlib.shake_256(seed.to_bytes(8, "big")).digest(length)


@contextmanager
def database(path: Path, rows: int = 500, *, page_size: int = PAGE) -> Iterator[sqlite3.Connection]:
    """A database in WAL mode with so many messages, open as by its application."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={page_size}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, chat INTEGER, text TEXT, data BLOB)")
        add_messages(connection, rows)
        yield connection


def add_messages(connection: sqlite3.Connection, count: int, *, seed: int = 7) -> None:
    """Add so many messages in one transaction."""
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO messages (chat, text, data) VALUES (?, ?, ?)",
        ((n % 17, f"message {seed} {n} hello there", noise(n % 200, seed + n)) for n in range(count)),
    )
    connection.execute("COMMIT")


def rows_of(path: Path) -> list[tuple[object, ...]]:
    """All messages of a database that nobody writes to; it must be whole."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT * FROM messages ORDER BY id").fetchall()


def described(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below *folder* but databases' companions: type, mode, time, and content, link target or inode's first name."""
    found: dict[str, tuple[object, ...]] = {}
    first: dict[int, str] = {}
    for root, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            path = Path(root, name)
            about = path.lstat()
            key = str(path.relative_to(folder))
            if stat.S_ISLNK(about.st_mode):
                found[key] = ("link", os.readlink(path))
            elif stat.S_ISDIR(about.st_mode):
                found[key] = ("folder", stat.S_IMODE(about.st_mode), about.st_mtime_ns)
            else:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                same = first.setdefault(about.st_ino, key)
                found[key] = ("file", stat.S_IMODE(about.st_mode), about.st_mtime_ns, content, same if same != key else "")
    return found


def objects(folder: Path) -> dict[str, bytes]:
    """All objects of a store in a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".parts" not in path.parts}


def backed_up(store: Store, *sources: Path) -> Backup:
    """A backup of which nothing was left out."""
    done = store.backup(*sources)
    assert done.skipped == ()
    return done
