"""The wrapped secret: by hand, and in every wrong hand."""

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatseal.errors import VaultMessageError
from chatseal.keys.secret import Secret
from chatseal.vault.wrapping import WRAPPED_LEN, unwrap, wrap
from corpus import KEY_BYTES
from vault.halves import OTHER_RECORD, RECORD

SERVICE, OTHER_SERVICE = b"\xaa" * 32, b"\xab" * 32
EXPORT, OTHER_EXPORT = b"\xee" * 64, b"\xef" * 64


def wrapped() -> bytes:
    return wrap(memoryview(KEY_BYTES), Secret(EXPORT), service=SERVICE, record_id=RECORD)


def test_it_is_a_cobblestone_message_bound_to_the_service_and_the_record() -> None:
    message = wrapped()
    key = HKDF(hashes.SHA512(), 32, None, b"chatseal/v1 vault wrap").derive(EXPORT)
    opened = Cobblestone256Decryptor(key, b"chatseal/v1 vault wrap\0" + SERVICE + RECORD)
    assert opened.update(message) + opened.finalize() == KEY_BYTES
    assert len(message) == WRAPPED_LEN
    assert wrapped() != message
    assert unwrap(message, Secret(EXPORT), service=SERVICE, record_id=RECORD).view == KEY_BYTES


@pytest.mark.parametrize(
    ("export_key", "service", "record_id"),
    [(OTHER_EXPORT, SERVICE, RECORD), (EXPORT, OTHER_SERVICE, RECORD), (EXPORT, SERVICE, OTHER_RECORD)],
    ids=["another password's", "another service's", "another record's"],
)
def test_a_secret_does_not_open_as(export_key: bytes, service: bytes, record_id: bytes) -> None:
    with pytest.raises(VaultMessageError) as raised:
        unwrap(wrapped(), Secret(export_key), service=service, record_id=record_id)
    assert raised.value.__cause__ is None
    assert KEY_BYTES.hex() not in str(raised.value)


def test_a_wrapped_secret_with_any_byte_changed_or_missing_does_not_open() -> None:
    message = wrapped()
    for at in range(WRAPPED_LEN):
        for changed in (message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :], message[:at]):
            with pytest.raises(VaultMessageError):
                unwrap(changed, Secret(EXPORT), service=SERVICE, record_id=RECORD)
    with pytest.raises(VaultMessageError):
        unwrap(message + b"\0", Secret(EXPORT), service=SERVICE, record_id=RECORD)


def test_lengths_that_only_our_own_code_can_get_wrong_are_errors_of_the_code() -> None:
    for secret, export_key, service, record_id in (
        (KEY_BYTES[1:], EXPORT, SERVICE, RECORD),
        (KEY_BYTES, EXPORT[1:], SERVICE, RECORD),
        (KEY_BYTES, EXPORT, SERVICE[1:], RECORD + b"\0"),
    ):
        with pytest.raises(ValueError):
            wrap(memoryview(secret), Secret(export_key), service=service, record_id=record_id)
