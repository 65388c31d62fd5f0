"""A store for years: a database that changes every day, backed up every day, most of it forgotten again.

    python bench/years.py [--days 365] [--size 200M]

It prints how long `chatseal snapshots` takes, how long the last snapshot takes to restore beside one of a fresh store, and how large the
store is after forget and prune beside one that was never given anything else than the days that are left: both with the default limit of
fragmentation and with none."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import backups
import bars
import days
import inputs
from bars import Bar
from chatseal import RestoreOptions, Store
from chatseal.snapshots.allowance import MAX_FRAGMENTATION

SNAPSHOTS_BAR, RESTORE_BAR, SIZE_BAR = 0.5, 1.1, 1.1
ROUNDS = 5


def kept(day: int, last: int) -> bool:
    """Whether a snapshot stays: of the last week every day, of two months every week, before that every fourth week."""
    age = last - day
    return age < 7 or (age < 60 and age % 7 == 0) or age % 28 == 0


def stored(store: Path) -> int:
    """Bytes of a store's objects."""
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


def measure(folder: Path, size: int, count: int) -> Iterator[Bar]:
    """Live through *count* days, then look at what came of them."""
    database = folder / "chat.db"
    shutil.copyfile(inputs.chat(size), database)
    began = time.perf_counter()
    with Store.create(folder / "store", backups.KEY) as store:
        names: dict[int, str] = {}
        for day in range(count):
            if day:
                days.apply_day(database, size, day=1000 + day)
            names[day] = store.backup(database).snapshot
        print(f"{count} days in {time.perf_counter() - began:.0f} s; the store has {stored(folder / 'store') / 1e6:.1f} MB", flush=True)
        yield from _listing(folder, count)
        left = [names[day] for day in names if kept(day, count - 1)]
        store.forget([snapshot for snapshot in store.snapshots() if snapshot.id not in left])
        least = _ideal(folder, store, left)
        with Store.create(folder / "fresh", backups.KEY) as fresh:
            fresh.backup(database)
        for limit in (MAX_FRAGMENTATION, "0%"):
            before = stored(folder / "store")
            began = time.perf_counter()
            done = store.prune(exclusive=True, max_fragmentation=limit)
            seconds = time.perf_counter() - began
            assert store.check(share=1.0).broken == ()
            after = stored(folder / "store")
            words = (
                f"{after / 1e6:.1f} MB of {before / 1e6:.1f}, {after / least:.3f} x; prune {seconds:.1f} s, {done.repacked} packs repacked"
            )
            yield bars._below(f"size after forget and prune --max-fragmentation {limit}", after / least, SIZE_BAR, words, "1.1 x the ideal")
            rounds = [(_restore(folder, "store"), _restore(folder, "fresh")) for _ in range(ROUNDS)]
            old, new = (min(times) for times in zip(*rounds, strict=True))
            share = old / new
            words = f"{share:.3f} x ({old:.3f} s, {new:.3f} s)"
            yield bars._below("restore of the last, beside a fresh store", share, RESTORE_BAR, words, "1.1 x")


def _ideal(folder: Path, store: Store, left: list[str]) -> int:
    """Bytes of a store that only ever had the snapshots that are *left*, oldest first."""
    database = folder / "again" / "chat.db"
    database.parent.mkdir()
    with Store.create(folder / "ideal", backups.KEY) as ideal:
        for name in left:
            store.snapshot(name).restore_file("chat.db", database, options=RestoreOptions(overwrite=True))
            ideal.backup(database)
    shutil.rmtree(database.parent)
    return stored(folder / "ideal")


def _restore(folder: Path, name: str) -> float:
    shutil.rmtree(folder / "out", ignore_errors=True)
    with Store(folder / name, backups.KEY) as store:
        began = time.perf_counter()
        store.snapshot().restore(folder / "out")
        return time.perf_counter() - began


def _listing(folder: Path, count: int) -> Iterator[Bar]:
    key = folder / "my.key"
    key.write_text(bytes(backups.KEY.secret).hex() + "\n")
    key.chmod(0o600)
    words = [sys.executable, "-m", "chatseal", "snapshots", "--store", str(folder / "store"), "--key-file", str(key), "--json"]
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        assert len(subprocess.run(words, check=True, capture_output=True).stdout.splitlines()) == count
        times.append(time.perf_counter() - began)
    best = min(times)
    yield bars._below(f"`chatseal snapshots` of {count}", best, SNAPSHOTS_BAR, f"{best:.3f} s, start of Python included", "0.5 s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--size", type=inputs.size, default="200MB")
    options = parser.parse_args()
    inputs.choose_folder(None)
    with inputs.scratch() as folder:
        os.environ |= {"CHATSEAL_STATE_DIR": f"{folder}/state", "CHATSEAL_CACHE_DIR": f"{folder}/cache"}
        held = True
        for bar in measure(folder, options.size, options.days):
            print(bars.show(bar), flush=True)
            held = held and bar.holds is not False
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
