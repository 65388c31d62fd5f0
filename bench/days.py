"""Days: a chat database and the same a day later: `python bench/days.py FOLDER --size 1GB [--seed 1]`.

The first day is the sample generator's. The second is the first with one more day applied through SQLite, as an application would: NEW of
its messages more, by the same people in the same language, each stretch of a conversation in a transaction of its own, with receipts,
media rows, thumbnails and the full-text index; STATUSES of the latest messages get another status; DELETED messages for each new one go
with all that belongs to them, half of them recent, half from any time. The same size and seed give the same bytes under the same SQLite
and NumPy. What is printed is what every backup of the second day is measured against: the pages that changed, and their size in zstd
frames of 1 MiB."""

import argparse
import hashlib
import os
import shutil
import sqlite3
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyzstd

import inputs

NEW, STATUSES, DELETED = 0.005, 400, 0.02
DAY_MS = 86_400_000
OLD = 9  # a level of the search index that no day reaches: sixteen segments make one of the next level
STRETCH = 7  # messages that come together
PLAYED = 8  # a status that no message has before
PAGE, MIB, LEVEL = 4096, 1 << 20, 3
SEED = inputs.SEED
_SECOND_DAY = 2

_OF_MESSAGE = {
    "message_fts": "docid",
    "receipt_user": "message_row_id",
    "message_media": "message_row_id",
    "message_thumbnail": "message_row_id",
    "message": "_id",
}
_LAST_MESSAGE = """UPDATE chat SET (last_message_row_id, sort_timestamp) =
    (SELECT _id, timestamp FROM message WHERE chat_row_id = chat._id ORDER BY _id DESC LIMIT 1) WHERE _id = ?"""


@dataclass(frozen=True)
class Changes:
    """How the second day differs: pages of PAGE bytes at their places, and the changed ones together, compressed."""

    pages: int
    changed: int
    compressed: int

    @property
    def bytes(self) -> int:
        return self.changed * PAGE

    def __str__(self) -> str:
        share = self.changed / self.pages
        return (
            f"{self.changed} of {self.pages} pages changed ({share:.2%}, {self.bytes / 1e6:.1f} MB); "
            f"zstd level {LEVEL} in frames of 1 MiB makes them {self.compressed} bytes ({self.compressed / 1e6:.2f} MB)"
        )


