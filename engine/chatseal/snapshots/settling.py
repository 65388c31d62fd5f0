"""Settles a database in a process of its own: this file is run by `held.py`, never imported.

Arguments: the number of an open folder and the name in it, in hexadecimal. It prints one line:

    plain             no database, and no journal beside it
    settled           a database that is whole by itself: what a journal held is in it
    busy              a program has it open
    unreadable NAME   no database that this SQLite can read, and a journal beside it; NAME is SQLite's for the reason
    failed NAME       something went wrong that is not the file's fault

A process of its own, because closing any descriptor of a file drops all POSIX locks that the process has on it."""

import fcntl
import os
import sqlite3
import struct
import sys

MAGIC = b"SQLite format 3\0"
LOCK_BYTE, LOCK_LEN = 0x40000000, 512
FLOCK = "hhqqi4x"
BUSY_SECONDS = 2.0
UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def settle(name: bytes) -> str:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        head = os.pread(descriptor, len(MAGIC), 0)
        question = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, LOCK_BYTE, LOCK_LEN, 0)
        if struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))[0] != fcntl.F_UNLCK:
            return "busy"
    finally:
        os.close(descriptor)
    if head and head != MAGIC:
        # To SQLite an encrypted database and its journal are nonsense: it would delete the journal.
        return "unreadable SQLITE_NOTADB" if has_journal(name) else "plain"
    try:
        merge(name)
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return "busy"
        reason = getattr(error, "sqlite_errorname", type(error).__name__)
        if code in UNREADABLE:
            return f"unreadable {reason}" if has_journal(name) else "plain"
        return f"failed {reason}"
    return "settled"


def merge(name: bytes) -> None:
    """Bring into the database what a journal of either kind holds, which is what anybody who opens it would do."""
    quoted = "".join(f"%{byte:02x}" for byte in name)
    database = sqlite3.connect(f"file:{quoted}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        # Before the first read: then nothing is shared with others, and no file for sharing is made.
        database.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        database.execute("PRAGMA schema_version").fetchone()
        if (
            database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            and database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        ):
            error = sqlite3.OperationalError("the log is in use")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
    finally:
        database.close()


def has_journal(name: bytes) -> bool:
    return any(os.path.exists(name + ending) and os.path.getsize(name + ending) for ending in (b"-wal", b"-journal"))


if __name__ == "__main__":
    sys.tracebacklimit = 0
    os.fchdir(int(sys.argv[1]))
    print(settle(b"./" + bytes.fromhex(sys.argv[2])))
