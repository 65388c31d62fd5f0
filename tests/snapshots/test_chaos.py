"""Two processes that back up and two that prune, killed at any moment: what was reported comes back or was forgotten, no orphan stays."""

import hashlib
import io
import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from chatseal import BackupKey, Store
from chatseal.format import object_names
from chatseal.snapshots import catalogue
from chatseal.snapshots.allowance import UNLIMITED
from chatseal.snapshots.forget import forgotten
from chatseal.snapshots.name_list import REFERRED
from chatseal.snapshots.prune import PENDING_LIFE, PruneOptions, prune
from snapshots import chaos_process
from snapshots.wrapped_store import needs

ROLES = ("writer", "writer", "pruner", "pruner")
DAY = timedelta(days=1)


class Chaos:
    """A store in a folder and four processes at it, each as on a machine of its own."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random, self.key = folder, random.Random(seed), BackupKey.generate()
        self.store, self.kills, self.starts = folder / "store", 0, 0
        Store.create(self.store, self.key).close()
        self.running = [self._start(number) for number in range(len(ROLES))]

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        place = self.folder / f"machine {number}"
        place.mkdir(exist_ok=True)
        env = {**os.environ, **{name: str(place / child) for name, child in chaos_process.ENV.items()}}
        self.starts += 1
        words = [ROLES[number], str(self.store), str(place / "log"), str(place), str(self.starts)]
        with open(place / "errors", "ab") as errors:
            process = subprocess.Popen([sys.executable, chaos_process.__file__, *words], stdin=subprocess.PIPE, stderr=errors, env=env)
        assert process.stdin is not None
        process.stdin.write(bytes(self.key.secret).hex().encode() + b"\n")
        process.stdin.close()
        return process

    def rage(self, seconds: float) -> None:
        """Kill one after the other, and start it again; the last time for good."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                time.sleep(self.random.uniform(0.2, 1.2))
                number = self.random.randrange(len(ROLES))
                assert self.running[number].poll() is None, self.errors()
                self.running[number].kill()
                self.running[number].wait()
                self.kills += 1
                self.running[number] = self._start(number)
        finally:
            for process in self.running:
                process.kill()
                process.wait()

    def errors(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("machine */errors")))

    def reported(self) -> dict[str, str]:
        """Snapshots that some process was told to be made, and the digest of what was backed up."""
        lines = [line for path in self.folder.glob("machine */log") for line in path.read_text().splitlines(keepends=True)]
        return dict(line.split() for line in lines if line.endswith("\n"))

    def all_come_back(self, store: Store) -> int:
        """Of what was reported and is not forgotten; how many."""
        gone, count = forgotten(store.sealed), 0
        assert store.check(share=1.0).broken == ()
        for snapshot, digest in self.reported().items():
            if f"{object_names.SNAPSHOTS}1-{snapshot}" not in gone:
                out = io.BytesIO()
                store.snapshot(snapshot).write_to("source/data", out)
                assert hashlib.sha256(out.getvalue()).hexdigest() == digest
                count += 1
        return count

    def pass_time(self, span: timedelta) -> None:
        """All objects were put so much earlier."""
        for path in self.store.rglob("*"):
            if path.is_file():
                about = path.stat()
                os.utime(path, (about.st_atime, about.st_mtime - span.total_seconds()))


def nothing_is_lost(folder: Path, seed: int, seconds: float) -> str:
    """One run, and what is demanded of its end; what happened, in words."""
    chaos = Chaos(folder, seed)
    chaos.rage(seconds)
    with Store(chaos.store, chaos.key) as store:
        left = chaos.all_come_back(store)
        for span in (PENDING_LIFE, DAY):  # what the dead have announced or condemned is nobody's after two weeks
            chaos.pass_time(span)
            prune(store.sealed, PruneOptions(max_unused=UNLIMITED, max_fragmentation=UNLIMITED))
        assert chaos.all_come_back(store) == left
        there = {info.name for name in REFERRED for info in store.sealed.objects.list(name)}
        needed = set[str]().union(*(needs(store.sealed, record.manifest.maps) for record in catalogue.read(store.sealed).records))
        assert there == needed
    reported = len(chaos.reported())
    assert reported
    assert left
    return f"{chaos.kills} kills, {reported} snapshots reported, {left} of them not forgotten: all come back, and nothing else is left"


def test_processes_that_are_killed_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    print(nothing_is_lost(tmp_path, 1, 30))


@pytest.mark.soak
def test_the_same_for_ten_minutes(tmp_path: Path) -> None:
    print(nothing_is_lost(tmp_path, 2, 600))
