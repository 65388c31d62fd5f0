"""The main job on a realistic database: seal, verify, restore, compare, with rates, ratio and the share of the limit.

`make demo` runs it. Every step is the command that a person would type, printed before it runs. DEMO_SIZE (default 256M) is the size of
the database; DEMO_FOLDER where it lies (default: memory, if there is room, so that the disk is not what is measured)."""

import filecmp
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

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


if __name__ == "__main__":
    main()
