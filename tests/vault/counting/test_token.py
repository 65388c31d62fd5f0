"""The token in a file: what it computes, how it changes, and that nobody else reads it."""

import hashlib
import hmac
import os
import threading
from pathlib import Path

import pytest

from chatseal.errors import KeyExposedError, TargetExistsError, VaultDamagedError, VaultTokenError
from chatseal.format.base64 import decode64
from chatseal.vault.token import EPOCHS_MAX, SEALED_EXTRA, FileToken

CONTEXT = b"context"


@pytest.fixture
def token(place: Path) -> FileToken:
    return FileToken.create(place / "token")


def test_a_mac_is_hmac_sha512_over_label_and_message(token: FileToken, place: Path) -> None:
    line = next(line for line in (place / "token").read_text().splitlines() if line.startswith("mac "))
    expected = hmac.digest(decode64(line.split()[1].encode()), b"chatseal/v1 vault mac account\0name", hashlib.sha512)
    assert token.mac("account", b"name") == expected
    assert FileToken(place / "token").mac("account", b"name") == expected


def test_a_label_is_no_part_of_a_message(token: FileToken) -> None:
    assert token.mac("a", b"b") != token.mac("ab", b"")
    for label in ("a\0b", "ä", "a\n"):
        with pytest.raises(ValueError):
            token.mac(label, b"")


@pytest.mark.parametrize("length", [0, 1, 32, 4096])
def test_what_is_sealed_opens_with_its_epoch_and_context_alone(token: FileToken, length: int) -> None:
    token.new_epoch()
    data = os.urandom(length)
    sealed = token.seal(1, data, CONTEXT)
    assert len(sealed) == length + SEALED_EXTRA
    assert token.seal(1, data, CONTEXT) != sealed
    assert bytes(token.open(1, sealed, CONTEXT).view) == data
    for epoch, message, context in (
        (2, sealed, CONTEXT),
        (1, sealed, b"another"),
        (1, sealed[:-1], CONTEXT),
        (3, sealed, CONTEXT),
        (1, b"", CONTEXT),
    ):
        with pytest.raises(VaultDamagedError):
            token.open(epoch, message, context)


def test_numbers_of_epochs_are_never_used_twice(token: FileToken) -> None:
    assert token.new_epoch() == 2
    token.drop_epoch(1)
    token.drop_epoch(1)
    with pytest.raises(ValueError):
        token.drop_epoch(2)
    assert token.new_epoch() == 3
    assert token.epochs() == (2, 3)


def test_another_process_sees_the_change_with_its_next_call(token: FileToken, place: Path) -> None:
    other = FileToken(place / "token")
    sealed = other.seal(1, b"data", CONTEXT)
    other.new_epoch()
    assert token.epochs() == (1, 2)
    token.drop_epoch(1)
    with pytest.raises(VaultDamagedError):
        other.open(1, sealed, CONTEXT)


def test_threads_and_processes_that_make_epochs_get_different_ones(token: FileToken, place: Path) -> None:
    tokens = [FileToken(place / "token") for _ in range(4)]
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda one=one: numbers.extend(one.new_epoch() for _ in range(5))) for one in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(2, 22))
    assert token.epochs() == tuple(range(1, 22))


def test_the_number_of_epochs_has_a_limit(token: FileToken) -> None:
    for _ in range(EPOCHS_MAX - 1):
        token.new_epoch()
    with pytest.raises(VaultTokenError):
        token.new_epoch()


def test_a_dropped_key_is_neither_in_the_file_nor_in_the_one_that_was_replaced(token: FileToken, place: Path) -> None:
    token.new_epoch()
    key = next(line.split()[2] for line in (place / "token").read_text().splitlines() if line.startswith("epoch 1 "))
    with open(place / "token") as old:
        token.drop_epoch(1)
        assert key not in old.read()
    assert key not in (place / "token").read_text()
    assert [path.name for path in place.iterdir()] == ["token"]


def test_only_its_owner_reads_it_and_nothing_shows_it(token: FileToken, place: Path) -> None:
    path = place / "token"
    token.new_epoch()
    assert path.stat().st_mode & 0o777 == 0o600
    assert repr(token) == "FileToken(...)"
    assert "does not protect" in path.read_text()
    with pytest.raises(TargetExistsError):
        FileToken.create(path)
    path.chmod(0o640)
    with pytest.raises(KeyExposedError):
        FileToken(path)


def test_a_systemd_credential_may_be_readable_inside_its_folder(token: FileToken, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "token").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(place))
    assert FileToken(place / "token").epochs() == (1,)


def test_a_damaged_token_is_refused_wherever_the_damage_is(token: FileToken, place: Path) -> None:
    path = place / "token"
    token.new_epoch()
    good = path.read_bytes()
    start = good.index(b"chatseal-vault-token")
    for at in range(start, len(good) - 1):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(VaultTokenError) as caught:
            FileToken(path)
        assert "chatseal-vault init" in caught.value.remedy
    for length in (0, start, len(good) // 2, len(good) - 2):
        path.write_bytes(good[:length])
        with pytest.raises(VaultTokenError):
            FileToken(path)
    path.write_bytes(good)
    FileToken(path)
