"""Backups, forgetting and prunes of several machines at once, in whatever order their calls come and whoever dies: nothing that was
reported is lost, and nothing that nobody needs stays."""

import io
from pathlib import Path

import pytest

from chatseal.capture.image import UNIT_OF_FILES
from chatseal.errors import StoreFailedError
from chatseal.format.object_names import CONDEMNED
from chatseal.objects.memory_store import MemoryStore
from chatseal.sealing.budget import Budget
from chatseal.snapshots import catalogue, pack_writer, places
from chatseal.snapshots.allowance import UNLIMITED, Allowance
from chatseal.snapshots.backup import BackupOptions, backup
from chatseal.snapshots.check import CheckOptions, check
from chatseal.snapshots.config import Config
from chatseal.snapshots.forget import forget
from chatseal.snapshots.name_list import REFERRED
from chatseal.snapshots.prune import PruneOptions, prune
from chatseal.snapshots.restore import restore_stream
from chatseal.snapshots.sealed_store import SealedStore
from snapshots import interleaving
from snapshots.interleaving import DAY, Machine, Turns
from snapshots.scene import noise
from snapshots.wrapped_store import needs

UNIT, UNITS = UNIT_OF_FILES, 9
BACKUPS, PRUNES = 3, 4


class Run:
    """What happened to one store."""

    def __init__(self, seed: int, folder: Path, *, deaths: float) -> None:
        self.memory, self.config = MemoryStore(), Config.new(puts_absent=True)
        self.turns = Turns(seed, self.memory, deaths=deaths)
        self.random, self.folder = self.turns.random, folder
        self.content = [noise(UNIT, number) for number in range(UNITS)]
        self.reported: dict[str, bytes] = {}
        self.step = 0

    def machine(self, name: str) -> Machine:
        return Machine(name, self.turns, self.memory, self.config, self.folder)

    def back_up(self, store: SealedStore) -> None:
        """Every time some units are others; both writers go on from what is newest, whoever made it."""
        for _ in range(BACKUPS):
            self.step += 1
            for number in self.random.sample(range(UNITS), self.random.choice((0, 1, 3, UNITS))):
                self.content[number] = noise(UNIT, 1000 * self.step + number)
            content = b"".join(self.content)
            try:
                done = backup(store, [], {"data": io.BytesIO(content)}, BackupOptions(threads=1))
            except StoreFailedError:
                continue  # it says that it did not succeed
            self.reported[done.snapshot] = content

    def clear(self, store: SealedStore) -> None:
        """Forget some snapshots, never the last one, and prune."""
        for _ in range(PRUNES):
            known = sorted(self.reported)
            for snapshot in self.random.sample(known, max(0, len(known) - 2)):
                if snapshot in self.reported and len(self.reported) > 1:  # the other may have forgotten it since, or all others
                    del self.reported[snapshot]
                    forget(store, [f"snapshots/1-{snapshot}"])
            prune(store, PruneOptions(max_unused=Allowance(), max_fragmentation=Allowance(), threads=1))


@pytest.fixture(autouse=True)
def _small_packs_and_own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_writer, "PLAIN", 3 * UNIT)
    monkeypatch.setattr(places, "state_folder", interleaving.state_folder)
    monkeypatch.setattr(places, "cache_folder", interleaving.cache_folder)


def nothing_is_lost(seed: int, folder: Path, *, deaths: float) -> Run:
    """One run of two who back up and two who prune, and what is demanded of its end."""
    run = Run(seed, folder, deaths=deaths)
    machines = [run.machine(name) for name in ("writer 1", "writer 2", "pruner 1", "pruner 2")]
    for machine in machines:
        machine.work = run.back_up if machine.name.startswith("writer") else run.clear
    run.turns.run(machines)
    story = f"seed {seed}:\n" + "\n".join(run.turns.trace)
    for machine in machines:
        if machine.errors:
            raise AssertionError(story) from machine.errors[0]
    store = SealedStore(run.memory, run.config, copies=False)
    _comes_back(run, store, story)
    for days in (15.0, 1.0, 1.0):  # what the dead have announced or condemned is nobody's after two weeks
        run.turns.pass_time(days * DAY)
        prune(store, PruneOptions(max_unused=Allowance(), max_fragmentation=Allowance(), threads=1))
    for _ in range(2):  # what the last of them made needless when it gathered may have been a moment too young to be condemned at once
        run.turns.pass_time(DAY)
        prune(store, PruneOptions(max_unused=UNLIMITED, max_fragmentation=UNLIMITED, threads=1))
    _comes_back(run, store, story)
    left = {info.name for folder in REFERRED for info in run.memory.list(folder)}
    needed = set[str]().union(*(needs(store, record.manifest.maps) for record in catalogue.read(store).records))
    assert left == needed, story
    return run


def _comes_back(run: Run, store: SealedStore, story: str) -> None:
    assert check(store, CheckOptions(1.0, 1)).broken == (), story
    known = catalogue.read(store)
    for snapshot, content in run.reported.items():
        out = io.BytesIO()
        restore_stream(store, known.find(snapshot), "data", out, Budget.of(1, None))
        assert out.getvalue() == content, story


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("deaths", [0.0, 0.02], ids=["all live", "some die"])
def test_two_who_back_up_and_two_who_prune_lose_nothing(seed: int, deaths: float, tmp_path: Path) -> None:
    run = nothing_is_lost(seed, tmp_path, deaths=deaths)
    assert run.reported


@pytest.mark.soak
@pytest.mark.parametrize("deaths", [0.0, 0.02, 0.1], ids=["all live", "some die", "many die"])
def test_the_same_in_hundreds_of_orders(deaths: float, tmp_path: Path) -> None:
    lists = 0
    for seed in range(1000, 1400):
        run = nothing_is_lost(seed, tmp_path / str(seed), deaths=deaths)
        lists += sum(f"puts {CONDEMNED}" in line for line in run.turns.trace)
    assert lists > 400
