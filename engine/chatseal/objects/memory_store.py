"""Memory store: objects in this process alone, for tests. As faithful as a store on a disk, and gone with the process."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chatseal.errors import ObjectChangedError, ObjectExistsError, ObjectMissingError, StoreFailedError
from chatseal.objects.names import check_name, check_prefix, check_range
from chatseal.objects.object_store import ObjectInfo
from chatseal.objects.pieces import Pieces
from chatseal.objects.probe import can_put_absent

if TYPE_CHECKING:
    from typing_extensions import Buffer


class MemoryStore:
    """An ObjectStore. `url` is `memory:`, which no command line reaches."""

    url = "memory:"

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, float]] = {}
        self._lock = threading.Lock()

    def put(self, name: str, data: "Buffer | Sequence[Buffer]", *, absent: bool = False) -> None:
        check_name(name)
        with Pieces(data) as pieces:
            copy = pieces.joined()
        with self._lock:
            if absent and name in self._objects:
                raise ObjectExistsError(f"{name} exists in {self.url}")
            self._objects[name] = copy, time.time()

    def swap(self, name: str, data: "Buffer | Sequence[Buffer]", before: bytes) -> None:
        with Pieces(data) as pieces:
            copy = pieces.joined()
        with self._lock:
            if name not in self._objects:
                raise ObjectMissingError(f"no {name} in {self.url}")
            if self._objects[name][0] != before:
                raise ObjectChangedError(f"{name} in {self.url} is another one by now")
            self._objects[name] = copy, time.time()

    def get(self, name: str, limit: int) -> bytes:
        data, _ = self._find(name)
        if len(data) > limit:
            raise StoreFailedError(f"{name} in {self.url} has {len(data)} bytes, more than the {limit} that it can have")
        return data

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        check_range(offset, length)
        data, _ = self._find(name)
        return data[offset : offset + length]

    def info(self, name: str) -> ObjectInfo:
        data, modified = self._find(name)
        return ObjectInfo(name, len(data), modified)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        with self._lock:
            found = [ObjectInfo(name, len(data), modified) for name, (data, modified) in self._objects.items() if name.startswith(prefix)]
        return iter(found)

    def delete(self, name: str) -> None:
        check_name(name)
        with self._lock:
            self._objects.pop(name, None)

    def can_put_absent(self) -> bool:
        return can_put_absent(self, length=4096)

    def close(self) -> None:
        """Nothing to let go of: the objects stay for whoever looks at them."""

    def _find(self, name: str) -> tuple[bytes, float]:
        check_name(name)
        with self._lock:
            found = self._objects.get(name)
        if found is None:
            raise ObjectMissingError(f"no {name} in {self.url}")
        return found

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._objects)} objects)"
