"""Backups and prunes that take days, beside others: orders of calls, found by the models of the protocol, in which the real ones lost a
snapshot once."""

import io
from contextlib import suppress
from pathlib import Path

import pytest

from chatseal.capture.image import UNIT_OF_FILES
from chatseal.errors import StoreFailedError
from chatseal.format.object_names import MAPS, MOVES, PACKS
from chatseal.objects.memory_store import MemoryStore
from chatseal.sealing.budget import Budget
from chatseal.snapshots import catalogue, map_chain, pack_writer, places
from chatseal.snapshots.allowance import Allowance
from chatseal.snapshots.backup import BackupOptions, backup
from chatseal.snapshots.config import Config
from chatseal.snapshots.copy import CopyOptions, copy
from chatseal.snapshots.forget import forget
from chatseal.snapshots.prune import PruneOptions, prune
from chatseal.snapshots.restore import restore_stream
from chatseal.snapshots.sealed_store import SealedStore
from snapshots import interleaving
from snapshots.interleaving import DAY, Machine, Turns
from snapshots.scene import noise

UNIT = UNIT_OF_FILES


class Scene:
    """A store, and machines that do what the story says."""

    def __init__(self, folder: Path) -> None:
        self.memory, self.config, self.folder = MemoryStore(), Config.new(puts_absent=True), folder
        self.turns = Turns(1, self.memory, deaths=0)
        self.store = SealedStore(self.memory, self.config)
        self.reported: dict[str, bytes] = {}

    def back_up(self, store: SealedStore, *units: int) -> str:
        content = b"".join(noise(UNIT, number) for number in units)
        snapshot = backup(store, [], {"data": io.BytesIO(content)}, BackupOptions(threads=1)).snapshot
        self.reported[snapshot] = content
        return snapshot

    def forget(self, *snapshots: str) -> None:
        forget(self.store, [f"snapshots/1-{snapshot}" for snapshot in snapshots])
        for snapshot in snapshots:
            del self.reported[snapshot]

    def writer(self, *units: int) -> Machine:
        machine = Machine("writer", self.turns, self.memory, self.config, self.folder)

        def work(store: SealedStore) -> None:
            with suppress(StoreFailedError):  # it says that it did not succeed
                self.back_up(store, *units)

        machine.work = work
        return machine

    def pruner(self, name: str, max_unused: str) -> Machine:
        """It prunes twice."""

        def work(store: SealedStore) -> None:
            for _ in range(2):
                prune(store, PruneOptions(max_unused=Allowance.parse(max_unused), threads=1))

        machine = Machine(name, self.turns, self.memory, self.config, self.folder)
        machine.work = work
        return machine

    def pass_days(self, days: float) -> None:
        self.turns.pass_time(days * DAY)

    def all_come_back(self) -> bool:
        known = catalogue.read(self.store)
        for snapshot, content in self.reported.items():
            out = io.BytesIO()
            restore_stream(self.store, known.find(snapshot), "data", out, Budget.of(1, None))
            if out.getvalue() != content:
                return False
        return True


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    monkeypatch.setattr(pack_writer, "PLAIN", 3 * UNIT)
    monkeypatch.setattr(places, "state_folder", interleaving.state_folder)
    monkeypatch.setattr(places, "cache_folder", interleaving.cache_folder)
    return Scene(tmp_path)


def test_a_move_that_was_removed_while_others_looked_frees_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has listed the moves, but not yet the condemned, while another removes a move and then his list of the condemned."""
    writer, one, other = scene.writer(0, 1, 2), scene.pruner("one", "0%"), scene.pruner("other", "unlimited")
    first = scene.back_up(scene.store, 0, 11, 12)
    second = scene.back_up(scene.store, 0, 1, 2)
    scene.forget(first)
    scene.pass_days(2)

    def a_full_map_needs_no_move() -> None:
        assert len(list(scene.memory.list(MOVES))) == 1
        with monkeypatch.context() as patch:
            patch.setattr(map_chain, "LONGEST", 1)
            scene.back_up(scene.store, 0, 1, 3)
        scene.forget(second)

    scene.turns.tell(
        [writer, one, other],
        [
            (writer, "puts pending/"),  # it knows of no move
            (one, "puts moves/"),
            (one, "puts condemned/"),
            (writer, "puts snapshots/"),  # it has looked: nothing is condemned
            (one, "puts probe/"),
            a_full_map_needs_no_move,
            lambda: scene.pass_days(1),
            (other, "puts probe/"),
            lambda: scene.pass_days(1),
            (other, "deletes moves/"),
            (writer, ""),
            (one, "lists condemned/"),
            (other, ""),
            (one, ""),
        ],
    )
    assert [machine.errors for machine in (writer, one, other)] == [[], [], []]
    assert len(scene.reported) == 2
    assert scene.all_come_back(), "\n".join(scene.turns.trace)


def test_a_list_of_what_came_later_is_not_finished(scene: Scene) -> None:
    """Who has looked at what is there, and takes days to go on, says nothing of a list that names what was put since."""
    writer, one, other = scene.writer(0, 1, 2), scene.pruner("one", "unlimited"), scene.pruner("other", "unlimited")
    scene.turns.tell(
        [writer, one, other],
        [
            (one, "lists condemned/"),
            (one, "lists condemned/"),  # it has seen an empty store
            (writer, "puts pending/"),
            lambda: scene.pass_days(1),
            (other, "puts probe/"),
            lambda: scene.pass_days(1),
            (other, "deletes packs/"),
            (one, "puts probe/"),
            (writer, ""),  # it finds what it has sent condemned, and cannot read its source again
            (other, ""),
            (one, ""),
        ],
    )
    assert [machine.errors for machine in (writer, one, other)] == [[], [], []]
    assert scene.all_come_back(), "\n".join(scene.turns.trace)


def test_a_list_in_which_nothing_is_left_stays_while_its_machine_may_execute_it(scene: Scene) -> None:
    """What it names is removed by its machine, also if a copy has put it again since: so as long as it is there, copies wait."""
    source = SealedStore(MemoryStore(), scene.config)
    scene.back_up(source, 0, 1, 2)
    for folder in (PACKS, MAPS):  # an earlier copy was killed after these
        for info in source.objects.list(folder):
            scene.memory.put(info.name, source.objects.get(info.name, info.size))
    one, other = scene.pruner("one", "unlimited"), scene.pruner("other", "unlimited")
    copier = Machine("copier", scene.turns, scene.memory, scene.config, scene.folder)
    copied: list[int] = []
    copier.work = lambda store: copied.append(copy(source, store, CopyOptions()).snapshots)
    scene.pass_days(1)
    scene.turns.tell(
        [one, other, copier],
        [
            (one, "puts condemned/"),
            (other, "puts condemned/"),
            (one, "puts probe/"),
            (other, "puts probe/"),
            lambda: scene.pass_days(1),
            (one, "lists condemned/"),
            (one, "deletes "),
            (other, ""),
            (copier, ""),
            (one, ""),
        ],
    )
    assert [machine.errors for machine in (one, other, copier)] == [[], [], []]
    assert copied == [0], "it waits"
    assert copy(source, scene.store, CopyOptions()).snapshots == 1
    assert scene.all_come_back()
