"""The main jobs on a realistic database: seal, verify, restore, compare, with rates, ratio and the share of the limit; then two days of
backups of the same database while it is in use, both restored and compared, with the bytes that the second day added; then a run as a
timer makes it, a drill and the status.

`make demo` runs it. Every step is the command that a person would type, printed before it runs. DEMO_SIZE (default 256M) is the size of
the database; DEMO_FOLDER where it lies (default: memory, if there is room, so that the disk is not what is measured)."""

import filecmp
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import days
import inputs
import limit

LEVELS = (3, 1)
ROUNDS = 3


def chatseal(*arguments: str, folder: Path) -> None:
    """Run the command in *folder*, as a person would; leaves the demo with its exit code if it fails."""
    print(f"\n$ chatseal {' '.join(arguments)}", flush=True)
    ended = subprocess.run([sys.executable, "-m", "chatseal", *arguments], cwd=folder, check=False)
    if ended.returncode:
        sys.exit(ended.returncode)


@contextmanager
def folder(size: int) -> Iterator[Path]:
    """An empty folder with room for the database, its sealed form and its restored copy; gone afterwards."""
    chosen = os.environ.get("DEMO_FOLDER")
    memory = Path("/dev/shm")
    if chosen is None and memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * size:
        chosen = str(memory)
    with tempfile.TemporaryDirectory(prefix="chatseal-demo-", dir=chosen) as name:
        yield Path(name)


def share_of_the_limit(database: Path, level: int, key: Path) -> None:
    """Seal and libzstd alone in turn, the best of a few rounds each: the machine may be busy."""
    import chatseal as engine

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    alone = limit.Compression([inputs.load(database)], level, 1 << 20, threads)
    holder, target = engine.BackupKey.from_file(key), database.with_suffix(".limit")
    limits, seals = [], []
    for _ in range(ROUNDS):
        limits.append(alone.run())
        seals.append(engine.seal(database, target, holder, level=level, overwrite=True).seconds)
    share = min(limits) / min(seals)
    rate = database.stat().st_size / min(seals) / 1e6
    print(f"  level {level}: {rate:.0f} MB/s on {threads} threads, {share:.0%} of libzstd alone (same frames, same threads, in memory)")


def two_days(place: Path, size: int) -> None:
    """Back up the database while its application has it open, let a day pass in it, back up again, restore both days."""
    run, database = partial(chatseal, folder=place), place / "msgstore.db"
    os.environ |= {"CHATSEAL_STATE_DIR": str(place / "state"), "CHATSEAL_CACHE_DIR": str(place / "cache")}
    store = ("--store", "store", "--key-file", "my.key")
    print("\ntwo days of backups, while the application has the database open")
    run("init", "store", "--key-file", "my.key")
    copies = []
    for day in (1, 2):
        if day == 2:
            print("\na day passes: messages, receipts, pictures and the full-text index, status updates, deletions")
            days.apply_day(database, size)
        with closing(sqlite3.connect(database)) as application:  # which has it open while it is backed up
            application.execute("PRAGMA journal_mode=WAL")
            application.execute("UPDATE chat SET sort_timestamp = sort_timestamp + 1 WHERE _id = 1")
            application.commit()
            run("backup", "msgstore.db", *store)
            copies.append(place / f"day{day}.db")
            with closing(sqlite3.connect(copies[-1])) as copy:
                application.backup(copy)
    run("snapshots", *store)
    listed = subprocess.run(
        [sys.executable, "-m", "chatseal", "snapshots", *store, "--json"], cwd=place, check=True, capture_output=True, text=True
    ).stdout
    run("restore", json.loads(listed.splitlines()[0])["snapshot"][:8], "--to", "yesterday", *store)
    run("restore", "latest", "--to", "today", *store)
    run("check", "--read-data", *store)
    print("\ncompare")
    for copied, folder in zip(copies, ("yesterday", "today"), strict=True):
        check_same(copied, place / folder / "msgstore.db")
    changes = days.changes(*copies)
    print(f"  {changes}")
    every_night(run, place)


def every_night(run: Callable[..., None], place: Path) -> None:
    """What the timer would do, and what a person sees of it; the drill proves that what was backed up comes back."""
    print("\nwhat happens by itself, once the configuration names it")
    configuration = place / "chatseal.toml"
    configuration.write_text(
        f'[key]\nfile = "{place}/my.key"\n\n[job.chats]\nsources = ["{place}/msgstore.db"]\nstore = "{place}/store"\n'
        '[job.chats.schedule]\ndrill = "never"  # here it comes after\n'
    )
    configuration.chmod(0o600)
    print(f"\n$ cat chatseal.toml\n{configuration.read_text()}", end="")
    os.environ["CHATSEAL_CONFIG"] = str(configuration)
    run("run")
    run("drill", "--store", "store", "--key-file", "my.key")
    run("status")


def check_same(wanted: Path, restored: Path) -> None:
    """Leave the demo if two databases differ in a row, or the second is not whole."""
    with closing(sqlite3.connect(f"file:{restored}?mode=ro", uri=True)) as connection:
        (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
        connection.execute("ATTACH ? AS wanted", (str(wanted),))
        tables = [name for (name,) in connection.execute("SELECT name FROM wanted.sqlite_master WHERE type='table' AND rootpage > 0")]
        for table in tables:
            for one, other in (("main", "wanted"), ("wanted", "main")):
                if connection.execute(
                    f'SELECT 1 FROM (SELECT * FROM {one}."{table}" EXCEPT SELECT * FROM {other}."{table}") LIMIT 1'
                ).fetchone():
                    sys.exit(f"{restored} differs in the table {table}")
        (messages,) = connection.execute("SELECT count(*) FROM message").fetchone()
    if answer != "ok":
        sys.exit(f"{restored} is broken: {answer}")
    print(f"  {restored.parent.name}: every row of {len(tables)} tables is the same; integrity check {answer}; {messages} messages")


def main() -> None:
    size = inputs.size(os.environ.get("DEMO_SIZE", "256M"))
    with folder(size) as place:
        print(f"chatseal demo in {place}")
        run = partial(chatseal, folder=place)
        run("sample", "--size", str(size), "msgstore.db")
        run("key", "new", "--out", "my.key")
        run("seal", "msgstore.db", "-o", "msgstore.db.seal", "--key-file", "my.key")
        run("verify", "msgstore.db.seal", "--key-file", "my.key")
        run("inspect", "msgstore.db.seal", "--key-file", "my.key")
        run("unseal", "msgstore.db.seal", "-o", "restored.db", "--key-file", "my.key")

        database, restored, key = place / "msgstore.db", place / "restored.db", place / "my.key"
        print("\ncompare")
        if not filecmp.cmp(database, restored, shallow=False):
            sys.exit("the restored database differs")
        with closing(sqlite3.connect(restored)) as connection:
            (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
            (messages,) = connection.execute("SELECT count(*) FROM message").fetchone()
        if answer != "ok":
            sys.exit(f"the restored database is broken: {answer}")
        print(f"  every byte is the same; SQLite's integrity check says {answer}; {messages} messages")

        restored.unlink()
        print("\nspeed")
        for level in LEVELS:
            share_of_the_limit(database, level, key)
        two_days(place, size)


if __name__ == "__main__":
    main()
