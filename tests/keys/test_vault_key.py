"""Vault slots: a backup key opens them, they say where it can be had again, and a file's holders can be changed with them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatseal
from chatseal import BackupKey, HolderError, WrongKeyError
from chatseal.format.header import Header, Slot, parse
from chatseal.format.vault_place import GENERATION_MAX, URL_MAX, VaultPlace
from chatseal.keys.secret import Secret
from chatseal.keys.slots import find_file_key, wrap
from chatseal.keys.vault_key import VaultKey
from corpus import KEY_BYTES
from oracle import header_length

KEY = BackupKey(KEY_BYTES)
PLACE = VaultPlace("https://vault.example/", bytes(range(32)), bytes(range(16)), 7)
HELD = VaultKey(KEY, PLACE)


def test_a_vault_slot_says_where_and_opens_with_the_backup_key_alone() -> None:
    file_key = Secret.random(32)
    (slot,) = wrap(file_key, [HELD], "sealed")
    assert slot.type == "vault"
    assert VaultPlace.parse(slot.arguments) == PLACE
    assert find_file_key(Header(None, (slot,)), [KEY], "sealed").view == file_key.view
    with pytest.raises(WrongKeyError):
        find_file_key(Header(None, (slot,)), [BackupKey.generate()], "sealed")


@pytest.mark.parametrize("number", range(4))
def test_a_changed_place_does_not_open(number: int) -> None:
    other = VaultPlace("https://thief.example/", bytes(32), bytes(16), 8).arguments()
    (slot,) = wrap(Secret.random(32), [HELD], "sealed")
    changed = tuple(other[place] if place == number else word for place, word in enumerate(slot.arguments))
    with pytest.raises(WrongKeyError):
        find_file_key(Header(None, (Slot("vault", changed, slot.body),)), [KEY], "sealed")


@given(
    st.sampled_from(["http://", "https://"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=2, max_size=URL_MAX - 8),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.integers(1, GENERATION_MAX),
)
def test_every_place_within_the_limits_is_read_as_it_was_written(scheme: str, rest: str, print_: bytes, record: bytes, number: int) -> None:
    place = VaultPlace(scheme + rest, print_, record, number)
    assert VaultPlace.parse(place.arguments()) == place


NO_URLS = ["", "https://", "ftp://vault.example", "https://v v", "https://v\n", "https://\u00e9", "h" * 9, "https://" + 193 * "v"]


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url_within_the_limits_is_no_place(url: str) -> None:
    with pytest.raises(ValueError):
        VaultPlace(url, bytes(32), bytes(16), 1)


def test_a_vault_is_added_to_a_sealed_file_once_and_goes_with_its_key(tmp_path: Path) -> None:
    path, other = tmp_path / "sealed", BackupKey.generate()
    chatseal.seal(b"content", path, [KEY, other])
    assert chatseal.add_holder(path, KEY, HELD).added == (3,)
    later = VaultKey(KEY, VaultPlace(PLACE.url, PLACE.fingerprint, PLACE.record_id, 9))
    with pytest.raises(HolderError, match="opens with the new key already, by slot 3"):
        chatseal.add_holder(path, KEY, later)
    raw = path.read_bytes()
    assert [slot.type for slot in parse(raw[: header_length(raw)]).slots] == ["key", "key", "vault"]
    assert [slot.opened_by for slot in chatseal.slots(path, [KEY, other])] == [(0,), (1,), (0,)]
    assert chatseal.remove_holder(path, other, KEY).removed == (1, 3)
    assert chatseal.unseal_bytes(path.read_bytes(), other) == b"content"


def test_a_rotation_puts_a_vault_in_the_place_of_an_old_key_and_is_done_once(tmp_path: Path) -> None:
    path, old = tmp_path / "sealed", BackupKey.generate()
    chatseal.seal(b"content", path, old)
    assert chatseal.rotate_key(path, old, [KEY, HELD]).added == (1, 2)
    assert not chatseal.rotate_key(path, old, [KEY, HELD]).changed
    assert chatseal.unseal_bytes(path.read_bytes(), KEY) == b"content"


def test_a_key_is_repaired_with_a_file_that_has_a_vault_slot_alone(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(chatseal.seal_bytes(b"content", HELD))
    digits = KEY.digits
    wrong = ("0" if digits[0] != "0" else "1") + digits[1:]
    assert chatseal.repair_key(wrong, tmp_path / "sealed").key.digits == digits


def test_a_store_opens_with_the_key_that_a_vault_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(tmp_path / "cache"))
    with chatseal.Store.create(str(tmp_path / "store"), [KEY, HELD]):
        pass
    with chatseal.Store(str(tmp_path / "store"), key=KEY):
        pass
