"""The connection to a live database, in a process of its own: this file is run by `holder.py`, never imported.

It has the standard library only, opens the database read-only, and does what the lines on its standard input say, a line of answer each:

    open HEX-OF-PATH UID GID WRITE    "ok": from now on as that user (-1: as before); WRITE 1: may roll back what a crash left
    begin BUSY-SECONDS HOLD-SECONDS   "wal HEX-OF-SHM IDENTITIES" or "rollback IDENTITIES": a read transaction holds
    held                              "ok", or "expired": HOLD-SECONDS were over and it let go by itself
    end                               "ok": the transaction is over
    probe                             "ok", or "locked": somebody keeps even readers out
    check                             "begun", and when it is done "ok", "damaged" or "unknown": the integrity of a database, with its log,
                                      that nobody has open

or "error NAME", by SQLite's name of it. IDENTITIES are device:inode of all files it has open, with commas. It ends when its standard
input does, or its parent. No descriptor of the database is ever closed here before that: closing one would drop the locks.
"""

import contextlib
import fcntl
import os
import random
import select
import signal
import sqlite3
import sys
import time

SHM_LEN = 136  # two copies of a header of 48 bytes, and the checkpoint's state
SHARED_FIRST, SHARED_LEN = 0x40000002, 510  # the bytes that every reader of a database locks


class Connection:
    def __init__(self) -> None:
        self.path, self.mode = b"", "mode=ro"
        self.database: sqlite3.Connection | None = None
        self.checked: sqlite3.Connection | None = None
        self.shm = -1
        self.until: float | None = None
        self.expired = False

    def open(self, path: str, uid: str, gid: str, write: str) -> str:
        self.path = bytes.fromhex(path)
        if int(uid) >= 0:  # the files that SQLite makes beside a database are to be its owner's
            os.setgroups([])
            os.setgid(int(gid))
            os.setuid(int(uid))
        self.mode = "mode=rw" if write == "1" else "mode=ro"
        return "ok"

    def begin(self, busy_seconds: str, hold_seconds: str) -> str:
        if self.database is None:
            self.database = self.connect(self.mode)
        self.expired = False
        # SQLite's own way of waiting looks every 100 ms; who commits without a pause is free for much shorter than that.
        until = time.monotonic() + float(busy_seconds)
        while True:
            try:
                begun = self.try_to_begin(self.database)
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                    raise
                begun = None
            if begun is not None:
                self.until = None if begun.startswith("wal") else time.monotonic() + float(hold_seconds)
                return begun
            if time.monotonic() > until:
                return "error SQLITE_BUSY"
            time.sleep(random.uniform(0.0002, 0.002))

    def try_to_begin(self, database: sqlite3.Connection) -> str | None:
        before = self.read_shm()
        database.execute("BEGIN")
        try:
            database.execute("PRAGMA schema_version").fetchone()  # takes the lock and reads a page, but no schema
            if not self.has_log():
                return f"rollback {self.identities()}"
            # What lies between two equal headers is the snapshot. The checkpoint's state is older than the second one.
            state, after = self.read_shm(), self.read_shm()
            if before[:96] == state[:96] == after[:96] and before[:48] == before[48:96] and len(state) == SHM_LEN:
                return f"wal {state.hex()} {self.identities()}"
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("ROLLBACK")
        return None

    def has_log(self) -> bool:
        """Whether SQLite has the -shm file open. PRAGMA journal_mode would read the schema, which may be damaged."""
        try:
            shm = os.lstat(self.path + b"-shm")
        except FileNotFoundError:
            return False
        return f"{shm.st_dev}:{shm.st_ino}" in self.identities(but=self.shm).split(",")

    def read_shm(self) -> bytes:
        if self.shm < 0:
            try:
                self.shm = os.open(self.path + b"-shm", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                return b""
        return os.pread(self.shm, SHM_LEN, 0)

    def identities(self, but: int = -1) -> str:
        found = []
        for descriptor in range(3, 64):
            if descriptor == but:
                continue
            try:
                status = os.fstat(descriptor)
            except OSError:
                continue
            found.append(f"{status.st_dev}:{status.st_ino}")
        return ",".join(found)

    def held(self) -> str:
        return "expired" if self.expired else "ok"

    def end(self) -> str:
        self.until = None
        if self.database is not None and self.database.in_transaction:
            self.database.execute("ROLLBACK")
        return "ok"

    def probe(self) -> str:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, SHARED_LEN, SHARED_FIRST)
        except (BlockingIOError, PermissionError):
            return "locked"
        fcntl.lockf(descriptor, fcntl.LOCK_UN, SHARED_LEN, SHARED_FIRST)
        return "ok"

    def check(self) -> str:
        # Without locks and exclusively: so SQLite keeps the index of the log in memory, and makes no file beside the database.
        database = self.connect("mode=ro&vfs=unix-none")
        self.checked = database  # never closed: closing may try a checkpoint
        database.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        with contextlib.suppress(sqlite3.Error):
            database.execute("PRAGMA schema_version").fetchone()  # opens the log, which as root sets its owner anew
        answer("begun")
        for kind in ("integrity_check", "quick_check"):
            try:
                return "ok" if database.execute(f"PRAGMA {kind}(1)").fetchone()[0] == "ok" else "damaged"
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
                    return "damaged"
        return "unknown"  # such as a collation that only the application has

    def connect(self, parameters: str) -> sqlite3.Connection:
        quoted = "".join(f"%{byte:02x}" for byte in self.path)
        return sqlite3.connect(f"file:{quoted}?{parameters}", uri=True, isolation_level=None, timeout=0)

    def expire(self) -> None:
        if self.until is not None and time.monotonic() >= self.until:
            self.end()
            self.expired = True


def answer(line: str) -> None:
    os.write(1, line.encode() + b"\n")


def serve(connection: Connection) -> None:
    parent, pending = os.getppid(), b""
    while os.getppid() == parent:
        wait = 1.0 if connection.until is None else max(0.0, min(1.0, connection.until - time.monotonic()))
        if not select.select([0], [], [], wait)[0]:
            connection.expire()
            continue
        more = os.read(0, 65536)
        if not more:
            return
        pending += more
        connection.expire()
        while b"\n" in pending:
            line, _, pending = pending.partition(b"\n")
            word, *arguments = line.decode().split(" ")
            try:
                answered = getattr(connection, word)(*arguments)
            except sqlite3.Error as error:
                answered = f"error {getattr(error, 'sqlite_errorname', None) or type(error).__name__}"
            except OSError as error:
                answered = f"error {type(error).__name__}"
            answer(answered)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.tracebacklimit = 0
    serve(Connection())
    os._exit(0)  # the system closes the files; SQLite's own closing could write
