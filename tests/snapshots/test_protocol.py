"""The order of a backup's steps: whatever the store, its other users or the network do in between, no snapshot that is reported lacks
anything, and nothing that has arrived is sent again."""

import io
import itertools
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from chatseal.errors import ObjectMissingError, StoreFailedError, StoreRefusedError
from chatseal.format.object_names import CONDEMNED, MAPS, PACKS, PENDINGS, SNAPSHOTS
from chatseal.snapshots import catalogue, name_list, pack_writer
from snapshots.scene import described, noise
from snapshots.wrapped_store import Bench

UNIT = 65536
FILES = 4


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A store in memory. Packs are closed after two of the files of `fill`."""
    monkeypatch.setattr(pack_writer, "PLAIN", 2 * UNIT)
    return Bench()


def fill(folder: Path, seed: int = 1, files: int = FILES) -> None:
    """Files of one unit each, every one with other content for every seed."""
    for number in range(files):
        (folder / f"{number}.jpg").write_bytes(noise(UNIT, 1000 * seed + number))


def condemn(bench: Bench, *names: str) -> str:
    """What somebody who prunes writes before he deletes."""
    name = bench.store.new_name(CONDEMNED)
    bench.objects.inner.put(name, bench.store.seal(name, [name_list.encode(names)]))
    return name


def comes_back(bench: Bench, source: Path, folder: Path, snapshot: str = catalogue.LATEST) -> bool:
    bench.restore(folder, snapshot)
    return described(folder / source.name) == described(source)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packs_of(bench: Bench, snapshot: str = catalogue.LATEST) -> set[str]:
    return {place.name for place in bench.table(snapshot).packs}


# --- What is taken away between the upload and the snapshot --------------------------------------------------------------


@pytest.mark.parametrize("folder", [PACKS, MAPS])
def test_an_object_that_vanishes_before_the_look_is_sent_again(bench: Bench, source: Path, tmp_path: Path, folder: str) -> None:
    fill(source)
    gone: list[str] = []

    def vanish(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED) and not gone:
            gone.append(min(bench.names(folder)))
            bench.objects.inner.delete(gone[0])

    bench.objects.before = vanish
    done = bench.backup(source)
    assert gone
    assert gone[0] not in bench.names() | packs_of(bench)
    assert comes_back(bench, source, tmp_path / "out", done.snapshot)
    assert bench.check().broken == ()
    sent = [name for name in bench.objects.acknowledged if name.startswith(PACKS)]
    assert len(sent) == FILES // 2 + (folder == PACKS), "only what was lost is sent again"
    assert bench.names(PENDINGS) == set()


def test_all_packs_vanish_twice(bench: Bench, source: Path, tmp_path: Path) -> None:
    fill(source)
    rounds = itertools.count(1)

    def vanish(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED) and next(rounds) <= 2:
            for pack in bench.names(PACKS):
                bench.objects.inner.delete(pack)

    bench.objects.before = vanish
    bench.backup(source)
    assert comes_back(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


def test_a_store_that_loses_everything_is_given_up_and_works_again_later(bench: Bench, source: Path, tmp_path: Path) -> None:
    fill(source)

    def vanish(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED):
            for pack in bench.names(PACKS):
                bench.objects.inner.delete(pack)

    bench.objects.before = vanish
    with pytest.raises(StoreFailedError, match="loses objects"):
        bench.backup(source)
    assert bench.names(SNAPSHOTS) == bench.names(PENDINGS) == set()
    bench.calm()
    bench.backup(source)
    assert comes_back(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


def test_a_pack_that_an_earlier_run_sent_and_somebody_pruned_is_sent_again(bench: Bench, source: Path, tmp_path: Path) -> None:
    fill(source)

    def cut(call: str, name: str) -> None:
        if name.startswith(PENDINGS):
            raise StoreFailedError("cut")

    bench.objects.before = cut
    with pytest.raises(StoreFailedError):
        bench.backup(source)
    bench.calm()
    pruned = min(bench.names(PACKS))
    bench.objects.inner.delete(pruned)
    bench.backup(source)
    assert len([name for name in bench.objects.acknowledged if name.startswith(PACKS)]) == 1
    assert comes_back(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


@pytest.mark.parametrize("folder", [PACKS, MAPS])
def test_an_object_that_is_condemned_meanwhile_is_not_relied_on(bench: Bench, source: Path, tmp_path: Path, folder: str) -> None:
    fill(source)
    condemned: list[str] = []

    def prune(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED) and not condemned:
            condemned.append(min(bench.names(folder)))
            condemn(bench, condemned[0])

    bench.objects.before = prune
    bench.backup(source)
    assert condemned[0] in bench.names(), "it is not the writer's to delete"
    bench.objects.inner.delete(condemned[0])
    assert comes_back(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


def test_a_pack_of_the_parent_that_is_condemned_is_sent_again(bench: Bench, source: Path, tmp_path: Path) -> None:
    fill(source)
    first = bench.backup(source)
    pack = min(packs_of(bench, first.snapshot))
    run = condemn(bench, pack)
    (source / "new").write_bytes(b"new")
    bench.calm()
    second = bench.backup(source)
    assert second.parent == first.snapshot
    assert pack not in packs_of(bench)
    bench.objects.inner.delete(pack)
    bench.objects.inner.delete(run)
    assert comes_back(bench, source, tmp_path / "out")
    assert first.snapshot in bench.check().hurt
    assert second.snapshot not in bench.check().hurt


def test_maps_of_the_parent_that_are_condemned_are_followed_by_a_full_map(bench: Bench, source: Path, tmp_path: Path) -> None:
    fill(source)
    bench.backup(source)
    (source / "1.jpg").write_bytes(noise(UNIT, 99))
    bench.backup(source)
    chain = catalogue.read(bench.store).find("latest").manifest.maps
    assert len(chain) == 2
    condemn(bench, *chain[0])
    (source / "2.jpg").write_bytes(noise(UNIT, 98))
    bench.calm()
    done = bench.backup(source)
    after = catalogue.read(bench.store).find("latest").manifest.maps
    assert len(after) == 1
    assert not {part for parts in after for part in parts} & {part for parts in chain for part in parts}
    assert len([name for name in bench.objects.acknowledged if name.startswith(PACKS)]) == 1, "the packs are not lost with the map"
    for part in chain[0]:
        bench.objects.inner.delete(part)
    assert comes_back(bench, source, tmp_path / "out")
    assert done.snapshot not in bench.check().hurt


def test_a_run_of_pruning_that_ends_while_its_list_is_read_leaves_what_it_left(bench: Bench, source: Path, tmp_path: Path) -> None:
    fill(source)
    bench.backup(source)
    run = condemn(bench, min(packs_of(bench)))

    def end(call: str, name: str) -> None:
        if (call, name) == ("get", run):
            bench.objects.inner.delete(run)

    bench.objects.before = end
    (source / "new").write_bytes(b"new")
    bench.backup(source)
    assert comes_back(bench, source, tmp_path / "out")
    assert bench.check().broken == ()


def test_a_list_of_the_condemned_that_cannot_be_read_stops_the_backup_and_is_named(bench: Bench, source: Path) -> None:
    """Who ignored it might rely on what is deleted a moment later."""
    fill(source)
    run = condemn(bench, "packs/1-" + "0" * 32)
    bench.objects.inner.put(run, bench.objects.inner.get(run, 1 << 20)[:-1])
    with pytest.raises(Exception, match=run):
        bench.backup(source)
    assert bench.names(SNAPSHOTS) == set()
    bench.objects.inner.delete(run)
    bench.backup(source)
    assert bench.check().broken == ()


@pytest.mark.parametrize("times", [1, 3])
def test_a_snapshot_whose_pending_was_removed_is_withdrawn_and_made_again(bench: Bench, source: Path, tmp_path: Path, times: int) -> None:
    fill(source)
    rounds = itertools.count(1)

    def prune(call: str, name: str) -> None:
        if call == "info" and name.startswith(PENDINGS) and next(rounds) <= times:
            bench.objects.inner.delete(name)

    bench.objects.before = prune
    done = bench.backup(source)
    deleted = [name for call, name in bench.objects.calls if call == "delete" and name.startswith(SNAPSHOTS)]
    assert len(deleted) == times
    assert {name.rpartition("-")[2] for name in bench.names(SNAPSHOTS)} == {done.snapshot}
    assert len(catalogue.read(bench.store).records) == 1
    assert [name for name in bench.names() if name.startswith(PENDINGS)] == []
    assert comes_back(bench, source, tmp_path / "out")


def test_the_steps_come_in_their_order(bench: Bench, source: Path) -> None:
    fill(source)
    bench.backup(source)
    steps = [(call, name.partition("/")[0] + "/") for call, name in bench.objects.calls if call != "get"]
    last_upload = max(at for at, step in enumerate(steps) if step in (("put", PACKS), ("put", MAPS)))
    rest = steps[last_upload + 1 :]
    assert rest == [
        ("put", PENDINGS),
        ("list", CONDEMNED),
        *sorted([("list", PACKS), ("list", MAPS)], reverse=True),
        ("put", SNAPSHOTS),
        ("info", PENDINGS),
        ("delete", PENDINGS),
    ]


# --- Streams, which cannot be read twice ---------------------------------------------------------------------------------


def test_a_stream_is_not_read_again_when_something_else_was_lost(bench: Bench, source: Path, tmp_path: Path) -> None:
    fill(source)
    rounds = itertools.count(1)

    def prune(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED) and next(rounds) == 1:
            for part in bench.names(MAPS):
                bench.objects.inner.delete(part)

    bench.objects.before = prune
    bench.backup(source, streams={"dump": io.BytesIO(noise(3 * UNIT + 5, 77))})
    bench.restore(tmp_path / "out")
    assert (tmp_path / "out" / "dump").read_bytes() == noise(3 * UNIT + 5, 77)
    assert bench.check().broken == ()


def test_a_stream_that_was_lost_in_the_store_is_no_empty_stream(bench: Bench) -> None:
    def vanish(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED):
            for pack in bench.names(PACKS):
                bench.objects.inner.delete(pack)

    bench.objects.before = vanish
    with pytest.raises(StoreFailedError, match="dump"):
        bench.backup(streams={"dump": io.BytesIO(noise(3 * UNIT + 5, 77))})
    assert bench.names(SNAPSHOTS) == bench.names(PENDINGS) == set()


def test_a_command_whose_output_was_lost_in_the_store_runs_again(bench: Bench, tmp_path: Path) -> None:
    rounds = itertools.count(1)

    def vanish(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED) and next(rounds) == 1:
            for pack in bench.names(PACKS):
                bench.objects.inner.delete(pack)

    bench.objects.before = vanish
    bench.backup(streams={"dump": ["printf", "%s", "text"]})
    bench.restore(tmp_path / "out")
    assert (tmp_path / "out" / "dump").read_bytes() == b"text"


# --- Rights and failures -------------------------------------------------------------------------------------------------


def test_rights_to_put_new_objects_to_get_and_to_list_are_enough(bench: Bench, source: Path, tmp_path: Path) -> None:
    def refuse(call: str, name: str) -> None:
        if call == "delete" or (call == "put" and name in bench.names()):
            raise StoreRefusedError("not allowed")

    bench.objects.before = refuse
    for day in range(3):
        fill(source, day)
        bench.backup(source)
        assert comes_back(bench, source, tmp_path / f"out{day}")
    assert len(bench.names(PENDINGS)) == 3, "they are left to whoever prunes"
    assert bench.check().broken == ()


def test_without_the_right_to_delete_a_snapshot_that_was_not_confirmed_is_reported_as_a_failure(bench: Bench, source: Path) -> None:
    fill(source)

    def refuse(call: str, name: str) -> None:
        if call == "info" and name.startswith(PENDINGS):
            bench.objects.inner.delete(name)
        if call == "delete":
            raise StoreRefusedError("not allowed")

    bench.objects.before = refuse
    with pytest.raises(StoreRefusedError):
        bench.backup(source)


def test_a_store_that_cannot_be_reached_for_a_moment_does_not_cost_a_full_backup(bench: Bench, source: Path, places: Path) -> None:
    fill(source)
    bench.backup(source)
    shutil.rmtree(places / "cache")
    bench.calm()

    def fail(call: str, name: str) -> None:
        if call == "get" and name.startswith(MAPS):
            raise StoreFailedError("cut")

    bench.objects.before = fail
    with pytest.raises(StoreFailedError, match="cut"):
        bench.backup(source)
    assert bench.objects.acknowledged == []


def test_a_map_that_is_lost_costs_a_full_backup_and_a_warning(bench: Bench, source: Path, places: Path, tmp_path: Path) -> None:
    fill(source)
    first = bench.backup(source)
    shutil.rmtree(places / "cache")
    bench.objects.inner.delete(min(bench.names(MAPS)))
    with pytest.raises(ObjectMissingError):
        bench.table()
    done = bench.backup(source)
    assert any(first.snapshot in warning for warning in done.warnings)
    assert comes_back(bench, source, tmp_path / "out")
    assert bench.check().hurt == (first.snapshot,)


class Fault:
    """The *nth* of the *call*s fails, once, before anything happened or after it was done."""

    def __init__(self, call: str, nth: int, *, after: bool) -> None:
        self.call, self.nth, self.after = call, nth, after
        self.happened = ""
        self._turn = itertools.count(1)

    def __call__(self, call: str, name: str) -> None:
        if call == self.call and next(self._turn) == self.nth:
            self.happened = name
            raise StoreFailedError(f"{call} number {self.nth} failed")

    def put_around(self, bench: Bench) -> None:
        if self.after:
            bench.objects.after = self
        else:
            bench.objects.before = self


@pytest.mark.parametrize(
    ("call", "after"), [("put", False), ("put", True), ("get", False), ("list", False), ("info", False), ("delete", False)]
)
def test_whichever_call_fails_nothing_is_lost_and_nothing_is_sent_twice(
    bench: Bench, source: Path, tmp_path: Path, places: Path, call: str, after: bool
) -> None:
    fill(source)
    first = bench.backup(source)
    shutil.copytree(source, tmp_path / "first" / source.name)
    beginning = bench.saved()
    for nth in itertools.count(1):
        bench.bring_back(beginning)
        fill(source, 1 + nth)
        (source / "changing").write_bytes(noise(1000, nth))
        shutil.rmtree(places / "cache", ignore_errors=True)  # so that there is something to get
        before = bench.names(PACKS)
        fault = Fault(call, nth, after=after)
        fault.put_around(bench)
        reported = [first.snapshot]
        with suppress(StoreFailedError):
            reported.append(bench.backup(source).snapshot)
        if not fault.happened:
            break
        acknowledged = [name for name in bench.objects.acknowledged if name.startswith(PACKS)]
        bench.calm()
        found = bench.check()
        assert (found.broken, found.hurt) == ((), ())
        reported.append(bench.backup(source).snapshot)
        table = bench.table(reported[-1])
        assert set(acknowledged) <= {place.name for place in table.packs}, "what had arrived is used"
        new = [place for place in table.packs if place.name not in before]
        assert sum(place.plain for place in new) == FILES * UNIT + 1000, "every byte is sent once"
        not_acknowledged = {fault.happened} if after and fault.happened.startswith(PACKS) else set()
        assert bench.names(PACKS) - before == {place.name for place in new} | not_acknowledged
        found = bench.check()
        assert (found.broken, found.hurt) == ((), ())
        for snapshot in reported[1:]:
            assert comes_back(bench, source, tmp_path / f"out{nth}" / snapshot, snapshot)
    bench.calm()
    bench.restore(tmp_path / "again", first.snapshot)
    assert contents(tmp_path / "again") == contents(tmp_path / "first")
    assert nth > 1, "no call failed"


def test_what_a_cut_run_sent_of_other_sources_is_kept_in_mind(bench: Bench, tmp_path: Path) -> None:
    """Two sources, each with a schedule of its own."""
    one, other = tmp_path / "one", tmp_path / "other"
    for seed, folder in enumerate((one, other)):
        folder.mkdir()
        fill(folder, seed)

    def cut(call: str, name: str) -> None:
        if name.startswith(PENDINGS):
            raise StoreFailedError("cut")

    bench.objects.before = cut
    with pytest.raises(StoreFailedError):
        bench.backup(one)
    bench.calm()
    bench.backup(other)
    bench.calm()
    done = bench.backup(one)
    assert done.packs == 0
    assert comes_back(bench, one, tmp_path / "out", done.snapshot)


def test_of_two_cut_runs_the_later_one_counts(bench: Bench, source: Path) -> None:
    def cut(call: str, name: str) -> None:
        if name.startswith(PENDINGS):
            raise StoreFailedError("cut")

    for seed in range(6):
        fill(source, seed)
        bench.objects.before = cut
        with pytest.raises(StoreFailedError):
            bench.backup(source)
        bench.calm()
    done = bench.backup(source)
    assert done.packs == 0
    assert bench.check().broken == ()


def test_two_runs_at_the_same_time_make_two_whole_snapshots(bench: Bench, tmp_path: Path) -> None:
    """Of one source that nobody changes, and of two, on one machine: they share a journal."""
    folders = [tmp_path / "one", tmp_path / "other"]
    for seed, folder in enumerate(folders):
        folder.mkdir()
        fill(folder, seed)
    for sources in ([folders[0], folders[0]], folders):
        meeting = threading.Barrier(2)
        met: set[int] = set()

        def meet(call: str, name: str, meeting: threading.Barrier = meeting, met: set[int] = met) -> None:
            if call == "put" and name.startswith(PENDINGS) and threading.get_ident() not in met:
                met.add(threading.get_ident())
                meeting.wait()

        bench.objects.before = meet
        with ThreadPoolExecutor(2) as pool:
            done = [run.result() for run in [pool.submit(bench.backup, folder) for folder in sources]]
        bench.calm()
        for folder, one in zip(sources, done, strict=True):
            assert comes_back(bench, folder, tmp_path / f"out {one.snapshot}", one.snapshot)
        for folder in folders:
            fill(folder, 100 + int(sources is folders))
    found = bench.check()
    assert (found.broken, found.hurt) == ((), ())
    assert len(catalogue.read(bench.store).records) == 4
