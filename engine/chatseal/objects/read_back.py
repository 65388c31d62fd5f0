"""Read back: a store whose puts are compared with what can be got afterwards."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chatseal.errors import ChatsealError, StoreFailedError
from chatseal.objects.object_store import ObjectInfo, ObjectStore
from chatseal.objects.pieces import PacedBuffers, Pieces

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ReadBack:
    """An ObjectStore that is another one, and fetches every object that was put: StoreFailedError if it is not what was sent."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner, self.url = inner, inner.url

    def put(self, name: str, data: "Buffer | Sequence[Buffer]", *, absent: bool = False) -> None:
        self._inner.put(name, data, absent=absent)
        digest = hashlib.sha256()
        with Pieces(list(data) if isinstance(data, PacedBuffers) else data) as pieces:  # without its pace: nothing is sent
            for piece in pieces:
                digest.update(piece)
            length = pieces.length
        try:
            is_same = hashlib.sha256(self._inner.get(name, length)).digest() == digest.digest()
        except ChatsealError as error:
            raise StoreFailedError(f"{name} cannot be read back from {self.url}: {error}") from None
        if not is_same:
            raise StoreFailedError(f"{name} in {self.url} is not what was sent")

    def get(self, name: str, limit: int) -> bytes:
        return self._inner.get(name, limit)

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        return self._inner.get_range(name, offset, length)

    def info(self, name: str) -> ObjectInfo:
        return self._inner.info(name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._inner.list(prefix)

    def delete(self, name: str) -> None:
        self._inner.delete(name)

    def can_put_absent(self) -> bool:
        return self._inner.can_put_absent()

    def close(self) -> None:
        self._inner.close()

    def __repr__(self) -> str:
        return f"ReadBack({self._inner!r})"
