"""Backup key: 32 random bytes that a person keeps as 64 hexadecimal digits."""

import os
import re
from collections.abc import Callable
from typing import Self

from chatseal.errors import KeyFormatError
from chatseal.keys import key_file
from chatseal.keys.secret import Secret

KEY_LEN = 32
SCANNED = "CHATSEAL:1:"  # stands before the digits in the QR code of a recovery sheet
_DIGITS = re.compile(r"[0-9A-Fa-f]{64}")
_HEX = re.compile(r"[0-9A-Fa-f]")
_BETWEEN = re.compile(r"[\s-]+")


def bare(text: str) -> str:
    """The digits in *text*, however they are grouped, without what stands before them in a QR code."""
    digits = _BETWEEN.sub("", text)
    return digits[len(SCANNED) :] if digits.isascii() and digits.upper().startswith(SCANNED) else digits


def is_nearly_a_key(text: str) -> bool:
    """Whether *text* may be a key with one digit missing or too many, or one wrong character."""
    digits = bare(text)
    return 63 <= len(digits) <= 65 and len(_HEX.findall(digits)) >= len(digits) - 1


class BackupKey:
    """The key that opens a person's backups. `repr` shows nothing; a key that was read from a file is pickled by the file's path."""

    __slots__ = ("_path", "_secret")

    def __init__(self, secret: bytes | bytearray | memoryview, *, path: str | None = None) -> None:
        """A key of 32 random bytes. *path* is the file it can be read from again."""
        if len(secret) != KEY_LEN:
            raise KeyFormatError(f"a backup key is {KEY_LEN} bytes")
        self._secret = Secret(secret)
        self._path = path

    @classmethod
    def generate(cls) -> Self:
        """A new key from the operating system's random generator."""
        return cls(Secret.random(KEY_LEN).view)

    @classmethod
    def from_digits(cls, text: str) -> Self:
        """The key written as 64 hexadecimal digits, or the text of a recovery sheet's QR code. Spaces, line ends and hyphens do not matter.

        Raises KeyFormatError."""
        digits = bare(text)
        if not _DIGITS.fullmatch(digits):
            error = KeyFormatError(f"a backup key is 64 hexadecimal digits; this is {len(digits)} characters, or others than 0-9 and a-f")
            if is_nearly_a_key(digits):
                error.remedy = "`chatseal key repair FILE`, with a file that was sealed for the key, finds which digit is wrong."
            raise error
        raw = bytearray.fromhex(digits)
        try:
            return cls(raw)
        finally:
            raw[:] = bytes(KEY_LEN)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """The key in a key file: 64 hexadecimal digits, and lines beginning with `#`. Raises KeyFormatError, KeyExposedError or OSError."""
        try:
            key = cls.from_digits(key_file.read(path))
        except KeyFormatError as error:
            raise KeyFormatError(f"{os.fspath(path)}: {error}").with_remedy(error.remedy) from None
        key._path = os.path.abspath(path)
        return key

    @property
    def digits(self) -> str:
        """The key as people keep it: 16 groups of four digits, separated by spaces."""
        digits = self._secret.view.hex()
        return " ".join(digits[i : i + 4] for i in range(0, 64, 4))

    @property
    def secret(self) -> memoryview:
        """The 32 bytes themselves, not a copy. They are wiped when the key and all views of it are gone."""
        return self._secret.view

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a new key file that only its owner can read. Raises TargetExistsError or OSError."""
        groups = self.digits.split()
        lines = [" ".join(groups[i : i + 4]) for i in range(0, 16, 4)]
        key_file.write(
            path, "# chatseal backup key: whoever has it can open your backups; without it nobody can\n" + "\n".join(lines) + "\n"
        )
        self._path = os.path.abspath(path)

    def __repr__(self) -> str:
        return "BackupKey(...)"

    def __reduce__(self) -> tuple[Callable[[str], "BackupKey"], tuple[str]]:
        if self._path is None:
            raise TypeError("a backup key is pickled by its file, and this one did not come from one")
        return BackupKey.from_file, (self._path,)
