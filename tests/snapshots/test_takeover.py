"""Attacks by whoever keeps the store: he changes, exchanges, removes and plants what he likes, and has no key.

Nothing that he did not get from us comes out of a restore, what he harmed is named, and the rest comes back."""

import dataclasses
import io
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chatseal import BackupKey, Store
from chatseal.errors import ChatsealError, IntegrityError, NoStoreError, StoreChangedError, WrongKeyError
from chatseal.format.object_names import CONFIG_NAME, MAPS, PACKS, SNAPSHOTS
from chatseal.snapshots import pack_writer, pins
from chatseal.snapshots.config import Config
from snapshots.conftest import KEY
from snapshots.scene import backed_up
from snapshots.victim import FILES, HARM, UNIT, Victim, contents, fill, flipped, folder_of, forget_copies, made, objects_in


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One file of `fill` in each pack."""
    monkeypatch.setattr(pack_writer, "PLAIN", UNIT)


@pytest.fixture
def victim(store: Store, source: Path, places: Path) -> Victim:
    return made(store, source, places)


@pytest.fixture
def others(tmp_path: Path, source: Path) -> Iterator[Store]:
    """Another store for the same key, with a snapshot of other content."""
    theirs = tmp_path / "theirs"
    fill(theirs, seed=9)
    with Store.create(tmp_path / "others", KEY) as store:
        backed_up(store, theirs)
        yield store


# --- The config ----------------------------------------------------------------------------------------------------------


def test_he_puts_the_config_of_another_store_in_its_place(store: Store, others: Store, source: Path) -> None:
    fill(source)
    backed_up(store, source)
    shutil.copy(folder_of(others) / CONFIG_NAME, folder_of(store) / CONFIG_NAME)
    before = objects_in(store)
    with Store(store.url, KEY) as taken:
        assert "another store" in taken.warning
        with pytest.raises(StoreChangedError, match="another store"):
            taken.backup(source)
        assert taken.snapshots() == []
    assert objects_in(store) == before, "nothing was sent"


def test_he_puts_a_whole_other_store_in_its_place(store: Store, others: Store, source: Path, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    shutil.rmtree(store.url)
    shutil.copytree(others.url, store.url)
    with Store(store.url, KEY) as taken:
        assert "another store" in taken.warning
        with pytest.raises(StoreChangedError):
            taken.backup(source)
        taken.snapshot().restore(tmp_path / "out")  # that store's own, whoever holds the key can tell
    assert set(contents(tmp_path / "out")) == {f"theirs/{name}" for name in FILES}


def test_he_makes_a_config_for_a_key_of_his_own(store: Store, tmp_path: Path) -> None:
    his = BackupKey(bytes(range(1, 33)))
    (folder_of(store) / CONFIG_NAME).write_bytes(Config.new(puts_absent=True).seal(his))
    with pytest.raises(WrongKeyError):
        Store(store.url, KEY)


def test_he_brings_back_the_config_of_an_older_generation(store: Store, source: Path) -> None:
    fill(source)
    path = folder_of(store) / CONFIG_NAME
    older = path.read_bytes()
    newer = dataclasses.replace(store.config, generation=store.config.generation + 1)
    path.write_bytes(newer.seal(KEY))
    with Store(store.url, KEY) as changed:
        assert changed.warning == ""
        backed_up(changed, source)
    path.write_bytes(older)
    with Store(store.url, KEY) as old:
        assert "generation" in old.warning
        with pytest.raises(StoreChangedError, match="generation"):
            old.backup(source)
        assert len(old.snapshots()) == 1
    path.write_bytes(newer.seal(KEY))
    with Store(store.url, KEY) as again:
        backed_up(again, source)


def test_who_has_opened_a_store_before_its_holders_were_changed_here_takes_the_new_config_for_no_older_one(
    store: Store, source: Path
) -> None:
    """A backup that waits while somebody on this machine removes a holder goes on, in the new epoch; the removed holder's does not."""
    fill(source)
    other = BackupKey(bytes(range(2, 34)))
    store.add_holder(other)
    with Store(store.url, KEY) as early, Store(store.url, other) as removed:
        store.remove_holder(other)
        done = backed_up(early, source)
        assert (early.config.generation, early.config.epoch.number) == (3, 2)
        with pytest.raises(StoreChangedError, match="generation 2, and 3 has been there"):
            removed.backup(source)
    assert store.snapshot(done.snapshot).record.name.startswith(f"{SNAPSHOTS}2-")


