"""Epoch key: what the objects of a store are sealed for, from one change of its holders to the next (docs/format.md, section 10)."""

from typing import NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatseal.format.labels import SLOT_EPOCH
from chatseal.keys.secret import Secret

KEY_LEN = 32
NUMBER_MAX = 999_999_999  # nine digits, in slots and in names of objects


class EpochKey:
    """32 random bytes and the number of the epoch. It lives in a store's config and nowhere else; `repr` shows nothing."""

    __slots__ = ("_secret", "number")

    def __init__(self, number: int, secret: bytes | bytearray | memoryview) -> None:
        if not 1 <= number <= NUMBER_MAX or len(secret) != KEY_LEN:
            raise ValueError(f"an epoch has a number from 1 to {NUMBER_MAX}, and its key {KEY_LEN} bytes")
        self.number, self._secret = number, Secret(secret)

    @classmethod
    def generate(cls, number: int) -> "EpochKey":
        """A new key from the operating system's random generator."""
        return cls(number, Secret.random(KEY_LEN).view)

    @property
    def secret(self) -> memoryview:
        """The 32 bytes themselves, not a copy."""
        return self._secret.view

    @property
    def arguments(self) -> tuple[str, ...]:
        """What stands in the slot before its body."""
        return (str(self.number),)

    def kek(self) -> Secret:
        """What wraps the file key of an object."""
        return self.derived(SLOT_EPOCH)

    def derived(self, label: bytes) -> Secret:
        """A key of 32 bytes for the use that *label* names."""
        found = Secret.zeros(KEY_LEN)
        HKDF(hashes.SHA512(), KEY_LEN, None, label).derive_into(self._secret.view, found.view)
        return found

    def __repr__(self) -> str:
        return f"EpochKey({self.number}, ...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an epoch key is not pickled")
