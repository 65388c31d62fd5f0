"""Epochs: what a new one begins with, what is destroyed with an old one, and that all else goes on."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from chatseal import BackupKey, DroppedEpochError, NoStoreError, ObjectChangedError, Store
from chatseal.errors import ChatsealError
from chatseal.format.object_names import CONFIG_NAME, epoch_of, is_name
from chatseal.keys.slots import Opener
from chatseal.objects.object_store import ObjectStore
from chatseal.objects.uploads import Uploads
from chatseal.snapshots import backup as backups
from chatseal.snapshots import catalogue, config_object, forget, places
from chatseal.snapshots.config_object import ConfigObject
from chatseal.snapshots.sealed_store import SealedStore
from slow_writer import Draw
from snapshots.conftest import KEY
from snapshots.scene import backed_up, described, noise, objects
from snapshots.wrapped_store import needs

NEW = BackupKey(Draw("the key after the old one")(32))


def fill(source: Path, seed: int = 1) -> None:
    (source / "chat.bin").write_bytes(noise(200_000, seed))
    (source / f"note {seed}").write_text(f"hello {seed}")


@pytest.fixture
def two(store: Store, source: Path) -> Store:
    """Two snapshots in epoch 1 and two in epoch 2."""
    for number in range(4):
        if number == 2:
            store.new_epoch()
        fill(source, number)
        backed_up(store, source)
    return store


def names(store: Store, epoch: int) -> set[str]:
    return {name for name in objects(Path(store.url)) if is_name(name) and epoch_of(name) == epoch}


def test_a_new_epoch_begins_with_everything_and_goes_on_with_what_changed(store: Store, source: Path) -> None:
    fill(source)
    first = backed_up(store, source)
    assert store.new_epoch() == 2
    again = backed_up(store, source)
    assert (again.parent, again.bytes_read) == ("", first.bytes_read)
    assert again.bytes_added > 200_000
    third = backed_up(store, source)
    assert (third.parent, third.bytes_read) == (again.snapshot, 0)
    for snapshot in store.snapshots():
        needed = needs(store.sealed, snapshot.record.manifest.maps)
        assert {epoch_of(name) for name in needed} == {epoch_of(snapshot.record.name)}
    assert [snapshot.record.manifest.sequence for snapshot in store.snapshots()] == [1, 2, 3]


def test_what_a_run_had_sent_before_a_new_epoch_is_sent_again(store: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch must not lean on packs of the one before, also not on those that a run which was cut off has left."""
    fill(source)

    def cut(*arguments: object) -> None:
        uploads = arguments[-1]
        assert isinstance(uploads, Uploads)
        uploads.finish()  # else what is on its way may not arrive
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backups._Run, "_save_map", cut)
        with pytest.raises(KeyboardInterrupt):
            store.backup(source)
    left = names(store, 1)
    assert left
    store.new_epoch()
    backed_up(store, source)
    (snapshot,) = store.snapshots()
    needed = needs(store.sealed, snapshot.record.manifest.maps)
    assert not needed & left


def test_the_epochs_are_told_with_what_is_in_them(two: Store) -> None:
    first, second = two.epochs()
    assert (first.number, first.snapshots, first.is_newest, first.is_dropped) == (1, 2, False, False)
    assert (second.number, second.snapshots, second.is_newest, second.is_dropped) == (2, 2, True, False)
    assert (first.first, first.last) == (two.snapshots()[0].time, two.snapshots()[1].time)
    there = objects(Path(two.url))
    for epoch in (first, second):
        assert epoch.bytes == sum(len(there[name]) for name in names(two, epoch.number))
        assert epoch.objects == len(names(two, epoch.number))


def test_what_is_sealed_for_a_dropped_epoch_nobody_opens_any_more(two: Store, source: Path, tmp_path: Path) -> None:
    """Somebody gets the key and the whole store as it is after the drop, with what its keeper had kept but for older configs."""
    kept = {name: data for name, data in objects(Path(two.url)).items() if name != CONFIG_NAME}
    destroyed = two.drop_epoch(1)
    assert (destroyed.number, destroyed.snapshots) == (1, 2)
    shutil.rmtree(places.cache_folder())
    with Store(two.url, KEY) as opened:
        assert [epoch.number for epoch in opened.config.epochs] == [2]
        for name in sorted(kept):
            if is_name(name) and epoch_of(name) == 1:
                with pytest.raises(DroppedEpochError, match="epoch 1, which was dropped"):
                    opened.sealed.read(name, 1 << 28)
        assert len(opened.snapshots()) == 2
        opened.snapshot().restore(tmp_path / "out")
        backed_up(opened, source)
    assert described(tmp_path / "out" / "source") == described(source)


