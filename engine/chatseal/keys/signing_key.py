"""Signing keys: who sealed a file is shown by a signature that only the signing key can make (Ed25519)."""

import os
from collections.abc import Callable
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chatseal.errors import AuthorError, KeyFormatError
from chatseal.format.base64 import encode64
from chatseal.keys import key_file
from chatseal.keys.key_pair import decode
from chatseal.keys.secret import Secret

KEY_LEN = 32

VERIFYING = "chatseal-verifying-key"
SIGNING = "chatseal-signing-key"


class VerifyingKey:
    """An author who can be demanded. Not a secret; two are equal if their bytes are."""

    __slots__ = ("_bytes",)

    def __init__(self, data: bytes) -> None:
        """From the 32 bytes of an Ed25519 public key (RFC 8032). Raises KeyFormatError."""
        if len(data) != KEY_LEN:
            raise KeyFormatError(f"a verifying key is {KEY_LEN} bytes")
        self._bytes = bytes(data)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From the line of a `.pub` file. Raises KeyFormatError."""
        return cls(decode(text, VERIFYING, KEY_LEN, "verifying"))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """From a `.pub` file. Raises KeyFormatError or OSError."""
        return cls.from_text(key_file.read_public(path))

    @property
    def text(self) -> str:
        """One line, as a `.pub` file holds it."""
        return f"{VERIFYING} {encode64(self._bytes)}"

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a new `.pub` file that everybody may read. Raises TargetExistsError or OSError."""
        key_file.write(path, f"# chatseal verifying key: shows what its signing key has signed\n{self.text}\n", mode=0o644)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check that *signature* is this key's of *message*. Raises AuthorError."""
        try:
            Ed25519PublicKey.from_public_bytes(self._bytes).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise AuthorError("the signature is wrong") from None

    def __bytes__(self) -> bytes:
        return self._bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyingKey) and self._bytes == other._bytes

    def __hash__(self) -> int:
        return hash(self._bytes)

    def __repr__(self) -> str:
        return f"VerifyingKey.from_text({self.text!r})"

    def __reduce__(self) -> tuple[Callable[[bytes], "VerifyingKey"], tuple[bytes]]:
        return VerifyingKey, (self._bytes,)


class SigningKey:
    """The key that shows who sealed a file. It opens nothing. `repr` shows nothing; pickled by its file's path only."""

    __slots__ = ("_path", "_secret")

    def __init__(self, secret: bytes | bytearray | memoryview) -> None:
        """From the 32 bytes of an Ed25519 private key. Raises KeyFormatError."""
        if len(secret) != KEY_LEN:
            raise KeyFormatError(f"a signing key is {KEY_LEN} bytes")
        self._secret = Secret(secret)
        self._path: str | None = None

    @classmethod
    def generate(cls) -> Self:
        """A new key from the operating system's random generator."""
        return cls(Secret.random(KEY_LEN).view)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From the line of a signing key file. Raises KeyFormatError."""
        return cls(decode(text, SIGNING, KEY_LEN, "signing"))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """From a signing key file. Raises KeyFormatError or OSError."""
        key = cls.from_text(key_file.read(path))
        key._path = os.path.abspath(path)
        return key

    @property
    def verifying_key(self) -> VerifyingKey:
        """The other half."""
        return VerifyingKey(self._key().public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature of *message*."""
        return self._key().sign(message)

    def _key(self) -> Ed25519PrivateKey:
        # Made for each use: what the library keeps, it keeps for as long as that.
        return Ed25519PrivateKey.from_private_bytes(self._secret.view)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a new key file that only its owner can read. Raises TargetExistsError or OSError."""
        text = f"{SIGNING} {encode64(self._secret.view)}"
        key_file.write(path, f"# chatseal signing key: whoever has it can sign in your name; it opens nothing\n{text}\n")
        self._path = os.path.abspath(path)

    def __repr__(self) -> str:
        return "SigningKey(...)"

    def __reduce__(self) -> tuple[Callable[[str], "SigningKey"], tuple[str]]:
        if self._path is None:
            raise TypeError("a signing key is pickled by its file, and this one did not come from one")
        return SigningKey.from_file, (self._path,)
