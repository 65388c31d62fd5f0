"""Owner: whoever has the secret that the vault keeps. What would lose the record needs the owner's signature, not only the account."""

import hashlib
from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatseal.errors import AuthorError, VaultSignatureError
from chatseal.keys.secret import Secret
from chatseal.keys.signing_key import SigningKey, VerifyingKey
from chatseal.vault.labels import OWNER, OWNER_SIGNATURE, REGISTRATION
from chatseal.vault.stretch import Stretch
from chatseal.vault.wrapping import FINGERPRINT_LEN, SECRET_LEN

PUBLIC_LEN, SIGNATURE_LEN, DIGEST_LEN = 32, 64, 32


class OwnerOperation(StrEnum):
    """What an owner signs."""

    REPLACE = "replace"  # a record or its tombstone by another registration: a new password, or a new secret
    DELETE = "delete"
    WITHDRAW = "withdraw"  # what was announced without a signature


def owner_key(secret: memoryview, service: bytes) -> SigningKey:
    """The owner's Ed25519 key at the service with this fingerprint, from the secret of 32 bytes: another one for each service, so that two
    cannot compare their owners. It takes no memory of records: whoever has the secret is the owner, on any device."""
    if (len(secret), len(service)) != (SECRET_LEN, FINGERPRINT_LEN):
        raise ValueError("a vault keeps 32 bytes, and a fingerprint is 32")
    seed = Secret.zeros(32)
    HKDF(hashes.SHA512(), 32, None, OWNER + b"\0" + service).derive_into(secret, seed.view)
    return SigningKey(seed.view)


def registration_digest(*, upload: bytes, wrapped: bytes, owner: bytes, stretch: Stretch) -> bytes:
    """32 bytes for all of a registration that the service keeps: what a signature for a replacement is bound to."""
    cost = b"".join(number.to_bytes(4, "big") for number in (stretch.memory, stretch.passes, stretch.lanes))
    return hashlib.sha256(_encoded(REGISTRATION, upload, wrapped, owner, cost)).digest()


def sign(
    key: SigningKey, operation: OwnerOperation, *, service: bytes, record_id: bytes, generation: int, registration: bytes = b""
) -> bytes:
    """The 64 bytes for this operation, on the record of this id at the service with this fingerprint, in this generation and no other.

    For REPLACE that is the new record's id, the generation that ends, and *registration* the digest of the new one; for the others
    *registration* is empty. ValueError otherwise."""
    return key.sign(_statement(operation, service, record_id, generation, registration))


def verify(
    public: bytes,
    signature: bytes,
    operation: OwnerOperation,
    *,
    service: bytes,
    record_id: bytes,
    generation: int,
    registration: bytes = b"",
) -> None:
    """Return if the owner with this public key signed just that. Raises VaultSignatureError."""
    statement = _statement(operation, service, record_id, generation, registration)
    try:
        VerifyingKey(public).verify(signature, statement)
    except AuthorError:
        raise VaultSignatureError("the owner of the record has not signed this") from None


def _statement(operation: OwnerOperation, service: bytes, record_id: bytes, generation: int, registration: bytes) -> bytes:
    if len(registration) != (DIGEST_LEN if operation is OwnerOperation.REPLACE else 0):
        raise ValueError("a replacement is signed with the digest of its registration, and nothing else is")
    return _encoded(OWNER_SIGNATURE, operation.encode(), service, record_id, generation.to_bytes(8, "big"), registration)


def _encoded(label: bytes, *fields: bytes) -> bytes:
    """One spelling for each sequence of fields: the length of each stands before it, in 4 bytes."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in (label, *fields))
