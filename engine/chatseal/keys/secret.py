"""Secret: key material in one type that shows nothing, is not copied by accident, and is wiped when done."""

from typing import NoReturn


class Secret:
    """Bytes that must not be seen. Never printed, compared, hashed or pickled; wiped when the last reference goes.

    Wiping is as good as Python allows: copies that a library made of `view` are the library's to wipe."""

    __slots__ = ("_bytes",)

    def __init__(self, data: bytes | bytearray) -> None:
        self._bytes = bytearray(data)

    @property
    def view(self) -> bytearray:
        """The bytes themselves, not a copy. Do not keep them."""
        return self._bytes

    def wipe(self) -> None:
        """Overwrite the bytes with zeros. The secret is of no use afterwards."""
        for i in range(len(self._bytes)):
            self._bytes[i] = 0

    def __del__(self) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
