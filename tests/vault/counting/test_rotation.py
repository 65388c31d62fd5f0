"""Destroyed means destroyed: in every copy made before a rotation, and a rotation that is killed at any moment loses nothing that lives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatseal.errors import ChatsealError, VaultBehindError, VaultDamagedError
from chatseal.vault import shards, token
from chatseal.vault.guesses import Refusal
from chatseal.vault.records import SALTS_MAX, decode_salt, decode_shard
from chatseal.vault.restoration import restore
from chatseal.vault.sqlite_records import SqliteRecords
from vault.counting.scene import ANCHOR, DATABASE, DAY, FILES, TOKEN, Vault, account_of, copy_database, make, put_back, registration_of
from vault.counting.test_guesses import refused

NAMES = [f"name {number}" for number in range(7)]


class Stop(BaseException):
    """The process is killed here."""


def filled(vault: Vault) -> dict[str, bytes]:
    """Seven records in several shards, one of each two destroyed."""
    salts = {name: vault.register(name) for name in NAMES}
    for name in NAMES[::2]:
        vault.registrations.delete(account_of(name), generation=1, by_owner=True)
        del salts[name]
    return salts


def check_all_open(vault: Vault, salts: dict[str, bytes]) -> None:
    for name, salt in salts.items():
        assert vault.shards.open(registration_of(name).record_id) == salt


def test_a_rotation_leaves_one_epoch_and_every_live_salt(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SALTS_MAX", 3)
    salts = filled(vault)
    before = {key for key, _ in vault.store.list("shard/")}
    assert len(before) >= 3
    assert vault.shards.rotate() == 2
    assert vault.token.epochs() == (2,)
    check_all_open(vault, salts)
    found = {key: decode_shard(data) for key, data in vault.store.list("shard/")}
    assert {shard.epoch for shard in found.values()} == {2}
    assert sum(shard.salts for shard in found.values()) == len(salts)
    assert not any(shard.marked for shard in found.values())
    vault.register("somebody new")
    assert vault.shards.rotate() == 3
    check_all_open(vault, salts)


def test_a_shard_has_a_thousand_salts(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SALTS_MAX == 1000
    monkeypatch.setattr(shards, "SALTS_MAX", 2)
    for name in NAMES:
        vault.register(name)
    assert sorted(decode_shard(data).salts for _, data in vault.store.list("shard/")) == [1, 2, 2, 2]


def opens_salt(folder: Path, token_path: Path, name: str) -> bool:
    """Whether somebody with a copy of the database and a token gets the salt of a record."""
    with SqliteRecords(folder / DATABASE) as store:
        data = store.read([f"salt/{registration_of(name).record_id.hex()}"])[0]
        assert data is not None
        salt = decode_salt(data)
        sealed = store.read([f"shard/{salt.shard}"])[0]
        assert sealed is not None
        shard = decode_shard(sealed)
        try:
            key = token.FileToken(token_path).open(shard.epoch, shard.key, b"chatseal/v1 vault shard " + salt.shard.encode())
            token.open_under(key, salt.sealed, b"chatseal/v1 vault salt " + registration_of(name).record_id)
        except VaultDamagedError:
            return False
        return True


def test_after_a_rotation_no_copy_made_before_gives_the_salt(vault: Vault, place: Path) -> None:
    salts = filled(vault)
    name = next(iter(salts))
    copy_database(vault, place / "copy")
    assert opens_salt(place / "copy", place / TOKEN, name)
    vault.registrations.delete(account_of(name), generation=1, by_owner=True)
    salt = salts.pop(name)
    copy_database(vault, place / "later copy")
    vault.shards.rotate()
    assert not opens_salt(place / "copy", place / TOKEN, name)
    check_all_open(vault, salts)
    for path in place.rglob("*"):
        assert path.is_dir() or not any(form in path.read_bytes() for form in (salt, salt.hex().encode()))


def test_after_a_rotation_the_sealed_salt_is_in_no_file_of_the_database(vault: Vault, place: Path) -> None:
    filled(vault)
    key = f"salt/{registration_of(NAMES[1]).record_id.hex()}"
    data = vault.store.read([key])[0]
    assert data is not None
    vault.registrations.delete(account_of(NAMES[1]), generation=1, by_owner=True)
    vault.shards.rotate()
    assert not any(data in (place / name).read_bytes() for name in FILES)


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Kill whatever runs before its call number *step* of the store or of the token's file; even numbers before it, odd ones after."""
    count = [0]

    def wrap(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def call(*args: Any, **members: Any) -> Any:
            count[0] += 2
            if count[0] == step:
                raise Stop
            result = inner(*args, **members)
            if count[0] + 1 == step:
                raise Stop
            return result

        monkeypatch.setattr(owner, name, call)

    for name in ("read", "list", "commit", "compact"):
        wrap(SqliteRecords, name)
    wrap(token, "write_whole")
    return wrap


def test_killed_at_any_step_of_a_rotation_every_live_record_opens_and_the_next_one_ends_it(place: Path) -> None:
    step, was_killed = 2, True
    while was_killed:
        folder = place / str(step)
        folder.mkdir()
        make(folder)
        vault = Vault(folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shards, "SALTS_MAX", 3)
            patch.setattr(shards, "BATCH", 2)
            salts = filled(vault)
            with pytest.MonkeyPatch.context() as kill:
                killed_at(step, kill)
                try:
                    vault.shards.rotate()
                    was_killed = False
                except Stop:
                    was_killed = True
            vault.close()
            again = Vault(folder, vault.clock)
            check_all_open(again, salts)
            salts["new"] = again.register("new")
            again.shards.rotate()
            check_all_open(again, salts)
            assert len(again.token.epochs()) == 1
            assert {decode_shard(data).epoch for _, data in again.store.list("shard/")} == set(again.token.epochs())
            again.close()
        step += 1
    assert step > 60


# --- an older database ---------------------------------------------------------------------------------------------------


def test_yesterdays_copy_is_refused_until_it_is_restored(vault: Vault, place: Path) -> None:
    for name in NAMES[:2]:
        vault.register(name)
    vault.guess_wrong(NAMES[0], 2)
    copy_database(vault, place / "copy")
    vault.guess_wrong(NAMES[0], 8)
    vault.registrations.register(account_of("later"), registration_of("later"), vault.shards.new_salt(), generation=0)
    lost = vault.store.head()
    vault.close()
    put_back(place / "copy", place)
    with pytest.raises(VaultBehindError) as caught:
        Vault(place)
    assert "chatseal-vault restore" in caught.value.remedy
    with SqliteRecords(place / DATABASE) as store:
        assert restore(store, place / ANCHOR, vault.token, vault.clock) == 2
        assert restore(store, place / ANCHOR, vault.token, vault.clock) == 0
        assert store.verify().index > lost.index
    restored = Vault(place, vault.clock)
    for name in NAMES[:2]:
        with refused(Refusal.DESTROYED):
            restored.claim(name)
        with refused(Refusal.NOT_ALLOWED):
            restored.register(name, 2)
        restored.register(name, 2, by_owner=True)
        assert restored.guesses.status(account_of(name)).generation > lost.index
    restored.register("later")
    assert restored.guesses.status(account_of("later")).generation > lost.index
    assert not opens_salt(place / "copy", place / TOKEN, NAMES[0])
    restored.close()


def test_a_service_that_runs_notices_that_its_database_was_put_back(vault: Vault, place: Path) -> None:
    vault.register("anna")
    vault.store.compact()
    copy_database(vault, place / "copy")
    vault.guess_wrong("anna", 3)
    vault.store.close()
    put_back(place / "copy", place)
    with SqliteRecords(place / DATABASE) as older:
        vault.book.store = older
        with pytest.raises(VaultBehindError):
            vault.claim("anna")


def test_another_vaults_database_is_refused(vault: Vault, place: Path) -> None:
    (place / "other").mkdir()
    make(place / "other")
    other = Vault(place / "other")
    for name in NAMES:
        vault.register(name)
        other.register(name)
    other.guess_wrong(NAMES[0])
    other.close()
    vault.close()
    put_back(place / "other", place)
    with pytest.raises(VaultBehindError):
        Vault(place)


def test_a_database_ahead_of_its_anchor_keeps_its_guesses_and_the_anchor_follows(vault: Vault, place: Path) -> None:
    vault.register("anna")
    old = (place / ANCHOR).read_bytes()
    vault.guess_wrong("anna", 4)
    vault.close()
    (place / ANCHOR).write_bytes(old)
    again = Vault(place, vault.clock)
    assert again.guesses.status(account_of("anna")).left == 6
    assert again.anchor.read() == again.store.head()
    again.close()


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_without_an_anchor_nothing_is_vouched_for(vault: Vault, place: Path, damage: str) -> None:
    vault.register("anna")
    vault.close()
    if damage == "gone":
        (place / ANCHOR).unlink()
    else:
        (place / ANCHOR).write_bytes(b"")
    with pytest.raises((VaultBehindError, VaultDamagedError)):
        Vault(place)
    with SqliteRecords(place / DATABASE) as store:
        assert restore(store, place / ANCHOR, vault.token, vault.clock) == 1
    again = Vault(place, vault.clock)
    with refused(Refusal.DESTROYED):
        again.claim("anna")
    again.close()


def test_a_restoration_killed_at_any_step_is_refused_as_before_and_the_next_one_ends_it(place: Path) -> None:
    step, was_killed = 2, True
    while was_killed:
        folder = place / str(step)
        folder.mkdir()
        make(folder)
        vault = Vault(folder)
        for name in NAMES[:2]:
            vault.register(name)
        copy_database(vault, folder / "copy")
        vault.guess_wrong(NAMES[0], 3)
        vault.close()
        put_back(folder / "copy", folder)
        with SqliteRecords(folder / DATABASE) as store, pytest.MonkeyPatch.context() as kill:
            killed_at(step, kill)
            try:
                restore(store, folder / ANCHOR, vault.token, vault.clock)
                was_killed = False
            except Stop:
                was_killed = True
        if was_killed:
            with pytest.raises(VaultBehindError):
                Vault(folder)
            with SqliteRecords(folder / DATABASE) as store:
                restore(store, folder / ANCHOR, vault.token, vault.clock)
        again = Vault(folder, vault.clock)
        for name in NAMES[:2]:
            with refused(Refusal.DESTROYED):
                again.claim(name)
        vault.clock.now += DAY
        again.close()
        step += 1
    assert step > 20


def test_a_damaged_database_is_not_restored(vault: Vault, place: Path) -> None:
    vault.register("anna")
    vault.close()
    (place / DATABASE).write_bytes(b"x" * 4096)
    with pytest.raises(ChatsealError):
        SqliteRecords(place / DATABASE)
