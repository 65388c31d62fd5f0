"""Wrapping: the secret of 32 bytes under OPAQUE's export key, which only the password gives. The vault keeps what it cannot open."""

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatseal.errors import VaultMessageError
from chatseal.keys.secret import Secret
from chatseal.vault.labels import WRAP
from chatseal.vault.pake import EXPORT_KEY_LEN, RECORD_ID_LEN

SECRET_LEN = 32
FINGERPRINT_LEN = 32
WRAPPED_LEN = 104  # a Cobblestone-256 message of 32 bytes


def wrap(secret: memoryview, export_key: Secret, *, service: bytes, record_id: bytes) -> bytes:
    """*secret* (32 bytes) for the service with this fingerprint (32 bytes) and this record alone. Raises ValueError for other lengths."""
    if len(secret) != SECRET_LEN:
        raise ValueError(f"a vault keeps {SECRET_LEN} bytes")
    message = Cobblestone256Encryptor(_key(export_key).view, _context(service, record_id))
    return message.update(secret) + message.finalize()


def unwrap(wrapped: bytes, export_key: Secret, *, service: bytes, record_id: bytes) -> Secret:
    """The secret. Raises VaultMessageError if it was not wrapped with this key for this service and this record."""
    if len(wrapped) != WRAPPED_LEN:
        raise VaultMessageError("the vault's answer holds no wrapped key")
    message = Cobblestone256Decryptor(_key(export_key).view, _context(service, record_id))
    try:
        return Secret(message.update(wrapped) + message.finalize())
    except InvalidTag:
        raise VaultMessageError("the vault proved that it knows the record, and gave another record's key, or a damaged one") from None


def _context(service: bytes, record_id: bytes) -> bytes:
    if (len(service), len(record_id)) != (FINGERPRINT_LEN, RECORD_ID_LEN):
        raise ValueError("a fingerprint is 32 bytes and a record id 16")
    return WRAP + b"\0" + service + record_id


def _key(export_key: Secret) -> Secret:
    if len(export_key.view) != EXPORT_KEY_LEN:
        raise ValueError(f"an export key is {EXPORT_KEY_LEN} bytes")
    key = Secret.zeros(32)
    HKDF(hashes.SHA512(), 32, None, WRAP).derive_into(export_key.view, key.view)
    return key
