"""Object file: an object of a store as a seekable file, read by ranges."""

import io
import os
from typing import TYPE_CHECKING

from chatseal.errors import TruncatedError
from chatseal.objects.object_store import ObjectStore

if TYPE_CHECKING:
    from typing_extensions import Buffer

_HEAD = 8 << 10  # the header and the first record's beginning
_TAIL = 64 << 10  # the seek table of a pack, the tail and the end of the padding


class ObjectFile(io.RawIOBase):
    """Reads one object: its head and tail are fetched once, everything else as it is asked for. For one thread at a time."""

    def __init__(self, store: ObjectStore, name: str, length: int | None = None) -> None:
        """*length* saves asking the store. Raises what the store's `info` raises."""
        super().__init__()
        self._store, self._name = store, name
        self._length = store.info(name).size if length is None else length
        self._position = 0
        self._kept: dict[int, bytes] = {}  # by offset: head and tail

    def readinto(self, buffer: "Buffer", /) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self._length - self._position))
        if not wanted:
            return 0
        data = self._range(self._position, wanted)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _range(self, offset: int, length: int) -> bytes:
        tail_at = max(_HEAD, self._length - _TAIL)
        for at, end in ((0, _HEAD), (tail_at, self._length)):
            if at <= offset and offset + length <= end:
                if at not in self._kept:
                    self._kept[at] = self._fetch(at, min(end, self._length) - at)
                return self._kept[at][offset - at : offset - at + length]
        return self._fetch(offset, length)

    def _fetch(self, offset: int, length: int) -> bytes:
        data = self._store.get_range(self._name, offset, length)
        if len(data) != length:
            raise TruncatedError(f"{self._name} is shorter than it was when it was put: {offset + len(data)} bytes")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
