"""The embedded store of a vault's records: one SQLite file, for any number of threads and processes of one machine."""

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from chatseal.errors import OutcomeUnknownError, TargetExistsError, VaultBehindError, VaultBusyError, VaultDamagedError
from chatseal.part_file import sync_folder
from chatseal.vault import audit
from chatseal.vault.audit import START, Entry, Event, Head, Kind
from chatseal.vault.records import VALUE_MAX, Change

VERSION = 1
BUSY_SECONDS = 5.0
KEY_MAX = 100
_APPLICATION = 0x63737674  # "csvt"
_LENGTH_MAX = 1 << 20  # of anything that SQLite hands over
_SCHEMA = {
    "items": "CREATE TABLE items (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "audit": "CREATE TABLE audit (number INTEGER PRIMARY KEY, account BLOB NOT NULL, entry BLOB NOT NULL, head BLOB NOT NULL) STRICT",
    "audit_accounts": "CREATE INDEX audit_accounts ON audit (account, number)",
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_SYSTEM = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_CANTOPEN: errno.ENOENT,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}


class SqliteRecords:
    """A record store in a file (see `RecordStore`). Write-ahead log, every commit synced, what is deleted overwritten. Close it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """The store in a file. Raises VaultDamagedError if it holds anything but a vault's tables, VaultBusyError or OSError."""
        self._path = Path(path)
        self._idle: list[sqlite3.Connection] = []
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._is_closed = False
        if not self._path.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        try:
            with self._connection() as connection:
                self._check(connection)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: str | os.PathLike[str], event: Event) -> Self:
        """A new store that only its owner can read, whose chain begins with *event*. Raises TargetExistsError or OSError."""
        path = Path(path)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            raise TargetExistsError(f"{path} exists; a vault's database is never overwritten") from None
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.values():
                connection.execute(statement)
            _append(connection, START, event, 0)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException as error:
            connection.close()
            for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                name.unlink(missing_ok=True)
            if isinstance(error, sqlite3.Error):
                raise _translated(error, path) from None
            raise
        connection.close()
        sync_folder(path.parent)
        return cls(path)

    def close(self) -> None:
        """Close all connections. Nothing may be asked any more."""
        with self._lock:
            self._is_closed = True
            for connection in self._all:
                connection.close()
            self._all.clear()
            self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values under *keys* as of one moment."""
        with self._transaction("BEGIN") as connection:
            return [_value(connection, key) for key in keys]

    def list(self, prefix: str, after: str = "", most: int = 100) -> list[tuple[str, bytes]]:
        """Keys that begin with *prefix*, with their values."""
        question = "SELECT key, value FROM items WHERE key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
        with self._transaction("BEGIN") as connection:
            rows = connection.execute(question, (after, prefix, prefix + "\x7f", most)).fetchall()
            return [(_typed(key, str, KEY_MAX), _typed(value, bytes, VALUE_MAX)) for key, value in rows]

    def commit(self, change: Change) -> Head | None:
        """Make a change."""
        for key, value in change.writes.items():
            if not key.isascii() or len(key) > KEY_MAX or len(value or b"") > VALUE_MAX:
                raise ValueError("a key or value is too long")
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if change.after.index and _head_at(connection, change.after.index) != change.after.hash:
                raise VaultBehindError("the vault's database lacks what its anchor has seen")
            if any(_value(connection, key) != value for key, value in change.conditions.items()):
                return None
            for key, value in change.writes.items():
                if value is None:
                    connection.execute("DELETE FROM items WHERE key = ?", (key,))
                else:
                    connection.execute(
                        "INSERT INTO items VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
                    )
            head = _head(connection)
            for event in change.events:
                head = _append(connection, head, event, change.leap)
        return head

    def head(self) -> Head:
        """The end of the chain."""
        with self._transaction("BEGIN") as connection:
            return _head(connection)

    def entries(self, after: int = 0, most: int = 100, account: bytes | None = None) -> Sequence[Entry]:
        """Events with an index above *after*."""
        question = "SELECT number, entry, head FROM audit WHERE number > :after ORDER BY number LIMIT :most"
        if account is not None:
            question = question.replace("ORDER", "AND account = :account ORDER")
        with self._transaction("BEGIN") as connection:
            rows = connection.execute(question, {"after": after, "most": most, "account": account}).fetchall()
        return [_entry(row) for row in rows]

    def verify(self) -> Head:
        """Read everything and check the whole chain, with constant memory."""
        with self._transaction("BEGIN") as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != ("ok",):
                raise _damaged(self._path)
            end = audit.verify(_checked_rows(connection))
            if end != _head(connection):
                raise _damaged(self._path)
            return end

    def compact(self) -> None:
        """Bring the write-ahead log into the database and cut it to nothing, unless somebody reads at this moment."""
        with self._connection() as connection, self._translating():
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # --- connections: one for each thread that works at this moment ------------------------------------------------------

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._is_closed:
                raise ValueError("the vault's database is closed")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            with self._translating():
                connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()  # whatever state it is in: the next one gets another
            with self._lock, suppress(ValueError):
                self._all.remove(connection)
            raise
        with self._lock:
            if not self._is_closed:
                self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH_MAX)
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "synchronous = FULL", "secure_delete = ON"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            with self._lock:
                if self._is_closed:
                    raise ValueError("the vault's database is closed")
                self._all.append(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        with self._translating():
            for pragma, wanted in (("application_id", _APPLICATION), ("user_version", VERSION), ("journal_mode = WAL", "wal")):
                (found,) = connection.execute(f"PRAGMA {pragma}").fetchone()
                if found != wanted:
                    if pragma == "user_version" and found > VERSION:
                        raise VaultDamagedError(f"{self._path} was made by a newer version of the vault").with_remedy("Update chatseal.")
                    raise _damaged(self._path)
            # A trigger or a view in a database from a stranger would run as part of our statements.
            schema = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchmany(len(_SCHEMA) + 1)
            if dict(schema) != _SCHEMA or _head(connection) == START:
                raise _damaged(self._path)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            with self._translating():
                connection.execute(begin)
                try:
                    yield connection
                except BaseException:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise
            try:
                connection.execute("COMMIT")
            except sqlite3.Error:
                if begin != "BEGIN":
                    raise OutcomeUnknownError("the vault's database did not confirm a change") from None
                raise VaultBusyError("the vault's database cannot be read now") from None

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _translated(error, self._path) from None


def _translated(error: Exception, path: Path) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return VaultBusyError(f"others write to {path}, and do not let anybody else")
    if code in _SYSTEM:
        return OSError(_SYSTEM[code], os.strerror(_SYSTEM[code]), str(path))
    return _damaged(path)


def _damaged(path: Path) -> VaultDamagedError:
    return VaultDamagedError(f"{path} is not a vault's database, or is damaged")


def _typed(value: Any, kind: Callable[..., Any], longest: int) -> Any:
    """*value*, if it is what our tables hold: a file from elsewhere may hold anything in any column."""
    if type(value) is not kind or len(value) > longest:
        raise VaultDamagedError("the vault's database holds a value that no vault wrote")
    return value


def _value(connection: sqlite3.Connection, key: str) -> bytes | None:
    row = connection.execute("SELECT value FROM items WHERE key = ?", (key,)).fetchone()
    return None if row is None else _typed(row[0], bytes, VALUE_MAX)


def _head(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT number, head FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    return START if row is None else Head(_index(row[0]), _typed(row[1], bytes, audit.HEAD_LEN))


def _head_at(connection: sqlite3.Connection, index: int) -> Any:
    row = connection.execute("SELECT head FROM audit WHERE number = ?", (index,)).fetchone()
    return row and row[0]


def _append(connection: sqlite3.Connection, head: Head, event: Event, leap: int) -> Head:
    head, entry = audit.chain(head, event, leap)
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?)", (head.index, event.account, entry, head.hash))
    return head


def _entry(row: tuple[Any, Any, Any]) -> Entry:
    number, data, head = row
    index, event = audit.decode(_typed(data, bytes, VALUE_MAX))
    if index != number:
        raise VaultDamagedError(f"the audit log is damaged at entry {index}")
    return Entry(Head(index, _typed(head, bytes, audit.HEAD_LEN)), event)


def _checked_rows(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes, bytes]]:
    for number, account, data, head in connection.execute("SELECT number, account, entry, head FROM audit ORDER BY number"):
        entry = _entry((number, data, head))
        if entry.event.account != account or (number == 1) != (entry.event.kind == Kind.CREATED):
            raise VaultDamagedError(f"the audit log is damaged at entry {number}")
        yield number, data, head


def _index(value: Any) -> int:
    if type(value) is not int or not 0 < value <= audit.INTEGER_MAX:
        raise VaultDamagedError("the audit log is damaged at its end")
    return value
