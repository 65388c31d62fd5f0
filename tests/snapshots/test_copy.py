"""A copy of a store: whole snapshots or none, whoever prunes, forgets, kills or lies meanwhile; and nothing is sent twice."""

import dataclasses
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chatseal import BackupKey, CopyOptions, Store
from chatseal.copied import Copied
from chatseal.errors import (
    NoStoreError,
    StoreChangedError,
    StoreExistsError,
    StoreFailedError,
    WrongKeyError,
)
from chatseal.format.object_names import CONDEMNED, CONFIG_NAME, FORGETS, MAPS, MOVES, PACKS, PENDINGS, SNAPSHOTS
from chatseal.objects.memory_store import MemoryStore
from chatseal.objects.object_store import ObjectInfo
from chatseal.snapshots import catalogue, name_list, pack_writer
from chatseal.snapshots.copy import copy
from chatseal.snapshots.forget import forget, record
from chatseal.snapshots.prune import PruneOptions, prune
from chatseal.snapshots.sealed_store import SealedStore
from cli.command import COMMAND, PATIENCE, environment
from servers.bucket import Bucket
from servers.fixtures import swift_bucket
from snapshots.conftest import KEY
from snapshots.scene import backed_up, described, noise
from snapshots.test_protocol import UNIT, bench, fill
from snapshots.test_repack import Days, repacked
from snapshots.wrapped_store import Bench, Wrapped

__all__ = ["bench", "swift_bucket"]
ORDER = [PACKS, MAPS, SNAPSHOTS]


class Mirror(Bench):
    """An empty place in memory for a copy of what a bench has."""

    def __init__(self, bench: Bench) -> None:
        self._memory = MemoryStore()
        self.objects = Wrapped(self._memory)
        self.store = SealedStore(self.objects, bench.store.config)
        self.bench = bench

    def copy(self, **options: bool) -> Copied:
        return copy(self.bench.store, self.store, CopyOptions(**options))

    def sent(self) -> list[str]:
        return [name for name in self.objects.acknowledged if not name.startswith(PENDINGS)]


@pytest.fixture
def mirror(bench: Bench, source: Path) -> Mirror:
    """Beside a store with three snapshots, of which the second shares half with the first."""
    fill(source)
    bench.backup(source)
    fill(source, 2, files=2)
    bench.backup(source)
    fill(source, 3)
    bench.backup(source)
    bench.calm()
    return Mirror(bench)


def is_whole(mirror: Mirror) -> bool:
    """Of every snapshot that is there all that it needs is there, and right."""
    mirror.forget_copies()
    return mirror.check().broken == ()


def test_a_copy_has_all_that_its_snapshots_need_and_nothing_is_sent_twice(mirror: Mirror, source: Path, tmp_path: Path) -> None:
    mirror.bench.store.objects.put("probe/foreign", b"not ours")
    done = mirror.copy()
    assert (done.snapshots, done.there, done.skipped) == (3, 0, ())
    assert mirror.names() == mirror.bench.names() - {"probe/foreign"}
    assert all(mirror.objects.inner.get(name, 1 << 28) == mirror.bench.objects.inner.get(name, 1 << 28) for name in mirror.names())
    assert (done.objects, done.bytes) == (len(mirror.sent()), sum(map(mirror.size, mirror.sent())))
    folders = [name.partition("/")[0] + "/" for name in mirror.sent()]
    assert folders == sorted(folders, key=ORDER.index), "packs, then maps, then snapshots"
    assert is_whole(mirror)
    mirror.restore(tmp_path / "out")
    assert described(tmp_path / "out" / source.name) == described(source)
    mirror.calm()
    again = mirror.copy()
    assert (again.snapshots, again.there, again.objects, mirror.sent()) == (0, 3, 0, [])
    fill(source, 4, files=1)
    mirror.bench.backup(source)
    third = mirror.copy()
    assert (third.snapshots, third.there, third.objects) == (1, 3, 3), "a pack, a map and the snapshot"


