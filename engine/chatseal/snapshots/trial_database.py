"""Trial database: a restored database that is looked at by SQLite and never has a name while anything is in it."""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chatseal.snapshots.new_file import write_all_at

if TYPE_CHECKING:
    from typing_extensions import Buffer

MEMORY = Path("/dev/shm")  # files there lie in memory
MEMORY_SHARE = 4  # at most one part in so many of what is available
PROBLEMS = 10  # that SQLite is asked for
WAL_MARKS = slice(18, 20)  # bytes of a database's header that say whether it has a WAL
_HEADER = b"SQLite format 3\0"
_WRONG = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What SQLite says of a database. `problems` is empty if it is whole, `unchecked` says why something could not be looked at."""

    tables: tuple[tuple[str, int], ...]
    problems: tuple[str, ...]
    unchecked: tuple[str, ...]


class TrialDatabase:
    """Room for a database of *size* bytes: in memory if there is enough, else in the system's folder for temporary files.

    SQLite opens the empty file, then its name goes, then it is filled: so nothing can be found in a folder, and whatever ends the
    process, no plaintext stays. For one thread. Raises OSError."""

    def __init__(self, size: int) -> None:
        folder = tempfile.mkdtemp(prefix="chatseal-drill-", dir=MEMORY if fits_in_memory(size) else None)
        path = Path(folder, "database")
        self.descriptor = -1
        try:
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                # not immutable: then SQLite would take the length that the file has now for that of the database
                self._connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
            except sqlite3.Error as error:
                raise OSError(f"SQLite cannot open a temporary file: {error}") from None
        except BaseException:
            if self.descriptor >= 0:
                os.close(self.descriptor)
            raise
        finally:
            path.unlink(missing_ok=True)
            os.rmdir(folder)

    def write_at(self, offset: int, data: "Buffer") -> None:
        """Write all of *data* at *offset*. Raises OSError."""
        write_all_at(self.descriptor, offset, data)

    def judge(self, size: int) -> Verdict:
        """What SQLite says of the *size* bytes: `PRAGMA integrity_check`, and how many rows each table has."""
        os.ftruncate(self.descriptor, size)
        head = os.pread(self.descriptor, WAL_MARKS.stop, 0)
        if size and not head.startswith(_HEADER):
            return Verdict((), ("it is not a database",), ())
        if head[WAL_MARKS] == b"\2\2":  # its WAL is in it already, and SQLite would look for one
            os.pwrite(self.descriptor, b"\1\1", WAL_MARKS.start)
        connection = self._connection
        # strangers wrote what is in it: no function runs because a schema says so, and nothing is written beside it
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "temp_store=MEMORY", "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        problems: list[str] = []
        unchecked: list[str] = []

        def ask(what: str, question: Callable[[], None]) -> None:
            try:
                question()
            except sqlite3.Error as error:
                is_wrong = isinstance(error, sqlite3.DatabaseError) and (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _WRONG
                (problems if is_wrong else unchecked).append(f"{what}: {error}")

        def check() -> None:
            found = [str(line) for (line,) in connection.execute(f"PRAGMA integrity_check({PROBLEMS})")]
            problems.extend([] if found == ["ok"] else found)

        tables: dict[str, int] = {}

        def names() -> None:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name")
            tables.update((str(name), -1) for (name,) in rows)

        def count(name: str) -> None:
            quoted = '"' + name.replace('"', '""') + '"'
            (tables[name],) = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()

        ask("integrity check", check)
        ask("tables", names)
        for name in tuple(tables):
            ask(f"table {name}", lambda name=name: count(name))  # type: ignore[misc]  # mypy has no type for a default of a lambda
        return Verdict(tuple((name, rows) for name, rows in tables.items() if rows >= 0), tuple(problems), tuple(unchecked))

    def close(self) -> None:
        """Let go of the file, with which it is gone. A second call does nothing."""
        self._connection.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def fits_in_memory(size: int) -> bool:
    """Whether a file of *size* bytes may lie in memory: there is a place for it, and the machine keeps most of what it has."""
    with suppress(OSError, ValueError):
        space = os.statvfs(MEMORY)
        with open("/proc/meminfo", encoding="ascii") as lines:
            available = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
        return os.access(MEMORY, os.W_OK) and size <= min(space.f_bavail * space.f_frsize, available) // MEMORY_SHARE
    return False
