"""Prune: what nothing needs goes, after a day, and nothing else; whatever is cut, damaged or refused meanwhile."""

import itertools
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from chatseal import DamagedError, IntegrityError
from chatseal.errors import StoreFailedError, StoreRefusedError, UnprunableError
from chatseal.events import Pruned
from chatseal.format.object_names import CONDEMNED, FORGETS, MAPS, MOVES, PACKS, PENDINGS, SNAPSHOTS
from chatseal.snapshots import catalogue, name_list, references
from chatseal.snapshots.forget import forget, forgotten
from chatseal.snapshots.prune import PENDING_LIFE, PruneOptions, prune
from snapshots.scene import noise
from snapshots.test_protocol import bench, comes_back, condemn, fill
from snapshots.wrapped_store import Bench, needs

__all__ = ["bench"]

DAY = timedelta(days=1)


def pass_time(bench: Bench, time: timedelta) -> None:
    """All that the store has was put so much earlier."""
    objects = bench._memory._objects
    for name, (data, modified) in list(objects.items()):
        objects[name] = data, modified - time.total_seconds()


def pruned(bench: Bench, *, exclusive: bool = False, dry_run: bool = False) -> Pruned:
    return prune(bench.store, PruneOptions(exclusive=exclusive, dry_run=dry_run))


def forget_all_but_the_last(bench: Bench) -> None:
    forget(bench.store, [record.name for record in catalogue.read(bench.store).records[:-1]])


def needed(bench: Bench) -> set[str]:
    """What the snapshots that are left need, unit by unit."""
    return set().union(*(needs(bench.store, record.manifest.maps) for record in catalogue.read(bench.store).records))


def referred(bench: Bench) -> set[str]:
    return bench.names(PACKS) | bench.names(MAPS) | bench.names(MOVES)


@pytest.fixture
def two_days(bench: Bench, source: Path) -> Bench:
    """A store with two snapshots that have nothing in common, the first of which is forgotten."""
    fill(source)
    bench.backup(source)
    fill(source, 2)
    bench.backup(source)
    forget_all_but_the_last(bench)
    return bench


def test_what_a_forgotten_snapshot_needed_is_condemned_after_a_day_and_removed_another_day_later(
    two_days: Bench, source: Path, tmp_path: Path
) -> None:
    before = referred(two_days)
    spare = before - needed(two_days)
    assert spare
    done = pruned(two_days)
    assert (done.removed, done.condemned, done.young) == (0, 0, len(spare)), "what is new may be of a backup at work"
    pass_time(two_days, DAY)
    done = pruned(two_days)
    assert (done.removed, done.condemned, done.condemned_now, done.young) == (0, len(spare), len(spare), 0)
    assert referred(two_days) == before
    done = pruned(two_days)
    assert (done.removed, done.condemned) == (0, len(spare)), "not before its time"
    pass_time(two_days, DAY)
    done = pruned(two_days)
    assert (done.removed, done.condemned, done.young) == (len(spare), 0, 0)
    assert referred(two_days) == needed(two_days)
    assert two_days.names(CONDEMNED) == two_days.names("probe/") == set()
    assert comes_back(two_days, source, tmp_path / "out")
    assert two_days.check().broken == ()


def test_alone_it_does_all_at_once(two_days: Bench, source: Path, tmp_path: Path) -> None:
    spare = referred(two_days) - needed(two_days)
    sizes = sum(two_days.size(name) for name in spare)
    done = pruned(two_days, exclusive=True)
    assert (done.removed, done.removed_bytes) == (len(spare), sizes)
    assert referred(two_days) == needed(two_days)
    assert comes_back(two_days, source, tmp_path / "out")


def test_a_dry_run_says_so_and_changes_nothing(two_days: Bench) -> None:
    pass_time(two_days, 2 * DAY)
    two_days.objects.put("probe/other", b"now")  # the only thing that tells the store's time
    before = two_days.saved()
    done = pruned(two_days, dry_run=True)
    assert done.condemned_now == len(referred(two_days) - needed(two_days))
    assert (done.removed, two_days.saved()) == (0, before)


def test_what_a_backup_announces_meanwhile_is_spared(two_days: Bench) -> None:
    spare = sorted(referred(two_days) - needed(two_days))
    pass_time(two_days, DAY)
    pruned(two_days)
    pass_time(two_days, DAY)
    references.announce(two_days.store, two_days.store.new_name(SNAPSHOTS), spare[:1])
    assert pruned(two_days).removed == len(spare) - 1
    assert spare[0] in referred(two_days)


def test_what_somebody_announced_and_never_ended_is_spared_for_two_weeks(two_days: Bench) -> None:
    spare = sorted(referred(two_days) - needed(two_days))
    pending = references.announce(two_days.store, two_days.store.new_name(SNAPSHOTS), spare)
    pass_time(two_days, PENDING_LIFE - DAY)
    assert pruned(two_days).condemned == 0
    pass_time(two_days, DAY)
    assert pruned(two_days).condemned == len(spare)
    assert pending not in two_days.names(PENDINGS)