@pytest.mark.parametrize("url", ["{}", "{}/", "file://{}"])
def test_another_spelling_of_the_address_is_no_way_around(store: Store, others: Store, source: Path, url: str) -> None:
    fill(source)
    shutil.copy(folder_of(others) / CONFIG_NAME, folder_of(store) / CONFIG_NAME)
    with Store(url.format(store.url), KEY) as taken, pytest.raises(StoreChangedError):
        taken.backup(source)


@pytest.mark.parametrize(
    "memory",
    [
        b"",
        b"{}",
        b"null",
        b"garbage \xff",
        b'{"store": 1}',
        b"[" * 60_000,
        b'{"store":"' + b"0" * 32 + b'","generation":1e999}',
        b" " * 70_000,
    ],
)
def test_what_this_machine_remembers_and_cannot_read_does_not_switch_the_guard_off(store: Store, source: Path, memory: bytes) -> None:
    fill(source)
    backed_up(store, source)
    pins.path_of(store.url).write_bytes(memory)
    with Store(store.url, KEY) as opened:
        assert "cannot be read" in opened.warning
        with pytest.raises(StoreChangedError, match="cannot be read") as caught:
            opened.backup(source)
        assert str(pins.path_of(store.url)) in caught.value.remedy
        assert len(opened.snapshots()) == 1


def test_without_a_place_to_remember_things_one_can_still_read(
    store: Store, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source)
    backed_up(store, source)
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(tmp_path / "file" / "state"))
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with Store(store.url, KEY) as opened:
        assert "cannot be told" in opened.warning
        opened.snapshot().restore(tmp_path / "out")
        with pytest.raises(OSError, match="state"):
            opened.backup(source)
    assert contents(tmp_path / "out" / "source") == contents(source)


# --- Objects -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", HARM)
def test_he_harms_any_one_object(victim: Victim, tmp_path: Path, harm: str) -> None:
    for number, name in enumerate(objects_in(victim.store)):
        path = folder_of(victim.store) / name
        data = path.read_bytes()
        if harm == "takes it away":
            path.unlink()
            if name.startswith(SNAPSHOTS):
                assert len(victim.store.snapshots()) == 1
            else:
                victim.fares_well(tmp_path / f"out {number}", name)
        else:
            path.write_bytes(HARM[harm](data))
            victim.fares_well(tmp_path / f"out {number}", name)
        path.write_bytes(data)
    found = victim.store.check(share=1.0)
    assert (found.broken, found.hurt) == ((), ())


