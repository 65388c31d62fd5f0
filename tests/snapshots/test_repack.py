"""Repack: what is needed of packs that hold much else is gathered, and everything comes back, however often and by whomever."""

import random
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from chatseal import DamagedError, Store, rescue_store
from chatseal.capture.entry import Entry
from chatseal.errors import UnprunableError
from chatseal.events import Pruned
from chatseal.format.object_names import CONDEMNED, MOVES, PACKS, epoch_of
from chatseal.keys.backup_key import BackupKey
from chatseal.snapshots import move, moves, pack_writer, repack, usage
from chatseal.snapshots.allowance import Allowance
from chatseal.snapshots.forget import forget
from chatseal.snapshots.move import Move
from chatseal.snapshots.moves import Moves
from chatseal.snapshots.page_map import PackPlace
from chatseal.snapshots.page_table import PageTable, Units
from chatseal.snapshots.prune import PENDING_LIFE, PruneOptions, prune
from chatseal.snapshots.usage import Usage
from oracle import rescue_key
from snapshots.scene import noise
from snapshots.test_protocol import condemn
from snapshots.test_prune import needed, pass_time, referred
from snapshots.wrapped_store import Bench

UNIT, UNITS = 65536, 24
DAY = timedelta(days=1)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A store in memory, in which six units make a pack."""
    monkeypatch.setattr(pack_writer, "PLAIN", 6 * UNIT)
    return Bench()


def a_day(day: int) -> bytes:
    """A fourth of it is other than the day before."""
    return b"".join(noise(UNIT, number if number % 4 else 100 * day + number) for number in range(UNITS))


class Days:
    """A file of units, of which some change every day. `kept` is what it was on the day of each snapshot."""

    def __init__(self, bench: Bench, source: Path, seed: int = 1) -> None:
        self.bench, self.path, self.random = bench, source / "changing", random.Random(seed)
        self.units = [noise(UNIT, number) for number in range(UNITS)]
        self.units[3] = bytes(UNIT)
        self.kept: dict[str, bytes] = {}
        self.day = 0

    def next(self, changes: int = 3) -> str:
        self.day += 1
        for number in self.random.sample(range(UNITS), changes):
            self.units[number] = noise(UNIT, 1000 * self.day + number)
        self.path.write_bytes(b"".join(self.units) + b"end of day %d" % self.day)
        snapshot = self.bench.backup(self.path.parent).snapshot
        self.kept[snapshot] = self.path.read_bytes()
        return snapshot

    def forget(self, *snapshots: str) -> None:
        forget(self.bench.store, [f"snapshots/1-{snapshot}" for snapshot in snapshots])
        for snapshot in snapshots:
            del self.kept[snapshot]

    def all_come_back(self, folder: Path) -> bool:
        """Every snapshot, by the engine; and every byte as its map says."""
        assert self.bench.check().broken == ()
        for snapshot, content in self.kept.items():
            self.bench.restore(folder / f"{self.day}-{snapshot}", snapshot)
            if (folder / f"{self.day}-{snapshot}" / "source" / "changing").read_bytes() != content:
                return False
        return True


@pytest.fixture
def days(bench: Bench, source: Path) -> Days:
    return Days(bench, source)


def repacked(
    bench: Bench, max_unused: str = "0%", max_fragmentation: str = "unlimited", *, exclusive: bool = True, dry_run: bool = False
) -> Pruned:
    unused, fragmentation = Allowance.parse(max_unused), Allowance.parse(max_fragmentation)
    options = PruneOptions(exclusive=exclusive, dry_run=dry_run, max_unused=unused, max_fragmentation=fragmentation)
    return prune(bench.store, options)


def test_what_is_needed_of_packs_is_gathered_and_the_packs_go(days: Days, tmp_path: Path) -> None:
    snapshots = [days.next(8) for _ in range(4)]
    days.forget(*snapshots[:3])
    packs = days.bench.names(PACKS)
    done = repacked(days.bench)
    assert done.repacked > 0
    assert done.repacked_bytes > 0
    assert days.bench.names(PACKS) != packs
    assert len(days.bench.names(MOVES)) == 1
    assert referred(days.bench) == needed(days.bench)
    assert sum(days.bench.size(name) for name in days.bench.names(PACKS)) <= 1.05 * UNIT * UNITS + 20_000
    assert days.all_come_back(tmp_path)
    assert repacked(days.bench).repacked == 0, "there is nothing more to gain"


def test_without_a_word_a_twentieth_may_be_unused_and_unlimited_repacks_nothing(days: Days) -> None:
    snapshots = [days.next(8) for _ in range(4)]
    days.forget(*snapshots[:3])
    assert repacked(days.bench, "unlimited").repacked == 0
    assert repacked(days.bench, "100M").repacked == 0
    some = repacked(days.bench, "20%", dry_run=True).repacked
    every = repacked(days.bench, "0%", dry_run=True).repacked
    assert 0 < some < every
    assert days.bench.names(MOVES) == set()
    assert repacked(days.bench, "20%").repacked == some
    assert days.bench.check().broken == ()


def test_while_others_may_be_at_work_the_old_packs_stay_a_day(days: Days, tmp_path: Path) -> None:
    snapshots = [days.next(8) for _ in range(4)]
    days.forget(*snapshots[:3])
    before = days.bench.names(PACKS)
    pass_time(days.bench, 2 * DAY)
    done = repacked(days.bench, exclusive=False)
    assert done.repacked > 0
    assert done.condemned_now >= done.repacked
    assert before < days.bench.names(PACKS)
    assert days.all_come_back(tmp_path)
    pass_time(days.bench, DAY)
    assert repacked(days.bench, exclusive=False).removed == done.condemned_now
    assert referred(days.bench) == needed(days.bench)
    assert days.all_come_back(tmp_path / "then")


def test_forty_days_with_a_prune_every_other_day(days: Days, tmp_path: Path) -> None:
    """Packs that were gathered are gathered again, chains end and begin, deltas stand on what was moved."""
    for day in range(40):
        days.next(days.random.randint(0, 5))
        if day % 2 and len(days.kept) > 5:
            days.forget(*days.random.sample(list(days.kept)[:-1], len(days.kept) - 5))
            repacked(days.bench)
            assert referred(days.bench) == needed(days.bench)
            assert days.bench.check().broken == ()
    assert days.all_come_back(tmp_path)
    different = {content[at : at + UNIT] for content in days.kept.values() for at in range(0, len(content), UNIT)} - {bytes(UNIT)}
    stored = sum(days.bench.size(name) for name in days.bench.names(PACKS))
    assert stored <= 1.1 * sum(map(len, different)) + 30_000
    days.forget(*list(days.kept)[:-1])
    repacked(days.bench)
    assert days.all_come_back(tmp_path / "last")


def test_however_often_something_is_gathered_one_move_leads_there_and_the_others_go(
    days: Days, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that is kept for years has maps of its own time: what it needs is gathered again and again."""
    for module in (moves, usage):
        monkeypatch.setattr(module, "DEPTH_MAX", 2)  # one move, and that there is no further one
    first = days.next()
    for _ in range(25):
        days.next(6)
        days.forget(*[snapshot for snapshot in days.kept if snapshot != first][:-1])
        repacked(days.bench, "0%", "0%")
        assert days.bench.check().broken == ()
        assert referred(days.bench) == needed(days.bench)
        assert len(days.bench.names(MOVES)) <= 16
    assert days.all_come_back(tmp_path)