def test_nobody_removes_what_is_in_the_list_of_another(two_days: Bench) -> None:
    """He may have looked before somebody announced it."""
    spare = referred(two_days) - needed(two_days)
    condemn(two_days, *spare)
    pass_time(two_days, 2 * DAY)
    for _ in range(3):
        done = pruned(two_days)
        assert (done.removed, done.condemned, done.condemned_now) == (0, len(spare), 0)
    pass_time(two_days, PENDING_LIFE)
    assert pruned(two_days).condemned_now == len(spare), "after two weeks nobody will, so it is condemned again"
    pass_time(two_days, DAY)
    assert pruned(two_days).removed == len(spare)
    assert two_days.names(CONDEMNED) == set(), "the other list is removed when nothing of it is left"


@pytest.mark.parametrize("folder", [SNAPSHOTS, PENDINGS, MAPS, CONDEMNED])
def test_what_cannot_be_read_may_need_anything(two_days: Bench, folder: str) -> None:
    pass_time(two_days, DAY)
    pruned(two_days)
    references.announce(two_days.store, two_days.store.new_name(SNAPSHOTS), [])
    pass_time(two_days, DAY)
    (name, *_) = sorted(name for name in two_days.names(folder) if folder != MAPS or name in needed(two_days))
    data = bytearray(two_days.objects.get(name, 1 << 30))
    data[len(data) // 2] ^= 1
    two_days.objects.put(name, bytes(data))
    two_days.forget_copies()
    before = referred(two_days)
    with pytest.raises(IntegrityError, match=SNAPSHOTS if folder == MAPS else name):
        pruned(two_days)
    assert referred(two_days) == before


def test_a_map_that_is_missing_may_have_named_anything_until_its_snapshot_is_forgotten(two_days: Bench) -> None:
    pass_time(two_days, 2 * DAY)
    (lost, *_) = sorted(two_days.names(MAPS) & needed(two_days))
    two_days.objects.inner.delete(lost)
    two_days.forget_copies()
    before = referred(two_days)
    with pytest.raises(UnprunableError, match=SNAPSHOTS):
        pruned(two_days, exclusive=True)
    assert referred(two_days) == before
    forget(two_days.store, two_days.names(SNAPSHOTS))
    pruned(two_days, exclusive=True)
    assert referred(two_days) == set()


def test_alone_it_removes_damaged_lists_that_stop_others(two_days: Bench) -> None:
    name = condemn(two_days, *two_days.names(PACKS))
    two_days.objects.put(name, b"damage")
    with pytest.raises(IntegrityError) as raised:
        references.missing(two_days.store, [])
    assert "chatseal prune --exclusive" in raised.value.remedy
    pruned(two_days, exclusive=True)
    assert references.missing(two_days.store, needed(two_days)) == set()


def test_who_may_not_delete_is_refused_before_anything_is_condemned(two_days: Bench) -> None:
    pass_time(two_days, 2 * DAY)

    def refuse(call: str, name: str) -> None:
        if call == "delete":
            raise StoreRefusedError("no")

    two_days.objects.before = refuse
    with pytest.raises(StoreRefusedError):
        pruned(two_days)
    assert two_days.names(CONDEMNED) == set()


def test_a_record_of_the_forgotten_stays_and_names_them(bench: Bench, source: Path) -> None:
    names = []
    for seed in range(3):
        fill(source, seed)
        names.append(f"snapshots/1-{bench.backup(source).snapshot}")
    record = forget(bench.store, names[:2])
    assert bench.names(FORGETS) == {record}
    assert bench.names(SNAPSHOTS) == {names[2]}
    assert forgotten(bench.store) == set(names[:2])
    assert name_list.parse(bench.store.read(record, 1 << 20), name_list.FORGOTTEN) == set(names[:2])
    pruned(bench, exclusive=True)
    assert forgotten(bench.store) == set(names[:2])


def test_a_list_of_the_forgotten_names_snapshots_alone() -> None:
    with pytest.raises(DamagedError):
        name_list.parse(name_list.encode(["packs/1-" + "0a" * 16]), name_list.FORGOTTEN)


@pytest.mark.parametrize(
    ("call", "after"), [("put", False), ("put", True), ("get", False), ("list", False), ("delete", False), ("info", False)]
)
def test_whatever_call_fails_nothing_that_is_needed_is_lost_and_the_next_runs_do_the_rest(
    bench: Bench, source: Path, tmp_path: Path, call: str, after: bool
) -> None:
    for seed in range(3):
        fill(source, seed)
        (source / "changing").write_bytes(noise(1000, seed))
        bench.backup(source)
    beginning = bench.saved()
    for nth in itertools.count(1):
        bench.bring_back(beginning)
        counter = itertools.count(1)
        happened: list[str] = []

        def fail(
            kind: str,
            name: str,
            counter: "itertools.count[int]" = counter,
            happened: list[str] = happened,
            nth: int = nth,
        ) -> None:
            if kind == call and next(counter) == nth:
                happened.append(name)
                raise StoreFailedError("cut")

        if after:
            bench.objects.after = fail
        else:
            bench.objects.before = fail
        with suppress(StoreFailedError):
            forget_all_but_the_last(bench)
            for _ in range(3):
                pass_time(bench, DAY)
                pruned(bench)
        bench.calm()
        if not happened:
            break
        left = len(catalogue.read(bench.store).records)
        assert bench.check().broken == ()
        forget_all_but_the_last(bench)
        for _ in range(4):
            pass_time(bench, DAY)
            pruned(bench)
        assert referred(bench) == needed(bench), f"after {left} snapshots were left"
        assert bench.names(CONDEMNED) == set()
        assert bench.check().broken == ()
    assert comes_back(bench, source, tmp_path / "out")
    assert nth > 1, "no call failed"
