"""Password: what a person remembers, made into a key by Argon2id. Whoever has the file can guess it, one derivation a guess."""

import os
import secrets
import threading
import unicodedata
from typing import NoReturn, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatseal.errors import KeyFormatError
from chatseal.format.argon2 import SALT_LEN, Argon2Cost
from chatseal.format.base64 import decode64, encode64
from chatseal.format.labels import SLOT_PASSWORD
from chatseal.keys import key_file
from chatseal.keys.secret import Secret

BYTES_MAX = 1024
KEPT_MAX = 16  # derivations remembered: the files of one run share theirs


class Password:
    """A password that seals and opens. `repr` shows nothing; never pickled.

    Derivations are remembered, so that a thousand files cost one second and not a thousand: what one Password seals shares one salt.
    May be used by several threads."""

    __slots__ = ("_arguments", "_derived", "_lock", "_secret", "cost")

    def __init__(self, text: str, *, cost: Argon2Cost | None = None) -> None:
        """From what was typed. *cost* is what sealing with it costs; opening costs what the file says. Raises KeyFormatError."""
        try:
            encoded = unicodedata.normalize("NFKC", text).encode()
        except UnicodeEncodeError:
            raise KeyFormatError("the password is not Unicode") from None
        if not 1 <= len(encoded) <= BYTES_MAX:
            raise KeyFormatError(f"a password is 1 to {BYTES_MAX} bytes" if encoded else "the password is empty")
        self._secret = Secret(encoded)
        self.cost = cost or Argon2Cost()
        self._arguments = self.cost.arguments(encode64(secrets.token_bytes(SALT_LEN)))
        self._derived: dict[tuple[str, ...], Secret] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """The first line of a file that only its owner can read. Raises KeyFormatError, KeyExposedError or OSError."""
        return cls.from_lines(key_file.read_private(path))

    @classmethod
    def from_lines(cls, data: bytes) -> Self:
        """The first line of *data*, in UTF-8, without its end. Raises KeyFormatError."""
        try:
            return cls(data.split(b"\n", 1)[0].removesuffix(b"\r").decode())
        except UnicodeDecodeError:
            raise KeyFormatError("the password is not UTF-8") from None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of the slots that this password seals."""
        return self._arguments

    def kek(self, arguments: tuple[str, ...]) -> Secret:
        """The key of a slot with these *arguments*, whose limits have been checked. Takes about a second the first time."""
        with self._lock:
            if (found := self._derived.get(arguments)) is not None:
                return found
            cost, salt = Argon2Cost.parse(arguments)
            stretched = stretch(self, decode64(salt.encode()), memory=cost.memory, passes=cost.passes, lanes=cost.lanes)
            derived = Secret.zeros(32)
            HKDF(hashes.SHA512(), 32, None, SLOT_PASSWORD).derive_into(stretched.view, derived.view)
            if len(self._derived) == KEPT_MAX:
                self._derived.pop(next(iter(self._derived)))
            self._derived[arguments] = derived
            return derived

    def __repr__(self) -> str:
        return "Password(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a password is not pickled")


def stretch(password: Password, salt: bytes, *, memory: int, passes: int, lanes: int) -> Secret:
    """32 bytes of Argon2id over the password's UTF-8 in NFKC; *memory* in KiB. The caller has checked the limits."""
    derivation = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    return Secret(derivation.derive(bytes(password._secret.view)))