def test_packs_are_not_opened(mirror: Mirror) -> None:
    """Who copies may do so with damage in a pack; `check` finds it at both places."""
    name = min(mirror.bench.names(PACKS))
    data = bytearray(mirror.bench.objects.inner.get(name, 1 << 28))
    data[len(data) // 2] ^= 1
    mirror.bench.objects.inner.put(name, data)
    assert mirror.copy().skipped == ()
    assert mirror.check().broken == mirror.bench.check().broken != ()


@pytest.mark.parametrize("call", ["put", "info", "list", "delete", "get"])
def test_wherever_it_is_cut_what_is_there_is_whole_and_the_rest_comes_later(mirror: Mirror, call: str) -> None:
    """At every call to the other place in turn."""
    names = mirror.bench.names()
    condemn(mirror)  # a list of nothing
    for number in range(100):
        left = number

        def cut(made: str, name: str) -> None:
            nonlocal left
            if made == call:
                if not left:
                    raise StoreFailedError("cut")
                left -= 1

        mirror.objects.before = cut
        try:
            mirror.copy()
        except StoreFailedError:
            mirror.calm()
            assert is_whole(mirror)
            continue
        break
    mirror.calm()
    mirror.copy()
    assert number >= {"put": 5, "list": 7}.get(call, 1)
    assert names <= mirror.names()
    assert is_whole(mirror)


def test_what_is_pruned_during_the_copy_costs_that_snapshot_and_no_other(mirror: Mirror) -> None:
    """Its source forgets the last snapshot, and removes what it alone needed, after the copy has looked what that is."""
    records = catalogue.read(mirror.bench.store).records

    def remove(call: str, name: str) -> None:
        if call == "put" and name.startswith(PENDINGS):
            forget(mirror.bench.store, [records[-1].name])
            prune(mirror.bench.store, PruneOptions(exclusive=True))

    mirror.objects.before = remove
    done = mirror.copy()
    assert [name for name, _ in done.skipped] == [records[-1].id]
    assert "no packs/" in done.skipped[0][1]
    mirror.calm()
    assert mirror.names(SNAPSHOTS) == {record.name for record in records[:-1]}
    assert is_whole(mirror)


@pytest.mark.parametrize("folder", [PACKS, MAPS, SNAPSHOTS])
def test_what_is_damaged_or_missing_costs_the_snapshots_that_need_it(mirror: Mirror, folder: str) -> None:
    name = max(mirror.bench.names(folder), key=lambda name: mirror.bench.store.objects.info(name).modified)  # of the last backup
    for harm in (b"", noise(5000)):
        mirror.bench.objects.inner.put(name, harm)
        mirror.forget_copies()
        done = mirror.copy()
        assert len(done.skipped) == 1
        assert name not in mirror.names()
        assert is_whole(mirror)
    if folder != SNAPSHOTS:
        mirror.bench.objects.inner.delete(name)
        mirror.forget_copies()
        assert len(mirror.copy().skipped) == 1
    assert len(mirror.names(SNAPSHOTS)) == 2


def test_what_was_gathered_anew_is_copied_with_the_moves_that_lead_there(bench: Bench, source: Path, tmp_path: Path) -> None:
    days = Days(bench, source)
    snapshots = [days.next(8) for _ in range(4)]
    mirror = Mirror(bench)
    mirror.copy()
    days.forget(*snapshots[:3])
    assert repacked(bench).repacked > 0
    days.next(3)
    assert mirror.copy().snapshots == 1
    assert is_whole(mirror), "of an earlier copy, which lacks what was moved since it was made"
    empty = Mirror(bench)
    assert empty.copy().skipped == ()
    assert empty.names(MOVES)
    assert is_whole(empty)
    for place in (mirror, empty):
        for number, (snapshot, content) in enumerate(days.kept.items()):
            place.restore(tmp_path / f"{id(place)}-{number}", snapshot)
            assert (tmp_path / f"{id(place)}-{number}" / "source" / "changing").read_bytes() == content
        prune(place.store, PruneOptions(exclusive=True))
        assert is_whole(place)


# --- beside others at the other place ------------------------------------------------------------------------------------------


def condemn(mirror: Mirror, *names: str) -> str:
    name = mirror.store.new_name(CONDEMNED)
    mirror.objects.inner.put(name, mirror.store.seal(name, [name_list.encode(names)]))
    return name


def orphaned(mirror: Mirror) -> set[str]:
    """What a copy that was cut before its snapshots has left; nothing announces it any more."""

    def cut(call: str, name: str) -> None:
        if (call, name.startswith(SNAPSHOTS)) == ("put", True):
            raise StoreFailedError("cut")

    mirror.objects.before = cut
    with pytest.raises(StoreFailedError, match="cut"):
        mirror.copy()
    mirror.calm()
    for name in mirror.names(PENDINGS):
        mirror.objects.inner.delete(name)
    return mirror.names(PACKS)


def test_what_is_condemned_there_is_not_relied_on(mirror: Mirror) -> None:
    spare = min(orphaned(mirror))
    record = condemn(mirror, spare)
    done = mirror.copy()
    needing = {name for name, _ in done.skipped}
    assert needing
    assert all("about to remove" in reason for _, reason in done.skipped)
    assert {name.rpartition("-")[2] for name in mirror.names(SNAPSHOTS)}.isdisjoint(needing)
    for name in (spare, record):  # its prune ends
        mirror.objects.inner.delete(name)
    assert is_whole(mirror)
    done = mirror.copy()
    assert (len(needing), done.skipped) == (done.snapshots, ())
    assert is_whole(mirror)


def test_what_is_condemned_after_it_was_announced_is_spared_by_who_prunes(mirror: Mirror) -> None:
    """He had looked before: his list comes after the copy has looked, and he looks again before he removes."""
    spare = orphaned(mirror)
    lists: list[str] = []

    def late(call: str, name: str) -> None:
        if (call, name.startswith(SNAPSHOTS)) == ("put", True) and not lists:
            lists.append(condemn(mirror, *spare))
            Path(os.environ["CHATSEAL_STATE_DIR"], "condemned", mirror.store.config.store_id).mkdir(parents=True)
            Path(os.environ["CHATSEAL_STATE_DIR"], "condemned", mirror.store.config.store_id, lists[0].removeprefix(CONDEMNED)).touch()

    mirror.objects.before = late
    assert mirror.copy().skipped == ()
    mirror.calm()
    for name, (data, modified) in mirror.saved().items():
        mirror._memory._objects[name] = data, modified - 2 * 86400
    assert prune(mirror.store, PruneOptions()).removed == 0
    assert mirror.names(CONDEMNED) == set()
    assert is_whole(mirror)


def test_what_is_removed_there_before_the_look_is_sent_again(mirror: Mirror) -> None:
    gone: list[str] = []

    def vanish(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED) and mirror.names(PACKS) and not gone:
            gone.append(min(mirror.names(PACKS)))
            mirror.objects.inner.delete(gone[0])

    mirror.objects.before = vanish
    assert mirror.copy().skipped == ()
    assert gone[0] in mirror.names()
    assert is_whole(mirror)


def test_who_was_taken_for_dead_looks_again_at_what_he_has_put(mirror: Mirror) -> None:
    """The announcement is removed, and with it a pack: the snapshots that need that are withdrawn, the others stay."""

    def take_for_dead(call: str, name: str) -> None:
        if (call, name.startswith(SNAPSHOTS)) == ("put", True):
            mirror.calm()
            for pending in mirror.names(PENDINGS):
                mirror.objects.inner.delete(pending)
            mirror.objects.inner.delete(min(mirror.names(PACKS)))

    mirror.objects.before = take_for_dead
    done = mirror.copy()
    assert 0 < len(done.skipped) < 3
    assert "removed" in done.skipped[0][1]
    assert len(mirror.names(SNAPSHOTS)) == done.snapshots == 3 - len(done.skipped)
    assert is_whole(mirror)
    assert mirror.copy().skipped == ()
    assert is_whole(mirror)


def test_a_place_that_loses_everything_is_given_up(mirror: Mirror) -> None:
    def vanish(call: str, name: str) -> None:
        if (call, name) == ("list", CONDEMNED):
            for pack in mirror.names(PACKS):
                mirror.objects.inner.delete(pack)

    mirror.objects.before = vanish
    with pytest.raises(StoreFailedError, match="loses objects"):
        mirror.copy()
    assert mirror.names(SNAPSHOTS) == set()


def test_nothing_is_removed_there_and_what_was_forgotten_there_is_not_brought_back(mirror: Mirror) -> None:
    mirror.copy()
    first, second, third = (record.name for record in catalogue.read(mirror.bench.store).records)
    forget(mirror.bench.store, [first])
    forget(mirror.store, [second])
    mirror.calm()
    done = mirror.copy()
    assert (done.snapshots, done.objects) == (0, 1), "the record of what the source has forgotten"
    assert mirror.names(SNAPSHOTS) == {first, third}
    assert mirror.bench.names(FORGETS) < mirror.names(FORGETS)


def test_a_record_of_what_could_not_be_removed_keeps_nothing_from_being_copied(mirror: Mirror) -> None:
    """Who may add but not delete can write a record of what was forgotten; the snapshots are there nevertheless."""
    record(mirror.bench.store, mirror.bench.names(SNAPSHOTS))
    assert mirror.copy().snapshots == 3
    again = mirror.copy()
    assert (again.snapshots, again.there) == (0, 3)


# --- what arrives -----------------------------------------------------------------------------------------------------------


def test_an_object_that_arrived_short_is_sent_again(mirror: Mirror) -> None:
    short: list[str] = []

    def cut(call: str, name: str) -> None:
        if call == "put" and name.startswith(PACKS) and not short:
            short.append(name)
            mirror.objects.inner.put(name, mirror.objects.inner.get(name, 1 << 28)[:-1])

    mirror.objects.after = cut
    assert mirror.copy().skipped == ()
    assert short
    assert is_whole(mirror)


def test_what_is_read_back_and_is_not_what_was_sent_is_an_error(mirror: Mirror) -> None:
    def flip(call: str, name: str) -> None:
        if call == "put" and name.startswith(PACKS):
            data = bytearray(mirror.objects.inner.get(name, 1 << 28))
            data[-1] ^= 1
            mirror.objects.inner.put(name, data)

    mirror.objects.after = flip
    with pytest.raises(StoreFailedError, match="not what was sent"):
        mirror.copy(read_back=True)
    assert mirror.names(SNAPSHOTS) == set()
    mirror.calm()
    for name in mirror.names(PACKS):
        mirror.objects.inner.delete(name)
    assert mirror.copy(read_back=True).skipped == ()
    assert is_whole(mirror)


class Liar(Wrapped):
    """A source that lists names of its own and lengths that nothing has."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for info in super().list(prefix):
            yield ObjectInfo(info.name, 1 << 60, info.modified)
        if prefix:
            yield from (ObjectInfo(f"{prefix}{name}", 1 << 62, 0.0) for name in ("1-zz", "evil", "9-" + "0" * 33))


def test_a_source_that_lies_gets_nothing_past_it(mirror: Mirror) -> None:
    mirror.bench.store.objects = Liar(mirror.bench.objects.inner)
    done = mirror.copy()
    assert done.snapshots == 0
    assert len(done.skipped) == 3
    assert mirror.names() <= mirror.bench.names()


# --- real places --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_writer, "PLAIN", UNIT)


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """A real S3 server, or where there is none an emulator."""
    try:
        found: Bucket = request.getfixturevalue("swift_bucket")
    except pytest.skip.Exception:
        found = request.getfixturevalue("moto_bucket")
    return found


@pytest.mark.usefixtures("small_packs")
def test_from_a_folder_to_a_server_and_back(store: Store, source: Path, bucket: Bucket, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    fill(source, 2, files=2)
    backed_up(store, source)
    assert store.copy_to(bucket.url).snapshots == 2
    with Store(bucket.url, KEY) as there:
        assert there.id == store.id
        assert there.check(share=1.0).broken == ()
        done = there.copy_to(tmp_path / "back", options=CopyOptions(read_back=True))
        assert (done.snapshots, done.skipped) == (2, ())
    with Store(tmp_path / "back", KEY) as back:
        assert back.check(share=1.0).broken == ()
        back.snapshot().restore(tmp_path / "out")
    assert described(tmp_path / "out" / source.name) == described(source)


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.soak)])
@pytest.mark.usefixtures("small_packs")
def test_a_copy_that_is_killed_goes_on_where_it_was(store: Store, source: Path, bucket: Bucket, kills: int, places: Path) -> None:
    for seed in range(3):
        fill(source, seed, files=12)
        backed_up(store, source)
    key = places.parent / "my.key"
    KEY.write(key)
    chance = random.Random(kills)
    words = [*COMMAND, "copy", "--from", store.url, "--to", bucket.url, "--key-file", str(key), "--limit-upload", "2M", "--quiet"]
    sent = -1
    for _ in range(kills):
        running = subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE)
        with suppress(subprocess.TimeoutExpired):
            running.wait(0.4 + chance.random())
        running.send_signal(signal.SIGKILL)
        _, said = running.communicate(timeout=PATIENCE)
        assert running.returncode in (0, -signal.SIGKILL), said
        try:
            with Store(bucket.url, KEY) as there:
                assert there.check(share=1.0).broken == ()
                now = sum(1 for _ in there.sealed.objects.list(PACKS))
        except NoStoreError:
            now = 0
        assert now >= sent, "nothing that had arrived is gone"
        sent = now
    done = store.copy_to(bucket.url)
    with Store(bucket.url, KEY) as there:
        assert (done.snapshots + done.there, len(there.snapshots())) == (3, 3)
        assert there.check(share=1.0).broken == ()


def test_the_other_place_is_empty_or_a_copy(store: Store, source: Path, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    with Store.create(tmp_path / "another", KEY), pytest.raises(StoreChangedError, match="not a copy of"):
        store.copy_to(tmp_path / "another")
    (tmp_path / "taken" / "packs").mkdir(parents=True)
    (tmp_path / "taken" / "packs" / "x").write_bytes(b"")
    with pytest.raises(StoreExistsError, match="not empty"):
        store.copy_to(tmp_path / "taken")
    with pytest.raises(StoreExistsError, match="itself"):
        store.copy_to(store.url)


def test_a_copy_that_is_gone_is_not_made_anew_where_a_disk_may_be_unmounted(store: Store, source: Path, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    store.copy_to(tmp_path / "copy")
    (tmp_path / "copy").rename(tmp_path / "elsewhere")
    with pytest.raises(NoStoreError, match="now there is none") as raised:
        store.copy_to(tmp_path / "copy")
    assert "mounted" in raised.value.remedy
    (tmp_path / "elsewhere").rename(tmp_path / "copy")
    assert store.copy_to(tmp_path / "copy").there == 1


def test_the_newer_config_goes_along_and_an_older_one_does_not(store: Store, source: Path, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    copied = tmp_path / "copy"
    store.copy_to(copied)
    older = (copied / CONFIG_NAME).read_bytes()
    newer = dataclasses.replace(store.config, generation=2).seal([KEY])
    Path(store.url, CONFIG_NAME).write_bytes(newer)
    assert store.copy_to(copied).warnings == ()
    assert (copied / CONFIG_NAME).read_bytes() == newer
    Path(store.url, CONFIG_NAME).write_bytes(older)
    assert "newer" in store.copy_to(copied).warnings[0]
    assert (copied / CONFIG_NAME).read_bytes() == newer


def test_an_epoch_that_was_dropped_is_dropped_at_the_copy_too_and_does_not_come_back(store: Store, source: Path, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    shutil.copytree(store.url, tmp_path / "kept before")
    store.copy_to(tmp_path / "copy")
    store.new_epoch()
    backed_up(store, source)
    store.drop_epoch(1)
    done = store.copy_to(tmp_path / "copy")
    assert (done.snapshots, done.skipped) == (1, ())
    with Store(tmp_path / "copy", KEY) as copied:
        assert len(copied.snapshots()) == 1
        assert copied.check(share=1.0).broken == ()
    before = {path.name for path in (tmp_path / "copy/snapshots").iterdir()}
    with Store(tmp_path / "kept before", KEY) as older:
        again = older.copy_to(tmp_path / "copy")
        assert (again.snapshots, len(again.warnings)) == (0, 1)
    assert {path.name for path in (tmp_path / "copy/snapshots").iterdir()} == before


def test_after_a_change_of_keys_one_that_opened_the_copy_before_is_asked_for(store: Store, source: Path, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    store.copy_to(tmp_path / "copy")
    other = BackupKey.generate()
    Path(store.url, CONFIG_NAME).write_bytes(dataclasses.replace(store.config, generation=2).seal([other]))
    with Store(store.url, other) as changed:
        with pytest.raises(WrongKeyError) as raised:
            changed.copy_to(tmp_path / "copy")
        assert "one that opened the store then" in raised.value.remedy
        changed.copy_to(tmp_path / "copy", key=KEY)
    with Store(tmp_path / "copy", other) as copied:
        assert copied.check(share=1.0).broken == ()
