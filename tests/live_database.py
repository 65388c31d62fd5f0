"""A database that somebody writes to at full speed, and what must be true of every copy of it.

As a program: `live_database.py PATH MODE [PAUSE]` writes to the database at PATH until its standard input ends; MODE is a journal mode."""

import os
import random
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Buffer


def make(path: Path, *, page_size: int = 4096, mode: str = "wal", auto_vacuum: int = 0, rows: int = 300) -> None:
    """A database whose table `total` always counts the rows of `message` and sums their lengths."""
    with sqlite3.connect(path, isolation_level=None) as database:
        database.execute(f"PRAGMA page_size = {page_size}")
        database.execute(f"PRAGMA auto_vacuum = {auto_vacuum}")
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, chat INTEGER, body BLOB)")
        database.execute("CREATE INDEX by_chat ON message (chat, id)")
        database.execute("CREATE TABLE receipt (message INTEGER, reader TEXT, PRIMARY KEY (message, reader)) WITHOUT ROWID")
        database.execute("CREATE TABLE total (count INTEGER, bytes INTEGER, receipts INTEGER)")
        database.execute("INSERT INTO total VALUES (0, 0, 0)")
        change(database, random.Random(1), rows)
    database.close()


def change(database: sqlite3.Connection, chance: random.Random, rows: int) -> None:
    """One transaction: some new rows, a change of one, a deletion, and the totals."""
    database.execute("BEGIN IMMEDIATE")
    for _ in range(rows):
        body = chance.randbytes(chance.choice([10, 100, 900, 5000]))
        row = database.execute("INSERT INTO message (chat, body) VALUES (?, ?)", (chance.randrange(9), body)).lastrowid
        database.execute("INSERT INTO receipt VALUES (?, ?)", (row, "reader" + str(chance.randrange(9))))
    (last,) = database.execute("SELECT max(id) FROM message").fetchone()
    database.execute("UPDATE message SET body = ? WHERE id = ?", (chance.randbytes(300), last // 2))
    gone = last - 1500 if chance.random() < 0.5 else chance.randrange(last)
    database.execute("DELETE FROM message WHERE id BETWEEN ? AND ?", (gone - rows, gone))
    database.execute("DELETE FROM receipt WHERE message BETWEEN ? AND ?", (gone - rows, gone))
    database.execute(
        "UPDATE total SET count = (SELECT count(*) FROM message), bytes = (SELECT coalesce(sum(length(body)), 0) FROM message), "
        "receipts = (SELECT count(*) FROM receipt)"
    )
    database.execute("COMMIT")


def write(path: str, mode: str, pause: float) -> None:
    """Write without end, with checkpoints of all kinds and VACUUM, until standard input ends."""
    database = sqlite3.connect(path, isolation_level=None, timeout=30)
    if mode != "wal":  # the other modes are not kept in the file
        database.execute(f"PRAGMA journal_mode = {mode}")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA wal_autocheckpoint = 200")
    database.execute("PRAGMA cache_size = 20")  # so that uncommitted pages are spilled
    chance, commits = random.Random(os.getpid()), 0
    print("writing", flush=True)
    while not select.select([0], [], [], 0)[0]:
        change(database, chance, chance.choice([1, 5, 60]))
        commits += 1
        what = chance.random()
        if what < 0.02:
            database.execute("VACUUM")
        elif what < 0.1 and mode == "wal":
            database.execute("PRAGMA busy_timeout = 100")  # the complete ones wait for readers
            database.execute(f"PRAGMA wal_checkpoint({chance.choice(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])})")
            database.execute("PRAGMA busy_timeout = 30000")
        elif what < 0.15:
            database.execute("PRAGMA incremental_vacuum(20)")
        if pause:
            time.sleep(pause)
    database.close()
    print(commits, flush=True)


@dataclass
class Writer:
    process: "subprocess.Popen[str]"
    commits: int = 0


@contextmanager
def writer(path: Path, mode: str = "wal", pause: float = 0.0) -> Iterator[Writer]:
    """Another process that writes to the database at *path*; afterwards `commits` says how often."""
    command = [sys.executable, __file__, str(path), mode, str(pause)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        running = Writer(process)
        try:
            assert process.stdout.readline() == "writing\n"
            yield running
        except BaseException:
            process.kill()
            raise
        process.stdin.close()
        running.commits = int(process.stdout.readline())
        assert process.wait() == 0


def check(content: Buffer, path: Path) -> tuple[int, int, int]:
    """Write *content* to *path* and see that it is a whole database whose totals are right; return them."""
    path.write_bytes(content)
    with sqlite3.connect(f"file:{path}?immutable=1", uri=True) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        totals = database.execute("SELECT * FROM total").fetchall()
        counted = database.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM message").fetchone()
        receipts = database.execute("SELECT count(*) FROM receipt").fetchone()
    database.close()
    assert totals == [counted + receipts]
    return totals[0]  # type: ignore[no-any-return]


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], float(sys.argv[3]))
