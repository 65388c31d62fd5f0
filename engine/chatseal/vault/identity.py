"""Identity: the service's signing key. A client knows it by its fingerprint and takes no answer that it has not signed."""

import base64
import hashlib
import hmac
import re
from typing import Self

from chatseal.errors import AuthorError, KeyFormatError, VaultSignatureError
from chatseal.keys.signing_key import SigningKey, VerifyingKey
from chatseal.vault.labels import ANSWER, FINGERPRINT

SHOWN_LEN = 20  # bytes of the fingerprint that people see: 160 bits, 8 groups of 4 letters and digits
_TYPED = re.compile(r"[a-z2-7]{32}")
_BETWEEN = re.compile(r"[\s-]+")


def shown(fingerprint: bytes) -> str:
    """A fingerprint (32 bytes) for people: its first 160 bits in base32, `abcd-efgh-...`."""
    letters = base64.b32encode(fingerprint[:SHOWN_LEN]).decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


class ServiceKey:
    """The public half, as a client knows it. Not a secret; two are equal if their bytes are."""

    __slots__ = ("_key",)

    def __init__(self, data: bytes) -> None:
        """From the 32 bytes of an Ed25519 public key. Raises KeyFormatError."""
        self._key = VerifyingKey(data)

    @property
    def fingerprint(self) -> bytes:
        """32 bytes: what wrapped secrets and owners' signatures are bound to."""
        return hashlib.sha256(FINGERPRINT + b"\0" + bytes(self._key)).digest()

    @property
    def shown(self) -> str:
        """The fingerprint for people, as on a recovery sheet: its first 160 bits in base32, `abcd-efgh-...`."""
        return shown(self.fingerprint)

    def check_shown(self, text: str) -> None:
        """Return if *text* is this key's fingerprint, however it is grouped. Raises KeyFormatError for what is none, and
        VaultSignatureError for another's."""
        if not _TYPED.fullmatch(letters := _BETWEEN.sub("", text).lower()):
            raise KeyFormatError("the fingerprint of a vault is 8 groups of 4 letters and digits, a to z and 2 to 7")
        if not hmac.compare_digest(letters, self.shown.replace("-", "")):
            raise VaultSignatureError("the vault has another signing key than the one with this fingerprint")

    def verify(self, signature: bytes, operation: str, request: bytes, answer: bytes) -> None:
        """Return if the service gave just this answer to this request for this operation. Both as they were sent, byte for byte.

        Raises VaultSignatureError."""
        try:
            self._key.verify(signature, _statement(operation, request, answer))
        except AuthorError:
            raise VaultSignatureError("the answer is not signed by the vault's key") from None

    def __bytes__(self) -> bytes:
        return bytes(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServiceKey) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"ServiceKey({self.shown})"


class ServiceIdentity:
    """The private half, with the service. `repr` shows nothing; never pickled. May be used by several threads."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes | bytearray | memoryview) -> None:
        """From 32 bytes that only the service can make again. Raises KeyFormatError."""
        self._key = SigningKey(seed)
        self.public = ServiceKey(bytes(self._key.verifying_key))

    @classmethod
    def from_mac(cls, mac: bytes) -> Self:
        """From the 64 bytes that a token gives, of which the first half is the seed. Raises ValueError for another length."""
        if len(mac) != 64:
            raise ValueError("a token's mac is 64 bytes")
        return cls(mac[:32])

    def sign(self, operation: str, request: bytes, answer: bytes) -> bytes:
        """The 64 bytes that go with *answer*, both as they are sent. The request has the client's nonce, so no answer serves twice."""
        return self._key.sign(_statement(operation, request, answer))

    def __repr__(self) -> str:
        return "ServiceIdentity(...)"


def _statement(operation: str, request: bytes, answer: bytes) -> bytes:
    name = operation.encode()
    return b"".join((ANSWER, b"\0", len(name).to_bytes(1, "big"), name, hashlib.sha256(request).digest(), hashlib.sha256(answer).digest()))
