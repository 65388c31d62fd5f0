"""`--vault` as a source of the key, for files and stores; vault slots that lead to the vault, and those that lead elsewhere."""

import json
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey
from chatseal.format.header import parse
from chatseal.format.vault_place import VaultPlace
from chatseal.keys.vault_key import VaultKey
from oracle import header_length
from vault.client.commands import Vault, forget, private
from vault.client.liar import Liar
from vault.service.running import Running


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    (tmp_path / "chat.db").write_bytes(b"what was said")
    return tmp_path / "chat.db"


@pytest.fixture
def named(vault: Vault, key: Path, tmp_path: Path, service: Running, name: str) -> list[str]:
    """The options for a vault that has the key."""
    assert vault("register", "--key-file", key, "--password-file", tmp_path / "password").code == 0
    words = {"vault": service.url, "vault-user": name, "vault-token-file": tmp_path / "token", "password-file": tmp_path / "password"}
    return [word for option, value in words.items() for word in (f"--{option}", str(value))]


def slots(path: Path) -> list[str]:
    data = path.read_bytes()
    return [slot.type for slot in parse(data[: header_length(data)]).slots]


def test_a_file_is_sealed_with_the_key_of_a_vault_and_says_where_it_is(
    here: Vault, named: list[str], key: Path, chat: Path, tmp_path: Path, service: Running
) -> None:
    sealed = tmp_path / "sealed"
    assert here("seal", chat, "-o", sealed, *named).code == 0
    assert slots(sealed) == ["key", "vault"]
    assert chatseal.unseal_bytes(sealed.read_bytes(), BackupKey.from_file(key)) == b"what was said"
    seen = here("inspect", sealed).out.decode()
    assert f"{service.url}/, fingerprint {service.fingerprint}, record" in seen
    found = json.loads(here("inspect", sealed, "--json").out)
    assert found["vaults"][0]["generation"] == 2
    listed = here("key", "list", sealed, *named, "--json")
    assert [slot["opened_by"] for slot in json.loads(listed.out)["slots"]] == 2 * [["the key from the vault"]]