def write_pair(folder: Path, size: int, *, seed: int = SEED) -> tuple[Path, Path]:
    """day1.db, of about *size* bytes, and day2.db in *folder*, which is made if it is not there; what is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = folder / "day1.db", folder / "day2.db"
    if not first.exists():
        inputs.generator().write_sample(first, size, seed=seed)
    if not second.exists():
        _write_second(first, second, size, seed)
    return first, second


def pair(size: int) -> tuple[Path, Path]:
    """The same for benches, kept among their inputs until the generator or this file changes."""
    first = inputs.chat(size)
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    second = first.with_name(f"{first.stem}-day2-{digest}{first.suffix}")
    if not second.exists():
        _write_second(first, second, size, SEED)
    return first, second


def _write_second(first: Path, second: Path, size: int, seed: int) -> None:
    part = second.with_name(f"{second.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(first, part)
        apply_day(part, size, seed=seed)
        part.rename(second)
    finally:
        part.unlink(missing_ok=True)


def apply_day(path: Path, size: int, *, seed: int = SEED, day: int = _SECOND_DAY) -> None:
    """Let a day pass in the database at *path*, which the generator made with *size* and *seed*; every *day* is another."""
    import numpy as np

    # The same people, chats and language as on the first day; what they say and do is another chance's.
    history = inputs.generator()._History(size, np.random.default_rng(seed))
    chance = np.random.default_rng([seed, day])
    history._rng = history._language._rng = chance
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # Nobody sees the file before it is whole. Builds of SQLite differ in secure_delete.
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA secure_delete=ON;"
            "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-65536"
        )
        _age_index(connection)
        last, now = connection.execute("SELECT max(_id), max(timestamp) FROM message").fetchone()
        count = max(1, int(last * NEW))
        history.messages, history._now, history._silence_ms = last, now, DAY_MS * STRETCH / count
        for tables in _stretches(history.write(count), last + 1, last + count + 1):
            connection.execute("BEGIN")
            for into, rows in tables.items():
                connection.executemany(f"INSERT INTO {into} VALUES (?{', ?' * (len(rows[0]) - 1)})", rows)
            connection.executemany(_LAST_MESSAGE, sorted({(row[1],) for row in tables["message"]}))
            connection.execute("COMMIT")
        _change_statuses(connection, last, max(4 * STATUSES, 2 * count), chance)
        _delete(connection, last, count, chance)


def _age_index(connection: sqlite3.Connection) -> None:
    """Let what is in the search index count as old.

    The generator commits thousands of messages at a time, so segments as large lie at the index's lowest level, where an application has
    small ones. How many there are is chance, and from sixteen on they are merged: a day may rewrite a tenth of the index or nothing."""
    segments = connection.execute("SELECT level, idx FROM message_fts_segdir ORDER BY level DESC, idx").fetchall()  # the oldest first
    for number, segment in enumerate(segments):
        connection.execute("UPDATE message_fts_segdir SET level = ?, idx = ? WHERE level = ? AND idx = ?", (OLD, number, *segment))


def _stretches(tables: dict[str, list[tuple[Any, ...]]], first: int, end: int) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """The rows of STRETCH messages at a time, of those tables that get any."""
    for low in range(first, end, STRETCH):
        some = {into: rows[bisect_left(rows, (low,)) : bisect_left(rows, (low + STRETCH,))] for into, rows in tables.items()}
        yield {into: rows for into, rows in some.items() if rows}


def _change_statuses(connection: sqlite3.Connection, last: int, recent: int, chance: Any) -> None:
    mine = [
        number for (number,) in connection.execute("SELECT _id FROM message WHERE from_me AND _id > ? AND _id <= ?", (last - recent, last))
    ]
    for number in sorted(chance.choice(mine, min(STATUSES, len(mine)), replace=False).tolist()):
        connection.execute("UPDATE message SET status = ? WHERE _id = ?", (PLAYED, number))


def _delete(connection: sqlite3.Connection, last: int, count: int, chance: Any) -> None:
    wanted = max(2, int(count * DELETED))
    recent = min(last - 1, max(100, 10 * count))
    numbers = {*chance.integers(last - recent, last, wanted // 2).tolist(), *chance.integers(1, last, wanted - wanted // 2).tolist()}
    for number in sorted(numbers):
        connection.execute("BEGIN")
        chats = connection.execute("SELECT chat_row_id FROM message WHERE _id = ?", (number,)).fetchall()
        for table, column in _OF_MESSAGE.items():
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (number,))
        connection.executemany(_LAST_MESSAGE, chats)
        connection.execute("COMMIT")


def changes(first: Path, second: Path) -> Changes:
    """What *second* has that *first* does not have at the same place."""
    changed = b"".join(_changed_pages(first, second))
    compressed = sum(len(pyzstd.compress(changed[at : at + MIB], LEVEL)) for at in range(0, len(changed), MIB))
    return Changes(-(-second.stat().st_size // PAGE), -(-len(changed) // PAGE), compressed)


def _changed_pages(first: Path, second: Path) -> Iterator[bytes]:
    with first.open("rb") as before, second.open("rb") as after:
        while new := after.read(MIB):
            old = before.read(MIB)
            if old != new:
                yield from (new[at : at + PAGE] for at in range(0, len(new), PAGE) if new[at : at + PAGE] != old[at : at + PAGE])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=inputs.size, default="1GB", help="of the first day, about")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    first, second = write_pair(given.folder, given.size, seed=given.seed)
    print(f"{first} {first.stat().st_size} bytes\n{second} {second.stat().st_size} bytes\n{changes(first, second)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
