"""Live: what captures of a database cost the program that writes to it.

    python bench/live.py [--size 256M] [--seconds 3] [--rounds 5]

Another process commits five rows and an update at a time, every millisecond at most, and measures each commit. In turn it does so alone,
while this process reads a copy of the same file again and again (which takes as much of the machine), and while it captures the database
again and again, every image read whole by two threads. With a write-ahead log a commit never waits for a capture; without one it can, and
how long captures held writers back is told."""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import inputs
import machine
from bars import Bar, show

STATES = ("alone", "reading", "capturing")
PAUSE = 0.001  # seconds between two commits
STEP = 1 << 20
THREADS = 2


@dataclass
class Commits:
    """Seconds of each commit by state and round, and what the captures said."""

    latencies: dict[str, list[list[float]]] = field(default_factory=lambda: {state: [] for state in STATES})
    captures: int = 0
    read_again: int = 0
    held: list[float] = field(default_factory=list)

    def percentile(self, state: str, share: float) -> list[float]:
        """Of each round, the time within which that share of the commits was done."""
        return [sorted(took)[int(share * (len(took) - 1))] for took in self.latencies[state]]

    def ratio(self, against: str) -> tuple[float, float, float]:
        """p99 while capturing over p99 in the other state: median, lowest and highest round."""
        pairs = zip(self.percentile("capturing", 0.99), self.percentile(against, 0.99), strict=True)
        ratios = [ours / theirs for ours, theirs in pairs]
        return median(ratios), min(ratios), max(ratios)


def write(path: str, mode: str) -> None:
    """The other process: for each number of seconds that comes in, commit so long and say how long each commit took."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("CREATE TABLE IF NOT EXISTS live (id INTEGER PRIMARY KEY, body BLOB)")
        print("ready", flush=True)
        body, number = bytes(range(200)), 0
        for line in sys.stdin:
            until, took = time.perf_counter() + float(line), list[float]()
            while time.perf_counter() < until:
                began = time.perf_counter()
                database.execute("BEGIN IMMEDIATE")
                for _ in range(5):
                    number = database.execute("INSERT INTO live (body) VALUES (?)", (body,)).lastrowid or 0
                database.execute("UPDATE live SET body = ? WHERE id = ?", (body[::-1], number // 2))
                database.execute("COMMIT")
                took.append(time.perf_counter() - began)
                time.sleep(PAUSE)
            print(json.dumps(took), flush=True)


@contextmanager
def writer(path: Path, mode: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, __file__, "--write", str(path), "--mode", mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the writer did not start")
        try:
            yield process
        finally:
            process.stdin.close()


def read_file(path: Path, pool: ThreadPoolExecutor) -> None:
    """The load of a capture without one: the same bytes by as many threads."""

    with path.open("rb", buffering=0) as file:
        list(pool.map(lambda offset: os.pread(file.fileno(), STEP, offset), range(0, path.stat().st_size, STEP)))


def capture(path: Path, pool: ThreadPoolExecutor, found: Commits) -> None:
    """One capture, read whole, and once more where it asks for that."""
    from chatseal.capture.database import open_database
    from chatseal.capture.options import CaptureOptions

    with closing(open_database(path, CaptureOptions(max_hold=None))) as image:
        while True:
            assert image.length is not None
            list(pool.map(lambda offset: image.read_into(offset, memoryview(bytearray(STEP))), range(0, image.length, STEP)))
            if image.settle():
                break
            found.read_again += 1
    found.captures += 1
    found.held.append(image.held_seconds)


def measure(source: Path, folder: Path, mode: str, seconds: float, rounds: int) -> Commits:
    """What each commit took, state by state in turn; the first round does not count."""
    found, path, other = Commits(), folder / "live.db", folder / "other.db"
    for copy in (path, other):
        shutil.copyfile(source, copy)
    work: dict[str, Callable[[ThreadPoolExecutor], None] | None] = {
        "alone": None,
        "reading": partial(read_file, other),
        "capturing": lambda pool: capture(path, pool, found),
    }
    with writer(path, mode) as process, ThreadPoolExecutor(THREADS) as pool:
        assert process.stdin is not None
        assert process.stdout is not None
        for turn in range(rounds + 1):
            for state in STATES:
                process.stdin.write(f"{seconds}\n")
                process.stdin.flush()
                until, run = time.perf_counter() + seconds, work[state]
                while run is not None and time.perf_counter() < until:
                    run(pool)
                took = json.loads(process.stdout.readline())
                if turn:
                    found.latencies[state].append(took)
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    other.unlink()
    return found


def bars(source: Path, folder: Path, seconds: float, rounds: int) -> Iterator[Bar]:
    """The writer's p99, with captures over without, for both kinds of database; there is no bar for it."""
    for mode, words in (("wal", "write-ahead log"), ("delete", "rollback journal")):
        found = measure(source, folder, mode, seconds, rounds)
        milliseconds = {state: 1000 * median(found.percentile(state, 0.99)) for state in STATES}
        longest = 1000 * max(max(took) for took in found.latencies["capturing"])
        for against, than in (("alone", "without any"), ("reading", "beside mere reading")):
            ratio, low, high = found.ratio(against)
            tail = f"{milliseconds['capturing']:.2f} ms, without {milliseconds[against]:.2f} ms"
            yield Bar(
                f"{words}: commit p99 during captures, over {than}", "", f"{ratio:.2f} ({low:.2f} to {high:.2f}; {tail})", ratio, None
            )
        held = f"{found.captures} captures held writers {median(found.held):.3f} s each, at most {max(found.held):.3f} s"
        yield Bar(f"{words}: longest commit during captures", "", f"{longest:.1f} ms; {held}", longest, None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=inputs.size, default="256M", help="bytes of the chat database (256M)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each state in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where inputs and outputs are; default BENCH_FOLDER, or /dev/shm where it is")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--mode", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.write, given.mode)
        return 0

    inputs.choose_folder(given.folder)
    source = inputs.chat(given.size)
    print(machine.describe())
    print(f"{'data':12} {source.stat().st_size / 1e6:.1f} MB of chat database, {given.rounds} rounds of {given.seconds:g} s\n")
    with inputs.scratch() as folder:
        for bar in bars(source, folder, given.seconds, given.rounds):
            print(show(bar), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