def test_whoever_has_the_file_and_the_password_needs_no_url(here: Vault, named: list[str], chat: Path, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed"
    assert here("seal", chat, "-o", sealed, *named).code == 0
    ran = here("unseal", sealed, "-o", tmp_path / "again", *named[2:], "--vault")
    assert ran.code == 0, ran.err
    assert (tmp_path / "again").read_bytes() == b"what was said"
    for command in (["verify", sealed], ["cat", sealed, "-o", tmp_path / "part", "--range", "0:4"], ["inspect", sealed]):
        ran = here(*command, *named[2:], "--vault")
        assert ran.code == 0, ran.err


def test_a_key_that_is_named_twice_gets_one_slot_of_its_own(here: Vault, named: list[str], key: Path, chat: Path, tmp_path: Path) -> None:
    assert here("seal", chat, "-o", tmp_path / "sealed", "--key-file", key, *named).code == 0
    assert slots(tmp_path / "sealed") == ["key", "vault"]


def test_a_vault_is_added_to_a_file_that_its_key_opens(here: Vault, named: list[str], key: Path, chat: Path, tmp_path: Path) -> None:
    sealed = tmp_path / "sealed"
    assert here("seal", chat, "-o", sealed, "--key-file", key).code == 0
    new = [word.replace("--", "--new-") for word in named]
    assert here("key", "add", sealed, "--key-file", key, *new).code == 0
    assert slots(sealed) == ["key", "vault"]
    here("key", "add", sealed, "--key-file", key, *new).remedied(1, "opens with the new key already, by slot 2")


def test_a_store_is_made_and_used_with_the_key_of_a_vault(here: Vault, named: list[str], chat: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert here("init", store, *named).code == 0
    assert here("backup", chat, "--store", store, *named).code == 0
    assert here("check", "--store", store, *named).code == 0
    ran = here("restore", "latest", "--store", store, "--to", tmp_path / "back", *named)
    assert ran.code == 0, ran.err


def test_a_wrong_password_opens_nothing_and_says_what_is_left(here: Vault, named: list[str], chat: Path, tmp_path: Path) -> None:
    wrong = [str(tmp_path / "other") if word == str(tmp_path / "password") else word for word in named]
    here("seal", chat, "-o", tmp_path / "sealed", *wrong).remedied(12, "9 guesses are left")
    assert not (tmp_path / "sealed").exists()


def test_options_for_a_vault_without_one_and_two_passwords_are_usage(here: Vault, named: list[str], chat: Path, tmp_path: Path) -> None:
    here("seal", chat, "-o", tmp_path / "s", "--vault-user", "ada").failed(2, "are for --vault")
    here("seal", chat, "-o", tmp_path / "s", *named, "--password-file", tmp_path / "other").failed(2, "it has one")
    forget(tmp_path)
    here("unseal", chat, "-o", tmp_path / "s", *named[2:], "--vault").failed(2, "no vault is named")


# --- attacks ----------------------------------------------------------------------------------------------------------


def test_a_file_that_names_a_vault_of_a_thief_gets_neither_token_nor_guess(
    here: Vault, named: list[str], key: Path, tmp_path: Path, liar: Liar, service: Running
) -> None:
    place = VaultPlace(liar.url, service.key.fingerprint, bytes(16), 1)
    (tmp_path / "sealed").write_bytes(chatseal.seal_bytes(b"bait", VaultKey(BackupKey.from_file(key), place)))
    here("unseal", tmp_path / "sealed", "-o", "x", *named[2:], "--vault").remedied(1, "does not make a vault worth a password")
    assert set(liar.operations) == {"service"}
    assert not any("authorization" in headers for headers in liar.headers)


def test_a_file_that_names_another_key_for_a_known_vault_is_told(
    here: Vault, named: list[str], key: Path, tmp_path: Path, service: Running
) -> None:
    place = VaultPlace(f"{service.url}/", bytes(32), bytes(16), 1)
    (tmp_path / "sealed").write_bytes(chatseal.seal_bytes(b"bait", VaultKey(BackupKey.from_file(key), place)))
    here("unseal", tmp_path / "sealed", "-o", "x", *named[2:], "--vault").remedied(13, "another signing key than the file says")


def test_a_file_that_names_a_host_without_tls_leads_nowhere(here: Vault, named: list[str], key: Path, tmp_path: Path) -> None:
    for url in ("http://vault.example/", "https://ada@vault.example/", "https://..//?x"):
        place = VaultPlace(url, bytes(32), bytes(16), 1)
        (tmp_path / "sealed").write_bytes(chatseal.seal_bytes(b"bait", VaultKey(BackupKey.from_file(key), place)))
        here("unseal", tmp_path / "sealed", "-o", "x", *named[2:], "--vault").failed(2)


def test_a_vault_that_is_older_than_the_file_says_is_noticed_on_a_new_device(
    here: Vault, named: list[str], chat: Path, tmp_path: Path, service: Running, name: str
) -> None:
    sealed = tmp_path / "sealed"
    assert here("seal", chat, "-o", sealed, *named).code == 0
    raw = sealed.read_bytes()
    place = VaultPlace.parse(parse(raw[: header_length(raw)]).slots[1].arguments)
    later = VaultPlace(place.url, place.fingerprint, place.record_id, place.generation + 1)
    sealed.write_bytes(chatseal.seal_bytes(b"x", VaultKey(BackupKey.generate(), later)))
    forget(tmp_path)
    ran = here("unseal", sealed, "-o", "x", *named[2:], "--vault", "--vault-fingerprint", service.fingerprint)
    ran.remedied(13, "older state", f"generation {place.generation}, and {later.generation}")


# --- setup ------------------------------------------------------------------------------------------------------------


def test_setup_lets_a_vault_keep_the_key_too_and_the_sheet_says_where(
    vault: Vault, here: Vault, chat: Path, tmp_path: Path, service: Running, name: str
) -> None:
    config = {"CHATSEAL_CONFIG": str(tmp_path / "chatseal.toml"), "CHATSEAL_VAULT_TOKEN_FILE": str(tmp_path / "token")}
    words = ["setup", "--lock", "key", "--sheet", tmp_path / "sheet.html", "--vault", service.url, "--vault-user", name]
    weak = private(tmp_path / "weak", "123456")
    here(*words, "--keep", "vault", "--vault-password-file", weak, **config).remedied(2, "scores 0 of 4")
    ran = here(*words, "--keep", "vault", "--vault-password-file", tmp_path / "password", "--json", **config)
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert (found["keep"], found["where"]) == ("vault", f"{service.url}/")
    sheet = (tmp_path / "sheet.html").read_text()
    assert found["vault"]["record_id"] in sheet
    assert here("seal", chat, "-o", tmp_path / "sealed", **config).code == 1  # the password is asked for, and nobody is there
    assert (
        here("seal", chat, "-o", tmp_path / "sealed", "--vault", service.url, "--password-file", tmp_path / "password", **config).code == 0
    )
    here(*words[:3], "--keep", "file", "--vault", service.url, "--vault-user", name, **config).remedied(1, "has a record of this account")
    here("setup", "--lock", "key", "--keep", "vault", **config).failed(2, "name the vault")
    here("setup", "--lock", "password", "--vault", service.url, **config).failed(2, "for --lock key")
