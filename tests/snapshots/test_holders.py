"""Holders of a store: who opens it after a change, what who was removed still opens, and that no change is lost in silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatseal import Argon2Cost, BackupKey, HolderError, LimitError, ObjectChangedError, Password, PrivateKey, Store, VaultKey, VaultPlace
from chatseal.errors import DamagedError, IntegrityError, StoreChangedError, WrongKeyError
from chatseal.format.header import SLOTS_MAX, Slot
from chatseal.format.object_names import CONFIG_NAME, PACKS, epoch_of, is_name
from chatseal.keys.slots import FileKeySlots
from chatseal.objects.memory_store import MemoryStore
from chatseal.objects.object_store import SwappingObjects
from chatseal.snapshots import config_object, holders
from chatseal.snapshots.config import Config
from chatseal.snapshots.config_object import ConfigObject
from chatseal.snapshots.sealed_store import SealedStore
from oracle import header_length
from slow_writer import Draw
from snapshots.conftest import KEY
from snapshots.scene import backed_up, described, noise, objects
from snapshots.wrapped_store import Wrapped, needs

OTHER, THIRD, STRANGER = (BackupKey(Draw(name)(32)) for name in ("another holder", "a third holder", "a stranger"))
CHEAP = Argon2Cost(19 << 10, 1, 1)
PLACE = VaultPlace("https://vault.example", bytes(32), bytes(16), 3)


def config_path(store: Store) -> Path:
    return Path(store.url, CONFIG_NAME)


def opens(store: Store, key: BackupKey | Password) -> bool:
    try:
        Store(store.url, key).close()
    except WrongKeyError:
        return False
    return True


def fill(source: Path) -> None:
    (source / "chat.bin").write_bytes(noise(300_000))
    (source / "notes.txt").write_text("hello")


def parsed(store: Store, key: BackupKey = KEY) -> ConfigObject:
    return ConfigObject.parse(config_path(store).read_bytes(), [key])


@pytest.fixture
def shared(store: Store) -> Store:
    """The store, for KEY and OTHER."""
    store.add_holder(OTHER)
    return store


# --- Adding --------------------------------------------------------------------------------------------------------------


def test_who_is_added_opens_all_that_is_there_and_all_that_comes(store: Store, source: Path, tmp_path: Path) -> None:
    fill(source)
    backed_up(store, source)
    before = parsed(store)
    change = store.add_holder([OTHER, Password("see you at ten", cost=CHEAP)])
    assert (change.added, change.removed, change.slots, change.resealed) == ((2, 3), (), 3, False)
    assert (store.config.generation, store.config.epoch.number) == (2, 1)
    (source / "new").write_text("later")
    backed_up(store, source)
    for key in (KEY, OTHER, Password("see you at ten")):
        with Store(store.url, key) as again:
            assert len(again.snapshots()) == 2
            again.snapshot().restore(tmp_path / repr(key))
    assert described(tmp_path / repr(OTHER) / "source") == described(source)
    after = parsed(store, OTHER)
    assert bytes(after.file_key.view) == bytes(before.file_key.view)
    assert [epoch.number for epoch in after.config.epochs] == [1]
    assert after.slots[0] == before.slots[0], "nobody has to make the slots of others anew"


def test_two_generations_share_no_byte_of_payload(store: Store) -> None:
    one = config_path(store).read_bytes()
    store.add_holder(OTHER)
    two = config_path(store).read_bytes()
    payloads = [data[header_length(data) :] for data in (one, two)]
    assert sum(a == b for a, b in zip(*payloads, strict=True)) < len(payloads[0]) // 50


def test_slots_are_listed_and_each_says_which_keys_open_it(shared: Store) -> None:
    with Store(shared.url, [STRANGER, OTHER, KEY]) as again:
        assert [(slot.number, slot.type, slot.opened_by) for slot in again.slots()] == [(1, "key", (2,)), (2, "key", (1,))]


def test_a_holder_is_not_added_twice_and_a_public_key_never(shared: Store, pair: PrivateKey) -> None:
    before = objects(Path(shared.url))
    with pytest.raises(HolderError, match="already, by slot 2"):
        shared.add_holder(OTHER)
    with pytest.raises(HolderError, match="already"):
        shared.add_holder([THIRD, THIRD])
    with pytest.raises(HolderError, match="not by a public key"):
        shared.add_holder(pair.public_key)
    with pytest.raises(HolderError, match="not by a public key"):
        shared.rotate_key(pair.public_key)
    assert objects(Path(shared.url)) == before


def test_no_more_holders_than_a_header_holds(store: Store) -> None:
    store.add_holder([BackupKey.generate() for _ in range(SLOTS_MAX - 1)])
    with pytest.raises(LimitError, match="33 slots"):
        store.add_holder(OTHER)


def test_no_more_passwords_than_a_reader_tries(store: Store) -> None:
    store.add_holder([Password(str(number), cost=CHEAP) for number in range(4)])
    with pytest.raises(LimitError, match="cost more to try"):
        store.add_holder(Password("5", cost=CHEAP))
    assert opens(store, KEY)
    assert opens(store, Password("3"))


# --- Removing ------------------------------------------------------------------------------------------------------------


def test_who_is_removed_opens_nothing_that_comes_later_also_with_all_that_they_have_kept(
    shared: Store, source: Path, tmp_path: Path
) -> None:
    """They have the old config, its file key and epoch keys, and see every object of the store."""
    fill(source)
    backed_up(shared, source)
    kept = parsed(shared, OTHER)
    earlier = set(objects(Path(shared.url)))
    change = shared.remove_holder(OTHER)
    assert (change.added, change.removed, change.slots, change.resealed, shared.config.epoch.number) == ((), (2,), 1, True, 2)
    assert not opens(shared, OTHER)
    (source / "secret").write_text("not for OTHER")
    done = backed_up(shared, source)
    assert done.parent == "", "it sends everything"
    data = config_path(shared).read_bytes()
    with pytest.raises(WrongKeyError):
        ConfigObject.parse(data, [OTHER])
    with pytest.raises(IntegrityError):  # the old header still opens for them, and is none of this payload
        Config.open(kept.data[: header_length(kept.data)] + data[header_length(data) :], [OTHER])
    theirs = SealedStore(shared.sealed.objects, kept.config, copies=False)
    later = [name for name in objects(Path(shared.url)) if is_name(name) and name not in earlier]
    assert later
    for name in later:
        with pytest.raises(DamagedError, match="epoch 2"):
            theirs.read(name, 1 << 28)


def test_an_epoch_shares_nothing_with_the_one_before(shared: Store, source: Path) -> None:
    fill(source)
    first = backed_up(shared, source)
    shared.remove_holder(OTHER)
    for _ in range(2):
        backed_up(shared, source)
    for snapshot in shared.snapshots():
        chain = snapshot.record.manifest.maps
        needed = needs(shared.sealed, chain)
        assert {epoch_of(name) for name in needed} == {1 if snapshot.id == first.snapshot else 2}
        assert any(name.startswith(PACKS) for name in needed)


def test_what_was_there_before_a_holder_was_removed_stays_open_to_those_who_stay(shared: Store, source: Path, tmp_path: Path) -> None:
    fill(source)
    first = backed_up(shared, source)
    was = described(source)
    shared.remove_holder(2)
    (source / "new").write_text("later")
    backed_up(shared, source)
    with Store(shared.url, KEY) as again:
        again.snapshot(first.snapshot).restore(tmp_path / "first")
        again.snapshot().restore(tmp_path / "second")
        assert again.check(share=1.0).broken == ()
    assert described(tmp_path / "first" / "source") == was
    assert described(tmp_path / "second" / "source") == described(source)


def test_nobody_who_stays_is_dropped_unasked(shared: Store) -> None:
    shared.add_holder(THIRD)
    before = config_path(shared).read_bytes()
    with Store(shared.url, KEY) as mine, pytest.raises(HolderError, match="a slot of another holder would be lost"):
        mine.remove_holder(3)
    assert config_path(shared).read_bytes() == before
    with Store(shared.url, [KEY, OTHER]) as both:
        assert both.remove_holder(THIRD).removed == (3,)
    assert [opens(shared, key) for key in (KEY, OTHER, THIRD)] == [True, True, False]
    with Store(shared.url, KEY) as mine:
        mine.add_holder(THIRD)
        assert mine.remove_holder(2, force=False).removed == (2,), "KEY and THIRD, which it has added itself, stay"
        mine.add_holder(OTHER)
    with Store(shared.url, KEY) as mine:
        assert mine.remove_holder(2, force=True).removed == (2, 3)
    assert [opens(shared, key) for key in (KEY, OTHER, THIRD)] == [True, False, False]


def test_the_last_holder_stays(shared: Store) -> None:
    for gone in ([KEY, OTHER], [1, 2]):
        for force in (False, True):
            with pytest.raises(HolderError, match="takes its last slot"):
                shared.remove_holder(gone, force=force)
    with Store(shared.url, OTHER) as theirs, pytest.raises(HolderError, match="for nobody whose key was given"):
        theirs.remove_holder(OTHER, force=True)
    with pytest.raises(HolderError, match="no slot 3"):
        shared.remove_holder(3)
    with pytest.raises(HolderError, match="does not open with the key that shall go"):
        shared.remove_holder(STRANGER)
    with pytest.raises(ValueError, match="nothing to remove"):
        shared.remove_holder([])
    assert [opens(shared, key) for key in (KEY, OTHER)] == [True, True]


def test_passwords_and_vaults_stay_what_they_are(store: Store) -> None:
    password = Password("see you at ten", cost=CHEAP)
    store.add_holder([password, VaultKey(OTHER, PLACE), THIRD])
    with Store(store.url, [KEY, Password("see you at ten"), OTHER]) as again:
        before = again.slots()
        again.remove_holder(THIRD)
        after = again.slots()
    assert [(slot.type, slot.arguments) for slot in after] == [(slot.type, slot.arguments) for slot in before[:3]]
    assert [slot.type for slot in after] == ["key", "password", "vault"]
    for key in (KEY, Password("see you at ten"), OTHER):
        assert opens(store, key)


def test_a_slot_that_was_removed_cannot_be_put_back_by_the_keeper(shared: Store) -> None:
    old = config_path(shared).read_bytes()
    shared.remove_holder(OTHER)
    new = config_path(shared).read_bytes()
    line = [line for line in old.split(b"\n") if line.startswith(b"slot ")][1] + b"\n"
    at = new.index(b"pad ")
    forged = new[:at] + line + b"pad " + new[at + 4 + len(line) :]
    config_path(shared).write_bytes(forged)
    for key in (KEY, OTHER):
        with pytest.raises((IntegrityError, WrongKeyError)):
            Store(shared.url, key)


# --- Rotating ------------------------------------------------------------------------------------------------------------


def test_a_rotated_store_opens_with_the_new_key_and_goes_on_where_it_was(shared: Store, source: Path) -> None:
    fill(source)
    first = backed_up(shared, source)
    change = shared.rotate_key(THIRD)
    assert (change.added, change.removed, change.slots, change.resealed, shared.config.epoch.number) == ((1,), (1,), 2, False, 1)
    assert [opens(shared, key) for key in (KEY, OTHER, THIRD)] == [False, True, True]
    with Store(shared.url, THIRD) as again:
        assert backed_up(again, source).parent == first.snapshot


def test_who_kept_the_stores_keys_reads_it_after_a_rotation_until_it_is_resealed(shared: Store, source: Path) -> None:
    """This is what `key rotate` says that it does not do."""
    fill(source)
    kept = SealedStore(shared.sealed.objects, shared.config, copies=False)
    shared.rotate_key(THIRD)
    done = backed_up(shared, source)
    name = f"snapshots/1-{done.snapshot}"
    assert kept.read(name, 1 << 24)
    with Store(shared.url, THIRD) as again:
        with pytest.raises(HolderError, match="a slot of another holder"):
            again.rotate_key(STRANGER, reseal=True)
        change = again.rotate_key([STRANGER, OTHER], reseal=True)
        assert (change.added, change.removed, again.config.epoch.number) == ((1, 2), (1, 2), 2)
        done = backed_up(again, source)
        with pytest.raises(DamagedError):
            kept.read(f"snapshots/2-{done.snapshot}", 1 << 24)
    assert [opens(shared, key) for key in (KEY, OTHER, THIRD, STRANGER)] == [False, True, False, True]


def test_the_new_key_is_not_the_old_one(shared: Store) -> None:
    with pytest.raises(HolderError, match="is an old one"):
        shared.rotate_key(KEY)
    with Store(shared.url, KEY) as mine:
        change = mine.rotate_key(OTHER)
    assert (change.added, change.removed, change.slots) == ((), (1,), 1)
    assert opens(shared, OTHER)


# --- Two at once, and other machines ---------------------------------------------------------------------------------------


@pytest.fixture(params=["in one step", "in two"])
def place(request: pytest.FixtureRequest) -> Wrapped | MemoryStore:
    """A store in memory, which can swap or not, with a config for KEY."""
    memory = MemoryStore()
    memory.put(CONFIG_NAME, Config.new(puts_absent=True).seal(KEY))
    return memory if request.param == "in one step" else Wrapped(memory)


def test_who_changes_an_older_config_than_is_there_changes_nothing(place: Wrapped | MemoryStore) -> None:
    """Two who read the same config: the second to write is told."""
    read = config_object.read(place, [KEY])
    holders.add(place, [KEY], OTHER)
    with pytest.raises(ObjectChangedError) as caught:
        config_object.replace(place, read, read.config.changed(), FileKeySlots(read.file_key, read.slots))
    assert caught.value.exit_code == 11
    assert config_object.read(place, [OTHER]).config.generation == 2


def test_of_two_changes_at_once_in_a_store_without_such_a_step_the_one_that_is_lost_is_told() -> None:
    memory = MemoryStore()
    memory.put(CONFIG_NAME, Config.new(puts_absent=True).seal(KEY))
    wrapped = Wrapped(memory)

    def another(call: str, name: str) -> None:
        if call == "put":
            wrapped.after = lambda call, name: None
            inner = config_object.read(Wrapped(before), [KEY])
            memory.put(CONFIG_NAME, inner.config.changed().seal([KEY, THIRD]))

    before = MemoryStore()
    before.put(CONFIG_NAME, memory.get(CONFIG_NAME, 1 << 20))
    wrapped.after = another
    with pytest.raises(ObjectChangedError, match="this change is lost"):
        holders.add(wrapped, [KEY], OTHER)
    assert config_object.read(memory, [THIRD]).config.generation == 2


def test_a_change_that_was_lost_later_is_told_by_the_next_command(shared: Store) -> None:
    """Somebody on another machine read generation 1, and put theirs after ours was looked at: only where a store cannot swap."""
    theirs = shared.config.seal([KEY, THIRD])
    config_path(shared).write_bytes(theirs)
    with Store(shared.url, KEY) as again:
        assert again.warning == ""
        assert "one of them is lost" in again.notices[0]
    with Store(shared.url, KEY) as again:
        assert again.notices == (), "it is told once"


def test_a_folder_and_memory_swap_in_one_step(store: Store) -> None:
    for place in (store.sealed.objects, MemoryStore()):
        assert isinstance(place, SwappingObjects)
        place.put("x", b"one")
        place.swap("x", b"two", b"one")
        with pytest.raises(ObjectChangedError):
            place.swap("x", b"three", b"one")
        assert place.get("x", 9) == b"two"


def test_another_machine_goes_on_with_a_newer_generation(
    shared: Store, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source)
    here = os.environ["CHATSEAL_STATE_DIR"]
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(tmp_path / "elsewhere"))
    with Store(shared.url, OTHER) as other:
        backed_up(other, source)
        older = config_path(shared).read_bytes()
    monkeypatch.setenv("CHATSEAL_STATE_DIR", here)
    shared.add_holder(THIRD)
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(tmp_path / "elsewhere"))
    with Store(shared.url, OTHER) as other:
        assert (other.warning, other.notices) == ("", ())
        backed_up(other, source)
    config_path(shared).write_bytes(older)
    for state in (here, str(tmp_path / "elsewhere")):
        monkeypatch.setenv("CHATSEAL_STATE_DIR", state)
        with Store(shared.url, OTHER) as again:
            assert "generation 2, and 3 has been there" in again.warning
            with pytest.raises(StoreChangedError):
                again.add_holder(STRANGER)
            with pytest.raises(StoreChangedError):
                again.remove_holder(KEY)
            with pytest.raises(StoreChangedError):
                again.rotate_key(STRANGER)


def test_a_config_of_another_release_with_a_slot_of_a_kind_to_come_keeps_it_when_somebody_is_added(store: Store) -> None:
    opened = parsed(store)
    future = Slot("future", ("words", "B" * 100), b"")
    config_path(store).write_bytes(opened.config.seal(FileKeySlots(opened.file_key, (*opened.slots, future))))
    store.add_holder(OTHER)
    assert [slot.type for slot in parsed(store).slots] == ["key", "future", "key"]
    assert parsed(store).slots[1].arguments == ("words", "B" * 100)


def test_of_several_processes_that_add_holders_at_once_none_loses_a_change_in_silence(store: Store) -> None:
    """Each says whether its holder is in; that is what the config says in the end."""
    script = (
        "import sys; from chatseal import BackupKey, ObjectChangedError, Store\n"
        "mine, new = (BackupKey(bytes.fromhex(line)) for line in sys.stdin)\n"
        "with Store(sys.argv[1], mine) as store:\n"
        "    try:\n        store.add_holder(new)\n    except ObjectChangedError:\n        sys.exit(11)\n"
    )
    new = [BackupKey.generate() for _ in range(6)]
    started = [subprocess.Popen([sys.executable, "-c", script, store.url], stdin=subprocess.PIPE) for _ in new]
    for process, key in zip(started, new, strict=True):
        assert process.stdin is not None
        process.stdin.write(f"{bytes(KEY.secret).hex()}\n{bytes(key.secret).hex()}\n".encode())
        process.stdin.close()
    codes = [process.wait(60) for process in started]
    assert set(codes) <= {0, 11}
    assert codes.count(0) >= 1
    assert [opens(store, key) for key in new] == [code == 0 for code in codes]
    with Store(store.url, KEY) as again:
        assert again.config.generation == 1 + codes.count(0)
