"""Secret: key material in one type that shows nothing, is not copied by accident, and is wiped when done."""

from typing import NoReturn, Self

from chatseal.keys import arena


class Secret:
    """Bytes that must not be seen. Never printed, compared, hashed or pickled; wiped when the last reference goes, views included.

    Wiping is as good as Python allows: copies that a library made of `view` are the library's to wipe."""

    __slots__ = ("_view",)

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        """A copy of *data*, which is the caller's to wipe."""
        self._view = arena.take(len(data))
        self._view[:] = data

    @classmethod
    def zeros(cls, length: int) -> Self:
        """So many bytes for somebody to write a key into through `view`, so that no copy of it is made on the way."""
        return cls(bytes(length))

    @classmethod
    def random(cls, length: int) -> Self:
        """So many bytes from the operating system's random generator."""
        secret = cls.zeros(length)
        arena.fill_with_chance(secret._view)
        return secret

    @property
    def view(self) -> memoryview:
        """The bytes themselves, writable, not a copy. They stay as long as somebody has a view of them: do not keep it."""
        return self._view

    def wipe(self) -> None:
        """Overwrite the bytes with zeros now, whoever has views of them. The secret is of no use afterwards."""
        self._view[:] = bytes(len(self._view))

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