def test_good_copies_on_this_machine_do_not_hide_that_the_store_is_harmed(victim: Victim, tmp_path: Path) -> None:
    for name in objects_in(victim.store, MAPS) + objects_in(victim.store, SNAPSHOTS):
        path = folder_of(victim.store) / name
        data = path.read_bytes()
        victim.store.snapshots()  # makes copies
        path.write_bytes(flipped(data, len(data) // 2))
        found = victim.store.check()
        assert [broken for broken, _ in found.broken] == [name]
        assert found.hurt
        path.unlink()
        if name.startswith(MAPS):
            found = victim.store.check()
            assert found.broken == ((name, "it is missing"),)
            assert found.hurt
        path.write_bytes(data)


def test_he_exchanges_any_two_objects(victim: Victim) -> None:
    names = objects_in(victim.store)
    folder, out = folder_of(victim.store), victim.places / "out"
    for number, (one, other) in enumerate(zip(names, names[1:] + names[:1], strict=True)):
        first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
        (folder / one).write_bytes(second)
        (folder / other).write_bytes(first)
        found = dict(victim.store.check(share=1.0).broken)
        for name in (one, other):  # nobody knows what only a broken snapshot or map names
            assert name in found or (not name.startswith(SNAPSHOTS) and any(other.startswith((SNAPSHOTS, MAPS)) for other in found))
        for snapshot, there in victim.days.items():
            forget_copies(victim.places)
            with suppress(ChatsealError):
                victim.store.snapshot(snapshot).restore(out / f"{number} {snapshot}")
            assert contents(out / f"{number} {snapshot}").items() <= there.items()
        (folder / one).write_bytes(first)
        (folder / other).write_bytes(second)


def test_he_gives_an_object_another_name(victim: Victim) -> None:
    for name in objects_in(victim.store):
        folder, digits = name.split("/1-")
        new = f"{folder}/1-{digits[::-1]}"
        os.rename(folder_of(victim.store) / name, folder_of(victim.store) / new)
        forget_copies(victim.places)
        found = victim.store.check(share=1.0)
        if name.startswith(SNAPSHOTS):
            assert new in dict(found.broken)
            assert digits[::-1] in found.hurt
            with pytest.raises(NoStoreError):
                victim.store.snapshot(digits)
        else:
            assert dict(found.broken)[name] == "it is missing"
            assert found.hurt
        os.rename(folder_of(victim.store) / new, folder_of(victim.store) / name)


def test_he_moves_an_object_into_another_epoch(victim: Victim) -> None:
    for name in objects_in(victim.store, SNAPSHOTS):
        os.rename(folder_of(victim.store) / name, folder_of(victim.store) / name.replace("/1-", "/2-"))
    forget_copies(victim.places)
    assert victim.store.snapshots() == []
    assert len(victim.store.check().broken) == 2


def test_he_shows_an_old_snapshot_again_under_a_new_name(victim: Victim) -> None:
    first, second = victim.days
    new = SNAPSHOTS + "1-" + "0" * 32
    shutil.copy(folder_of(victim.store) / f"{SNAPSHOTS}1-{first}", folder_of(victim.store) / new)
    assert victim.store.snapshot().id == second
    assert [snapshot.id for snapshot in victim.store.snapshots()] == [first, second]
    found = victim.store.check()
    assert [name for name, _ in found.broken] == [new]
    assert found.hurt == ("0" * 32,)


def test_reading_a_part_of_what_was_harmed_gives_true_bytes_or_none(victim: Victim) -> None:
    snapshot = victim.store.snapshot()
    chance = random.Random(5)
    for name in objects_in(victim.store, PACKS):
        path = folder_of(victim.store) / name
        data = path.read_bytes()
        for harm in ("empties it", "cuts half of it off", "adds a byte", "changes its middle", "changes its last byte"):
            path.write_bytes(HARM[harm](data))
            for file in victim.needing(snapshot.id, name):
                content = victim.days[snapshot.id][file]
                with snapshot.open(file) as opened:
                    for _ in range(3):
                        at, length = chance.randrange(len(content)), chance.choice([1, 100, 70_000])
                        opened.seek(at)
                        try:
                            assert opened.read(length) == content[at : at + length]
                        except IntegrityError:
                            break
                written = io.BytesIO()
                with suppress(IntegrityError):
                    snapshot.write_to(file, written)
                assert content.startswith(written.getvalue())
        path.write_bytes(data)


def test_the_next_backup_goes_on_whatever_he_did_to_an_older_one(victim: Victim, tmp_path: Path) -> None:
    """Only packs cannot be mended: nobody looks into what is there already, but for `check`."""
    for number, name in enumerate(objects_in(victim.store, MAPS) + objects_in(victim.store, SNAPSHOTS)):
        forget_copies(victim.places)
        path = folder_of(victim.store) / name
        data = path.read_bytes()
        path.write_bytes(flipped(data, len(data) // 2))
        done = victim.store.backup(victim.source)
        victim.store.snapshot(done.snapshot).restore(tmp_path / f"out {number}")
        assert contents(tmp_path / f"out {number}" / "source") == contents(victim.source)
        assert done.snapshot not in victim.store.check(share=1.0).hurt
        path.write_bytes(data)