def test_a_move_that_cannot_tell_of_every_earlier_place_tells_of_the_last(
    days: Days, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repack, "RUNS_MAX", 0)
    first = days.next()
    for _ in range(8):
        days.next(6)
        days.forget(*[snapshot for snapshot in days.kept if snapshot != first][:-1])
        repacked(days.bench, "0%", "0%")
        assert referred(days.bench) == needed(days.bench)
    assert len(days.bench.names(MOVES)) == 8
    assert days.all_come_back(tmp_path)


def test_two_who_repack_at_the_same_time_lose_nothing(days: Days, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = [days.next(8) for _ in range(4)]
    days.forget(*snapshots[:3])
    pass_time(days.bench, 2 * DAY)
    others: list[Pruned] = []

    def another(call: str, name: str) -> None:
        if call == "put" and name.startswith(MOVES) and not others:
            days.bench.objects.before = lambda call, name: None
            with monkeypatch.context() as patch:
                patch.setenv("CHATSEAL_STATE_DIR", str(tmp_path / "another machine"))
                others.append(repacked(days.bench, exclusive=False))

    days.bench.objects.before = another
    assert repacked(days.bench, exclusive=False).repacked == others[0].repacked > 0
    assert len(days.bench.names(MOVES)) == 2
    assert days.all_come_back(tmp_path)
    for _ in range(3):
        pass_time(days.bench, DAY)
        repacked(days.bench, exclusive=False)
        with monkeypatch.context() as patch:
            patch.setenv("CHATSEAL_STATE_DIR", str(tmp_path / "another machine"))
            repacked(days.bench, exclusive=False)
    assert days.all_come_back(tmp_path / "then")
    assert days.bench.names(CONDEMNED) == set()


def test_a_backup_that_had_looked_before_the_packs_were_condemned_sends_again_what_lay_there(days: Days, tmp_path: Path) -> None:
    snapshots = [days.next(8) for _ in range(4)]
    pass_time(days.bench, 2 * DAY)
    done: list[Pruned] = []

    def meanwhile(call: str, name: str) -> None:
        if call == "put" and name.startswith(PACKS) and not done:
            days.bench.objects.before = lambda call, name: None
            days.forget(*snapshots[:3])
            done.append(repacked(days.bench, exclusive=False))

    days.bench.objects.before = meanwhile
    days.next(2)
    assert done[0].repacked > 0
    assert days.all_come_back(tmp_path)
    for _ in range(3):
        pass_time(days.bench, DAY)
        repacked(days.bench, exclusive=False)
    assert days.all_come_back(tmp_path / "then")


def test_a_needed_move_in_the_list_of_a_machine_that_is_gone_goes_with_the_list(days: Days, tmp_path: Path) -> None:
    """As long as the list is there nobody relies on the move. So what it leads to is gathered once more."""
    snapshots = [days.next(8) for _ in range(4)]
    days.forget(*snapshots[:3])
    repacked(days.bench)
    (move_of_before,) = days.bench.names(MOVES)
    condemn(days.bench, move_of_before)
    pass_time(days.bench, 2 * DAY)
    assert repacked(days.bench, exclusive=False).repacked == 0, "its machine may come back"
    pass_time(days.bench, PENDING_LIFE)
    for _ in range(3):
        repacked(days.bench, exclusive=False)
        pass_time(days.bench, DAY)
    assert days.all_come_back(tmp_path)
    assert move_of_before not in days.bench.names(MOVES)
    assert days.bench.names(CONDEMNED) == set()
    assert referred(days.bench) == needed(days.bench)


def test_a_move_that_is_damaged_is_told_and_stops_a_prune(days: Days, tmp_path: Path) -> None:
    snapshots = [days.next(8) for _ in range(4)]
    days.forget(*snapshots[:3])
    repacked(days.bench)
    (name,) = days.bench.names(MOVES)
    good = days.bench.objects.get(name, 1 << 20)
    days.bench.objects.put(name, good[:-1])
    days.bench.forget_copies()
    checked = days.bench.check()
    assert name in dict(checked.broken)
    assert checked.hurt == (snapshots[3],)
    with pytest.raises(UnprunableError, match=name):
        repacked(days.bench)
    days.bench.objects.put(name, good)
    assert days.all_come_back(tmp_path)


def test_a_move_goes_when_nothing_follows_it_any_more(days: Days) -> None:
    snapshots = [days.next(8) for _ in range(4)]
    days.forget(*snapshots[:3])
    repacked(days.bench)
    assert len(days.bench.names(MOVES)) == 1
    days.next(UNITS)  # a full map, which tells the places of today
    days.forget(snapshots[3])
    repacked(days.bench)
    assert days.bench.names(MOVES) == set()
    assert days.bench.check().broken == ()


def test_what_was_gathered_stays_in_its_epoch(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a dropped epoch's content would be readable under the key of another."""
    monkeypatch.setattr(pack_writer, "PLAIN", 6 * UNIT)
    with Store.create(tmp_path / "store", BackupKey.generate()) as store:
        for epoch in (1, 2):
            for day in range(3):
                (source / "changing").write_bytes(a_day(day))
                store.backup(source)
            if epoch == 1:
                store.new_epoch()
        store.forget([snapshot for number, snapshot in enumerate(store.snapshots()) if number not in (2, 5)])
        before = {path.name for path in (tmp_path / "store" / "packs").iterdir()}
        assert prune(store.sealed, PruneOptions(exclusive=True, max_unused=Allowance())).repacked > 0
        new = {path.name for path in (tmp_path / "store" / "packs").iterdir()} - before
        assert {epoch_of(f"packs/{name}") for name in new} == {1, 2}
        for snapshot in store.snapshots():
            table = snapshot.record.manifest.maps
            assert {epoch_of(part) for parts in table for part in parts} == {epoch_of(snapshot.record.name)}
        assert store.check(share=1.0).broken == ()


def test_rescue_follows_moves(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_writer, "PLAIN", 6 * UNIT)
    key = BackupKey.generate()
    with Store.create(tmp_path / "store", key) as store:
        for day in range(4):
            (source / "changing").write_bytes(a_day(day))
            store.backup(source)
        store.forget(store.snapshots()[:-1])
        assert prune(store.sealed, PruneOptions(exclusive=True, max_unused=Allowance())).repacked > 0
    found = rescue_store.Store(str(tmp_path / "store"), rescue_key(key))
    table = found.table(found.snapshot("latest"))
    with open(tmp_path / "out", "wb") as out:
        found.rebuild(table, table.entries["source/changing"], out)
    assert (tmp_path / "out").read_bytes() == (source / "changing").read_bytes()


def a_move() -> Move:
    place = PackPlace("packs/1-" + "0a" * 16, 900, 1000)
    columns = [[0, 0, 1], [0, 500, 3], [0, 0, 0], [100, 400, 0], [100, 500, 100]]
    return Move(
        (place, place._replace(name="packs/1-" + "0b" * 16)),
        (place._replace(name="packs/2-" + "0c" * 16),),
        *(np.array(column, np.uint32) for column in columns),
    )


def test_a_move_is_read_as_it_was_written() -> None:
    data = b"".join(bytes(piece) for piece in a_move().encode())
    again = move.parse(data)
    assert (again.sources, again.targets) == (a_move().sources, a_move().targets)
    assert [column.tolist() for column in again.columns] == [column.tolist() for column in a_move().columns]
    for length in range(len(data)):
        with pytest.raises(DamagedError):
            move.parse(data[:length])
    with pytest.raises(DamagedError):
        move.parse(data + b"\0")


X, Y, Z = (PackPlace(f"packs/1-{letter * 32}", 900, 1000) for letter in "abc")
M, N = (f"moves/1-{letter * 32}" for letter in "de")


def needed_of_x(moves: dict[str, tuple[PackPlace, ...]], there: set[PackPlace], doubtful: set[str]) -> set[str]:
    """What is needed of a snapshot with one unit, which its map puts into X, when *moves* have moved it from packs to the last of each."""
    usage = Usage()
    table = PageTable(prints=False, packs=usage.packs)
    units = table.entries["a"] = Units(Entry("a", "file", 100), 4096, 1, prints=False)
    units.packs[:] = table.packs.add(X)
    usage.add(table)
    found = {}
    for name, (*sources, target) in moves.items():
        columns = [range(len(sources)), *[[number] * len(sources) for number in (0, 0, 0, 100)]]
        found[name] = Move(tuple(sources), (target,), *(np.array(column, np.uint32) for column in columns))
    needed = usage.needed(Moves(found, usage.packs, {place.name for place in there}), doubtful)
    return {*needed.packs, *needed.moves}


@pytest.mark.parametrize(
    ("moves", "there", "doubtful", "needed"),
    [
        ({}, {X}, set(), {X.name}),
        ({M: (X, Y)}, {X, Y}, set(), {M, Y.name}),
        ({M: (X, Y)}, {Y}, set(), {M, Y.name}),
        ({M: (X, Y)}, {X}, set(), {M, X.name, Y.name}),
        ({M: (X, Y)}, {X, Y}, {M}, {M, X.name, Y.name}),
        ({M: (X, Y)}, {X, Y}, {Y.name}, {M, X.name, Y.name}),
        ({M: (X, Y), N: (X, Z)}, {X, Y, Z}, set(), {M, N, Y.name, Z.name}),
        ({M: (X, Y), N: (X, Z)}, {X, Y, Z}, {Y.name}, {M, N, Y.name, Z.name}),
        ({M: (X, Y), N: (Y, Z)}, {X, Y, Z}, set(), {M, N, Z.name}),
        ({M: (X, Y), N: (Y, Z)}, {X, Z}, set(), {M, N, Z.name}),
        ({M: (X, Y), N: (Y, Z)}, {X, Y, Z}, {N}, {M, N, Y.name, Z.name}),
        ({M: (X, Y), N: (Y, Z)}, {X, Y, Z}, {Y.name}, {M, N, Z.name}),
        ({M: (X, Y), N: (Y, Z)}, {X, Z}, {Z.name}, {M, N, X.name, Y.name, Z.name}),
        ({M: (X, Y), N: (X, Y, Z)}, {X, Y, Z}, set(), {N, Z.name}),  # N was made later, and tells all
        ({M: (X, Y), N: (X, Y, Z)}, {X, Z}, set(), {N, Z.name}),
        ({M: (X, Y), N: (X, Y, Z)}, {X, Y, Z}, {M, Y.name}, {N, Z.name}),
        ({M: (X, Y), N: (X, Y, Z)}, {X, Y, Z}, {N}, {M, N, Y.name, Z.name}),
        ({M: (X, Y), N: (X, Y, Z)}, {X, Y, Z}, {Z.name}, {M, N, Y.name, Z.name}),
        ({M: (X, Y), N: (X, Y, Z)}, {X, Y}, set(), {M, N, Y.name, Z.name}),
    ],
)
def test_a_move_frees_a_pack_only_if_all_that_it_leads_to_is_sure_to_stay(
    moves: dict[str, tuple[PackPlace, ...]], there: set[PackPlace], doubtful: set[str], needed: set[str]
) -> None:
    """And whatever a unit can be followed to is needed, by whichever move."""
    assert needed_of_x(moves, there, doubtful) == needed


def test_moves_in_a_circle_are_damage() -> None:
    with pytest.raises(DamagedError):
        needed_of_x({M: (X, Y), N: (Y, X)}, {X, Y}, set())


def test_what_one_move_cannot_tell_of_takes_more(days: Days, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repack, "STRETCHES", 6)
    snapshots = [days.next(8) for _ in range(4)]
    days.forget(*snapshots[:3])
    repacked(days.bench)
    assert len(days.bench.names(MOVES)) > 1
    assert referred(days.bench) == needed(days.bench)
    assert days.all_come_back(tmp_path)


@pytest.mark.parametrize("text", ["5%", "0%", "100%", "1000%", "0", "12M", "1GiB", "unlimited"])
def test_what_may_be_unused_is_a_share_a_size_or_anything(text: str) -> None:
    assert Allowance.parse(text).bytes_of(1000) >= 0


@pytest.mark.parametrize("text", ["", "%", "-1%", "1001%", "nan%", "much", "5 percent"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Allowance.parse(text)