def test_an_older_config_that_somebody_kept_still_opens_a_dropped_epoch(two: Store) -> None:
    """This is what `epoch drop` says that it does not do, and that rotating the key and destroying the old one ends."""
    older = (Path(two.url) / CONFIG_NAME).read_bytes()
    name = two.snapshots()[0].record.name
    two.drop_epoch(1)
    kept = SealedStore(two.sealed.objects, ConfigObject.parse(older, [KEY]).config, copies=False)
    assert kept.read(name, 1 << 24)
    two.rotate_key(NEW, reseal=True)
    with pytest.raises(ChatsealError):
        ConfigObject.parse(older, [NEW])


def test_the_newest_epoch_and_one_without_which_nothing_would_be_left_stay(store: Store, source: Path) -> None:
    fill(source)
    backed_up(store, source)
    with pytest.raises(ChatsealError, match="the newest"):
        store.drop_epoch(1)
    store.new_epoch()
    with pytest.raises(ChatsealError, match="no snapshot left"):
        store.drop_epoch(1)
    backed_up(store, source)
    with pytest.raises(NoStoreError, match="no epoch 3"):
        store.drop_epoch(3)
    store.drop_epoch(1)
    with pytest.raises(NoStoreError, match="dropped already"):
        store.drop_epoch(1)
    assert store.new_epoch() == 3, "a number is not given twice"


def test_snapshots_of_a_dropped_epoch_are_told_as_such_and_are_no_damage(two: Store) -> None:
    before = {snapshot.record.name for snapshot in two.snapshots()[:2]}
    two.drop_epoch(1)
    known = catalogue.read(two.sealed)
    assert (set(known.dropped), known.damaged) == (before, ())
    done = two.check(share=1.0)
    assert (done.snapshots, done.broken, done.hurt) == (2, (), ())
    first, _ = two.epochs()
    assert (first.is_dropped, first.snapshots) == (True, 2)
    for name in before:
        with pytest.raises(NoStoreError, match="of epoch 1, which was dropped"):
            two.snapshot(name.rpartition("-")[2][:12])


def test_prune_removes_all_of_a_dropped_epoch_and_nothing_else(two: Store, tmp_path: Path, source: Path) -> None:
    two.forget(two.snapshots()[2:3])
    two.drop_epoch(1)
    kept = names(two, 2)
    done = two.prune(exclusive=True)
    assert done.removed > 0
    assert names(two, 1) == set()
    assert {name for name in kept if name.startswith("snapshots/")} <= names(two, 2)
    two.snapshot().restore(tmp_path / "out")
    assert described(tmp_path / "out" / "source") == described(source)
    assert two.check(share=1.0).broken == ()
    assert [epoch.number for epoch in two.epochs()] == [2]


def test_that_a_snapshot_was_forgotten_is_known_also_after_the_epoch_of_the_record_was_dropped(two: Store, source: Path) -> None:
    gone, other = two.snapshots()[0], two.snapshots()[2]
    remaining = two.snapshots()[3].record.name
    two.forget([gone, other])
    two.new_epoch()
    backed_up(two, source)
    two.drop_epoch(2)
    with Store(two.url, KEY) as again:
        assert forget.forgotten(again.sealed) == {gone.record.name, other.record.name, remaining}
        assert again.look_back() == ()


def test_a_backup_whose_epoch_is_dropped_meanwhile_is_not_reported(store: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(source)
    confirm, once = backups._Run._confirm, [True]

    def meanwhile(*given: object) -> bool:
        done = bool(confirm(*given))  # type: ignore[arg-type]
        if once and once.pop():
            with Store(store.url, KEY) as other:
                other.new_epoch()
                backed_up(other, source)
                other.drop_epoch(1)
        return done

    monkeypatch.setattr(backups._Run, "_confirm", meanwhile)
    with pytest.raises(DroppedEpochError, match="dropped meanwhile"):
        store.backup(source)
    with Store(store.url, KEY) as again:
        backed_up(again, source)


def test_two_who_change_epochs_at_once_lose_nothing_in_silence(two: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read, once = config_object.read, [True]

    def later(objects: ObjectStore, openers: Sequence[Opener]) -> ConfigObject:
        found = read(objects, openers)
        if once and once.pop():
            with Store(two.url, KEY) as other:
                other.new_epoch()
        return found

    monkeypatch.setattr(config_object, "read", later)
    with pytest.raises(ObjectChangedError):
        two.drop_epoch(1)
    with Store(two.url, KEY) as again:
        assert [epoch.number for epoch in again.config.epochs] == [1, 2, 3]
