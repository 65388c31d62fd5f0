"""Payload: Cobblestone-256 key derivation and the arithmetic of records (docs/format.md, section 3)."""

from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from chatseal.errors import DamagedError
from chatseal.format.labels import COBBLESTONE, payload_context

SALT_LEN = 24
COMMITMENT_LEN = 32
PREFIX_LEN = SALT_LEN + COMMITMENT_LEN
TAG_LEN = 16
RECORD_PLAIN = 16384
RECORD_SEALED = RECORD_PLAIN + TAG_LEN


class PayloadKey(NamedTuple):
    """What one payload is encrypted under, and the 56 bytes that stand before its records."""

    key: bytes
    nonce: bytes
    prefix: bytes

    def __repr__(self) -> str:
        return "PayloadKey(...)"


def derive(file_key: bytes | bytearray | memoryview, salt: bytes, kind: str) -> PayloadKey:
    """The payload key for *salt* (24 bytes), by HKDF-Expand with SHA-512."""
    info = COBBLESTONE + salt + payload_context(kind)
    okm = bytearray(32 + 12 + COMMITMENT_LEN)
    HKDFExpand(hashes.SHA512(), len(okm), info).derive_into(file_key, okm)
    found = PayloadKey(bytes(okm[:32]), bytes(okm[32:44]), salt + okm[44:])
    okm[:] = bytes(len(okm))
    return found


def open_prefix(file_key: bytes | bytearray | memoryview, prefix: bytes, kind: str) -> PayloadKey:
    """The payload key for a payload that begins with *prefix*; DamagedError if the commitment is another's."""
    found = derive(file_key, prefix[:SALT_LEN], kind)
    if not bytes_eq(found.prefix, prefix):
        raise DamagedError("the beginning of the payload is damaged")
    return found


def payload_length(stream_length: int) -> int:
    """Bytes of payload for so many bytes of stream."""
    return PREFIX_LEN + stream_length + TAG_LEN * (stream_length // RECORD_PLAIN + 1)


def stream_length(payload_length: int) -> int | None:
    """Bytes of stream in so many bytes of payload; None if no payload has that length."""
    records, last = divmod(payload_length - PREFIX_LEN, RECORD_SEALED)
    if records < 0 or last < TAG_LEN:
        return None
    return records * RECORD_PLAIN + last - TAG_LEN
