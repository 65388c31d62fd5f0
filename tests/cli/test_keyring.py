"""The system's keyring, with a real Secret Service: what setup and `key keep` put there, every command finds."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import secret_services
from chatseal.automatic.configuration import KeyChoice, read
from cli.command import Run
from secret_services import Service, message_bus, secret_service

pytestmark = secret_services.needed
SET_UP = ["setup", "--lock", "key", "--keep", "keyring"]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with secret_service(monkeypatch) as service:
        yield service


def test_a_key_set_up_in_the_keyring_is_found_by_every_command(run: Run, service: Service, configured: Path) -> None:
    Path("chat.db").write_bytes(b"hello")
    ran = run(*SET_UP, "--name", "phone")
    assert ran.code == 0, ran.err
    assert read(configured).key == KeyChoice("keyring", "phone")
    assert run("seal", "chat.db", "-o", "s").code == 0
    assert run("unseal", "s", "-o", "-").out == b"hello"
    run(*SET_UP, "--name", "phone").remedied(1, "the keyring has a key named phone already", "another name")
    assert run("verify", "s").code == 0, "the key that was there is there"
    assert run("verify", "s", "--keyring", "phone", CHATSEAL_CONFIG="/nowhere/chatseal.toml").code == 0
    run("verify", "s", "--keyring", "laptop").remedied(1, "no key named laptop", "chatseal key keep laptop")
    told = {place["name"]: place for place in json.loads(run("doctor", "--json").out)["keys"]["sources"]}
    assert "SecretService" in told["--keyring"]["there"]
    assert told["configuration"]["there"] == "keyring phone"
    assert told["--keyring"]["unattended"] == told["configuration"]["unattended"] == "while its user is logged in"


def test_a_key_that_there_is_goes_into_the_keyring_once(run: Run, service: Service, configured: Path, keys: Path, sealed: Path) -> None:
    assert run("key", "keep", "phone", "--key-file", keys / "my.key").code == 0
    assert run("verify", sealed, "--keyring", "phone").code == 0
    run("key", "keep", "phone", "--key-file", keys / "other.key").remedied(1, "already", "another name")
    assert run("verify", sealed, "--keyring", "phone").code == 0


def test_a_locked_keyring_gives_and_takes_nothing_and_says_what_to_do(
    run: Run, service: Service, configured: Path, keys: Path, sealed: Path
) -> None:
    assert run("key", "keep", "phone", "--key-file", keys / "my.key").code == 0
    service.lock()
    run("verify", sealed, "--keyring", "phone").remedied(1, "the keyring refused (KeyringLocked): it may be locked", "Unlock it")
    run("key", "keep", "laptop", "--key-file", keys / "my.key").remedied(1, "may be locked", "Unlock it")
    run(*SET_UP, "--sheet", "sheet.svg").remedied(1, "may be locked", "Unlock it")
    assert not configured.exists()
    assert not Path("sheet.svg").exists()
    service.begin_again()
    assert run("verify", sealed, "--keyring", "phone").code == 0
    assert run("verify", sealed, "--keyring", "laptop").code == 1


def test_a_bus_without_a_keyring_is_said_with_other_ways(run: Run, configured: Path, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with message_bus(monkeypatch):
        run("verify", sealed, "--keyring", "phone").remedied(1, "no keyring that is unlocked", "--key-file")
        run(*SET_UP).remedied(1, "no keyring that is unlocked", "--key-file")
    assert not configured.exists()
