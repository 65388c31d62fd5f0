"""The bars of snapshots as ratios, on the two-day pair: `python bench/backups.py [--size 1GB] [--large 4GB] [--only ...] [--json FILE]`.

The database is live, in WAL mode, held open by an application in another process. Everything lies in memory. The numbers mean something
only while nobody else uses the machine."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import bars
import days
import inputs
import machine
import subjects
from bars import MIB, Bar, Plan, show
from chatseal import BackupOptions, RestoreOptions, Store, _pages
from chatseal.compare import pipeline
from chatseal.snapshots.scan import BATCH
from rounds import Run, take_turns, timed

KEY = subjects.KEY
PARTS = ("size", "first", "next", "memory", "peers")
SIZE_BAR, SPARE = 1.15, 64 << 10  # of the changed pages compressed, and bytes on top
PADDING = 1.12  # Padmé adds at most so much to an object
FIRST_BAR, RESTORE_BAR, NEXT_BAR, SCAN_BAR = 0.9, 0.9, 4.0, 0.8
PEAK_BAR, GROWTH_BAR = 128 * MIB, 8 * MIB  # of a whole process; for each further GB
_APPLICATION = """import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
print(flush=True)
sys.stdin.read()"""


@contextmanager
def in_use(database: Path) -> Iterator[None]:
    """An application that has *database* open in WAL mode."""
    command = [sys.executable, "-c", _APPLICATION, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()


class Scene:
    """A folder with the database at the place where it is backed up from, a store, and places of this machine's own."""

    def __init__(self, plan: Plan, first: Path, second: Path) -> None:
        self.first, self.second, self.plan = first, second, plan
        self.folder = plan.scratch / "backups"
        self.database, self.out = self.folder / "chat.db", self.folder / "out"
        os.environ["CHATSEAL_STATE_DIR"] = str(self.folder / "state")
        os.environ["CHATSEAL_CACHE_DIR"] = str(self.folder / "cache")
        self.options = BackupOptions(threads=plan.threads)
        self.folder.mkdir()

    def begin(self, day: Path) -> None:
        """No store any more, and the database of *day*."""
        for name in ("store", "state", "cache", "out"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.put(day)

    def put(self, day: Path) -> None:
        """The database becomes that of *day*."""
        for ending in ("-wal", "-shm"):
            self.database.with_name(self.database.name + ending).unlink(missing_ok=True)
        shutil.copyfile(day, self.database)

    def store(self) -> Store:
        path = self.folder / "store"
        return Store(path, KEY) if path.exists() else Store.create(path, KEY)

    def backup(self) -> float:
        """Seconds of one backup of the live database."""
        with in_use(self.database), self.store() as store:
            return timed(lambda: store.backup(self.database, options=self.options))


def size(scene: Scene) -> Iterator[Bar]:
    """What the next day adds, against the pages that changed."""
    changes = days.changes(scene.first, scene.second)
    scene.begin(scene.first)
    scene.backup()
    scene.put(scene.second)
    with in_use(scene.database), scene.store() as store:
        added = store.backup(scene.database, options=scene.options).bytes_added
    most = SIZE_BAR * changes.compressed * PADDING + SPARE
    words = f"{added / 1e6:.2f} MB, {added / changes.compressed:.3f} x the {changes.compressed / 1e6:.2f} MB of {changes.changed} pages"
    yield bars._below("next day, bytes added, with padding", added, most, words, f"{SIZE_BAR} x + 64 KiB + padding")


def _first(scene: Scene) -> Run:
    def run() -> float:
        scene.begin(scene.first)
        inputs.warm(scene.folder, scene.first.stat().st_size)
        return scene.backup()

    return run


def _restore(scene: Scene) -> Run:
    def run() -> float:
        shutil.rmtree(scene.out, ignore_errors=True)
        inputs.warm(scene.folder, scene.first.stat().st_size)
        with scene.store() as store:
            snapshot, options = store.snapshots()[0], RestoreOptions(threads=scene.plan.threads)
            return timed(lambda: snapshot.restore(scene.out, options=options))

    return run


def first(scene: Scene) -> Iterator[Bar]:
    """The first backup against seal, and a restore of it against unseal."""
    plan, sealed, target = scene.plan, scene.plan.scratch / "day1.seal", scene.plan.scratch / "target"
    times = take_turns(
        {
            "seal": subjects.seal_to_path(scene.first, sealed, 3, threads=plan.threads),
            "backup": _first(scene),
            "unseal": subjects.unseal_to_path(sealed, target, threads=plan.threads),
            "restore": _restore(scene),
        },
        plan.rounds,
    )
    yield bars._share("first backup to a folder, against seal", times, "backup", "seal", FIRST_BAR)
    yield bars._share("restore, against unseal", times, "restore", "unseal", RESTORE_BAR)
    for path in (sealed, target):
        path.unlink()


def _scan_alone(path: Path, threads: int) -> Run:
    """Read the file and compute the keyed fingerprints of its pages, on so many threads, and nothing else."""
    length = path.stat().st_size

    def part(number: int) -> None:
        fingerprinter, buffer = _pages.Fingerprinter(bytes(32)), bytearray(BATCH)
        prints, marks = bytearray(BATCH // days.PAGE * 16), bytearray(BATCH // days.PAGE)
        with path.open("rb", buffering=0) as file:
            for at in range(number * BATCH, length, threads * BATCH):
                n = os.preadv(file.fileno(), [buffer], at)
                fingerprinter.compare(memoryview(buffer)[:n], days.PAGE, 0, prints, marks)

    def run() -> float:
        with ThreadPoolExecutor(threads) as pool:
            return timed(lambda: list(pool.map(part, range(threads))))

    return run


def next_day(scene: Scene) -> Iterator[Bar]:
    """The next day's backup against the first, and against reading and fingerprints alone."""

    def again() -> float:
        scene.begin(scene.first)
        scene.backup()
        scene.put(scene.second)
        return scene.backup()

    runs = {"first": _first(scene), "next": again, "scan": _scan_alone(scene.second, scene.plan.threads)}
    times = take_turns(runs, scene.plan.rounds)
    factor = times.share("next", "first")
    yield Bar("next day, times as fast as the first", f">= {NEXT_BAR:.0f}", f"{factor:.2f}", factor, factor >= NEXT_BAR)
    yield bars._share("next day, against read and fingerprint alone", times, "next", "scan", SCAN_BAR)


_COMMANDS = {
    "first backup": "store.backup(sys.argv[2])",
    "next backup": "store.backup(sys.argv[2])",
    "restore": "store.snapshot().restore(sys.argv[3])",
    "check --read-data": "store.check(share=1.0)",
}


def memory(scene: Scene, large: int) -> Iterator[Bar]:
    """The most memory resident in a whole process, for two sizes, and how it grows."""
    peaks: dict[str, list[tuple[int, int]]] = {name: [] for name in _COMMANDS}
    for length in (scene.first.stat().st_size, large):
        source = scene.first if length == scene.first.stat().st_size else inputs.chat(length)
        scene.begin(source)
        scene.store().close()
        with in_use(scene.database):
            for name, call in _COMMANDS.items():
                command = subjects.script(
                    f"store = chatseal.Store(sys.argv[1], KEY); {call}", scene.folder / "store", scene.database, scene.out
                )
                (peak,) = pipeline.run(command, environment=subjects.environment()).peaks
                peaks[name].append((source.stat().st_size, peak))
                words = f"{peak / MIB:.1f} MiB"
                yield bars._below(f"peak memory, {name}, {source.stat().st_size / 1e9:.2f} GB", peak, PEAK_BAR, words, "128 MiB")
    for name, ((a, low), (b, high)) in peaks.items():
        growth = (high - low) / ((b - a) / 1e9)
        yield bars._below(f"peak memory, {name}, for each further GB", growth, GROWTH_BAR, f"{growth / MIB:.2f} MiB", "8 MiB")


def peers(scene: Scene) -> Iterator[Bar]:
    """What restic and borg add on the same pair, where they are installed."""
    for name, begin, go in (
        ("restic", ["restic", "init", "-q"], ["restic", "backup", "-q"]),
        ("borg", ["borg", "init", "-e", "repokey-blake2"], ["borg", "create", "-C", "zstd,3", "::{number}"]),
    ):
        if shutil.which(name) is None:
            yield Bar(f"next day, bytes added, {name}", "", "not installed", 0.0, None)
            continue
        place = scene.plan.scratch / name
        secrets = {"RESTIC_PASSWORD": "bench", "BORG_PASSPHRASE": "bench"}
        where = {"RESTIC_REPOSITORY": str(place / "r"), "BORG_REPO": str(place / "r"), "BORG_BASE_DIR": str(place), "HOME": str(place)}
        environment = {**os.environ, **secrets, **where, "RESTIC_CACHE_DIR": str(place / "cache")}
        place.mkdir()
        subprocess.run(begin, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        sizes = []
        seconds = []
        for number, day in enumerate((scene.first, scene.second)):
            scene.put(day)
            command = [word.format(number=number) for word in go] + [str(scene.database)]
            run = partial(subprocess.run, command, env=environment, check=True, stdout=subprocess.DEVNULL)
            seconds.append(timed(run))
            sizes.append(sum(path.stat().st_size for path in (place / "r").rglob("*") if path.is_file()))
        shutil.rmtree(place)
        words = f"{(sizes[1] - sizes[0]) / 1e6:.2f} MB; first day {sizes[0] / 1e6:.0f} MB in {seconds[0]:.1f} s, next in {seconds[1]:.1f} s"
        yield Bar(f"next day, bytes added, {name}", "", words, sizes[1] - sizes[0], None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=inputs.size, default="1GB", help="bytes of the chat database (1GB)")
    parser.add_argument("--large", type=inputs.size, default=None, help="bytes of the larger one for peak memory (four times --size)")
    parser.add_argument("--folder", type=Path, help="where inputs and outputs are; default BENCH_FOLDER, or /dev/shm where it is")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts alone")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    given = parser.parse_args()
    inputs.choose_folder(given.folder)
    one, two = days.pair(given.size)
    print(machine.describe())
    print(f"{'data':12} {one.stat().st_size / 1e6:.1f} MB of chat database, a day later {two.stat().st_size / 1e6:.1f} MB\n")
    found: list[Bar] = []
    with inputs.scratch() as scratch:
        scene = Scene(Plan(one, scratch, scratch, given.threads, given.rounds), one, two)
        work: dict[str, Callable[[], Iterator[Bar]]] = {
            "size": lambda: size(scene),
            "first": lambda: first(scene),
            "next": lambda: next_day(scene),
            "memory": lambda: memory(scene, given.large or 4 * given.size),
            "peers": lambda: peers(scene),
        }
        for part in given.only:
            for bar in work[part]():
                print(show(bar), flush=True)
                found.append(bar)
    missed = sum(bar.holds is False for bar in found)
    print(f"\n{sum(bar.holds is True for bar in found)} bars hold" + (f", {missed} MISSED" if missed else ""))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "bars": [asdict(bar) for bar in found]}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
