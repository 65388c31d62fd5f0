"""The owner's signature: who can make it, and that it says one thing only."""

import struct

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from chatseal.errors import VaultSignatureError
from chatseal.vault import owner
from chatseal.vault.owner import OwnerOperation, owner_key, registration_digest, sign, verify
from chatseal.vault.stretch import Stretch
from corpus import KEY_BYTES
from vault.halves import OTHER_RECORD, RECORD

SERVICE, OTHER_SERVICE = b"\xaa" * 32, b"\xab" * 32
KEY = owner_key(memoryview(KEY_BYTES), SERVICE)
PUBLIC = bytes(KEY.verifying_key)
DIGEST = bytes(32)


def counted(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def test_the_key_and_the_signature_are_what_the_document_says() -> None:
    seed = HKDF(hashes.SHA512(), 32, None, b"chatseal/v1 vault owner\0" + SERVICE).derive(KEY_BYTES)
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert key.public_key().public_bytes_raw() == PUBLIC
    said = counted(b"chatseal/v1 vault owner signature", b"delete", SERVICE, RECORD, (7).to_bytes(8, "big"), b"")
    assert key.sign(said) == sign(KEY, OwnerOperation.DELETE, service=SERVICE, record_id=RECORD, generation=7)


def test_a_signature_for_one_thing_is_worth_nothing_for_another() -> None:
    other = bytes([1]) * 32
    cases = [
        (operation, service, record_id, generation, registration)
        for operation in OwnerOperation
        for service in (SERVICE, OTHER_SERVICE)
        for record_id in (RECORD, OTHER_RECORD)
        for generation in (1, 2, 256)
        for registration in ((DIGEST, other) if operation is OwnerOperation.REPLACE else (b"",))
    ]
    for signed in cases[:3] + cases[-3:]:
        operation, service, record_id, generation, registration = signed
        made = sign(KEY, operation, service=service, record_id=record_id, generation=generation, registration=registration)
        for asked in cases:
            operation, service, record_id, generation, registration = asked

            def check(made: bytes = made, asked: tuple[OwnerOperation, bytes, bytes, int, bytes] = asked) -> None:
                operation, service, record_id, generation, registration = asked
                verify(PUBLIC, made, operation, service=service, record_id=record_id, generation=generation, registration=registration)

            if asked == signed:
                check()
            else:
                with pytest.raises(VaultSignatureError):
                    check()


def test_another_owner_and_a_changed_signature_are_refused() -> None:
    made = sign(KEY, OwnerOperation.DELETE, service=SERVICE, record_id=RECORD, generation=1)
    others = [
        bytes(owner_key(memoryview(KEY_BYTES), OTHER_SERVICE).verifying_key),
        bytes(owner_key(memoryview(bytes(32)), SERVICE).verifying_key),
    ]
    for public in others:
        with pytest.raises(VaultSignatureError):
            verify(public, made, OwnerOperation.DELETE, service=SERVICE, record_id=RECORD, generation=1)
    for at in range(64):
        changed = made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :]
        with pytest.raises(VaultSignatureError):
            verify(PUBLIC, changed, OwnerOperation.DELETE, service=SERVICE, record_id=RECORD, generation=1)
    for signature in (b"", made[:-1], made + b"\0", bytes(64)):
        with pytest.raises(VaultSignatureError):
            verify(PUBLIC, signature, OwnerOperation.DELETE, service=SERVICE, record_id=RECORD, generation=1)


def test_a_replacement_is_signed_for_its_registration_and_a_deletion_for_none() -> None:
    for operation, registration in ((OwnerOperation.REPLACE, b""), (OwnerOperation.DELETE, DIGEST), (OwnerOperation.REPLACE, DIGEST[1:])):
        with pytest.raises(ValueError):
            sign(KEY, operation, service=SERVICE, record_id=RECORD, generation=1, registration=registration)


def test_the_digest_of_a_registration_depends_on_everything_that_is_kept() -> None:
    upload, wrapped, cost = b"u" * 192, b"w" * 104, Stretch()
    digests = {
        registration_digest(upload=upload, wrapped=wrapped, owner=PUBLIC, stretch=cost),
        registration_digest(upload=upload[:-1] + b"x", wrapped=wrapped, owner=PUBLIC, stretch=cost),
        registration_digest(upload=upload + wrapped[:1], wrapped=wrapped[1:], owner=PUBLIC, stretch=cost),
        registration_digest(upload=upload, wrapped=b"x" + wrapped[1:], owner=PUBLIC, stretch=cost),
        registration_digest(upload=upload, wrapped=wrapped, owner=bytes(32), stretch=cost),
        registration_digest(upload=upload, wrapped=wrapped, owner=PUBLIC, stretch=Stretch(64 << 10)),
        registration_digest(upload=upload, wrapped=wrapped, owner=PUBLIC, stretch=Stretch(passes=4)),
        registration_digest(upload=upload, wrapped=wrapped, owner=PUBLIC, stretch=Stretch(lanes=2)),
    }
    assert len(digests) == 8


fields = st.lists(st.binary(max_size=6), max_size=4).map(tuple)


@given(one=fields, other=fields)
def test_different_fields_are_never_spelled_alike(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> None:
    assert (owner._encoded(b"label", *one) == owner._encoded(b"label", *other)) == (one == other)
