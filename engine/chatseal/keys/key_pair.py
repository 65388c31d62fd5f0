"""Key pairs: a public key seals what only its private key can open (HPKE with MLKEM768-X25519)."""

import os
from collections.abc import Callable
from typing import Self

from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

from chatseal.errors import KeyFormatError
from chatseal.format.base64 import decode64, encode64
from chatseal.keys import key_file
from chatseal.keys.secret import Secret

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.AES_256_GCM)
MLKEM_PUBLIC_LEN = 1184
MLKEM_SEED_LEN = 64
X25519_LEN = 32

PUBLIC = "chatseal-public-key"
PRIVATE = "chatseal-private-key"


def decode(text: str, word: str, length: int, what: str) -> bytes:
    """The *length* bytes in the line of a key file that begins with *word*. Raises KeyFormatError."""
    words = text.split()
    try:
        if len(words) == 2 and words[0] == word and len(data := decode64(words[1].encode())) == length:
            return data
    except ValueError:
        pass
    raise KeyFormatError(f"this is not a {what} key: it would be the word {word} and {length} bytes in base64")


class PublicKey:
    """A holder who can be sealed for. Not a secret; two are equal if their bytes are."""

    __slots__ = ("_bytes", "hpke")

    def __init__(self, data: bytes) -> None:
        """From ML-KEM-768 public key (1184 bytes) || X25519 public key (32 bytes). Raises KeyFormatError."""
        if len(data) != MLKEM_PUBLIC_LEN + X25519_LEN:
            raise KeyFormatError(f"a public key is {MLKEM_PUBLIC_LEN + X25519_LEN} bytes")
        self._bytes = bytes(data)
        try:
            self.hpke = MLKEM768X25519PublicKey(
                mlkem.MLKEM768PublicKey.from_public_bytes(self._bytes[:MLKEM_PUBLIC_LEN]),
                x25519.X25519PublicKey.from_public_bytes(self._bytes[MLKEM_PUBLIC_LEN:]),
            )
        except ValueError:
            raise KeyFormatError("the bytes are not a public key") from None

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From the line of a `.pub` file. Raises KeyFormatError."""
        return cls(decode(text, PUBLIC, MLKEM_PUBLIC_LEN + X25519_LEN, "public"))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """From a `.pub` file. Raises KeyFormatError or OSError."""
        return cls.from_text(key_file.read_public(path))

    @property
    def text(self) -> str:
        """One line, as a `.pub` file holds it."""
        return f"{PUBLIC} {encode64(self._bytes)}"

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a new `.pub` file that everybody may read. Raises TargetExistsError or OSError."""
        key_file.write(path, f"# chatseal public key: seals what only its private key opens\n{self.text}\n", mode=0o644)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._bytes == other._bytes

    def __hash__(self) -> int:
        return hash(self._bytes)

    def __reduce__(self) -> tuple[Callable[[bytes], "PublicKey"], tuple[bytes]]:
        return PublicKey, (self._bytes,)


class PrivateKey:
    """The key that opens what was sealed for its public key. `repr` shows nothing; pickled by its file's path only."""

    __slots__ = ("_path", "_secret", "hpke")

    def __init__(self, secret: bytes | bytearray | memoryview) -> None:
        """From ML-KEM-768 seed (64 bytes) || X25519 private key (32 bytes). Raises KeyFormatError."""
        if len(secret) != MLKEM_SEED_LEN + X25519_LEN:
            raise KeyFormatError(f"a private key is {MLKEM_SEED_LEN + X25519_LEN} bytes")
        self._secret = Secret(secret)
        self._path: str | None = None
        self.hpke = MLKEM768X25519PrivateKey(
            mlkem.MLKEM768PrivateKey.from_seed_bytes(self._secret.view[:MLKEM_SEED_LEN]),
            x25519.X25519PrivateKey.from_private_bytes(self._secret.view[MLKEM_SEED_LEN:]),
        )

    @classmethod
    def generate(cls) -> Self:
        """A new pair from the operating system's random generator."""
        # Both halves are nothing but random bytes: FIPS 203 (algorithm 19) and RFC 7748 (section 6.1) draw them so.
        return cls(Secret.random(MLKEM_SEED_LEN + X25519_LEN).view)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From the line of a private key file. Raises KeyFormatError."""
        return cls(decode(text, PRIVATE, MLKEM_SEED_LEN + X25519_LEN, "private"))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """From a private key file. Raises KeyFormatError, KeyExposedError or OSError."""
        key = cls.from_text(key_file.read(path))
        key._path = os.path.abspath(path)
        return key

    @property
    def public_key(self) -> PublicKey:
        """The other half."""
        pq = mlkem.MLKEM768PrivateKey.from_seed_bytes(self._secret.view[:MLKEM_SEED_LEN])
        classic = x25519.X25519PrivateKey.from_private_bytes(self._secret.view[MLKEM_SEED_LEN:])
        return PublicKey(pq.public_key().public_bytes_raw() + classic.public_key().public_bytes_raw())

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a new key file that only its owner can read. Raises TargetExistsError or OSError."""
        text = f"{PRIVATE} {encode64(self._secret.view)}"
        key_file.write(path, f"# chatseal private key: whoever has it can open what was sealed for its public key\n{text}\n")
        self._path = os.path.abspath(path)

    def __repr__(self) -> str:
        return "PrivateKey(...)"

    def __reduce__(self) -> tuple[Callable[[str], "PrivateKey"], tuple[str]]:
        if self._path is None:
            raise TypeError("a private key is pickled by its file, and this one did not come from one")
        return PrivateKey.from_file, (self._path,)
