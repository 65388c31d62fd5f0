"""Running: the real command on a store, in a process of its own that may be killed, and what must be true afterwards."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import live_database
from chatseal import RestoreOptions, Store
from chatseal.format.object_names import PACKS
from chatseal.snapshots import map_chain
from chatseal.snapshots.orphans import Journal
from cli.command import PATIENCE, environment
from snapshots.conftest import KEY

PACK = 128 << 10  # bytes of plaintext in a pack, so that a small source makes many
PROGRAM = f"from chatseal.snapshots import pack_writer; pack_writer.PLAIN = {PACK}; from chatseal.cli import main; main()"
FILES, LENGTH = 12, 130_000
DATABASE = "source/live.db"


@dataclass
class Scene:
    """A folder with files that change between runs and a database that changes all the time, a store, and what its snapshots hold."""

    folder: Path
    chance: random.Random
    known: dict[str, dict[str, bytes]] = field(default_factory=dict)  # by snapshot: its files but for the database

    def __post_init__(self) -> None:
        self.source.mkdir()
        KEY.write(self.folder / "key")
        live_database.make(self.database, rows=100)
        self.change(FILES)
        with Store.create(self.url, KEY):
            pass

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def database(self) -> Path:
        return self.folder / DATABASE

    @property
    def url(self) -> Path:
        return self.folder / "store"

    def change(self, files: int) -> None:
        for number in self.chance.sample(range(FILES), files):
            (self.source / f"{number}.jpg").write_bytes(self.chance.randbytes(LENGTH))

    def files(self) -> dict[str, bytes]:
        return {f"source/{path.name}": path.read_bytes() for path in self.source.glob("*.jpg")}

    @contextmanager
    def written_to(self) -> Iterator[None]:
        """Somebody writes to the database inside the block."""
        with live_database.writer(self.database, "wal", pause=0.01):
            yield

    # --- the command ----------------------------------------------------------------------------------------------------

    def line(self, *words: str | Path) -> list[str]:
        """What starts `chatseal` with *words*."""
        return [sys.executable, "-c", PROGRAM, *map(str, words), "--store", str(self.url), "--key-file", str(self.folder / "key"), "--json"]

    def start(self, *words: str | Path, **changes: str) -> "subprocess.Popen[str]":
        """`chatseal` with *words*, in a session of its own."""
        return subprocess.Popen(
            self.line(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**changes),
            start_new_session=True,
        )

    def count(self, folder: Path) -> int:
        """Files in *folder*, those under way among them."""
        return sum(len(files) for _, _, files in os.walk(folder))

    def wait_for(self, process: "subprocess.Popen[str]", folder: Path, files: int) -> None:
        """Until there are so many more files in *folder*, or the process has ended; then some milliseconds more."""
        begin = self.count(folder)
        while process.poll() is None and self.count(folder) - begin < files:
            time.sleep(0.001)
        time.sleep(self.chance.random() * 0.02)

    # --- what must be true ----------------------------------------------------------------------------------------------

    def backup(self, store: Store) -> str:
        """A run that comes to its end and sends nothing that a run before it sent; the snapshot's id."""
        before = {info.name for info in store.sealed.objects.list(PACKS)}
        sent = self._acknowledged(store)
        done = store.backup(self.source)
        assert done.skipped == ()
        table = map_chain.load(store.sealed, store.snapshot(done.snapshot).record.manifest.maps)
        places = np.array([place.name in before for place in table.packs])
        for path, prints in sent.items():
            units = table.entries[path]
            for number, mark in prints.items():
                if number < len(units) and units.prints[number].tobytes() == mark:
                    assert units.packs[number] >= len(places) or places[units.packs[number]], f"unit {number} of {path} was sent twice"
        self.known[done.snapshot] = self.files()
        assert Journal(store.sealed).names() == []
        return done.snapshot

    def _acknowledged(self, store: Store) -> dict[str, dict[int, bytes]]:
        """The last fingerprints of all units in packs that cut runs have sent, by path and number."""
        found: dict[str, dict[int, bytes]] = {}
        there = {info.name for info in store.sealed.objects.list(PACKS)}
        for path, fragments in Journal(store.sealed).fragments().items():
            marks = found.setdefault(path, {})
            for fragment in fragments:
                assert fragment.place.name in there, "what the journal tells of was acknowledged"
                for segment in fragment.segments:
                    numbers = np.concatenate(
                        [f + np.arange(c) for f, c in zip(segment.first.tolist(), segment.count.tolist(), strict=True)]
                    )
                    marks.update(zip(numbers.tolist(), (row.tobytes() for row in segment.prints), strict=True))
        return found

    def is_whole(self, store: Store) -> bool:
        """Every byte of every snapshot is there, and so are all snapshots that are known."""
        checked = store.check(share=1.0)
        assert (checked.broken, checked.hurt) == ((), ())
        ids = [snapshot.id for snapshot in store.snapshots()]
        assert set(self.known) <= set(ids)
        for snapshot in ids:
            self.known.setdefault(snapshot, self.files())  # not reported, but there: of the run that was stopped just now
        return True

    def comes_back(self, store: Store, snapshot: str, out: Path) -> bool:
        """The files of a snapshot are those it was made of, and its database is whole."""
        done = store.snapshot(snapshot).restore(out, options=RestoreOptions(overwrite=True))
        assert done.failed == ()
        return self.is_restored(snapshot, out)

    def is_restored(self, snapshot: str, out: Path) -> bool:
        found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        live_database.check(found.pop(DATABASE), self.folder / "checked.db")
        assert found == self.known[snapshot]
        return True

    def nobody_is_left(self, process: "subprocess.Popen[str]") -> bool:
        """What a process started ends with it."""
        last = time.monotonic() + PATIENCE
        while members := _members(process.pid):
            assert time.monotonic() < last, members
            time.sleep(0.01)
        return True


def _members(session: int) -> list[str]:
    """Processes of a session that live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[3]) == session and stat[0] != "Z":
                found.append(entry.name)
    return found


def kill(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code, negative for the signal, and what it said on standard output."""
    process.kill()
    out, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, out


def interrupt(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a process that got a signal as from a terminal: its whole group."""
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err
